"""Cells of one table, counted over many chunks: compiled where numba is there, in plain Python where not."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled
from transforms.kernels.group import NO_VALUE, keep_least, usable

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Marks = NDArray[np.uint64]


@cache
def _factors(count: int) -> Marks:
    """Secret odd numbers: they decide where cells lie in a table, never a result."""
    return np.array([secrets.randbits(64) | 1 for _ in range(count)], np.uint64)


class Cells:
    """Cells, by number in the order in which they come.

    cells: int32 [count, width], what a cell is; sums: int64 [count, 1 + measures], hits and measures; agents: uint64
    [count, kept], the least distinct marks, ascending and filled up with NO_VALUE.
    """

    def __init__(self, width: int, measures: int, kept: int) -> None:
        self.count, self.width, self._room, self._pairs = 0, width, 256, -(-width // 2)
        self._held = np.empty((self._room, self._pairs), np.uint64)
        self._sums = np.zeros((self._room, 1 + measures), np.int64)
        self._agents = np.full((self._room, kept), NO_VALUE, np.uint64)
        self._table = np.full(4 * self._room, -1, np.int32)
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def cells(self) -> Int32:
        if not compiled():
            return np.array(list(self._known), np.int32).reshape(-1, self.width)
        return self._held[: self.count].view(np.int32)[:, : self.width]

    @property
    def sums(self) -> Int64:
        return self._sums[: self.count]

    @property
    def agents(self) -> Marks:
        return self._agents[: self.count]

    def add(self, rows: Int32, columns: Int32, which: Sequence[int], values: Int64, marks: Marks) -> Int32:
        """Count rows; int32 [n], the cell of each.

        rows int32 [n] are positions in the columns; a cell is what stands in columns[which] (int32 [any, R]); values
        int64 [measures, R]; marks uint64 [R], looked at where any are kept.
        """
        ids = np.empty(rows.size, np.int32)
        if not compiled():
            self._add_plainly(rows, columns[list(which)], values, marks, ids)
            return ids
        from transforms.kernels import cell_counts

        named = np.resize(np.array(which, np.int64), max(4, 2 * self._pairs))  # filled up with the first ones again
        given = usable(rows, np.int32), columns, named, values, marks, _factors(max(2, self._pairs))
        row = 0
        while True:
            held = self._table, self._held, self._sums, self._agents
            row, self.count = cell_counts.count(*given, *held, ids, row, self.count)
            if row == rows.size:
                return ids
            self._grow()
            cell_counts.place(self._held, _factors(max(2, self._pairs)), self._table, self.count)

    def _add_plainly(self, rows: Int32, columns: Int32, values: Int64, marks: Marks, ids: Int32) -> None:
        for i, r in enumerate(rows.tolist()):
            cell = tuple(columns[:, r].tolist())
            c = ids[i] = self._known.setdefault(cell, len(self._known))
            while len(self._known) > self._room:
                self._grow()
            self._sums[c] += (1, *values[:, r].tolist())
        self.count = len(self._known)
        if self._agents.shape[1]:
            keep_least(self._agents, ids, marks[rows][:, None])

    def _grow(self) -> None:
        """Twice the room, and an empty table for it."""
        more = self._room
        self._held, self._sums, self._agents = (
            np.concatenate([held, np.full((more, held.shape[1]), filler, held.dtype)])
            for held, filler in ((self._held, 0), (self._sums, 0), (self._agents, NO_VALUE))
        )
        self._room += more
        self._table = np.full(4 * self._room, -1, np.int32)
