"""A4: a predicate on the output alone that isolates a network, or fewer than k of them."""

from __future__ import annotations

from audit.case import MEASURES, Case, Evidence, Tried

ID = "A4"
TITLE = "singling out"
NEEDS = ()


def attack(case: Case) -> Tried:
    """The narrowest predicate is a row: it isolates as many networks as its `visitors` says, at most as many as hits.

    A file without measures is a list of events: each of its rows is one.
    """
    evidence, rows = [], 0
    for part in case.parts:
        rows += part.rows
        measures = [part.columns[name] for name in MEASURES[:2] if name in part.columns] or [[1] * part.rows]
        crowds = [min(int(one or 0) for one in row) for row in zip(*measures, strict=True)]
        below = [row for row, crowd in enumerate(crowds) if crowd < part.k]
        if below:
            alone = sum(crowd <= 1 for crowd in crowds)
            said = f"{len(below):,} of {part.rows:,} rows are below k = {part.k}, {alone:,} of them one network"
            evidence.append(Evidence(f"{part.place}: row {below[0]}", said))
    return Tried(f"{rows:,} rows in {len(case.parts):,} files", tuple(evidence))
