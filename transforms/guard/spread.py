"""Spread: rows of one table that can be in several rows of another, and how many numbers of hits are possible for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from transforms.guard.bounds import Flow, Rooms
from transforms.guard.crowd import Groups
from transforms.guard.generalise import Row
from transforms.kernels.group import order_by

Ints = NDArray[np.int64]


class Spread:
    """Rows that can each be in several rooms, and what is true of them.

    rows: the smallest first; open_rooms: int64 by row, the rooms that it can be in, ascending; free: int64 [rooms], hits beside
    the rows that are certainly inside; room: int64 [leaf cells of all rows], the room that each is in, -1 for none;
    hits: int64, of these; closed: all events of a row are in some room.

    A flow is a row with a room. Those in which there is something are `row` and `room`, int64 [flows], in ascending order, with
    their `hits`, and their leaf cells in `cells`. `rest`: int64 [rooms], hits of a room that are of none of the rows.
    """

    def __init__(
        self, rows: Sequence[Row], open_rooms: Sequence[Ints], free: Ints, room: Ints, hits: Ints, *, closed: bool
    ) -> None:
        self.rows, self.open_rooms, self.free, self.closed = rows, open_rooms, free, closed
        self.supply = np.array([row.hits for row in rows], np.int64)
        leaves = Groups.of([row.leaves for row in rows])
        found = np.flatnonzero(room >= 0)
        flow = (np.repeat(np.arange(len(rows)), leaves.sizes) * len(free) + room)[found]
        order = np.argsort(flow, kind="stable")
        self._flows, starts = np.unique(flow[order], return_index=True)
        self.cells = Groups(leaves.members[found[order]], np.append(starts, len(order)))
        self.row, self.room = np.divmod(self._flows, max(1, len(free)))
        self.hits = self.cells.sums(hits[found[order]])
        self.rest = free - np.bincount(self.room, self.hits, len(free)).astype(np.int64)
        # all flows that are possible, row by row
        self.to = np.concatenate([*open_rooms, np.zeros(0, np.int64)])
        self.of = np.repeat(np.arange(len(rows)), [len(rooms) for rooms in open_rooms])
        self.spare = np.bincount(self.of, self.rest[self.to], len(rows)).astype(np.int64)  # in all rooms of a row

    def is_roomy(self, k: int) -> bool:
        """Whether any way to spread the rows is possible, so that nothing is bounded by anything but its own row and room.

        It is, if the rooms that are open to every row could do without any one of them.
        """
        held = self.free[np.bincount(self.to, minlength=len(self.free)) == len(self.rows)]
        free = self.free[self.to]
        small = bool(((free > 0) & (free < k)).any())
        return bool(len(held)) and int(held.sum() - held.max()) >= int(self.supply.sum()) and not small

    def few(self, k: int) -> Ints:
        """Flows, by position, of which fewer than k numbers of hits are seen at once to be possible.

        What is true is possible; so is what is left when some events of a flow change places with others.
        """
        row, room, hits = self.row, self.room, self.hits
        beside = self.spare[row] - self.rest[room]
        alone = 1 + np.minimum(self.rest[room], self.supply[row] - hits) + np.minimum(hits, beside)
        found = np.flatnonzero(alone < k)
        change, away = np.zeros(len(found), np.int64), np.zeros(len(found), np.int64)
        for r in np.unique(row[found]).tolist():
            mine = row[found] == r
            change[mine], away[mine] = self._of_peers(r, room[found[mine]])
        up = np.minimum(self.rest[room[found]] + change, self.supply[row[found]] - hits[found])
        down = np.minimum(hits[found], beside[found] + away)
        few: Ints = found[1 + up + down < k]
        return few

    def _of_peers(self, r: int, rooms: Ints) -> tuple[Ints, Ints]:
        """Events of rows that can be wherever a row can be, in some rooms, and in the row's rooms but each of these."""
        peers = [q for q, open_ in enumerate(self._open_sets) if q != r and open_ >= self._open_sets[r]]
        chosen = np.isin(self.row, peers)
        held = np.bincount(self.room[chosen], self.hits[chosen], len(self.free)).astype(np.int64)
        mine = np.zeros(len(self.free), np.int64)
        mine[self.open_rooms[r]] = held[self.open_rooms[r]]
        return held[rooms], mine.sum() - mine[rooms]

    @cached_property
    def _open_sets(self) -> list[frozenset[int]]:
        return [frozenset(rooms.tolist()) for rooms in self.open_rooms]

    def small_rests(self, k: int) -> list[tuple[int, list[int]]]:
        """(room, rows that can be in it) where events of no row are left, and few numbers of them are seen to be possible."""
        flow = self.of * len(self.free) + self.to
        at = np.minimum(np.searchsorted(self._flows, flow), max(0, len(self._flows) - 1))
        hits = (
            np.where(self._flows[at] == flow, self.hits[at], 0) if len(self._flows) else np.zeros(len(flow), np.int64)
        )
        none = np.iinfo(np.int64).min // 2
        more, less = np.full(len(self.free), none), np.full(len(self.free), none)
        np.maximum.at(more, self.to, np.minimum(hits, self.spare[self.of] - self.rest[self.to]))
        np.maximum.at(less, self.to, np.minimum(self.rest[self.to], self.supply[self.of] - hits))
        order, bounds = order_by(self.to.astype(np.int32), len(self.free))
        small = np.flatnonzero((np.diff(bounds) > 0) & (self.rest > 0) & (more + less < k - 1))
        return [(x, self.of[order[bounds[x] : bounds[x + 1]]].tolist()) for x in small.tolist()]

    def within(self, x: int) -> list[int]:
        """Leaf cells of all rows that are in a room."""
        return list(map(int, self.cells.chosen(self.room == x).members))

    def width(self, flows: Sequence[Flow], k: int) -> int | None:
        """How many values the sum of some flows can have, at least k where it is more; None where rows contradict one another."""
        if len(flows) == 1 and self._is_possible and (found := self._exchanged(*flows[0])) >= k:
            return found
        return self._program.width([flow for flow in flows if flow in self._program.flows])

    @cached_property
    def _is_possible(self) -> bool:
        """Whether what is true agrees with what rows and rooms say, so that exchanges do: an event may be in one table alone."""
        inside = np.bincount(self.row, self.hits, len(self.rows))
        return bool((self.rest >= 0).all()) and not (self.closed and (inside != self.supply).any())

    def _exchanged(self, r: int, x: int) -> int:
        """How many values of a flow are possible, as far as single exchanges with each of the other rows show it.

        Up: an event of the row comes from another room, and one of another row, which can be there, goes there instead, or
        there is room. Down: an event goes to another room of the row, and one of another row that can be here comes instead.
        """
        mine = np.zeros(len(self.free), np.int64)
        mine[self.room[self.row == r]] = self.hits[self.row == r]
        here, mine[x] = int(mine[x]), 0
        up = 0
        for flow in np.flatnonzero((self.room == x) & (self.row != r)).tolist():
            there = self.open_rooms[self.row[flow]]
            moved = _taken(mine[there], int(self.hits[flow]))
            mine[there] -= moved
            up += int(moved.sum())
        up += max(0, min(int(self.rest[x]), int(mine.sum())))
        others = np.flatnonzero(self.to == x)
        is_open = np.zeros(len(self.free), bool)
        is_open[self.open_rooms[r]] = True
        is_open[x] = False
        comes = is_open[self.room] & np.isin(self.row, self.of[others]) & (self.row != r)
        down = min(here, int(self.hits[comes].sum() + np.maximum(0, self.rest[is_open]).sum()))
        return 1 + up + down

    @cached_property
    def _program(self) -> Rooms:
        flows = list(zip(self.of.tolist(), self.to.tolist(), strict=True))
        return Rooms(self.supply.tolist(), np.maximum(0, self.free).tolist(), flows, closed=self.closed)


def _taken(there: Ints, wanted: int) -> Ints:
    """How many are taken of each, from the first on, until there are as many as wanted."""
    taken: Ints = np.clip(wanted - (np.cumsum(there) - there), 0, there)
    return taken
