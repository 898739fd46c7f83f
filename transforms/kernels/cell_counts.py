"""The kernels behind transforms.kernels.cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import U, Words

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
_MIX, _SHIFT = U(0xBF58476D1CE4E5B9), U(32)


@part
def _mixed(h: np.uint64) -> np.uint64:
    h = (h ^ (h >> _SHIFT)) * _MIX
    return h ^ (h >> _SHIFT)


@kernel
def count(
    rows: Int32, columns: Int32, which: Int64, values: Int64, marks: Words, factors: Words, table: Int32,
    cells: Int32, sums: Int64, agents: Words, ids: Int32, row: int, known: int,
) -> tuple[int, int]:  # fmt: skip
    """`Cells.count` from `row` on. Returns (row, known): where there is no room for one more cell, or how many rows there are.

    The table (int32, -1 for none; a power of two of slots, twice as many as cells can be) has the numbers of cells alone.
    """
    mask, width, kept = U(table.size - 1), which.size, agents.shape[1]
    for i in range(row, rows.size):
        r = rows[i]
        h = U(0)
        for w in range(width):
            h += U(columns[which[w], r]) * factors[w]
        slot = _mixed(h) & mask
        c = table[slot]
        while c >= 0:
            w = 0
            while w < width and cells[c, w] == columns[which[w], r]:
                w += 1
            if w == width:
                break
            slot = (slot + U(1)) & mask
            c = table[slot]
        if c < 0:
            if known == cells.shape[0]:
                return i, known
            c = known
            table[slot] = c
            for w in range(width):
                cells[c, w] = columns[which[w], r]
            known += 1
        ids[i] = c
        sums[c, 0] += 1
        for m in range(values.shape[0]):
            sums[c, m + 1] += values[m, r]
        if kept and marks[r] < agents[c, kept - 1]:
            _insert(agents, c, marks[r])
    return rows.size, known


@part
def _insert(agents: Words, c: int, mark: np.uint64) -> None:
    """A mark that is less than the last one of a cell goes to its place, unless it stands there."""
    at = agents.shape[1] - 1
    while at > 0 and mark <= agents[c, at - 1]:
        at -= 1
    if agents[c, at] == mark:
        return
    for k in range(agents.shape[1] - 1, at, -1):
        agents[c, k] = agents[c, k - 1]
    agents[c, at] = mark


@kernel
def place(cells: Int32, factors: Words, table: Int32, known: int) -> None:
    """Fill an empty table with the cells so far."""
    mask = U(table.size - 1)
    for c in range(known):
        h = U(0)
        for w in range(factors.size):
            h += U(cells[c, w]) * factors[w]
        slot = _mixed(h) & mask
        while table[slot] >= 0:
            slot = (slot + U(1)) & mask
        table[slot] = c
