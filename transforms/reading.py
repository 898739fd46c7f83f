"""Reading: all that a piece of a URL says, layer by layer, whatever it is wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from transforms.canonical import LIMIT, decode, plain
from transforms.telling import pages, told
from transforms.wrappings import WRAPPINGS, Inner, TooMuch

DEPTH = 6
"""Wrappings around wrappings that are taken off."""

LAYERS = 200
"""Texts of one reading."""

SIZE = 1 << 16
"""Characters of all texts of one reading."""

# Of ASCII, see is_plain; with re.IGNORECASE it takes twice the time.
_PLAIN = re.compile(r"[A-Za-z0-9]{0,7}|(?:[A-Za-z]{1,15}|[0-9]{1,4})(?:[-_. ](?:[A-Za-z]{1,15}|[0-9]{1,4})){0,12}")
ASSET = re.compile(r"[a-z][a-z_-]{0,23}\.(?:css|js|png|gif|jpe?g|svg|ico|woff2?|ttf|map|webp)", re.IGNORECASE)
"""Files of a page. They stand behind telling words too (/search/search.js), and their names are the site's."""


class Layer(NamedTuple):
    """One text: what was undone to find it, the parameter or key that it is the value of, and the layer around it."""

    text: str
    by: str
    name: str
    above: int


class Reading(NamedTuple):
    """All layers, the outermost first. `complete` is False where something could not be read: then nothing is known."""

    layers: tuple[Layer, ...]
    complete: bool


def is_plain(text: str) -> bool:
    """Whether a text is only short words and small numbers, in which nothing can be wrapped."""
    return text.isascii() and _PLAIN.fullmatch(text) is not None and (text.islower() or not _mixed(text))


def _mixed(text: str) -> bool:
    """Whether letters come in both cases within a word longer than 7: base64 does that, words seldom."""
    return len(text) > 7 and any(len(word) > 7 and not (word.islower() or word[1:].islower()) for word in _words(text))


def _words(text: str) -> list[str]:
    return re.split(r"[-_. ]", text)


def read(raw: bytes, form: str = "value", name: str = "") -> Reading:
    """All that is said by raw bytes of the form "value", "path", "query", "target" (path?query) or "url".

    Total; bounded by LIMIT, DEPTH, LAYERS and SIZE; what is beyond them makes the reading incomplete.
    """
    if len(raw) > LIMIT:
        return Reading((), False)
    return _Reader().read(Inner(raw, form, name, form))


def read_text(text: str, name: str = "") -> Reading:
    """All that is said by a text that is canonical already."""
    if is_plain(text):
        return Reading((Layer(text, "value", name, -1),), True)
    return _Reader().read(Inner(text.encode("utf-8", "replace"), "value", name))


class _Reader:
    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.depths: list[int] = []
        self.seen: set[tuple[str, str]] = set()
        self.size, self.complete = 0, True

    def read(self, first: Inner) -> Reading:
        self.take(first, -1)
        at = 0
        while at < len(self.layers):  # breadth first: `take` appends
            self.look_into(at)
            at += 1
        return Reading(tuple(self.layers), self.complete)

    def take(self, inner: Inner, above: int) -> None:
        """Split at raw delimiters, decode each piece, and keep what is new."""
        for name, piece, by in _pieces(inner):
            text = decode(piece)
            if text is None:
                self.complete = False
                continue
            text = plain(text)
            if not text or (name, text) in self.seen:
                continue
            self.seen.add((name, text))
            self.size += len(text)
            if len(self.layers) >= LAYERS or self.size > SIZE:
                self.complete = False
                return
            self.layers.append(Layer(text, by, name, above))
            self.depths.append(self.depths[above] + 1 if above >= 0 else 0)

    def look_into(self, at: int) -> None:
        text, name = self.layers[at].text, self.layers[at].name
        if is_plain(text):
            return
        for wrapping in WRAPPINGS:
            try:
                for inner in wrapping(text):
                    if self.depths[at] >= DEPTH:
                        raise TooMuch
                    self.take(inner if inner.name else inner._replace(name=name), at)
            except TooMuch:
                self.complete = False


# ---- raw delimiters (RFC 3986) --------------------------------------------------------------------------------------

Piece = tuple[str, bytes, str]  # name, raw text, what it is


def _pieces(inner: Inner) -> Iterator[Piece]:
    text, by, name, form = inner
    if form == "value":
        yield name, text, by
    elif form == "path":
        yield from _path(text, by)
    elif form == "query":
        yield from _query(text, by)
    else:
        yield from _url(text, by, form == "url")


def is_asset(segment: bytes) -> bool:
    return ASSET.fullmatch(segment.decode("latin-1")) is not None


def _path(path: bytes, by: str) -> Iterator[Piece]:
    """Segments, each under the one before it, and their matrix parameters.

    A page of everybody is told nothing by what it stands behind, and what is behind it is told by that: in
    /user/verify/x only the x may be somebody's, and is.
    """
    before = ""
    for segment in path.split(b"/"):
        head, *matrix = segment.split(b";")
        is_page = head.decode("latin-1").lower() in pages()
        name = "" if is_page or is_asset(head) else before
        yield name, head, f"{by} segment"
        if b"+" in head:  # some programs write a space so in a path too
            yield name, head.replace(b"+", b" "), f"{by} segment"
        yield from _query(b"&".join(matrix), f"{by} matrix")
        before = before if not head or (is_page and told(before)) else (decode(head) or "")[:64]


def _query(query: bytes, by: str) -> Iterator[Piece]:
    """Values under their names, and the names themselves."""
    for pair in re.split(rb"[&;]", query):
        raw, equals, value = pair.replace(b"+", b" ").partition(b"=")
        name = decode(raw)
        yield "", raw, f"{by} name"
        if equals:
            yield (name or "")[:64], value, f"{by} value"


def _url(url: bytes, by: str, has_authority: bool) -> Iterator[Piece]:
    rest, _, fragment = url.partition(b"#")
    rest, _, query = rest.partition(b"?")
    if has_authority:
        authority, _, rest = rest.partition(b"//")[2].partition(b"/")
        user, at, host = authority.rpartition(b"@")
        yield "", host, f"{by} host"
        if at:
            yield "userinfo", user, f"{by} userinfo"
    yield from _path(rest, by)
    yield from _query(query, by)
    if fragment:
        yield from _query(fragment.lstrip(b"?/!"), f"{by} fragment")
