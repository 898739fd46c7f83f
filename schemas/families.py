"""Families: which published tables count the same events, so that one can be subtracted from the other; derived, not declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter

from schemas.table import Table

CLASS = "agent_class"  # held in every table, so that each of its values is a world of its own


@dataclass(frozen=True)
class Link:
    """Two tables that count some of the same events by the same column: `coarse` by it alone, `fine` by others too.

    `nests`: the column is the last to climb in `fine` and all its events are in `coarse`, so that its rows can be made inside
    of the rows of `coarse`.
    """

    fine: str
    coarse: str
    column: str
    nests: bool


def kinds(table: Table) -> frozenset[str] | None:
    """The classes of agents that a table counts, None for all."""
    if table.humans:
        return frozenset({"human"})
    return frozenset(table.only[CLASS]) if CLASS in table.only else None


def kind_in(table: Table) -> Callable[[Sequence[str]], str]:
    """What says of a row's label which class of agents is behind it, "" where the table does not tell."""
    if CLASS in table.key_names:
        return itemgetter(table.key_names.index(CLASS))
    found = kinds(table)
    only = next(iter(found)) if found and len(found) == 1 else ""
    return lambda label: only


def columns(table: Table) -> frozenset[str]:
    """The columns behind the keys of a table, but the class of agents."""
    return frozenset(key.column for key in table.keys) - {CLASS}


def conditions(table: Table) -> dict[str, frozenset[str]]:
    """Columns and the values of which an event of the table has one, but the class of agents."""
    return {column: frozenset(values) for column, values in table.only.items() if column != CLASS}


def are_within(inner: Table, outer: Table) -> bool:
    """Whether every event of one table, of a class that the other counts, is in the other: as far as the declarations say."""
    if outer.name == inner.within:
        return True
    mine, theirs = conditions(inner), conditions(outer)
    narrower = all(column in mine and mine[column] <= values for column, values in theirs.items())
    return narrower and set(outer.present) <= set(inner.present)


def may_meet(one: Table, other: Table) -> bool:
    """Whether an event can be in both."""
    mine, theirs = conditions(one), conditions(other)
    classes = kinds(one), kinds(other)
    apart = any(not mine[column] & theirs[column] for column in mine.keys() & theirs.keys())
    return not apart and (None in classes or bool(classes[0] & classes[1]))  # type: ignore[operator]


def wholes(tables: Sequence[Table]) -> list[Table]:
    """Tables of all events by class of agents: what every other table can be subtracted from."""
    return [table for table in tables if not columns(table) and not conditions(table) and not table.present]


def links(tables: Sequence[Table]) -> list[Link]:
    """All pairs of tables that share a key."""
    found = []
    for (one, mine), (other, theirs) in combinations([(table, columns(table)) for table in tables], 2):
        shared = mine & theirs
        if len(shared) != 1 or not may_meet(one, other):
            continue
        (column,) = shared
        fine, coarse = (one, other) if len(mine) > 1 else (other, one)
        last = fine.climb[-1:] == (name_of(fine, column),)
        found.append(Link(fine.name, coarse.name, column, last and are_within(fine, coarse)))
    return found


def held(tables: Sequence[Table]) -> Iterator[tuple[str, str, bool]]:
    """(inner, outer, whether both need the same grain): tables all of whose events another one has by declaration.

    Where they share a column, longer periods of the inner one are compared with the outer one (transforms/guard/closure.py).
    """
    yield from ((link.fine, link.coarse, False) for link in links(tables) if link.nests)
    yield from ((table.name, table.within, True) for table in tables if table.within)


def name_of(table: Table, column: str) -> str:
    """The key that shows a column."""
    return next(key.name for key in table.keys if key.column == column)


def stay_open(tables: Sequence[Table]) -> frozenset[str]:
    """Tables that the guard must have before it at once: those of links, and those that hold all events of others."""
    found = {name for link in links(tables) for name in (link.fine, link.coarse)}
    found |= {table.within for table in tables if table.within}
    return frozenset(found | {table.name for table in wholes(tables)})


def trouble(tables: Sequence[Table]) -> Iterator[tuple[str, str, str]]:
    """(key, what was found, what was expected) for each pair of tables that differ in an isolating way (DESIGN.md 7)."""
    names = [table.name for table in tables]
    for table in tables:
        if table.within and (table.within not in names or table.within == table.name):
            yield f"table {table.name!r}: within", table.within, "the name of another table"
    for one, other in combinations(tables, 2):
        shared = columns(one) & columns(other)
        if not shared or not may_meet(one, other):
            continue
        pair = f"tables {one.name!r} and {other.name!r}: shared keys"
        said = ", ".join(sorted(shared))
        if columns(one) == columns(other):
            yield pair, said, "keys that differ: each row less the same row of the other is a cell that nobody guards"
        elif len(shared) > 1 or shared not in (columns(one), columns(other)):
            yield (
                pair,
                said,
                "one column, that is all keys of one of them: else what can be subtracted cannot be checked",
            )
        elif any(name_of(table, column) not in table.climb for table in (one, other) for column in shared):
            yield pair, said, "a column that climbs in both"
        elif one.each or other.each:
            yield pair, said, "none, for a table with `each` counts an event in several rows"
