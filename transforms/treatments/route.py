"""Treatment of the request target: a route, in which only words are left that could belong to the site."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from transforms.canonical import LIMIT, decode, pairs

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("path", "query")
GIVES = ("route",)

NONE = "(none)"
ANY = "{*}"
DEPTH = 8
"""Segments of a route; what is deeper becomes one `{*}`."""

PEOPLE = frozenset(
    ["author", "authors", "user", "users", "u", "~", "member", "members", "profile", "profiles", "people", "person"]
) | frozenset(["persons", "employee", "employees", "staff", "contacts", "patients", "students", "teachers"])
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


# ---- declared routes ------------------------------------------------------------------------------------------------

_SLOTS = {
    "int": r"[0-9]{1,20}",
    "slug": r"[\w.~+-]{1,200}",
    "hex": r"[0-9a-fA-F]{1,128}",
    "uuid": r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}",
    "date": r"[0-9]{4}-?[0-9]{2}(?:-?[0-9]{2})?",
}
_SLOT = re.compile(r"\{([^{}]*)\}")


class _Declared(NamedTuple):
    """A declared route: its text, and a pattern for each of its segments (None: any one segment)."""

    text: str
    patterns: tuple[re.Pattern[str] | None, ...]

    def matches(self, segments: list[str | None]) -> bool:
        if len(segments) != len(self.patterns):
            return False
        return all(
            pattern is None or (segment is not None and pattern.fullmatch(segment) is not None)
            for pattern, segment in zip(self.patterns, segments, strict=True)
        )


def _declare(text: str) -> _Declared:
    patterns: list[re.Pattern[str] | None] = []
    for segment in text.strip("/").split("/"):
        slot = _SLOT.fullmatch(segment)
        if slot and slot[1] not in _SLOTS:
            patterns.append(None)
            continue
        parts = _SLOT.split(segment)
        pattern = "".join(_SLOTS.get(part, ".+") if odd % 2 else re.escape(part) for odd, part in enumerate(parts))
        patterns.append(re.compile(pattern))
    return _Declared(text, tuple(patterns))


class _SiteRules(NamedTuple):
    declared: tuple[_Declared, ...]
    parameters: Mapping[str, str | tuple[str, ...]]


# ---- the treatment --------------------------------------------------------------------------------------------------

_ABSOLUTE = re.compile(rb"https?://[^/]*", re.IGNORECASE)
_PARAMETER_WORD = re.compile(r"[a-z0-9_-]{1,32}")
_PARAMETER_INT = re.compile(r"0|[1-9][0-9]{0,2}")


def _is_allowed(kind: str | tuple[str, ...], value: str) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind == "int":
        return _PARAMETER_INT.fullmatch(value) is not None
    return _PARAMETER_WORD.fullmatch(value) is not None and sum(c.isdigit() for c in value) <= 3 and not is_token(value)


class Treatment:
    """path, query and site of an event → its route, which begins with "/"; "(none)" without a path.

    Declared routes of the site win (literal ones first, then in the order of the policy) and give their own text; other
    paths are templated segment by segment. Of the query only declared parameters with a value of their type are kept.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._rules: dict[str, _SiteRules] = {}

    def treat(self, path: bytes | None, query: bytes | None, site: Site) -> tuple[str]:
        """(route,)"""
        if path is None:
            return (NONE,)
        rules = self._rules.get(site.name)
        if rules is None:
            declared = sorted((_declare(text) for text in site.routes), key=lambda one: "{" in one.text)
            rules = self._rules[site.name] = _SiteRules(tuple(declared), site.parameters)
        return (_route(path, rules) + _kept_query(query, rules.parameters),)


def _route(path: bytes, rules: _SiteRules) -> str:
    if absolute := _ABSOLUTE.match(path):
        path = path[absolute.end() :]
    if path == b"":
        return "/"
    if not path.startswith(b"/") or len(path) > LIMIT:
        return "/" + ANY
    # Raw delimiters first: "%2F" and "%3B" are part of a segment, and then no word.
    raw = [piece.partition(b";")[0] for piece in path.split(b"/")]
    segments = [decode(piece) for piece in raw if piece]
    whole = segments or [""]
    for route in rules.declared:
        if route.matches(whole):
            return route.text
    if not segments:
        return "/"
    return _template(segments, trailing=not raw[-1])


def _template(segments: list[str | None], trailing: bool) -> str:
    words, people = [], False
    for segment in segments[:DEPTH]:
        words.append(ANY if people or segment is None else template_segment(segment))
        people = segment is not None and segment.casefold() in PEOPLE
    if len(segments) > DEPTH:
        words[DEPTH - 1 :] = [ANY]
    return "/" + "/".join(words) + ("/" if trailing and len(segments) <= DEPTH else "")


def _kept_query(query: bytes | None, parameters: Mapping[str, str | tuple[str, ...]]) -> str:
    if not query or not parameters or len(query) > LIMIT:
        return ""
    kept: dict[str, str] = {}
    for name, value in pairs(query):
        if name in parameters and name not in kept and _is_allowed(parameters[name], value):
            kept[name] = value
    return "?" + "&".join(f"{name}={kept[name]}" for name in sorted(kept)) if kept else ""


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
