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


@part
def _empty(slots: int) -> NDArray[np.int32]:
    table = np.empty(slots, np.int32)
    for slot in range(slots):
        table[slot] = -1
    return table


@kernel
def group(keys: Words, seed: np.uint64, ids: NDArray[np.int32], first: NDArray[np.int64]) -> int:
    """Number of each key among the distinct keys, in order of first appearance, and the row where each was first.

    ids int32[n] and first int64[n] are written; returns how many of `first` are used.
    """
    table = _empty(1024)
    mask = U(table.size - 1)
    count = 0
    for r in range(keys.size):
        slot = _slot(keys[r], seed, mask)
        while table[slot] >= 0 and keys[first[table[slot]]] != keys[r]:
            slot = (slot + U(1)) & mask
        if table[slot] < 0:
            table[slot] = count
            first[count] = r
            ids[r] = count
            count += 1
            if 2 * count > table.size:
                table = _empty(4 * table.size)
                mask = U(table.size - 1)
                for g in range(count):
                    slot = _slot(keys[first[g]], seed, mask)
                    while table[slot] >= 0:
                        slot = (slot + U(1)) & mask
                    table[slot] = g
        else:
            ids[r] = table[slot]
    return count


@kernel
def sum_by(ids: NDArray[np.int32], values: NDArray[np.int64], sums: NDArray[np.int64]) -> None:
    """Add each value to the sum of its group."""
    for r in range(ids.size):
        sums[ids[r]] += values[r]
