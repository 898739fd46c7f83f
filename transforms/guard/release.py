"""Release: what one site publishes of one run. The only code that makes `Released`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.load import Table, Trends
from schemas.policy import Site
from schemas.stages import Accounts, Released
from transforms import partials
from transforms.guard.crowd import Crowd, Share
from transforms.guard.generalise import Cells, Climb, generalise
from transforms.memory import give_back
from transforms.packed import Packed, Rows, cells_of
from transforms.partials import KEYS, PERIOD
from transforms.periods import classify, first_day, missing_side, span
from transforms.tally import measures_of

EXACT = 1_048_576  # `visitors` above this is rounded to two significant digits (PRIVACY.md 4.6)
EPOCH = dt.date(1970, 1, 1)
STATES = ("published_before", "open", "partial", "eligible")
NONE = "(none)"


@dataclass(frozen=True)
class Calendar:
    """What decides whether a period may be published now.

    now: seconds since the epoch; first, last: extreme event times of files that are known and not read again;
    published: days since 1970-01-01 that a publication of any grain covers, by (site, table);
    whole: publish partial periods too (--partial); everything: open ones as well (--preview).
    """

    now: int
    published: Mapping[tuple[str, str], frozenset[int]]
    first: int | None = None
    last: int | None = None
    whole: bool = False
    everything: bool = False

    def extremes(self, accounts: Accounts) -> dict[str, int | None]:
        """First and last event of the whole input."""
        times = [t for edges in accounts.edges.values() for t in edges]
        times += [t for t in (self.first, self.last) if t is not None]
        return {"first": min(times, default=None), "last": max(times, default=None)}

    def chosen(self, state: str) -> bool:
        """Whether a period in this state is published."""
        return (
            state == "eligible"
            or (state == "partial" and self.whole)
            or (state in ("open", "partial") and self.everything)
        )


@dataclass
class SiteRelease:
    """All that one site publishes, and the exact counts behind it, which stay in the house.

    counts: events by table and state, with `published` and `withheld`; periods: one record for each that was decided;
    missing: by date, on which side of a partial period the input ends too early.
    """

    site: str
    released: list[Released] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    periods: list[dict[str, object]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


class SiteGuard:
    """Guards one site: every row of every table stands for at least k neighbourhoods."""

    def __init__(self, site: Site, trends: Trends, calendar: Calendar, k: int) -> None:
        self.site, self.trends, self.calendar, self.k = site, trends, calendar, k

    def release(self, shares: Sequence[Packed], accounts: Accounts) -> SiteRelease:
        """From the tallies of the site, one for each share of the neighbourhoods, and the accounts of the run."""
        out = SiteRelease(self.site.name)
        days = [day for _, name, day in accounts.days if name == self.site.name]
        for number, table in enumerate(self.trends.tables):
            out.counts[table.name] = dict.fromkeys((*STATES, "published", "withheld"), 0)
            give_back()
            tallied = Tallied(shares, number, len(measures_of(self.trends)))
            # every period of the input, also those in which nothing concerns the table: they are decided as well
            for period in sorted({int(first_day(day, self.site.grain(table.name))) for day in days}):
                self._period(out, tallied, table, period, accounts)
        return out

    def _period(self, out: SiteRelease, tallied: Tallied, table: Table, period: int, accounts: Accounts) -> None:
        grain, zone = self.site.grain(table.name), self.site.timezone
        covered = self.calendar.published.get((self.site.name, table.name), frozenset())
        before = not covered.isdisjoint(range(*span(period, grain)))
        edges = self.calendar.extremes(accounts)
        state = classify(grain, period, zone, now=self.calendar.now, published=before, **edges)
        date = EPOCH + dt.timedelta(days=period)
        if state == "partial":
            out.missing[date.isoformat()] = missing_side(grain, period, zone, **edges) or ""
        chosen = self.calendar.chosen(state)
        leaves = tallied.leaves(period)
        counts = out.counts[table.name]
        counts["eligible" if chosen else state] += tallied.hits(leaves)
        if not chosen:
            return
        decided = {
            "site": self.site.name, "table": table.name, "grain": grain, "date": date.isoformat(), "events": 0, "rows": 0,
            "withheld": 0, "generalised": 0, "cells": 0, "partial": state == "partial",
        }  # fmt: skip
        out.periods.append(decided)
        if not len(leaves):  # decided as well, for ever: nothing of this period concerns the table
            return
        released = self._released(tallied, table, date, leaves, state == "partial")
        counts["published"] += tallied.hits(leaves) - released.withheld
        counts["withheld"] += released.withheld
        out.released.append(released)
        decided |= {
            "events": tallied.hits(leaves), "rows": released.rows.num_rows, "withheld": released.withheld,
            "generalised": released.generalised, "cells": released.cells,
        }  # fmt: skip

    def _released(
        self, tallied: Tallied, table: Table, date: dt.date, leaves: NDArray[np.int64], partial: bool
    ) -> Released:
        cells = tallied.leaf_cells(leaves, len(table.keys))
        climb = generalise(table, cells, self.k, self.site)
        kept = sum(
            len(row.leaves) for row in climb.rows if len(row.leaves) == 1 and row.label == cells.labels[row.leaves[0]]
        )
        return Released(
            table=table.name,
            site=self.site.name,
            grain=self.site.grain(table.name),
            date=date,
            rows=as_table(table, climb, measures_of(self.trends)),
            withheld=climb.hits(climb.withheld),
            generalised=len(leaves) - kept - len(climb.withheld),
            cells=len(leaves),
            partial=partial,
        )


class Tallied:
    """All that was tallied for one table of a site, ready to be cut by period. One table at a time bounds the memory."""

    def __init__(self, shares: Sequence[Packed], table: int, measures: int) -> None:
        opened = [(share, rows) for share in shares if (rows := share.rows(table)) is not None]
        parts = [cells_of(share, rows) for share, rows in opened] or [partials.empty(1, measures)]
        self.words, self.cells, self.measures, self.agents, cell_of = partials.unify(parts)
        self.by_period = np.argsort(self.cells[:, PERIOD], kind="stable")
        self.periods = self.cells[self.by_period, PERIOD]
        starts = np.cumsum([0, *(len(part.cells) for part in parts)]).tolist()
        self.crowd = Crowd(
            [
                self._share(*one, cell_of[start:stop])
                for one, (start, stop) in zip(opened, pairwise(starts), strict=False)
            ]
        )

    def _share(self, share: Packed, rows: Rows, cell_of: NDArray[np.int32]) -> Share:
        """The networks of one share, by the places that its cells have here."""
        row = np.full(len(self.cells), -1, np.int32)
        row[cell_of] = np.arange(len(cell_of), dtype=np.int32)
        return Share(row, rows.offsets, rows.seen.astype(np.int32), share.neighbourhood)

    def leaves(self, period: int) -> NDArray[np.int64]:
        """Positions of the cells of a period."""
        start, stop = np.searchsorted(self.periods, (period, period + 1))
        return self.by_period[start:stop]

    def hits(self, leaves: NDArray[np.int64]) -> int:
        return int(self.measures[leaves, 0].sum())

    def leaf_cells(self, leaves: NDArray[np.int64], keys: int) -> Cells:
        """The cells with their labels, and who stands behind them."""
        words = [*self.words.to_pylist(), NONE]  # code -1: the log has no such value
        codes = self.cells[leaves, KEYS : KEYS + keys]
        labels = [tuple(words[code] for code in row) for row in codes.tolist()]
        return Cells(labels, self.measures[leaves], self.agents[leaves], self.crowd, leaves)


def as_table(table: Table, climb: Climb, measures: tuple[str, ...]) -> pa.Table:
    """The rows as they are published: keys (string), hits, visitors, further measures (int64); sorted by keys."""
    rows = sorted(climb.rows, key=lambda row: row.label)
    columns: dict[str, pa.Array] = {
        name: pa.array([row.label[i] for row in rows], pa.string()) for i, name in enumerate(table.key_names)
    }
    sums = [climb.cells.measures[row.leaves].sum(0) for row in rows]
    columns["hits"] = pa.array([int(one[0]) for one in sums], pa.int64())
    columns["visitors"] = pa.array([published_count(n) for n in climb.visitors(rows)], pa.int64())
    for name in table.measures:
        columns[name] = pa.array([int(one[measures.index(name)]) for one in sums], pa.int64())
    return pa.table(columns)


def published_count(visitors: int) -> int:
    """`visitors` as published: exact up to 1,048,576, above that rounded to two significant digits."""
    return visitors if visitors <= EXACT else round(visitors, 2 - len(str(visitors)))
