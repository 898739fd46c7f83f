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


@part
def _pair(left: np.int32, right: np.int32) -> np.uint64:
    return U(np.uint32(left)) | (U(np.uint32(right)) << _SHIFT)


@kernel
def count(
    rows: Int32, columns: Int32, which: Int64, values: Int64, marks: Words, factors: Words, table: Int32,
    held: Words, sums: Int64, agents: Words, ids: Int32, row: int, known: int,
) -> tuple[int, int]:  # fmt: skip
    """`Cells.count` from `row` on. Returns (row, known): where there is no room for one more cell, or how many rows there are.

    held uint64 [room, pairs] has the cells, two columns in one word; `which` names at least four. The table (int32, -1 for
    none; a power of two of slots) has more slots than there is room for cells.
    """
    mask, pairs, kept = U(table.size - 1), held.shape[1], agents.shape[1]
    a, b, c, d = columns[which[0]], columns[which[1]], columns[which[2]], columns[which[3]]
    for i in range(row, rows.size):
        r = rows[i]
        first, second = _pair(a[r], b[r]), U(0)
        h = first * factors[0]
        if pairs > 1:  # no loop over pairs: few tables have more than two, and it costs as much as the rest
            second = _pair(c[r], d[r])
            h += second * factors[1]
            for p in range(2, pairs):
                h += _pair(columns[which[2 * p], r], columns[which[2 * p + 1], r]) * factors[p]
        slot = _mixed(h) & mask
        cell = table[slot]
        while cell >= 0:
            if held[cell, 0] == first and (pairs == 1 or held[cell, 1] == second):
                p = 2
                while p < pairs and held[cell, p] == _pair(columns[which[2 * p], r], columns[which[2 * p + 1], r]):
                    p += 1
                if p >= pairs:
                    break
            slot = (slot + U(1)) & mask
            cell = table[slot]
        if cell < 0:
            if known == held.shape[0]:
                return i, known
            cell = known
            table[slot] = cell
            for p in range(pairs):
                held[cell, p] = _pair(columns[which[2 * p], r], columns[which[2 * p + 1], r])
            known += 1
        ids[i] = cell
        sums[cell, 0] += 1
        for m in range(values.shape[0]):
            sums[cell, m + 1] += values[m, r]
        if kept and marks[r] < agents[cell, kept - 1]:
            _insert(agents, cell, marks[r])
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
def place(held: Words, factors: Words, table: Int32, known: int) -> None:
    """Fill an empty table with the cells so far."""
    mask = U(table.size - 1)
    for cell in range(known):
        h = U(0)
        for p in range(held.shape[1]):
            h += held[cell, p] * factors[p]
        slot = _mixed(h) & mask
        while table[slot] >= 0:
            slot = (slot + U(1)) & mask
        table[slot] = cell


@kernel
def arrange(
    codes: Int32, numbers: Int32, site: Int32, share: Int32, shares: int, home: Int32, network: Int32, at: Int64,
    order: Int32, ordered: Int32,
) -> bool:  # fmt: skip
    """`bins.arrange`: a counting sort. `at` int64[bins + 2], all 0, has the ends of the bins afterwards; False for two sites."""
    nowhere = at.size - 2
    for r in range(codes.size):
        if codes[r] < 0:
            network[r] = -1
            at[nowhere + 1] += 1
            continue
        n = numbers[codes[r]]
        b = site[r] * shares + share[n]
        if home[n] != b:
            if home[n] >= 0:
                return False
            home[n] = b
        network[r] = n
        at[b + 1] += 1
    for b in range(1, at.size):
        at[b] += at[b - 1]
    for r in range(codes.size):
        n = network[r]
        b = home[n] if n >= 0 else nowhere
        order[at[b]], ordered[at[b]] = r, n
        at[b] += 1
    return True
