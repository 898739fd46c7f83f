"""Names of parameters whose value never leaves, whatever a policy says, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.load import entries, expect, only_keys, shipped, subtable

_BRACKETS = re.compile(r"(?:\[[^\]]*\]?)+\Z")


@dataclass(frozen=True)
class Denied:
    """A kind of names that may not be allowed: tracking, session, secret, free_text, person or address."""

    kind: str
    why: str
    names: frozenset[str]
    prefixes: tuple[str, ...]


def plain(name: str) -> str:
    """A parameter's name as it is compared: small letters, `-` as `_`, without the brackets of PHP arrays."""
    return _BRACKETS.sub("", name.casefold().replace("-", "_"))


def read_denied(data: Mapping[str, Any], where: str) -> tuple[Denied, ...]:
    """All kinds from parsed TOML; a name stands in one of them only."""
    kinds = []
    for kind in data:
        here, entry = f"{where}: {kind}", subtable(where, data, kind)
        only_keys(here, entry, ("why", "sources", "names", "prefixes"))
        expect(here, "why", entry.get("why"), "a string", isinstance(entry.get("why"), str))
        names, prefixes = entries(here, entry, "names"), entries(here, entry, "prefixes")
        for name in (*names, *prefixes):
            expect(here, "names", name, f"{plain(name)!r}, as it is compared", name == plain(name))
        kinds.append(Denied(kind, entry["why"], frozenset(names), prefixes))
    listed = [name for one in kinds for name in one.names]
    for name in listed:
        expect(where, f"the name {name!r} is listed", listed.count(name), "1 time", listed.count(name) == 1)
    return tuple(kinds)


@cache
def denied_kinds() -> tuple[Denied, ...]:
    """The shipped denied.toml."""
    return read_denied(shipped("denied.toml"), "schemas/denied.toml")


def denied(name: str) -> Denied | None:
    """The kind that a parameter's name belongs to, None where a policy may allow it."""
    text = plain(name)
    for kind in denied_kinds():
        if text in kind.names or any(text.startswith(prefix) for prefix in kind.prefixes):
            return kind
    return None
