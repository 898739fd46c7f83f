"""Treatment of the request target: a route, in which only words are left that could belong to the site."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.routes import PATH, Kind, people
from transforms.canonical import LIMIT, decode, pairs
from transforms.declared import Declared, Found, Segments, slot_pattern

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("path", "query")
GIVES = ("route",)

NONE = "(none)"
ANY = "{*}"
DEPTH = 8
"""Segments of a route; what is deeper becomes one `{*}`."""

PEOPLE = people()[0]
"""Words after which the next segment names a person."""

_LONGEST = 64
_TOKEN_LENGTH = 24
_ENTROPY = 3.2
_SEPARATORS = "-_.~+ "

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_DAY, _MONTH, _CENTURIES = r"(?:3[01]|[12][0-9]|0?[1-9])", r"(?:1[0-2]|0?[1-9])", r"(?:19|20)[0-9]{2}"
_DATE = re.compile(
    rf"(?<![0-9])(?:{_CENTURIES}([-_.]){_MONTH}\1{_DAY}|{_DAY}([-_.]){_MONTH}\2{_CENTURIES}|{_CENTURIES}[-_]{_MONTH})(?![0-9])"
)
_NUMBERS = re.compile(r"[0-9]+(?:[-_.~+ ]+[0-9]+)*")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_WORD = re.compile(r"[^-_.~+ {}]+")
_CHANGES = re.compile(r"(?<=[0-9])(?=[^\W\d_])|(?<=[^\W\d_])(?=[0-9])")
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")


# ---- one segment ----------------------------------------------------------------------------------------------------


def is_token(word: str) -> bool:
    """Whether a word without separators looks made by a machine: a key, an id, a hash, an encoding of something."""
    if word.isdecimal():
        return False
    if len(word) >= _TOKEN_LENGTH:
        return True
    has_digit = any(character.isdigit() for character in word)
    if len(word) >= 8:
        if has_digit and (_HEX.fullmatch(word) or len(_CHANGES.findall(word)) >= 3):
            return True
        if len(_HUMPS.findall(word)) >= 4:
            return True
    if len(word) >= 16 and word.isupper():
        return True
    if len(word) < 16 or not (has_digit and any(character.isalpha() for character in word)):
        return False
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values()) >= _ENTROPY


def _is_word_character(character: str) -> bool:
    # Marks belong to letters in many scripts.
    return character in _SEPARATORS or "0" <= character <= "9" or unicodedata.category(character)[0] in "LM"


def _template_numbers(match: re.Match[str]) -> str:
    """A run of numbers inside a segment: versions, years and counts stay, numbers that could be somebody's do not."""
    text = match.group()
    if _YEAR.fullmatch(text):
        return text
    digits = sum(character.isdigit() for character in text)
    groups = len(re.findall(r"[0-9]+", text))
    return "{n}" if digits >= 5 or groups >= 4 or (digits == 4 and groups == 1) else text


def _template_word(match: re.Match[str]) -> str:
    word = match.group()
    if not is_token(word):
        return word
    return "{hex}" if _HEX.fullmatch(word) else "{token}"


def template_segment(segment: str) -> str:
    """A decoded segment with slots for its numbers, dates, hex and tokens; `{*}` where it has other signs."""
    if segment.isdecimal():
        return "{n}"
    if _UUID.fullmatch(segment):
        return "{uuid}"
    if _HEX.fullmatch(segment):
        return "{hex}"
    if _DATE.fullmatch(segment):
        return "{date}"
    if segment in (".", "..") or segment.startswith("~") or not all(map(_is_word_character, segment)):
        return ANY
    if len(segment) > _LONGEST:
        return "{token}"
    segment = _DATE.sub("{date}", _UUID.sub("{uuid}", segment))
    segment = _WORD.sub(_template_word, segment)
    return _NUMBERS.sub(_template_numbers, segment)


# ---- the treatment --------------------------------------------------------------------------------------------------

_ABSOLUTE = re.compile(rb"https?://[^/]*", re.IGNORECASE)
_PARAMETER_WORD = re.compile(r"[a-z0-9_-]{1,32}")
_PARAMETER_INT = re.compile(r"0|[1-9][0-9]{0,2}")


def _is_allowed(kind: Kind, value: str) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind == "int":
        return _PARAMETER_INT.fullmatch(value) is not None
    return _PARAMETER_WORD.fullmatch(value) is not None and sum(c.isdigit() for c in value) <= 3 and not is_token(value)


class Treatment:
    """path, query and site of an event → its route, which begins with "/"; "(none)" without a path.

    A declared route of the site wins and gives its own text (transforms/declared.py); other paths are templated segment
    by segment. Of the query only declared parameters with a value of their type are kept; the value of one that is
    declared as `{path}` is itself the path, from then on.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._declared: dict[str, Declared] = {}

    def treat(self, path: bytes | None, query: bytes | None, site: Site) -> tuple[str]:
        """(route,)"""
        if path is None:
            return (NONE,)
        declared = self._declared.get(site.name)
        if declared is None:
            declared = self._declared[site.name] = Declared(site)
        return (_route(path, query, declared),)


def _route(path: bytes, query: bytes | None, declared: Declared) -> str:
    if absolute := _ABSOLUTE.match(path):
        path = path[absolute.end() :]
    if (path and not path.startswith(b"/")) or len(path) > LIMIT:
        return "/" + ANY + _kept_query(_read_query(query, declared.undeclared), declared.undeclared)
    # Raw delimiters first: "%2F" and "%3B" are part of a segment, and then no word.
    raw = [piece.partition(b";")[0] for piece in path.split(b"/")]
    segments = [decode(piece) for piece in raw if piece]
    return _of_segments(segments, not raw[-1], query, declared)


def _of_segments(segments: Segments, trailing: bool, query: bytes | None, declared: Declared) -> str:
    found = declared.match(segments or [""])
    if found is None and (front := declared.behind_front(segments)) is not None:
        segments, found = front, declared.match(front)
    elif found is not None and (value := _inner_path(query, found)) is not None:
        segments, trailing = declared.nested(found, value), value.endswith("/")
        found = declared.match(segments or [""])
    parameters = found.parameters if found else declared.undeclared
    text = found.text if found else _template(segments, trailing) if segments else "/"
    return text + _kept_query(_read_query(query, parameters), parameters)


def _inner_path(query: bytes | None, found: Found) -> str | None:
    """The path in the query, where the route has a parameter for it."""
    names = [name for name, kind in found.parameters.items() if kind == PATH]
    read = _read_query(query, found.parameters) if names else {}
    return next((read[name] for name in names if read.get(name, "").startswith("/")), None)


def _template(segments: Segments, trailing: bool) -> str:
    words, people = [], False
    for segment in segments[:DEPTH]:
        words.append(ANY if people or segment is None else template_segment(segment))
        people = segment is not None and segment.casefold() in PEOPLE
    if len(segments) > DEPTH:
        words[DEPTH - 1 :] = [ANY]
    return "/" + "/".join(words) + ("/" if trailing and len(segments) <= DEPTH else "")


def _read_query(query: bytes | None, parameters: Mapping[str, Kind]) -> dict[str, str]:
    """The first value of each declared parameter, decoded."""
    if not query or not parameters or len(query) > LIMIT:
        return {}
    read: dict[str, str] = {}
    for name, value in pairs(query):
        if name in parameters:
            read.setdefault(name, value)
    return read


def _kept_query(read: Mapping[str, str], parameters: Mapping[str, Kind]) -> str:
    shown = {name: _shown(parameters[name], value) for name, value in read.items() if name in parameters}
    kept = [f"{name}={shown[name]}" for name in sorted(shown) if shown[name] is not None]
    return "?" + "&".join(kept) if kept else ""


def _shown(kind: Kind, value: str) -> str | None:
    """What is published of a parameter's value: itself, the slot that it fills, or nothing."""
    if isinstance(kind, str) and kind.startswith("{"):
        if kind == PATH:
            return None
        pattern = slot_pattern(kind)
        return kind if value and (pattern is None or pattern.fullmatch(value)) else None
    return value if _is_allowed(kind, value) else None


def parents(route: str) -> list[str]:
    """What a route is generalised to, step by step: without its query, then its last words as `{*}`, then none of them.

    "/a/b/c?x=1" → "/a/b/c", "/a/b/{*}", "/a/{*}"; the guard adds the last step, "(other)".
    """
    steps = []
    path, query, _ = route.partition("?")
    if query:
        steps.append(path)
    if not path.startswith("/"):
        return steps
    segments = path.strip("/").split("/")
    for depth in range(len(segments) - 1, 0, -1):
        step = "/" + "/".join([*segments[:depth], ANY])
        if step != path:
            steps.append(step)
    return steps
