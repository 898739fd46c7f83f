"""Rounding: measures of a profile that tells no exact numbers, as multiples of ten; what is taken counts as withheld."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from schemas.stages import Released
from transforms.guard.release import SiteRelease


def rounded(site: SiteRelease, step: int) -> SiteRelease:
    """The release of a site with every measure rounded down to a multiple of `step`; 1 leaves it as it is.

    Down, so that no row counts what is not its own, and events are still either published or withheld (DESIGN.md 4.2).
    A row has k hits and visitors at least, and `step` divides k: none falls below it.
    """
    if step == 1:
        return site
    out = replace(site, released=[], counts={name: dict(counts) for name, counts in site.counts.items()})
    lost: dict[tuple[str, str], int] = {}
    for one in site.released:
        made = _rounded(one, step)
        out.released.append(made)
        taken = lost[one.table, one.date.isoformat()] = made.withheld - one.withheld
        out.counts[one.table]["published"] -= taken
        out.counts[one.table]["withheld"] += taken
    out.periods = [
        {**period, "withheld": _whole(period["withheld"]) + lost.get((str(period["table"]), str(period["date"])), 0)}
        for period in site.periods
    ]
    return out


def _rounded(one: Released, step: int) -> Released:
    columns = {name: _down(one.rows[name], step) for name in one.rows.column_names}
    before, after = (sum(column.to_pylist()) for column in (one.rows["hits"], columns["hits"]))
    return replace(one, rows=pa.table(columns), withheld=one.withheld + before - after)


def _down(column: pa.ChunkedArray, step: int) -> pa.ChunkedArray | pa.Array:
    if column.type != pa.int64():
        return column
    return pa.array([value - value % step for value in column.to_pylist()], pa.int64())


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} where a whole number belongs")
    return value
