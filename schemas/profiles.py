"""Profiles: for whom a release is made (profiles.toml), with its floor of k, its rounding and its tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from schemas.load import entries, expect, only_keys, shipped, subtable
from schemas.noise import Bounds, read_bounds
from schemas.table import Trends
from schemas.tables import trends

HOUSE = "internal"
NAMES = (HOUSE, "partner", "dp")  # in this order, whatever the order they are asked for in


@dataclass(frozen=True)
class Profile:
    """One profile. `tables` are the names of those that it may have; `noise`, where it has any, bounds contributions to each."""

    name: str
    k: int
    rounded: int
    tables: tuple[str, ...]
    noise: Mapping[str, Bounds] = field(default_factory=dict)

    def trends(self, known: Trends) -> Trends:
        """The tables that it may have, in their order; with noise only hits and visitors of them, for nothing bounds the rest."""
        chosen = (table for table in known.tables if table.name in self.tables)
        return replace(known, tables=tuple(replace(one, measures=()) if self.noise else one for one in chosen))


def read_profiles(data: Mapping[str, Any], known: Trends, where: str) -> Mapping[str, Profile]:
    """Profiles by name from parsed TOML. Raises DeclarationError."""
    only_keys(where, data, ("profile",))
    found = subtable(where, data, "profile")
    expect(where, "profile", sorted(found), f"{', '.join(NAMES)}", sorted(found) == sorted(NAMES))
    made = {name: _read(name, subtable(f"{where}: profile", found, name), known, where) for name in NAMES}
    noisy = [name for name, one in made.items() if one.noise]
    expect(where, "profile", noisy, "noise in dp alone: a site has one budget", noisy in ([], ["dp"]))
    return made


def _read(name: str, entry: Mapping[str, Any], known: Trends, where: str) -> Profile:
    here = f"{where}: profile.{name}"
    only_keys(here, entry, ("k", "rounded", "tables") if "noise" not in entry else ("k", "rounded", "noise"))
    for key, least in (("k", 5), ("rounded", 1)):
        value = entry.get(key)
        expect(here, key, value, f"a whole number of at least {least}", type(value) is int and value >= least)
    # a row of k neighbourhoods must not be rounded to one of fewer
    expect(here, "rounded", entry["rounded"], f"a divisor of k, {entry['k']}", entry["k"] % entry["rounded"] == 0)
    names = [table.name for table in known.tables]
    noise = read_bounds(f"{here}.noise", subtable(here, entry, "noise"))
    tables = tuple(noise) or entries(here, entry, "tables")
    # an empty list is no list of all: only the house may leave it out
    listed = bool(tables) or (name == HOUSE and "tables" not in entry)
    expect(here, "tables", list(tables), "a list of at least one table", listed)
    for table in tables:
        expect(here, "tables", table, f"one of {', '.join(names)}", table in names)
    for table in (one for one in known.tables if one.name in noise):
        # words that visitors make up, and events in several rows, are no closed cells with bounds; nothing diversifies here
        closed = not (table.free or table.each or table.sensitive)
        expect(here, "noise", table.name, "a table without free keys, lists and sensitive keys", closed)
        expect(here, "rounded", entry["rounded"], "1 beside noise", entry["rounded"] == 1)
    return Profile(name, entry["k"], entry["rounded"], tables or tuple(names), noise)


def together(names: Collection[str], known: Trends) -> Trends:
    """The tables that one of these profiles may have, in their order."""
    tables = {name for profile in names for name in profiles()[profile].tables}
    return replace(known, tables=tuple(table for table in known.tables if table.name in tables))


@cache
def profiles() -> Mapping[str, Profile]:
    """The shipped profiles.toml."""
    return read_profiles(shipped("profiles.toml"), trends(), "schemas/profiles.toml")
