"""A6: groups in which a sensitive key has one value only, so that to be of the group is to have the value."""

from __future__ import annotations

from collections import defaultdict

from audit.case import MEASURES, Case, Evidence, Tried
from schemas.tables import trends

ID = "A6"
TITLE = "homogeneity"
NEEDS = ()
TELLS_NOTHING = {"(other)"}  # rolled up: which value it was is not told


def attack(case: Case) -> Tried:
    """Group each table by its other keys; a group that shows fewer than l = 2 values of the sensitive key tells it.

    Sensitive are the keys that trends.toml declares so, and those that were named (`--sensitive`).
    """
    sensitive = {(table.name, key) for table in trends().tables for key in table.sensitive}
    sensitive |= {(table, key) for table, _, key in (one.partition(".") for one in case.sensitive)}
    evidence, groups, tables = [], 0, set()
    for part in case.parts:
        for key in sorted(key for table, key in sensitive if table == part.table and key in part.columns):
            tables.add(part.table)
            others = [values for name, values in part.columns.items() if name != key and name not in MEASURES]
            values: dict[tuple[object, ...], set[object]] = defaultdict(set)
            for row, value in enumerate(part.columns[key]):
                values[tuple(column[row] for column in others)].add(value)
            groups += len(values)
            constant = sum(len(one) < 2 and one != TELLS_NOTHING for one in values.values())
            if constant:
                evidence.append(
                    Evidence(f"{part.place}: {key}", f"{constant:,} of {len(values):,} groups have one value")
                )
    if not tables:
        return Tried("", why_not="no table has a key that is sensitive, by declaration or as named")
    return Tried(f"{groups:,} groups", tuple(evidence))
