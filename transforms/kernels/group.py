"""Exact grouping of integer keys, and sums by group: compiled where numba is there, with numpy where not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled, seed

Keys = NDArray[np.uint64]


def group(keys: Keys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Groups of equal keys (uint64[n]) in order of first appearance.

    Returns (ids, first): ids int32[n] is the group of each row, first int64[groups] the row where each group begins.
    Raises ValueError where there are more than 2**31 - 1 rows.
    """
    if keys.size > 0x7FFFFFFF:
        raise ValueError(f"keys has {keys.size} rows, expected at most 2147483647")
    if not compiled():
        return _group_plainly(keys)
    from transforms.kernels import hash_groups

    ids, first = np.empty(keys.size, np.int32), np.empty(keys.size, np.int64)
    count = hash_groups.group(_usable(keys, np.uint64), np.uint64(seed()), ids, first)
    return ids, first[:count].copy()


def _group_plainly(keys: Keys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    return rank[inverse], first[order].astype(np.int64)


def sum_by(ids: NDArray[np.int32], groups: int, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of `values` (int64[n]) over each of `groups` groups, ids int32[n] in 0 .. groups - 1; int64[groups]."""
    if ids.size != values.size:
        raise ValueError(f"ids has {ids.size} rows and values {values.size}, expected as many")
    if ids.size and not (ids.min() >= 0 and ids.max() < groups):
        raise ValueError(f"ids are in {ids.min()} .. {ids.max()}, expected 0 .. {groups - 1}")
    sums = np.zeros(groups, np.int64)
    if compiled():
        from transforms.kernels import hash_groups

        hash_groups.sum_by(_usable(ids, np.int32), _usable(values, np.int64), sums)
    else:
        np.add.at(sums, ids, values)
    return sums


def order_by(ids: NDArray[np.int32], groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the rows of each group, group by group, in the order of the rows: a stable counting sort.

    ids int32[n] are in 0 .. groups - 1. Returns (order int64[n], bounds int64[groups + 1]): the rows of group g are
    order[bounds[g] : bounds[g + 1]].
    """
    if ids.size and not (ids.min() >= 0 and ids.max() < groups):
        raise ValueError(f"ids are in {ids.min()} .. {ids.max()}, expected 0 .. {groups - 1}")
    bounds = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(ids, minlength=groups), out=bounds[1:])
    if not compiled():
        return np.argsort(ids, kind="stable").astype(np.int64), bounds
    from transforms.kernels import hash_groups

    order = np.empty(ids.size, np.int64)
    hash_groups.place(_usable(ids, np.int32), bounds[:-1].copy(), order)
    return order, bounds


def _usable(values: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    """The array as kernels were compiled for: contiguous, writable, of that type (else they would compile again)."""
    return np.require(values, kind, ["C", "A", "W"])
