"""The tables of trends, as schemas/trends.toml declares them: read strictly, refused where they could not be guarded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from schemas import families
from schemas.load import Fields, entries, expect, fields, only_keys, shipped, subtable
from schemas.table import Key, Table, Trends

GRAINS = ("day", "week", "month")


def read_trends(data: Mapping[str, Any], known: Fields, where: str) -> Trends:
    """Trends from parsed TOML, checked against the fields."""
    only_keys(where, data, ("table",))
    tables = tuple(_read_table(entry, known, where) for entry in entries(where, data, "table", dict))
    names = [table.name for table in tables]
    for name in names:
        expect(where, f"the table {name!r} is declared", names.count(name), "1 time", names.count(name) == 1)
    for key, found, wanted in families.trouble(tables):
        expect(where, key, found, wanted, False)
    _check_sensitive(tables, where)
    return Trends(tables)


def _check_sensitive(tables: Iterable[Table], where: str) -> None:
    """What is sensitive in one table is so in all, and can be hidden in each: by climbing, where rows are of one event each."""
    columns = {key.column for table in tables for key in table.keys if key.name in table.sensitive}
    for table in tables:
        here = f"{where}: table {table.name!r}"
        for name in table.sensitive:
            climbing = ", ".join(table.climb)
            expect(here, "sensitive", name, f"one of its keys: {', '.join(table.key_names)}", name in table.key_names)
            expect(
                here,
                "sensitive",
                name,
                f"one of what climbs: {climbing}; else it cannot be hidden",
                name in table.climb,
            )
        expect(
            here,
            "sensitive",
            list(table.sensitive),
            "none, for a table with `each`",
            not (table.each and table.sensitive),
        )
        for key in table.keys:
            told = key.column not in columns or key.name in table.sensitive
            expect(
                here, "sensitive", list(table.sensitive), f"a list with {key.name!r}, which another table says", told
            )


def _read_table(entry: Mapping[str, Any], known: Fields, where: str) -> Table:
    here = f"{where}: table {entry.get('name')!r}"
    only_keys(here, entry, [field.name for field in dataclasses.fields(Table)])
    expect(where, "table.name", entry.get("name"), "a string", isinstance(entry.get("name"), str))
    keys = _read_keys(here, entry.get("keys", []))
    humans, only = entry.get("humans", True), subtable(here, entry, "only")
    software, each, within = entry.get("software", False), entry.get("each", ""), entry.get("within", "")
    for key, value in (("humans", humans), ("software", software)):
        expect(here, key, value, "true or false", isinstance(value, bool))
    table = Table(
        name=entry["name"],
        about=entry.get("about", ""),
        keys=keys,
        climb=entries(here, entry, "climb"),
        free=entries(here, entry, "free"),
        humans=humans,
        only={column: entries(f"{here}: only", only, column) for column in only},
        present=entries(here, entry, "present"),
        measures=entries(here, entry, "measures"),
        software=software,
        each=each,
        within=within,
        sensitive=entries(here, entry, "sensitive"),
    )
    expect(here, "within", within, "the name of a table", isinstance(within, str))
    expect(here, "each", each, "the column of one of its keys", each in ("", *(key.column for key in keys)))
    for column in (*(k.column for k in keys), *table.only, *table.present, *table.measures):
        expect(
            here, "column", column, f"a pseudonymous column: {', '.join(sorted(known.given))}", column in known.given
        )
    for column in ("network", "day", "site", "agent_mark"):
        expect(here, "keys", column, "no network, day, site or mark", column not in [k.column for k in keys])
    for name in table.free:
        expect(here, "free", name, f"one of what climbs: {', '.join(table.climb)}", name in table.climb)
    for name in table.climb:
        expect(here, "climb", name, f"one of its keys: {', '.join(table.key_names)}", name in table.key_names)
    expect(
        here,
        "climb",
        "agent_class",
        "keys but agent_class: bots may not help people to k",
        "agent_class" not in table.climb,
    )
    # software that reports by itself is no human, and a table about it no table about bots
    about_bots = "agent_class" in (*table.key_names, *table.only) or table.software
    expect(here, "humans", table.humans, str(not about_bots).lower(), table.humans is not about_bots)
    return table


def _read_keys(here: str, found: Any) -> tuple[Key, ...]:
    wanted = "a list of columns, or of { name = …, column = … }"
    expect(here, "keys", found, wanted, isinstance(found, list))
    for key in found:
        named = (
            isinstance(key, dict) and set(key) == {"name", "column"} and all(isinstance(v, str) for v in key.values())
        )
        expect(here, "keys", key, wanted, isinstance(key, str) or named)
    return tuple(Key(key, key) if isinstance(key, str) else Key(**key) for key in found)


@cache
def trends() -> Trends:
    """The shipped trends.toml."""
    return read_trends(shipped("trends.toml"), fields(), "schemas/trends.toml")
