"""Declared routes: how templates and parameters are written, what they may not say, and which of two is narrower."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from schemas.denied import denied
from schemas.load import DeclarationError, expect, only_keys, shipped, subtable

Kind = str | tuple[str, ...]
"""What a parameter may be: "int", "word", words to choose from, or a slot that is shown instead of the value."""

SLOTS = ("uuid", "date", "int", "hex", "slug")
"""Typed slots, the narrower first; every other name of a slot is any one segment."""

ANY, REST, PATH = "{*}", "{**}", "{path}"
KINDS = ("int", "word")
ENUM_LIMIT = 256

_SLOT = re.compile(r"\{([^{}]*)\}")
_SEGMENT = re.compile(r"(?:[^/{}?#%;\s]|\{(?:\*|[a-z_]+)\})+")
_ENUM = re.compile(r"\{([^{}/|*]+(?:\|[^{}/|*]+)+)\}")
_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_VALUE = re.compile(r"[\w.~+ -]{1,64}")
_SOMEBODY = re.compile(r"@|[0-9]{5,}|(?=[a-f]*[0-9])[0-9a-f]{16,}|\A~.", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """A declared route: the text that is published for it, and the parameters that may be shown behind it."""

    text: str
    parameters: Mapping[str, Kind] = field(default_factory=dict)


@cache
def people() -> tuple[frozenset[str], frozenset[str]]:
    """(words after which a segment names a person, words that name a page there), from people.toml."""
    data = shipped("people.toml")
    return frozenset(data["parents"]), frozenset(data["pages"])


# ---- one segment ----------------------------------------------------------------------------------------------------


def segments(text: str) -> list[str]:
    """The segments of a route's path; one empty segment for "/"."""
    return text.strip("/").split("/")


def parts(segment: str) -> list[str]:
    """Literals and names of slots in turn: "v{int}-{slug}" → "v", "int", "-", "slug", ""."""
    return _SLOT.split(segment)


def is_literal(segment: str) -> bool:
    """Whether a segment has no slot."""
    return "{" not in segment


def narrowness(segment: str) -> tuple[int, int, tuple[int, ...]]:
    """Order in which segments of one place are tried: more literal signs first, then the narrower slots."""
    pieces = parts(segment)
    slots = tuple(SLOTS.index(name) if name in SLOTS else len(SLOTS) for name in pieces[1::2])
    if segment in (REST, PATH):
        return (1, 0, (len(SLOTS) + 1,))
    return (0, -sum(map(len, pieces[::2])), slots)


def _shape(segment: str) -> str:
    """The segment with one name for all slots that take anything."""
    if is_literal(segment) or segment in (REST, PATH):
        return segment
    names = parts(segment)
    return "".join(
        ("{" + (piece if piece in SLOTS else "*") + "}") if odd % 2 else piece for odd, piece in enumerate(names)
    )


def shape(text: str) -> tuple[str, ...]:
    """What a route takes: the same for two texts of the same paths."""
    return tuple(map(_shape, segments(text)))


def _may_meet(one: str, other: str) -> bool:
    """Whether two segments of the same narrowness could take the same text, by what they begin and end with."""
    a, b = parts(one), parts(other)
    begin, end = (a[0].startswith(b[0]) or b[0].startswith(a[0])), (a[-1].endswith(b[-1]) or b[-1].endswith(a[-1]))
    return begin and end


# ---- reading --------------------------------------------------------------------------------------------------------


def read_routes(where: str, found: Any, at: str = "") -> tuple[Route, ...]:
    """Routes from a list of texts and of { path, parameters }; `at` is put before each. Raises DeclarationError."""
    expect(where, "routes", found, "a list of paths or of { path = …, parameters = … }", isinstance(found, list))
    routes = [route for entry in found for route in _read_route(where, entry, at)]
    return merged(where, routes)


def _read_route(where: str, entry: Any, at: str) -> Iterator[Route]:
    wanted = "a path such as '/kb/{slug}', or { path = …, parameters = … }"
    data: dict[str, Any] = {"path": entry} if isinstance(entry, str) else entry
    expect(where, "routes", entry, wanted, isinstance(data, dict) and isinstance(data.get("path"), str))
    only_keys(f"{where}: routes", data, ("path", "parameters"))
    given = subtable(f"{where}: routes", data, "parameters")
    parameters = {
        name: read_kind(f"{where}: {data['path']}", name, kind, on_route=True) for name, kind in given.items()
    }
    for path in _chosen(where, data["path"]):
        yield Route(at + path, parameters)


def _chosen(where: str, path: str) -> Iterator[str]:
    """The path once for each word of its {a|b|c}."""
    pieces = _ENUM.split(path)
    choices = [piece.split("|") if odd % 2 else [piece] for odd, piece in enumerate(pieces)]
    count = 1
    for words in choices:
        count *= len(words)
    expect(where, "routes", path, f"at most {ENUM_LIMIT} ways to choose from its {{a|b}}", count <= ENUM_LIMIT)
    for words in itertools.product(*choices):
        text = "".join(words)
        _check_path(where, text, path)
        yield text


def _check_path(where: str, text: str, written: str) -> None:
    wanted = "a path such as '/kb/{slug}', decoded, without query"
    expect(where, "routes", written, wanted, text.startswith("/") and len(text) <= 512)
    expect(where, "routes", written, "normal text (NFKC)", unicodedata.normalize("NFKC", text) == text)
    listed = segments(text)
    for place, segment in enumerate(listed):
        last = place == len(listed) - 1
        if text == "/" or (last and segment == REST):
            continue
        if PATH in segment:
            holds = last and segment == PATH and place > 0 and all(map(is_literal, listed[:-1]))
            expect(where, "routes", written, "{path} alone, at the end, behind words", holds)
            continue
        expect(where, "routes", written, wanted, _SEGMENT.fullmatch(segment) is not None)
        _check_words(where, written, segment, listed[place - 1] if place else "")


def _check_words(where: str, written: str, segment: str, parent: str) -> None:
    """Refuse words that would name somebody: routes are published as they are written (PRIVACY.md 2.2)."""
    for word in parts(segment)[::2]:
        wanted = "no address, long number or key in its words: a slot such as {int} or {*} stands for these"
        expect(where, "routes", written, wanted, _SOMEBODY.search(word) is None)
    parents, pages = people()
    if parent.casefold() in parents and _SLOT.fullmatch(segment) is None:
        wanted = f"a slot behind {parent!r}, where a segment names a person, or a page such as 'login'"
        expect(where, "routes", written, wanted, segment.casefold() in pages)


def read_kind(where: str, name: str, kind: Any, *, on_route: bool = False) -> Kind:
    """What a parameter may be. Raises DeclarationError, also for a name whose value may never leave (denied.toml)."""
    key = f"parameters.{name}"
    expect(where, "parameters", name, "a name of letters, digits, '_', '-', '.'", _NAME.fullmatch(name) is not None)
    wanted = "'int', 'word', a list of words, or a slot such as '{int}'"
    if isinstance(kind, list):
        words = bool(kind) and all(isinstance(v, str) and _VALUE.fullmatch(v) and not _SOMEBODY.search(v) for v in kind)
        expect(where, key, kind, f"{wanted}; words are letters, digits and '.~+ -', and name nobody", words)
    else:
        slots = ("{*}", *(f"{{{slot}}}" for slot in SLOTS), *((PATH,) if on_route else ()))
        expect(where, key, kind, wanted, isinstance(kind, str) and kind in (*KINDS, *slots))
    if (never := denied(name)) is not None:
        raise DeclarationError(f"{where}: {key} is {kind!r}, expected not to be there: {name!r} is {never.why}")
    return tuple(kind) if isinstance(kind, list) else str(kind)


# ---- together -------------------------------------------------------------------------------------------------------


def merged(where: str, routes: list[Route], over: tuple[Route, ...] = ()) -> tuple[Route, ...]:
    """Routes with each text once, and the parameters of `over` where it has the same paths (a preset's).

    Raises DeclarationError where two have the same paths and not the same text, or one parameter of two kinds.
    """
    known: dict[tuple[str, ...], Route] = {}
    for route in routes:
        taken = shape(route.text)
        other = known.get(taken)
        if other is not None:
            expect(where, "routes", route.text, f"{other.text!r}, which takes the same paths", other.text == route.text)
            for name, kind in route.parameters.items():
                first = other.parameters.get(name, kind)
                expect(where, f"{route.text}: parameters.{name}", kind, f"{first!r}, as it was before", kind == first)
        known[taken] = Route(route.text, {**(other.parameters if other else {}), **route.parameters})
    for route in over:
        taken = shape(route.text)
        mine = known.get(taken)
        known[taken] = Route(mine.text, {**route.parameters, **mine.parameters}) if mine else route
    check_order(where, known)
    return tuple(known.values())


def check_order(where: str, known: Mapping[tuple[str, ...], Route]) -> None:
    """Refuse two segments of one place that are equally narrow and could take the same text: "a{slug}", "{slug}a"."""
    places: dict[tuple[str, ...], dict[tuple[int, int, tuple[int, ...]], list[tuple[str, str]]]] = {}
    for taken, route in known.items():
        for depth, segment in enumerate(taken):
            if is_literal(segment):
                continue
            rivals = places.setdefault(taken[:depth], {}).setdefault(narrowness(segment), [])
            for other, text in rivals:
                clear = other == segment or not _may_meet(other, segment)
                expect(where, "routes", route.text, f"no other for the same paths than {text!r}", clear)
            rivals.append((segment, route.text))
