"""Lineage: from which columns of the log a column comes, so that no network ever stands beside an identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.load import DeclarationError, Fields
from schemas.table import Table, Trends

KEPT_APART = ("network", "identity")
"""Classes of which a type, a table or a file may hold one at most; a published file none."""

TALLIED = ("network", "agent_mark")  # in a tally beside the keys: what the guard counts by


class Holding(NamedTuple):
    """Something that holds columns behind Anonymise: its name, and whether it may leave the house."""

    what: str
    columns: tuple[str, ...]
    leaves: bool = False


def holdings(fields: Fields, trends: Trends) -> Iterator[Holding]:
    """Every type, table and file of a run. Chunk and Events are raw, and never leave the stage that reads the log."""
    yield Holding("the type PseudonymousEvents", tuple(sorted(fields.given)))
    for table in trends.tables:
        columns = columns_of(table)
        yield Holding(f"the tally of the table {table.name!r}", (*columns, *TALLIED))
        yield Holding(f"the file of the table {table.name!r}", columns, leaves=True)


def columns_of(table: Table) -> tuple[str, ...]:
    """Pseudonymous columns of which a published table tells: keys, measures, and those by which its events are chosen."""
    return tuple(dict.fromkeys((*(key.column for key in table.keys), *table.measures, *table.only, *table.present)))


def classes(fields: Fields, column: str) -> frozenset[str]:
    """The classes of a pseudonymous column: as declared, else those of all that its treatment takes."""
    treatment = next(one for one in fields.treatments.values() if column in one.gives)
    if column in treatment.classes:
        return frozenset([treatment.classes[column]])
    return frozenset(fields.columns[name].privacy for name in treatment.takes)


def lineage(fields: Fields, column: str) -> str:
    """'country' (quasi) from the treatment address of client (network), country (quasi)."""
    treatment = next(one for one in fields.treatments.values() if column in one.gives)
    taken = ", ".join(f"{name} ({fields.columns[name].privacy})" for name in treatment.takes)
    own = " and ".join(one for one in (*KEPT_APART, "quasi", "safe") if one in classes(fields, column))
    return f"{column!r} ({own}) from the treatment {treatment.name} of {taken}"


def refuse_links(fields: Fields, trends: Trends) -> None:
    """Refuse to build a graph in which something would hold a network beside an identity. Raises DeclarationError."""
    refuse_unexplained(fields)
    for holding in holdings(fields, trends):
        refuse_link(fields, holding)


def refuse_link(fields: Fields, holding: Holding) -> None:
    """The same of one type, table or file; the message has the lineage of what it may not hold together."""
    found = {kind: _of_class(fields, holding.columns, kind) for kind in KEPT_APART}
    told = {kind: "; ".join(lineage(fields, column) for column in columns) for kind, columns in found.items()}
    if all(found.values()):
        raise DeclarationError(
            f"schemas/fields.toml: {holding.what} would hold network-derived {told['network']} beside identity"
            f" {told['identity']}; expected one of the two, or a treatment that lowers a class and says how"
        )
    if holding.leaves and any(found.values()):
        raise DeclarationError(
            f"schemas/fields.toml: {holding.what} would publish {told['network'] or told['identity']}; expected quasi or safe"
        )


def _of_class(fields: Fields, columns: Sequence[str], kind: str) -> list[str]:
    return [column for column in dict.fromkeys(columns) if kind in classes(fields, column)]


def refuse_unexplained(fields: Fields) -> None:
    """A class below that of what a treatment takes needs a reason; a network has none. Raises DeclarationError."""
    if (found := classes(fields, "network")) != {"network"}:
        raise DeclarationError(f"schemas/fields.toml: the class of 'network' is {sorted(found)}, expected network")
    for treatment in fields.treatments.values():
        taken = {fields.columns[name].privacy for name in treatment.takes}
        for column, privacy in treatment.classes.items():
            if not treatment.lowered and (lost := taken & {*KEPT_APART} - {privacy}):
                raise DeclarationError(
                    f"schemas/fields.toml: treatment.{treatment.name}.class.{column} is {privacy!r}, expected"
                    f" {' and '.join(sorted(lost))} as what it takes, or `lowered` with the reason"
                )
