"""Tallied: what the shares of a site have of one table, put together, ready to be cut by period."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.table import Table, Trends
from transforms import partials
from transforms.counter import measures_of
from transforms.distinct import nullable
from transforms.guard.crowd import Crowd, Share
from transforms.guard.generalise import Cells
from transforms.guard.key_column import KeyColumn
from transforms.kernels.group import group
from transforms.memory import give_back
from transforms.packed import Packed, Rows
from transforms.partials import KEYS, PERIOD

NONE = "(none)"
FREED = 16 << 20  # bytes of tables, about, that were opened since memory was given back: to give it back costs time


class Tallies:
    """All that was tallied for a site, one share of the neighbourhoods each; words are numbered once for all tables."""

    def __init__(self, shares: Sequence[Packed], tallied: Trends) -> None:
        self._shares, self._opened = shares, 0
        give_back()  # what the stages before have freed
        self._number = {table.name: at for at, table in enumerate(tallied.tables)}
        self._measures = len(measures_of(tallied))
        self.words, self._codes = partials.number_words([share.words for share in shares])

    def of(self, table: Table) -> Tallied:
        """One table. Whoever asks for the next one lets go of it before, for one at a time bounds the memory."""
        if self._opened > FREED:
            give_back()
            self._opened = 0
        number = self._number[table.name]
        opened = [
            (share, rows, codes)
            for share, codes in zip(self._shares, self._codes, strict=True)
            if (rows := share.rows(number)) is not None
        ]
        self._opened += sum(rows.seen.nbytes + rows.hits.nbytes + 4 * len(rows.seen) for _, rows, _ in opened)
        return Tallied(opened, self.words, len(table.keys), self._measures)


class Tallied:
    """One table of a site: its cells, each once, and the networks behind them by share."""

    def __init__(
        self, opened: Sequence[tuple[Packed, Rows, NDArray[np.int32]]], words: pa.StringArray, keys: int, measures: int
    ) -> None:
        self._words = words
        cells = np.concatenate(
            [np.zeros((0, 1 + keys), np.int32), *(_cells(rows, codes, keys) for _, rows, codes in opened)]
        )
        cell_of, first = partials.number(cells.T)
        self._cells = cells[first]
        self._measures, self._agents = partials.sum_up(
            cell_of,
            len(first),
            [np.zeros((0, measures), np.int64), *(rows.measures for _, rows, _ in opened)],
            [partials.no_agents(0), *(rows.agents for _, rows, _ in opened)],
        )
        self._by_period = np.argsort(self._cells[:, 0], kind="stable")
        self._periods = self._cells[self._by_period, 0]
        starts = np.cumsum([0, *(len(rows.cells) for _, rows, _ in opened)]).tolist()
        self._crowd = Crowd([
            self._share(share, rows, cell_of[start:stop])
            for (share, rows, _), (start, stop) in zip(opened, pairwise(starts), strict=True)
        ])  # fmt: skip

    def _share(self, share: Packed, rows: Rows, cell_of: NDArray[np.int32]) -> Share:
        """The networks of one share, by the places that its cells have here."""
        row = np.full(len(self._cells), -1, np.int32)
        row[cell_of] = np.arange(len(cell_of), dtype=np.int32)
        return Share(row, rows.offsets, rows.seen.astype(np.int32), share.neighbourhood, rows.hits)

    def leaves(self, period: int) -> NDArray[np.int64]:
        """Positions of the cells of a period."""
        start, stop = np.searchsorted(self._periods, (period, period + 1))
        return self._by_period[start:stop]

    def hits(self, leaves: NDArray[np.int64]) -> int:
        return int(self._measures[leaves, 0].sum())

    def leaf_cells(self, leaves: NDArray[np.int64]) -> Cells:
        """The cells with their labels, and who stands behind them."""
        keys = [self._key_column(codes) for codes in self._cells[leaves, 1:].T]
        labels = list(zip(*(key.at(slice(None)) for key in keys), strict=True)) or [()] * len(leaves)
        return Cells(labels, self._measures[leaves], self._agents[leaves], self._crowd, leaves, keys)

    def _key_column(self, codes: NDArray[np.int32]) -> KeyColumn:
        """A key of some cells; code -1: the log has no such value."""
        ids, first = group(codes.astype(np.uint64))
        used = codes[first]
        words = self._words.take(nullable(used)).to_pylist()
        return KeyColumn([NONE if word is None else word for word in words], ids)


def _cells(rows: Rows, codes: NDArray[np.int32], keys: int) -> NDArray[np.int32]:
    """int32 [C, 1 + keys] of one share: the period, and the keys by the codes of all shares."""
    cells = np.empty((len(rows.cells), 1 + keys), np.int32)
    cells[:, 0] = rows.cells[:, PERIOD]
    cells[:, 1:] = codes[rows.cells[:, KEYS : KEYS + keys]]
    return cells
