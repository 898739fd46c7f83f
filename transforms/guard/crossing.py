"""Crossing: two tables that count the same events by one key; what their rows give away of one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from schemas.families import Link, kind_in, name_of
from transforms.guard.bounds import Flow
from transforms.guard.crowd import Groups
from transforms.guard.generalise import Climb, Row
from transforms.guard.hierarchies import ancestors
from transforms.guard.spread import Spread

Leaves = Sequence[int]
WORK = 1_000_000  # questions to linear programming for a pair of tables, times its unknowns: a few seconds


class Crossing:
    """Rows of a `fine` table, spread over the rows of a `coarse` one: its rooms.

    A reader sees labels. A row whose shared key is specific is in the room of that value; where no room has it, in one of
    the more general rooms; a general row is in rooms of what it can stand for. `where` says it of each row, by the position
    of rooms.
    """

    def __init__(self, fine: Climb, coarse: Climb, link: Link, kind: str, is_closed: bool) -> None:
        self.fine, self.coarse, self.link, self.is_closed, self.k = fine, coarse, link, is_closed, fine.k
        self.here = fine.table.key_names.index(name_of(fine.table, link.column))
        self.there = coarse.table.key_names.index(name_of(coarse.table, link.column))
        of_fine, of_coarse = kind_in(fine.table), kind_in(coarse.table)
        mine = (row for row in fine.rows if of_fine(row.label) == kind)
        self.rows = sorted(mine, key=fine.rank)
        rooms = (row for row in coarse.rows if of_coarse(row.label) in (kind, "") or not kind)
        self.rooms = sorted(rooms, key=lambda row: row.label)
        self.where = self._nested() if link.nests else self._crossed()

    def too_tight(self) -> list[Row]:
        """Rows that must fold, smallest first; none where the two tables give nothing small away."""
        return self._of_remainders() or self._of_spread()

    # ---- where rows can be ------------------------------------------------------------------------------------------

    def _nested(self) -> list[list[int]]:
        """A row is in the rooms of its own label: it was made so."""
        named: dict[str, list[int]] = defaultdict(list)
        for x, room in enumerate(self.rooms):
            named[room.label[self.there]].append(x)
        return [named[row.label[self.here]] for row in self.rows]

    def _crossed(self) -> list[list[int]]:
        """Rooms that a row's label can stand for, without those in which a specific row says what there is."""
        above = [self._chain(room.label[self.there]) for room in self.rooms]
        below: dict[str, list[int]] = defaultdict(list)
        for x, chain in enumerate(above):
            for value in chain:
                below[value].append(x)
        # a row is specific if all of its cells have the value that it shows: in the shared key, or in all keys
        of_room = self.coarse.specific(self.rooms)[self.there].tolist()
        of_row = self.fine.specific(self.rows)
        named = {above[x][0]: x for x, specific in enumerate(of_room) if not specific}
        shown = {above[x][0] for x, specific in enumerate(of_room) if specific}
        taken: dict[tuple[str, ...], set[str]] = defaultdict(set)  # by a row's other keys
        for r in np.flatnonzero(of_row.all(0)).tolist():
            taken[self._beside(self.rows[r])].add(self.rows[r].label[self.here])
        found = []
        for row, specific in zip(self.rows, of_row[self.here].tolist(), strict=True):
            value = row.label[self.here]
            general = [named[one] for one in self._chain(value) if one in named]
            if specific:
                rooms = below[value][:1] if value in shown else general
            else:
                hidden = taken[self._beside(row)]
                inner = [x for x in below[value] if not of_room[x] or above[x][0] not in hidden]
                rooms = sorted({*inner, *general})
            found.append(rooms)
        return found

    def _chain(self, value: str) -> tuple[str, ...]:
        return value, *ancestors(self.link.column, value)

    def _beside(self, row: Row) -> tuple[str, ...]:
        return (*row.label[: self.here], *row.label[self.here + 1 :])

    # ---- what is certainly inside of some rooms: the rest of them is known exactly ------------------------------------

    @cached_property
    def inside(self) -> dict[int, list[int]]:
        """Rows that can be in one room only, by room."""
        found: dict[int, list[int]] = defaultdict(list)
        for r, rooms in enumerate(self.where):
            if len(rooms) == 1:
                found[rooms[0]].append(r)
        return found

    def _of_remainders(self) -> list[Row]:
        """The row that has to fold in each set of rooms of which the rest is somebody, but no crowd."""
        left: list[tuple[Row, list[Row], list[Row]]] = []  # the row that would fold, the rooms, the rows in them
        for rooms, inner in self._filled():
            whole, rows = [self.rooms[x] for x in rooms], [self.rows[r] for r in inner]
            if sum(room.hits for room in whole) > sum(row.hits for row in rows):
                left.append((self.rows[next(r for r in inner if len(self.where[r]) == len(rooms))], whole, rows))
        # all at once: a count costs a pass over the networks of each share
        behind = self.coarse.behind([one[1] for one in left])
        most = [sum(row.neighbourhoods for row in one[2]) for one in left]  # as if nobody were behind two of them
        unsure = [at for at in range(len(left)) if behind[at] - most[at] < self.k]
        inside = self.fine.behind([left[at][2] for at in unsure])
        tight = [at for at, some in zip(unsure, inside, strict=True) if behind[at] - some < self.k]
        return [left[at][0] for at in tight if not self._is_crowd(*left[at][1:])]

    def _is_crowd(self, whole: Sequence[Row], parts: Sequence[Row], more: Leaves = ()) -> bool:
        """Whether k neighbourhoods are behind what is left of rooms without some rows, and without some more cells."""
        leaves = [[leaf for row in rows for leaf in row.leaves] for rows in (whole, parts)]
        return counted(self.coarse, leaves[0], [(self.fine, [*leaves[1], *more])], self.k)

    def _filled(self) -> Iterator[tuple[list[int], list[int]]]:
        """(rooms, the rows that are in some of them and nowhere else): for each set of rooms that a row can be in."""
        yield from ((list(rooms), rows) for rooms, rows in sorted(((x,), rows) for x, rows in self.inside.items()))
        wide: dict[frozenset[int], list[int]] = defaultdict(list)
        for r in self.spread:
            wide[frozenset(self.where[r])].append(r)
        for rooms in sorted(wide, key=lambda rooms: (len(rooms), sorted(rooms))):
            single = [r for x in sorted(rooms) for r in self.inside.get(x, ())]
            yield sorted(rooms), sorted([*single, *(r for one, rows in wide.items() if one <= rooms for r in rows)])

    # ---- what is spread over several rooms --------------------------------------------------------------------------

    @cached_property
    def spread(self) -> list[int]:
        """Rows that can be in several rooms."""
        return [r for r, rooms in enumerate(self.where) if len(rooms) > 1]

    def _of_spread(self) -> list[Row]:
        """The smallest row of the first flow or rest with fewer than k possible numbers of hits and fewer than k behind it."""
        if not self.spread:
            return []
        rows, free = [self.rows[r] for r in self.spread], self._free()
        open_rooms = [np.array(self.where[r], np.int64) for r in self.spread]
        leaves = np.array([leaf for row in rows for leaf in row.leaves], np.int64)
        hits = self.fine.cells.measures[leaves, 0]
        spread = Spread(rows, open_rooms, free, self._rooms_of(leaves), hits, closed=self.is_closed)
        if spread.is_roomy(self.k):
            return []
        suspects = list(self._suspects(spread))
        if len(suspects) * len(spread.to) > WORK:  # bounded time, whatever a log holds: fewer rows, fewer questions
            return [rows[0]]
        for wanted, row in suspects:
            width = spread.width(wanted, self.k)
            if width is not None and width < self.k:
                return [row]
        return []

    def _free(self) -> NDArray[np.int64]:
        """Hits of each room beside the rows that are certainly inside."""
        free = np.array([room.hits for room in self.rooms], np.int64)
        for x, rows in self.inside.items():
            free[x] -= sum(self.rows[r].hits for r in rows)
        return free

    def _rooms_of(self, leaves: NDArray[np.int64]) -> NDArray[np.int64]:
        """The room that each of some leaf cells of the finer table is in, -1 for none; int64."""
        theirs, mine = self.coarse.cells.keys[self.there], self.fine.cells.keys[self.here]
        inner = Groups.of([room.leaves for room in self.rooms])
        # by the code of a value; the last is for a value that is nowhere
        room = np.full(len(theirs.words) + 1, -1, np.int64)
        room[theirs.codes[inner.members]] = np.repeat(np.arange(len(self.rooms)), inner.sizes)
        return room[theirs.find(mine.words)[mine.codes[leaves]]]

    def _suspects(self, spread: Spread) -> Iterator[tuple[list[Flow], Row]]:
        """(flows, row to fold) of flows and rests behind which are too few, unless an exchange shows k possible values."""
        few = spread.few(self.k)
        cells = [
            spread.cells.members[spread.cells.bounds[f] : spread.cells.bounds[f + 1]].tolist() for f in few.tolist()
        ]
        for f, behind in zip(few.tolist(), self.fine.count(cells), strict=True):
            if behind < self.k:
                r = int(spread.row[f])
                yield [(r, int(spread.room[f]))], spread.rows[r]
        for x, rows in spread.small_rests(self.k):
            inner = [self.rows[r] for r in self.inside.get(x, ())]
            if not self._is_crowd([self.rooms[x]], inner, spread.within(x)):
                yield [(r, x) for r in rows], spread.rows[rows[0]]


def counted(whole: Climb, leaves: Leaves, parts: Sequence[tuple[Climb, Leaves]], k: int) -> bool:
    """Whether k neighbourhoods are behind what is left of some cells without their parts in other tables.

    Those of the whole less those of the parts are enough to know; only where they are not, pairs are compared.
    """
    (behind,) = whole.count([leaves])
    if behind - sum(sum(climb.count([part])) for climb, part in parts) >= k:
        return True
    others = [(climb.cells.crowd, climb.cells.place[list(part)]) for climb, part in parts]
    return whole.cells.crowd.beyond(whole.cells.place[list(leaves)], others) >= k
