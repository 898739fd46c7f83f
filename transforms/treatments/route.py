"""Treatment of the request target: a route, in which only words are left that could belong to the site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.routes import PATH, Kind
from transforms.canonical import LIMIT, pairs, path_segments
from transforms.declared import Declared, Found, Segments, slot_pattern
from transforms.detectors import found_in
from transforms.segments import ANY, is_token, judge, template_segments

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("path", "query")
GIVES = ("route",)

NONE = "(none)"
DEPTH = 8
"""Segments of a route; what is deeper becomes one `{*}`."""

# ---- the treatment --------------------------------------------------------------------------------------------------

_ABSOLUTE = re.compile(rb"https?://[^/]*", re.IGNORECASE)
_PARAMETER_WORD = re.compile(r"[a-z0-9_-]{1,32}")
_PARAMETER_INT = re.compile(r"0|[1-9][0-9]{0,2}")


def _is_allowed(kind: Kind, value: str) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind == "int":
        return _PARAMETER_INT.fullmatch(value) is not None
    return (
        _PARAMETER_WORD.fullmatch(value) is not None
        and sum(c.isdigit() for c in value) <= 3
        and not is_token(value)
        and not found_in(value)
    )


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

    def refused(self, path: bytes | None, query: bytes | None) -> frozenset[str]:
        """Kinds of personal data that detectors found in the segments of a path, whether or not a route is declared."""
        pieces = (path or b"").split(b"/", DEPTH + 1)[: DEPTH + 1]
        segments = path_segments(b"/".join(piece for piece in pieces if len(piece) <= LIMIT))
        return frozenset().union(*[judge(segment)[1] for segment in segments if segment])


def _route(path: bytes, query: bytes | None, declared: Declared) -> str:
    if absolute := _ABSOLUTE.match(path):
        path = path[absolute.end() :]
    if (path and not path.startswith(b"/")) or len(path) > LIMIT:
        return "/" + ANY + _kept_query(_read_query(query, declared.undeclared), declared.undeclared)
    last = path.rpartition(b"/")[2]
    return _of_segments(path_segments(path), not last or last.startswith(b";"), query, declared)


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
    words = template_segments(segments[:DEPTH])
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
    if not read:
        return ""
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
    words = path.strip("/")
    while (at := words.rfind("/")) >= 0:
        words = words[:at]
        if (step := f"/{words}/{ANY}") != path:
            steps.append(step)
    return steps
