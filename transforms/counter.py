"""Counter: what a worker has counted of its chunks and holds, until it is said by site and share of the neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.policy import Site
from schemas.stages import PseudonymousEvents
from schemas.table import Table, Trends
from transforms import partials
from transforms.distinct import codes_of
from transforms.kernels.bins import arrange
from transforms.kernels.cells import Cells
from transforms.kernels.group import NO_VALUE, Tokens, order_by
from transforms.kernels.lists import collect
from transforms.partials import AGENTS, KEYS, SITE, TABLE, Partial
from transforms.periods import first_day
from transforms.rows import Behind, Chosen, Rows, Vocabulary

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]


def measures_of(trends: Trends) -> tuple[str, ...]:
    """hits, and every further measure that some table declares."""
    return ("hits", *sorted({name for table in trends.tables for name in table.measures}))


def keys_of(trends: Trends) -> int:
    """How many keys the widest table has."""
    return max(len(table.keys) for table in trends.tables)


class Counter:
    """Counts chunks, whose words only ever grow, until it is asked for its Partials.

    Of an event it holds the cell in each table and the network, by number, and says who was seen in a cell once for all
    chunks: to say it for each of them and to unite that costs more. `size` is how many such pairs there are.
    """

    def __init__(self, sites: Sequence[Site], trends: Trends, shares: int) -> None:
        self.sites, self.shares, self.bins, self.size = sites, shares, len(sites) * shares, 0
        self._vocabulary, self._networks = Vocabulary(), Tokens()
        self._share = np.zeros(0, np.int32)  # of each network
        self._home = np.zeros(0, np.int32)  # site * shares + share of each network, -1 without an event
        self._places = Cells(2, 0, 0)  # (site, first day of a period)
        self._tables = [Counted(number, table, trends) for number, table in enumerate(trends.tables)]
        self._grains = {table.name: tuple(site.grain(table.name) for site in sites) for table in trends.tables}

    def count(self, events: PseudonymousEvents) -> None:
        """Count a chunk for all tables; its accounts are told which events do not concern a table, and which count again."""
        accounts = events.accounts
        self._vocabulary.take(events.batch)
        rows = self._rows(events.batch)
        for one in self._tables:
            table, its_rows, chosen = one.table, rows, rows.chosen(one.table)
            accounts.not_applicable[table.name] += rows.size - chosen.size
            if table.each:
                before = chosen.size
                its_rows, chosen = rows.spread(table.each, chosen)
                accounts.repeated[table.name] += chosen.size - before
            if chosen.size:
                one.count(its_rows, chosen, self._place(table, its_rows))
                self.size += chosen.size

    def _rows(self, batch: pa.RecordBatch) -> Rows:
        """The rows of a chunk in the order of their bins; those without a network stand behind all bins."""
        numbers = self._networks.number(partials.as_wide(batch["network"].dictionary))
        known, tokens = len(self._home), self._networks.tokens
        self._home = np.append(self._home, np.full(len(tokens) - known, -1, np.int32))
        self._share = np.append(self._share, (tokens[known:, 0] % np.uint64(self.shares)).astype(np.int32))
        events = codes_of(batch["network"]), numbers, codes_of(batch["site"])
        order, network, bounds = arrange(*events, self._share, self.shares, self._home, self.bins)
        return Rows(batch, self._vocabulary, order, Behind(network, bounds))

    def _place(self, table: Table, rows: Rows) -> str:
        """The column with the place of each event: its site and the first day of its period, by the grain there."""
        grains = self._grains[table.name]
        name = f"place by {' '.join(grains)}"
        if not rows.has(name):
            period, site = rows.column("day"), rows.column("site")
            for grain in {*grains} - {"day"}:
                here = np.array([g == grain for g in grains])[site]
                period = np.where(here, first_day(period, grain), period)
            rows.put(f"period of {name}", period)
            which = rows.which(["site", f"period of {name}"])
            rows.put(name, self._places.add(rows.every, rows.matrix, which, rows.numbers(()), rows.marks(())))
        return name

    def parts(self) -> Iterator[tuple[int, int, Partial]]:
        """(site number, share, Partial) of all that was counted. A neighbourhood is in one share only.

        Counts of distinct networks and neighbourhoods so add up over shares. The measures and agents of a cell stand in the
        first share in which it occurs.
        """
        place, bounds = order_by(np.where(self._home < 0, np.int32(self.bins), self._home), self.bins + 1)
        rank = np.empty(len(place), np.int32)  # of a network among those of its bin
        rank[place] = np.arange(len(place), dtype=np.int32)
        rank -= bounds[self._home].astype(np.int32)
        for site in range(len(self.sites)):
            tables = [found for one in self._tables if len((found := one.of_site(site, self._places.cells)).cells)]
            for share in range(self.shares) if tables else ():
                bin_ = site * self.shares + share
                networks = self._networks.tokens[place[bounds[bin_] : bounds[bin_ + 1]]]
                ranks: dict[tuple[int, ...], Codes] = {}
                pieces = [one.piece(bin_, rank, len(networks), ranks, share + 1 == self.shares) for one in tables]
                cells, sums, agents, counts, seen, hits = map(np.concatenate, zip(*pieces, strict=True))
                if len(cells):
                    offsets = np.append(0, np.cumsum(counts)).astype(np.int32)
                    whole = Partial(self._vocabulary.words, cells, sums, agents, networks, offsets, seen, hits)
                    yield site, share, partials.compact_words(whole)


class Counted:
    """What is held of one table: its cells, and for each chunk the cell of each chosen event and who is behind it."""

    def __init__(self, number: int, table: Table, trends: Trends) -> None:
        self.number, self.table = number, table
        self.measures, self.width = measures_of(trends), keys_of(trends)
        self.cells = Cells(1 + len(table.keys), len(table.measures), AGENTS if table.free else 0)
        self.held: list[tuple[NDArray[np.unsignedinteger], Behind]] = []

    def count(self, rows: Rows, chosen: Chosen, place: str) -> None:
        """Count the chosen events of a chunk."""
        which = rows.which([place, *(key.column for key in self.table.keys)])
        marks = rows.marks(("agent_mark",) if self.table.free else ())
        ids = self.cells.add(chosen.rows, rows.matrix, which, rows.numbers(self.table.measures), marks)
        self.held.append((partials.small(ids), chosen.behind))

    def of_site(self, site: int, places: Codes) -> OfSite:
        """What is held of one site; places int32 [any, 2] are sites and periods by number."""
        place = places[self.cells.cells[:, 0]]
        mine = np.flatnonzero(place[:, 0] == site)
        cells = np.full((len(mine), KEYS + self.width), -1, np.int32)
        cells[:, TABLE], cells[:, SITE:KEYS] = self.number, place[mine]
        cells[:, KEYS : KEYS + len(self.table.keys)] = self.cells.cells[mine, 1:]
        sums = np.zeros((len(mine), len(self.measures)), np.int64)
        sums[:, [self.measures.index(name) for name in ("hits", *self.table.measures)]] = self.cells.sums[mine]
        agents = self.cells.agents[mine] if self.table.free else partials.no_agents(len(mine))
        return OfSite(cells, sums, agents, self._places(mine), self.held)

    def _places(self, mine: Ints) -> Codes | None:
        """int32, the place of each cell among some of them; None where these are all."""
        if len(mine) == self.cells.count:
            return None
        place = np.full(self.cells.count, -1, np.int32)
        place[mine] = np.arange(len(mine), dtype=np.int32)
        return place


@dataclass
class OfSite:
    """The cells of one table and site as a Partial has them, and what is held of the table; `place`: of its cells among these."""

    cells: Codes
    sums: Ints
    agents: NDArray[np.uint64]
    place: Codes | None
    held: Sequence[tuple[NDArray[np.unsignedinteger], Behind]]

    def __post_init__(self) -> None:
        self._said = np.zeros(len(self.cells), bool)  # cells whose measures stand in an earlier share

    def piece(
        self, bin_: int, rank: Codes, networks: int, ranks: dict[tuple[int, ...], Codes], is_last: bool
    ) -> tuple[Codes, Ints, NDArray[np.uint64], Codes, Codes, NDArray[np.signedinteger]]:
        """Cells that occur in one share, sums, agents, how many networks were seen in each, which, and how often.

        `ranks` remembers those of the events that several tables chose. What no network was seen in stands in the last share.
        """
        cell = np.concatenate([ids[behind.of(bin_)] for ids, behind in self.held]).astype(np.int32, copy=False)
        key = tuple(id(behind) for _, behind in self.held)
        if key not in ranks:
            ranks[key] = rank[np.concatenate([behind.networks[behind.of(bin_)] for _, behind in self.held])]
        if self.place is not None:
            cell = self.place[cell]
        offsets, seen, hits = collect(cell, ranks[key], len(self.cells), networks)
        counts = np.diff(offsets)
        first = ~self._said & (counts > 0 if not is_last else True)
        self._said |= first
        some = np.flatnonzero(first | (counts > 0))
        home = first[some, None]
        agents = np.where(home, self.agents[some], np.uint64(NO_VALUE))
        return self.cells[some], self.sums[some] * home, agents, counts[some], seen, hits
