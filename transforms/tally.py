"""Tally: pseudonymous events in, sealed partial tallies out; from here on there are only crowds to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.load import Table, Trends
from schemas.policy import Policy
from schemas.stages import Accounts, PseudonymousEvents, Sealed
from transforms import accounts as accounting
from transforms import partials
from transforms.distinct import codes_of
from transforms.kernels.group import keep_least, sum_by
from transforms.kernels.lists import collect
from transforms.keys import KeyReference, Seal
from transforms.partials import Partial
from transforms.periods import first_day
from transforms.sealed import seal_accounts, seal_partial

Codes = NDArray[np.int32]
HELD_PAIRS = 1_000_000  # pairs of (cell, network) that a worker holds before it adds them up and lets them go


def measures_of(trends: Trends) -> tuple[str, ...]:
    """hits, and every further measure that some table declares."""
    return ("hits", *sorted({name for table in trends.tables for name in table.measures}))


def keys_of(trends: Trends) -> int:
    """How many keys the widest table has."""
    return max(len(table.keys) for table in trends.tables)


class Tally:
    """A step of the fused stage: adds up one Range, then yields `Sealed` by (site, share of the neighbourhoods).

    Numbers are `site * shares + share`; the accounts go under the number behind all sites.
    """

    def __init__(self, policy: Policy, trends: Trends, shares: int, key: KeyReference) -> None:
        self.sites, self.trends, self.shares, self.key = policy.all_sites, trends, shares, key

    def __call__(self, chunks: Iterator[PseudonymousEvents]) -> Iterator[Sealed]:
        seal, counter, total = Seal(self.key.fetch()), Counter(self.sites, self.trends), Accounts()
        held: list[Partial] = []
        for events in chunks:
            held.append(counter.count(events))
            accounting.add(total, events.accounts)
            if sum(len(part.seen) for part in held) > HELD_PAIRS:
                yield from self._sealed(held, seal)
                held = []
        if held:
            yield from self._sealed(held, seal)
        yield Sealed(len(self.sites) * self.shares, seal_accounts(seal, total))

    def _sealed(self, held: list[Partial], seal: Seal) -> Iterator[Sealed]:
        """What was held, added up and sealed by site and share."""
        for site, share, part in partials.split(partials.merge(held, same_words=True), self.shares):
            yield Sealed(site * self.shares + share, seal_partial(seal, part))


class Counter:
    """Counts chunks into Partials whose `words` only ever grow."""

    def __init__(self, sites: tuple[Any, ...], trends: Trends) -> None:
        self.sites, self.trends = sites, trends
        self.measures, self.width = measures_of(trends), keys_of(trends)

    def count(self, events: PseudonymousEvents) -> Partial:
        """All tables of one chunk as one Partial."""
        batch = events.batch
        rows = Rows(batch)
        parts = [self._table(number, table, rows, events.accounts) for number, table in enumerate(self.trends.tables)]
        cells, measures, agents, offsets, seen, hits = zip(*parts, strict=True)
        counts = np.concatenate([np.diff(one) for one in offsets])
        return Partial(
            rows.words,
            np.concatenate(cells),
            np.concatenate(measures),
            np.concatenate(agents),
            rows.networks,
            np.append(0, np.cumsum(counts)).astype(np.int32),
            partials.small(np.concatenate(seen)),
            partials.small(np.concatenate(hits)),
        )

    def _table(self, number: int, table: Table, rows: Rows, accounts: Accounts) -> tuple[Any, ...]:
        """Cells, measures, agents, offsets, seen and hits of one table, as in Partial."""
        chosen = rows.chosen(table)
        accounts.not_applicable[table.name] += rows.size - chosen.size
        each = {}
        if table.each:
            before = chosen.size
            chosen, each[table.each] = rows.spread(table.each, chosen)
            accounts.repeated[table.name] += chosen.size - before
        site = rows.codes("site")[chosen]
        period = self._periods(table, site, rows.numbers("day")[chosen])
        keys = [each[key.column] if key.column in each else rows.codes(key.column)[chosen] for key in table.keys]
        cell_of, first = partials.number((site, period, *keys))
        filler = [np.full(len(first), -1, np.int32)] * (self.width - len(keys))
        place = np.full(len(first), number, np.int32)
        cells = np.stack([place, site[first], period[first], *(key[first] for key in keys), *filler], 1)
        sums = [np.bincount(cell_of, minlength=len(first)).astype(np.int64)]
        for name in self.measures[1:]:
            wanted = name in table.measures
            sums.append(
                sum_by(cell_of, len(first), rows.numbers(name)[chosen]) if wanted else np.zeros(len(first), np.int64)
            )
        agents = partials.no_agents(len(first))
        if table.free:
            keep_least(agents, cell_of, rows.numbers("agent_mark")[chosen][:, None])
        lists = collect(cell_of, rows.network[chosen], len(first), len(rows.networks))
        return cells, np.stack(sums, 1), agents, *lists

    def _periods(self, table: Table, site: Codes, day: Codes) -> Codes:
        """First day of the period of each event, by the grain that its site has for the table."""
        grains = [one.grain(table.name) for one in self.sites]
        if set(grains) == {"day"}:
            return day
        period = day.copy()
        for grain in ("week", "month"):
            here = np.array([g == grain for g in grains])[site]
            period[here] = first_day(day[here], grain)
        return period


class Rows:
    """One chunk as numpy columns: codes of one list of words, numbers of networks."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch, self.size = batch, batch.num_rows
        # every key column has the longest word list of the worker, or its beginning: Anonymise only ever appends to it
        self.words: pa.StringArray = max((batch[name].dictionary for name in word_columns(batch)), key=len)
        wide = partials.as_wide(batch["network"].dictionary)
        ids, first = partials.number_wide(wide)
        self.networks = wide[first]
        self.network = np.append(ids, np.int32(-1))[codes_of(batch["network"])]
        self._columns: dict[str, NDArray[Any]] = {}
        self._chosen: dict[Any, NDArray[np.int64]] = {}

    def codes(self, name: str) -> Codes:
        """int32 [rows] codes of a key column, -1 for null."""
        if name not in self._columns:
            self._columns[name] = codes_of(self.batch[name])
        return self._columns[name]

    def spread(self, name: str, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], Codes]:
        """Positions of events, each as often as its list has words, and the codes of these."""
        lists = self.batch[name]
        ends = lists.offsets.to_numpy().astype(np.int64)
        counts = ends[chosen + 1] - ends[chosen]
        first = np.repeat(ends[chosen] - (np.cumsum(counts) - counts), counts)
        codes = lists.values.indices.to_numpy()[first + np.arange(counts.sum())]
        return np.repeat(chosen, counts), codes.astype(np.int32)

    def numbers(self, name: str) -> NDArray[Any]:
        """[rows] of a column of integers."""
        if name not in self._columns:
            self._columns[name] = self.batch[name].to_numpy()
        return self._columns[name]

    def _is_there(self, name: str) -> NDArray[np.bool_]:
        """bool [rows]: whether an event has a value, or a list that is not empty."""
        if pa.types.is_list(self.batch[name].type):
            valid: NDArray[np.bool_] = self.batch[name].is_valid().to_numpy(zero_copy_only=False)
            return valid
        return self.codes(name) >= 0

    def chosen(self, table: Table) -> NDArray[np.int64]:
        """Positions of the events that concern a table."""
        wanted = dict(table.only)
        if table.humans:
            wanted["agent_class"] = ("human",)
        key = (tuple(sorted(wanted.items())), table.present)
        if key not in self._chosen:
            keep = np.ones(self.size, bool)
            for column, values in wanted.items():
                wanted_words = pc.is_in(self.batch[column].dictionary, pa.array(values)).to_numpy(zero_copy_only=False)
                keep &= np.append(wanted_words, False)[self.codes(column)]
            for column in table.present:
                keep &= self._is_there(column)
            self._chosen[key] = np.flatnonzero(keep)
        return self._chosen[key]


def word_columns(batch: pa.RecordBatch) -> list[str]:
    """Columns that hold codes of the worker's words."""
    return [f.name for f in batch.schema if f.name != "site" and f.type == pa.dictionary(pa.int32(), pa.string())]
