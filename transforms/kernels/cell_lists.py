"""The kernels behind transforms.kernels.lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@kernel
def collect(cell: Int32, network: Int32, at: Int32, place: Int32, offsets: Int32, seen: Int32, hits: Int32) -> None:
    """`lists.collect`: a counting sort by cell, then each network remembers where it was seen last.

    A place before the list of a cell is that of another cell. `at` int32[cells + 1] is all 0, `place` int32[ids] all -1. The
    lists are written to the beginnings of `seen` and `hits`: never past what was read last.
    """
    for r in range(cell.size):
        at[cell[r] + 1] += 1
    for c in range(1, at.size):
        at[c] += at[c - 1]
    for r in range(cell.size):
        c = cell[r]
        seen[at[c]] = network[r]
        at[c] += 1
    count = begin = 0
    for c in range(at.size - 1):
        first = count
        for s in range(begin, at[c]):
            n = seen[s]
            if n < 0:
                continue
            if place[n] >= first:
                hits[place[n]] += 1
                continue
            place[n] = count
            seen[count], hits[count] = n, 1
            count += 1
        begin = at[c]
        offsets[c + 1] = count


@kernel
def collect_few(cell: Int32, network: Int32, ids: int, times: Int32, offsets: Int32, seen: Int32, hits: Int32) -> None:
    """`lists.collect` where cells times ids are about as many as rows: `times` int32[cells * ids], all 0, is how often each pair
    was seen. `seen` and `hits` have room for one more pair than there are.
    """
    for r in range(cell.size):
        if network[r] >= 0:
            times[cell[r] * ids + network[r]] += 1
    count = 0
    for c in range(offsets.size - 1):
        for n in range(ids):
            found = times[c * ids + n]
            seen[count], hits[count] = n, found
            count += found > 0
        offsets[c + 1] = count


@kernel
def union(
    rows: Int32, bounds: Int64, offsets: Int64, seen: Int32, hits: Int64, ids: Int32, place: Int32,
    new_offsets: Int32, new_seen: Int32, new_hits: Int64,
) -> None:  # fmt: skip
    """`lists.union`: each network remembers where it was seen last; `place` int32[distinct] is all -1."""
    count = 0
    for g in range(bounds.size - 1):
        first = count
        for m in range(bounds[g], bounds[g + 1]):
            row = rows[m]
            for s in range(offsets[row], offsets[row + 1]):
                n = ids[seen[s]]
                if place[n] >= first:
                    new_hits[place[n]] += hits[s]
                    continue
                place[n] = count
                new_seen[count], new_hits[count] = n, hits[s]
                count += 1
        new_offsets[g + 1] = count
