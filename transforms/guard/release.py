"""Release: what one site publishes of one run. The only code that makes `Released`."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from schemas.policy import Site
from schemas.stages import Accounts, Released
from schemas.table import Table, Trends
from schemas.tables import GRAINS
from transforms.counter import measures_of
from transforms.guard.closure import Closure
from transforms.guard.crowd import Groups
from transforms.guard.diversity import diversify
from transforms.guard.generalise import Climb, generalise
from transforms.guard.hierarchies import OTHER
from transforms.guard.tallied import Tallied, Tallies
from transforms.guard.terms import Terms
from transforms.packed import Packed
from transforms.periods import as_date, as_day, classify, first_day, missing_side, span

EXACT = 1_048_576  # `visitors` above this is rounded to two significant digits (PRIVACY.md 4.6)
STATES = ("published_before", "open", "partial", "eligible")
States = Mapping[tuple[str, int], str]  # by table and first day of the period
Compared = dict[tuple[str, int], dict[str, Climb]]  # by grain and period: tables by name


@dataclass
class SiteRelease:
    """All that one site publishes, and the exact counts behind it, which stay in the house.

    counts: events by table and state, with `published` and `withheld`; periods: one record for each that was decided;
    missing: by date, on which side of a partial period the input ends too early; profile: for whom;
    sealed: what waits for its noise.
    """

    site: str
    released: list[Released] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    periods: list[dict[str, object]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    profile: str = "internal"
    sealed: bytes = b""


@dataclass
class Draft:
    """One table's period that is to be published: its rows, and what run.json says of it."""

    table: Table
    date: dt.date
    climb: Climb
    decided: dict[str, object]


class SiteGuard:
    """Guards one site: every row of every table stands for k neighbourhoods, and so does what can be had by subtraction."""

    def __init__(self, site: Site, tallied: Trends, terms: Terms) -> None:
        self.site, self.tallied, self.profile = site, tallied, terms.profile
        self.trends, self.calendar, self.k = terms.trends, terms.calendar, terms.k
        self.grains = {table.name: site.grain(table.name) for table in self.trends.tables}
        self.closure = Closure(self.trends.tables, self.grains, self.k)

    def release(self, shares: Sequence[Packed], accounts: Accounts) -> SiteRelease:
        """From the tallies of the site, one for each share of the neighbourhoods, and the accounts of the run.

        The tallies may have more tables than are published here, for other profiles; they stay as they are.
        """
        out, states = self._begin(accounts)
        compared: Compared = defaultdict(dict)
        opened: list[Draft] = []
        tallies = Tallies(shares, self.tallied)
        for table in self.closure.order:
            if table.name not in self.closure.opened and opened:
                self._close(out, compared, opened)
            self._guard(out, tallies.of(table), table, states, compared, opened)
        self._close(out, compared, opened)
        names = [table.name for table in self.trends.tables]
        out.released.sort(key=lambda one: (names.index(one.table), one.date))
        out.periods.sort(key=lambda one: (names.index(str(one["table"])), one["date"]))
        return out

    def _guard(
        self, out: SiteRelease, tallied: Tallied, table: Table, states: States, compared: Compared, opened: list[Draft]
    ) -> None:
        """All periods of a table, which is let go of behind them, unless it stays open to be compared."""
        for period in self._periods(table, states):
            others = compared[self.grains[table.name], period]
            if (draft := self._draft(out, tallied, table, period, states, others)) is None:
                continue
            if table.name in self.closure.opened:
                opened.append(draft)
            else:
                self.closure.total(draft.climb, others)
                self._release(out, draft, compared)

    def _begin(self, accounts: Accounts) -> tuple[SiteRelease, States]:
        """A release of which nothing is counted yet, and the states of all periods."""
        out = SiteRelease(self.site.name, profile=self.profile)
        out.counts = {table.name: dict.fromkeys((*STATES, "published", "withheld"), 0) for table in self.trends.tables}
        days = [day for _, name, day in accounts.days if name == self.site.name]
        return out, self._states(days, accounts, out)

    def _periods(self, table: Table, states: States) -> list[int]:
        """First days of every period of the input, also of those in which nothing concerns the table: they are decided too."""
        return sorted(period for name, period in states if name == table.name)

    def _states(self, days: Sequence[int], accounts: Accounts, out: SiteRelease) -> States:
        """Whether each period of each table is published now, by table and first day; notes which logs are missing."""
        edges = self.calendar.extremes(accounts)
        zone, states = self.site.timezone, {}
        for name, grain in self.grains.items():
            covered = self.calendar.published.get((self.site.name, name), frozenset())
            for period in sorted({int(first_day(day, grain)) for day in days}):
                before = not covered.isdisjoint(range(*span(period, grain)))
                state = classify(grain, period, zone, now=self.calendar.now, published=before, **edges)
                if state == "partial":
                    out.missing[as_date(period).isoformat()] = missing_side(grain, period, zone, **edges) or ""
                states[name, period] = state
        return states

    def _draft(
        self, out: SiteRelease, tallied: Tallied, table: Table, period: int, states: States, others: dict[str, Climb]
    ) -> Draft | None:
        """The rows of a table's period; None where there is nothing to publish. `others` are those that it is compared with."""
        leaves = tallied.leaves(period)
        decided = self._decided(out, table, period, states[table.name, period], tallied.hits(leaves))
        chosen = decided is not None
        # what is published already is compared too, as it was: but only where there is something to compare it with
        asked = chosen or (table.name in self.closure.opened and self._is_asked(table.name, period, states))
        if not len(leaves) or not asked:  # decided as well, for ever: nothing of this period concerns the table
            return None
        cells = tallied.leaf_cells(leaves)
        climb = generalise(table, cells, self.k, self.site, self.closure.start(table, cells.labels, others))
        climb.is_published = not chosen
        now = tallied.hits(leaves), len(climb.rows)  # late lines are not in what was published
        climb.has_changed = not chosen and self.calendar.decided.get((self.site.name, table.name, period)) != now
        if table.name in self.closure.opened:
            others[table.name] = climb
        return None if decided is None else Draft(table, as_date(period), climb, decided)

    def _decided(
        self, out: SiteRelease, table: Table, period: int, state: str, events: int
    ) -> dict[str, object] | None:
        """Counts the events of a period; where it is published now, its record, of which nothing is said yet."""
        chosen = self.calendar.chosen(state)
        out.counts[table.name]["eligible" if chosen else state] += events
        if not chosen:
            return None
        decided: dict[str, object] = {
            "site": self.site.name, "table": table.name, "grain": self.grains[table.name],
            "date": as_date(period).isoformat(), "events": 0, "rows": 0, "withheld": 0, "generalised": 0, "cells": 0,
            "partial": state == "partial",
        }  # fmt: skip
        out.periods.append(decided)
        return decided

    def _is_asked(self, name: str, period: int, states: States) -> bool:
        """Whether this was published before, and another table is published now of some of its days."""
        mine = range(*span(period, self.grains[name]))
        now = (span(day, self.grains[one]) for (one, day), state in states.items() if self.calendar.chosen(state))
        overlaps = any(start < mine.stop and mine.start < stop for start, stop in now)
        return states[name, period] == "published_before" and overlaps

    def _close(self, out: SiteRelease, compared: Compared, opened: list[Draft]) -> None:
        """Compare the tables that are open, and release them."""
        if opened:
            for climbs in compared.values():
                self.closure.close(climbs)
        for draft in opened:
            self._release(out, draft, compared)
        opened.clear()

    def _days_of(self, name: str, draft: Draft, compared: Compared) -> list[Climb]:
        """A table that is published by shorter periods than the drafted one: its rows within the period of that."""
        grain, mine = self.grains[name], self.grains[draft.table.name]
        if GRAINS.index(grain) >= GRAINS.index(mine):
            return []
        parts = (compared.get((grain, day), {}) for day in range(*span(as_day(draft.date), mine)))
        return [climbs[name] for climbs in parts if name in climbs]

    def _release(self, out: SiteRelease, draft: Draft, compared: Compared) -> None:
        table, climb, decided = draft.table, draft.climb, draft.decided
        for whole in self.closure.wholes:
            if days := self._days_of(whole.name, draft, compared):
                self.closure.over_spans(climb, days)
        for link in self.closure.parted:
            if link.fine == table.name and (days := self._days_of(link.coarse, draft, compared)):
                self.closure.over_spans(climb, days, link)
        diversify(climb)  # last, for rows were withheld; what it merges changes no total
        size = len(climb.cells.labels)
        single = np.array([len(row.leaves) == 1 for row in climb.rows], bool)
        same = int((climb.specific(climb.rows).all(0) & single).sum())
        released = Released(
            table=table.name,
            site=self.site.name,
            grain=self.grains[table.name],
            date=draft.date,
            rows=as_table(table, climb, measures_of(self.tallied)),
            withheld=climb.hits(climb.withheld),
            generalised=size - same - len(climb.withheld),
            cells=size,
            partial=bool(decided["partial"]),
        )
        events = climb.hits(range(size))
        out.counts[table.name]["published"] += events - released.withheld
        out.counts[table.name]["withheld"] += released.withheld
        out.released.append(released)
        decided |= {
            "events": events, "rows": released.rows.num_rows, "withheld": released.withheld,
            "generalised": released.generalised, "cells": size, "kept": kept(climb),
        }  # fmt: skip


def as_table(table: Table, climb: Climb, measures: tuple[str, ...]) -> pa.Table:
    """The rows as they are published: keys (string), hits, visitors, further measures (int64); sorted by keys."""
    rows = sorted(climb.rows, key=lambda row: row.label)
    columns: dict[str, pa.Array] = {
        name: pa.array([row.label[i] for row in rows], pa.string()) for i, name in enumerate(table.key_names)
    }
    groups = Groups.of([row.leaves for row in rows])
    found = climb.cells.measures[groups.members]
    columns["hits"] = pa.array(groups.sums(found[:, 0]))
    columns["visitors"] = pa.array([published_count(n) for n in climb.visitors(rows)], pa.int64())
    for name in table.measures:
        columns[name] = pa.array(groups.sums(found[:, measures.index(name)]))
    return pa.table(columns)


def kept(climb: Climb) -> dict[str, int]:
    """Hits by key of which the row shows the key's value in full."""
    groups, same = climb.shown(climb.rows)
    hits = climb.cells.measures[groups.members, 0]
    found = {}
    for place, (name, is_same) in enumerate(zip(climb.table.key_names, same, strict=False)):
        told = np.repeat([row.label[place] != OTHER for row in climb.rows], groups.sizes)
        found[name] = int(hits[is_same & told].sum()) if climb.rows else 0
    return found


def published_count(visitors: int) -> int:
    """`visitors` as published: exact up to 1,048,576, above that rounded to two significant digits."""
    return visitors if visitors <= EXACT else round(visitors, 2 - len(str(visitors)))
