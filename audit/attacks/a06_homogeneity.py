"""A6: groups in which a sensitive key has one value only, so that to be of the group is to have the value."""

from __future__ import annotations

from collections import defaultdict

from audit.case import MEASURES, Case, Evidence, Tried

ID = "A6"
TITLE = "homogeneity"
NEEDS = ("sensitive",)


def attack(case: Case) -> Tried:
    """Group each table by its other keys; a group with fewer than l = 2 values of the sensitive key tells it."""
    evidence, groups, tables = [], 0, set()
    for part in case.parts:
        for key in [one.partition(".")[2] for one in case.sensitive if one.partition(".")[0] == part.table]:
            if key not in part.columns:
                continue
            tables.add(part.table)
            others = [values for name, values in part.columns.items() if name != key and name not in MEASURES]
            values: dict[tuple[object, ...], set[object]] = defaultdict(set)
            for row, value in enumerate(part.columns[key]):
                values[tuple(column[row] for column in others)].add(value)
            groups += len(values)
            constant = sum(len(one) < 2 for one in values.values())
            if constant:
                evidence.append(
                    Evidence(f"{part.place}: {key}", f"{constant:,} of {len(values):,} groups have one value")
                )
    if not tables:
        return Tried("", why_not="no table has a key that was named sensitive")
    return Tried(f"{groups:,} groups", tuple(evidence))
