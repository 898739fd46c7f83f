"""The kernels behind transforms.kernels.group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import U, Words

_MIX, _SHIFT = U(0xBF58476D1CE4E5B9), U(32)


@part
def _slot(key: np.uint64, seed: np.uint64, mask: np.uint64) -> np.uint64:
    h = (key ^ seed) * (seed | U(1))
    h = (h ^ (h >> _SHIFT)) * _MIX
    return (h ^ (h >> _SHIFT)) & mask


@kernel
def group(
    keys: Words, seed: np.uint64, held: Words, table: NDArray[np.int32], ids: NDArray[np.int32],
    first: NDArray[np.int64], row: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Number of each key from `row` on among the distinct keys, in order of first appearance, and the row of the first.

    ids int32[n] and first int64[n] are written. Returns (row, count): the row at which the table was half full, or how
    many rows there are, and how many of `first` are used. A slot of the table (held uint64, table int32, -1 for none; a
    power of two of them) has the key beside its number, so that a probe is one look into memory.
    """
    mask = U(table.size - 1)
    for r in range(row, keys.size):
        key = keys[r]
        slot = _slot(key, seed, mask)
        while table[slot] >= 0 and held[slot] != key:
            slot = (slot + U(1)) & mask
        if table[slot] < 0:
            if 2 * (count + 1) > table.size:
                return r, count
            held[slot], table[slot] = key, count
            first[count] = r
            count += 1
        ids[r] = table[slot]
    return keys.size, count


@kernel
def regroup(
    keys: Words, seed: np.uint64, held: Words, table: NDArray[np.int32], first: NDArray[np.int64], count: int
) -> None:
    """Fill an empty table with the groups so far."""
    mask = U(table.size - 1)
    for g in range(count):
        key = keys[first[g]]
        slot = _slot(key, seed, mask)
        while table[slot] >= 0:
            slot = (slot + U(1)) & mask
        held[slot], table[slot] = key, g


@kernel
def add(
    keys: Words, seed: np.uint64, held: Words, table: NDArray[np.int32], count: int,
    ids: NDArray[np.int32], fresh: NDArray[np.int64],
) -> int:  # fmt: skip
    """Number of each key in a table that lives on, which has room; new keys are numbered from `count`.

    fresh int64[n]: the row of each new key, in the order of numbers. Returns the count afterwards.
    """
    mask = U(table.size - 1)
    before = count
    for r in range(keys.size):
        key = keys[r]
        slot = _slot(key, seed, mask)
        while table[slot] >= 0 and held[slot] != key:
            slot = (slot + U(1)) & mask
        if table[slot] < 0:
            held[slot], table[slot] = key, count
            fresh[count - before] = r
            count += 1
        ids[r] = table[slot]
    return count


@kernel
def add_tokens(
    tokens: Words, seed: np.uint64, held: Words, table: NDArray[np.int32], count: int, ids: NDArray[np.int32]
) -> int:
    """Number of each 128-bit token (uint64[n, 2]) in a table that lives on, which has room; `held` has them by number.

    Returns the count afterwards.
    """
    mask = U(table.size - 1)
    for r in range(tokens.shape[0]):
        left, right = tokens[r, 0], tokens[r, 1]
        slot = _slot(left * _MIX + right, seed, mask)
        c = table[slot]
        while c >= 0 and (held[c, 1] != right or held[c, 0] != left):
            slot = (slot + U(1)) & mask
            c = table[slot]
        if c < 0:
            c = count
            table[slot], held[c, 0], held[c, 1] = c, left, right
            count += 1
        ids[r] = c
    return count


@kernel
def place(ids: NDArray[np.int32], at: NDArray[np.int64], order: NDArray[np.int32]) -> None:
    """Counting sort: each row at the next place of its group; `at` int64[groups] starts where the groups start."""
    for r in range(ids.size):
        order[at[ids[r]]] = r
        at[ids[r]] += 1


@kernel
def sum_by(ids: NDArray[np.int32], values: NDArray[np.int64], sums: NDArray[np.int64]) -> None:
    """Add each value to the sum of its group."""
    for r in range(ids.size):
        sums[ids[r]] += values[r]


@kernel
def distinct_by(
    members: NDArray[np.int32], bounds: NDArray[np.int64], rows: NDArray[np.int32], offsets: NDArray[np.int32],
    seen: NDArray[np.int32], ids: NDArray[np.int32], last: NDArray[np.int64], counts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Distinct ids behind each group of cells, as `group.distinct_by` says: each id remembers the group that saw it last."""
    for g in range(counts.size):
        for m in range(bounds[g], bounds[g + 1]):
            row = rows[members[m]]
            if row < 0:
                continue
            for s in range(offsets[row], offsets[row + 1]):
                id_ = ids[seen[s]]
                if last[id_] != g:
                    last[id_] = g
                    counts[g] += 1


@kernel
def keep_least(into: NDArray[np.uint64], ids: NDArray[np.int32], values: NDArray[np.uint64]) -> None:
    """Insert each value into the ascending row of its group, unless it stands there or is larger than all of them."""
    width = into.shape[1]
    for r in range(ids.size):
        g = ids[r]
        for v in range(values.shape[1]):
            value = values[r, v]
            at = width
            while at > 0 and value < into[g, at - 1]:
                at -= 1
            if at == width or (at > 0 and into[g, at - 1] == value):
                continue
            for k in range(width - 1, at, -1):
                into[g, k] = into[g, k - 1]
            into[g, at] = value
