"""Exact grouping of integer keys, and sums by group: compiled where numba is there, with numpy where not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled, seed

Keys = NDArray[np.uint64]
NO_VALUE = (1 << 64) - 1  # fills up what `keep_least` keeps


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
    keys, secret = usable(keys, np.uint64), np.uint64(seed())
    slots, row, count = 4096, 0, 0
    held, table = np.empty(slots, np.uint64), np.full(slots, -1, np.int32)
    while row < keys.size:
        row, count = hash_groups.group(keys, secret, held, table, ids, first, row, count)
        if row < keys.size:
            slots *= 4 if slots < 1 << 18 else 2  # large tables grow with care for memory
            held, table = np.empty(slots, np.uint64), np.full(slots, -1, np.int32)
            hash_groups.regroup(keys, secret, held, table, first, count)
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

        hash_groups.sum_by(usable(ids, np.int32), usable(values, np.int64), sums)
    else:
        np.add.at(sums, ids, values)
    return sums


class Index:
    """Numbers uint64 keys in the order in which they come, over many calls."""

    def __init__(self) -> None:
        self.count = 0
        self._held, self._table = np.empty(1024, np.uint64), np.full(1024, -1, np.int32)
        self._known: dict[int, int] = {}

    def number(self, keys: Keys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(ids int32[n], fresh): the number of each key, and the rows of the keys that are new, in the order of numbers."""
        if not compiled():
            return self._number_plainly(keys)
        from transforms.kernels import hash_groups

        self._make_room(keys.size)
        ids, fresh = np.empty(keys.size, np.int32), np.empty(keys.size, np.int64)
        before = self.count
        secret = np.uint64(seed())
        self.count = hash_groups.add(usable(keys, np.uint64), secret, self._held, self._table, before, ids, fresh)
        return ids, fresh[: self.count - before].copy()

    def _number_plainly(self, keys: Keys) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        fresh = []
        ids = np.empty(keys.size, np.int32)
        for row, key in enumerate(keys.tolist()):
            if key not in self._known:
                self._known[key] = len(self._known)
                fresh.append(row)
            ids[row] = self._known[key]
        self.count = len(self._known)
        return ids, np.array(fresh, np.int64)

    def _make_room(self, more: int) -> None:
        """Grow the table so that it stays half empty with `more` keys."""
        from transforms.kernels import hash_groups

        slots = self._table.size
        while slots < 2 * (self.count + more):
            slots *= 2
        if slots > self._table.size:
            keys = np.empty(self.count, np.uint64)
            keys[self._table[self._table >= 0]] = self._held[self._table >= 0]
            self._held, self._table = np.empty(slots, np.uint64), np.full(slots, -1, np.int32)
            ids, fresh = np.empty(keys.size, np.int32), np.empty(keys.size, np.int64)
            hash_groups.add(keys, np.uint64(seed()), self._held, self._table, 0, ids, fresh)


class Tokens:
    """Numbers 128-bit tokens, exactly, in the order in which they come, over many calls."""

    def __init__(self) -> None:
        self.count = 0
        self._held, self._table = np.empty((512, 2), np.uint64), np.full(1024, -1, np.int32)
        self._known: dict[tuple[int, int], int] = {}

    @property
    def tokens(self) -> NDArray[np.uint64]:
        """uint64[count, 2], by number."""
        return self._held[: self.count]

    def number(self, tokens: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32[n]: the number of each token (uint64[n, 2])."""
        ids = np.empty(len(tokens), np.int32)
        self._make_room(len(tokens))
        if not compiled():
            for row, (left, right) in enumerate(tokens.tolist()):
                ids[row] = number = self._known.setdefault((left, right), len(self._known))
                self._held[number] = left, right
            self.count = len(self._known)
            return ids
        from transforms.kernels import hash_groups

        held = np.uint64(seed()), self._held, self._table
        self.count = hash_groups.add_tokens(usable(tokens, np.uint64), *held, self.count, ids)
        return ids

    def _make_room(self, more: int) -> None:
        """Grow so that `more` tokens fit, and the table stays half empty."""
        room = len(self._held)
        while room < self.count + more:
            room *= 2
        if room > len(self._held):
            known, self._held = self.tokens, np.empty((room, 2), np.uint64)
            self._held[: self.count] = known
            if compiled():
                from transforms.kernels import hash_groups

                self._table, ids = np.full(2 * room, -1, np.int32), np.empty(self.count, np.int32)
                hash_groups.add_tokens(known, np.uint64(seed()), self._held, self._table, 0, ids)


def order_by(ids: NDArray[np.int32], groups: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Positions of the rows of each group, group by group, in the order of the rows: a stable counting sort.

    ids int32[n] are in 0 .. groups - 1. Returns (order int32[n], bounds int64[groups + 1]): the rows of group g are
    order[bounds[g] : bounds[g + 1]].
    """
    if ids.size and not (ids.min() >= 0 and ids.max() < groups):
        raise ValueError(f"ids are in {ids.min()} .. {ids.max()}, expected 0 .. {groups - 1}")
    bounds = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(ids, minlength=groups), out=bounds[1:])
    if not compiled():
        return np.argsort(ids, kind="stable").astype(np.int32), bounds
    from transforms.kernels import hash_groups

    order = np.empty(ids.size, np.int32)
    hash_groups.place(usable(ids, np.int32), bounds[:-1].copy(), order)
    return order, bounds


def distinct_by(
    members: NDArray[np.int32],
    bounds: NDArray[np.int64],
    rows: NDArray[np.int32],
    offsets: NDArray[np.int32],
    seen: NDArray[np.int32],
    ids: NDArray[np.int32],
) -> NDArray[np.int64]:
    """How many distinct ids are behind each group of cells; int64[groups].

    members int32[any] are cells, those of group g members[bounds[g] : bounds[g + 1]]; rows int32[cells] is the row of each
    cell or -1; seen int32[any] lists what was seen in each row, of row r seen[offsets[r] : offsets[r + 1]]; ids int32[n],
    not negative and below n, is what each of those counts as.
    """
    counts = np.zeros(bounds.size - 1, np.int64)
    if compiled():
        from transforms.kernels import hash_groups

        members, rows, offsets = usable(members, np.int32), usable(rows, np.int32), usable(offsets, np.int32)
        seen, ids = usable(seen, np.int32), usable(ids, np.int32)
        last = np.full(ids.size, -1, np.int64)
        hash_groups.distinct_by(members, usable(bounds, np.int64), rows, offsets, seen, ids, last, counts)
        return counts
    for g, (start, stop) in enumerate(pairwise(bounds.tolist())):
        there = [row for row in rows[members[start:stop]].tolist() if row >= 0]
        found = [seen[offsets[row] : offsets[row + 1]] for row in there]
        counts[g] = np.unique(ids[np.concatenate([*found, np.zeros(0, np.int32)])]).size
    return counts


def keep_least(into: NDArray[np.uint64], ids: NDArray[np.int32], values: NDArray[np.uint64]) -> None:
    """Keep the least distinct values of each group: `into` uint64[groups, w], ascending and filled up with the largest uint64.

    values uint64[n, any] are those of the groups ids int32[n]; the largest uint64 stands for none.
    """
    if ids.size and not (ids.min() >= 0 and ids.max() < len(into)):
        raise ValueError(f"ids are in {ids.min()} .. {ids.max()}, expected 0 .. {len(into) - 1}")
    if compiled():
        from transforms.kernels import hash_groups

        hash_groups.keep_least(into, usable(ids, np.int32), usable(values, np.uint64))
        return
    width = into.shape[1]
    for id_, row in zip(ids.tolist(), values.tolist(), strict=True):
        least = sorted({*into[id_].tolist(), *row} - {NO_VALUE})[:width]
        into[id_] = [*least, *[NO_VALUE] * (width - len(least))]


def usable(values: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    """The array as kernels were compiled for: contiguous, writable, of that type (else they would compile again)."""
    return values if values.flags.carray and values.dtype == kind else np.require(values, kind, ["C", "A", "W"])
