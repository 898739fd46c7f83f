"""Declared routes of a site as one tree by segment: a path in, the route that the policy wrote for it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from schemas.routes import PATH, REST, SLOTS, Kind, is_literal, narrowness, parts, segments

if TYPE_CHECKING:
    from schemas.policy import Site

Segments = Sequence[str | None]
"""A path's decoded segments; None for one that cannot be decoded. [""] is the root."""

_TYPED = dict(
    zip(
        SLOTS,
        (
            r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}",
            r"[0-9]{4}-?[0-9]{2}(?:-?[0-9]{2})?",
            r"[0-9]{1,20}",
            r"[0-9a-fA-F]{1,128}",
            r"[\w.~+-]{1,200}",
        ),
        strict=True,
    )
)


class Found(NamedTuple):
    """A route that a path was found to be: its text, and the parameters that may be shown behind it."""

    text: str
    parameters: Mapping[str, Kind]


class _Node:
    """A place in the tree: what ends here, and where each next segment leads, the narrower first."""

    __slots__ = ("ends", "path", "rest", "slots", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.slots: list[tuple[str, re.Pattern[str] | None, _Node]] = []
        self.ends: str | None = None
        self.rest: str | None = None
        self.path: str | None = None

    def below(self, segment: str) -> _Node:
        """The node behind a segment of a route, made where there is none."""
        if is_literal(segment):
            return self.words.setdefault(segment, _Node())
        for known, _, node in self.slots:
            if known == segment:
                return node
        node = _Node()
        self.slots.append((segment, slot_pattern(segment), node))
        self.slots.sort(key=lambda one: narrowness(one[0]))
        return node


@cache
def slot_pattern(segment: str) -> re.Pattern[str] | None:
    """The pattern of a segment with slots; None for one that takes anything, even what cannot be decoded."""
    pieces = parts(segment)
    if len(pieces) == 3 and not pieces[0] and not pieces[2] and pieces[1] not in _TYPED:
        return None
    return re.compile("".join(_TYPED.get(one, ".+") if odd % 2 else re.escape(one) for odd, one in enumerate(pieces)))


class Declared:
    """All declared routes of a site. Made once; `match` visits each node of the tree at most once a path."""

    def __init__(self, site: Site) -> None:
        self._root = _Node()
        for text in site.routes:
            self._add(text)
        self._found = {text: Found(text, site.allowed(text)) for text in site.routes}
        self.undeclared: Mapping[str, Kind] = site.allowed()

    def _add(self, text: str) -> None:
        *inner, last = segments(text)
        node = self._root
        for segment in inner:
            node = node.below(segment)
        if last == REST:
            node.rest = text
        elif last == PATH:
            node.path = _folder(text.removesuffix("/" + PATH))
        else:
            node.below(last).ends = text

    def match(self, path: Segments) -> Found | None:
        """The narrowest route that describes the path: a word goes before a slot, a slot before `{**}`."""
        text = _search(self._root, path, 0)
        return None if text is None else self._found[text]

    def behind_front(self, path: Segments) -> Segments | None:
        """The path behind a front controller ("/index.php/{path}"), seen from its folder; None where there is none."""
        node: _Node | None = self._root
        for place, segment in enumerate(path):
            if node is None or segment is None:
                return None
            if node.path is not None:
                return [*_split(node.path), *path[place:]]
            node = node.words.get(segment)
        return None

    @staticmethod
    def nested(found: Found, value: str) -> Segments:
        """The path in the value of a `{path}` parameter, seen from the folder of its route."""
        return _split(_folder(found.text) + value)


def _split(text: str) -> list[str]:
    return [segment for segment in text.split("/") if segment]


def _folder(text: str) -> str:
    """The folder of a route: "/billing" of "/billing/index.php" and of "/billing/"."""
    return text.rpartition("/")[0]


def _search(node: _Node, path: Segments, place: int) -> str | None:
    if place == len(path):
        return node.ends
    for below in _steps(node, path[place]):
        text = _search(below, path, place + 1)
        if text is not None:
            return text
    return node.rest if path[place] != "" else None


def _steps(node: _Node, segment: str | None) -> Iterator[_Node]:
    if segment in node.words:
        yield node.words[segment]
    if segment == "":
        return  # the root is no segment that a slot stands for
    for _, pattern, below in node.slots:
        if pattern is None or (segment is not None and pattern.fullmatch(segment)):
            yield below
