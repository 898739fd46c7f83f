"""Crossing: two tables that count the same events by one key; what their rows give away of one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

from schemas.families import Link, kind_in, name_of
from transforms.guard.bounds import Flow, Rooms
from transforms.guard.generalise import Climb, Row
from transforms.guard.hierarchies import ancestors

Leaves = Sequence[int]
WORK = 1_000_000  # questions to linear programming for a pair of tables, times its unknowns: a few seconds


class Crossing:
    """Rows of a `fine` table, spread over the rows of a `coarse` one: its rooms.

    A reader sees labels. A row whose shared key is specific is in the room of that value; where no room has it, in one of
    the more general rooms; a general row is in rooms of what it can stand for. `where` says it of each row, by the position
    of rooms, and `truth` which of its leaf cells are in each.
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
        general = {x for x, room in enumerate(self.rooms) if not self._is_specific(self.coarse, room, self.there)}
        named = {above[x][0]: x for x in general}
        shown = {chain[0] for x, chain in enumerate(above) if x not in general}
        taken = {row.label for row in self.rows if self._is_specific(self.fine, row, None)}
        found = []
        for row in self.rows:
            value = row.label[self.here]
            chain = self._chain(value)
            if self._is_specific(self.fine, row, self.here):
                rooms = below[value][:1] if value in shown else [named[one] for one in chain if one in named]
            else:
                inner = [x for x in below[value] if self._with(row, above[x][0]) not in taken or x in general]
                rooms = sorted({*inner, *(named[one] for one in chain if one in named)})
            found.append(rooms)
        return found

    def _chain(self, value: str) -> list[str]:
        return [value, *ancestors(self.link.column, value)]

    def _with(self, row: Row, value: str) -> tuple[str, ...]:
        return (*row.label[: self.here], value, *row.label[self.here + 1 :])

    @staticmethod
    def _is_specific(climb: Climb, row: Row, place: int | None) -> bool:
        """Whether all cells of a row have the value that it shows, in one key or in all."""
        labels = [climb.cells.labels[leaf] for leaf in row.leaves]
        if place is None:
            return all(label == row.label for label in labels)
        return all(label[place] == row.label[place] for label in labels)

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
        # the row that would fold, cells of the rooms, cells of the rows
        left: list[tuple[Row, list[int], list[int]]] = []
        for rooms, inner in self._filled():
            leaves = [leaf for r in inner for leaf in self.rows[r].leaves]
            whole = [leaf for x in rooms for leaf in self.rooms[x].leaves]
            if self.coarse.hits(whole) > self.fine.hits(leaves):
                left.append((self.rows[next(r for r in inner if len(self.where[r]) == len(rooms))], whole, leaves))
        # all at once: a count costs a pass over the networks of each share
        behind, inside = self.coarse.count([one[1] for one in left]), self.fine.count([one[2] for one in left])
        return [
            row
            for (row, whole, leaves), all_, some in zip(left, behind, inside, strict=True)
            if all_ - some < self.k and not counted(self.coarse, whole, [(self.fine, leaves)], self.k)
        ]

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

    @cached_property
    def free(self) -> list[int]:
        """Hits of each room beside the rows that are certainly inside."""
        return [
            self.coarse.hits(room.leaves) - sum(self.fine.hits(self.rows[r].leaves) for r in self.inside.get(x, ()))
            for x, room in enumerate(self.rooms)
        ]

    @cached_property
    def truth(self) -> dict[Flow, list[int]]:
        """Leaf cells of spread rows by the room that they are in."""
        room_of = {
            self.coarse.cells.labels[leaf][self.there]: x for x, room in enumerate(self.rooms) for leaf in room.leaves
        }
        found: dict[Flow, list[int]] = defaultdict(list)
        for r in self.spread:
            for leaf in self.rows[r].leaves:
                x = room_of.get(self.fine.cells.labels[leaf][self.here])
                if x is not None:
                    found[r, x].append(leaf)
        return found

    def _of_spread(self) -> list[Row]:
        """The smallest row of the first cell or rest with fewer than k possible numbers of hits and fewer than k behind it."""
        if not self.spread or self._is_roomy():
            return []
        at = {r: i for i, r in enumerate(self.spread)}
        suspects = list(self._suspects(at))
        flows = [(at[r], x) for r in self.spread for x in self.where[r]]
        if len(suspects) * len(flows) > WORK:  # bounded time, whatever a log holds: fewer rows, fewer questions
            return [self.rows[self.spread[0]]]
        supply = [self.fine.hits(self.rows[r].leaves) for r in self.spread]
        rooms = Rooms(supply, [max(0, one) for one in self.free], flows, closed=self.is_closed) if suspects else None
        for wanted, row in suspects:
            width = rooms.width([flow for flow in wanted if flow in rooms.flows]) if rooms else None
            if width is not None and width < self.k:
                return [row]
        return []

    def _is_roomy(self) -> bool:
        """Whether any way to spread the rows is possible, so that nothing is bounded by anything but its own row and room.

        It is, if the rooms that are open to every row could do without any one of them.
        """
        common = set(self.where[self.spread[0]]).intersection(*(self.where[r] for r in self.spread[1:]))
        held = [self.free[x] for x in common]
        needed = sum(self.fine.hits(self.rows[r].leaves) for r in self.spread)
        small = any(0 < self.free[x] < self.k for r in self.spread for x in self.where[r])
        return bool(held) and sum(held) - max(held) >= needed and not small

    def _suspects(self, at: dict[int, int]) -> Iterator[tuple[list[Flow], Row]]:
        """(flows, row to fold) of cells and rests behind which are too few, unless an exchange shows k possible values.

        What is true is possible; so is what is left when some events of a cell change places with others.
        """
        hits = {flow: self.fine.hits(leaves) for flow, leaves in self.truth.items()}
        rest = list(self.free)
        for (_, x), number in hits.items():
            rest[x] -= number
        supply = {r: self.fine.hits(self.rows[r].leaves) for r in self.spread}
        spare = {r: sum(rest[x] for x in self.where[r]) for r in self.spread}  # in all rooms of a row

        open_sets = {r: frozenset(self.where[r]) for r in self.spread}
        peers = {r: [q for q in self.spread if q != r and open_sets[q] >= open_sets[r]] for r in self.spread}

        def values(r: int, x: int) -> int:
            """Of how many numbers of hits of a row in a room it is seen at once that they are possible."""
            here, all_ = hits[r, x], supply[r]
            if (found := 1 + min(rest[x], all_ - here) + min(here, spare[r] - rest[x])) >= self.k:
                return found
            change = sum(hits.get((q, x), 0) for q in peers[r])  # events here that can change places with its own
            away = sum(hits.get((q, y), 0) for q in peers[r] for y in self.where[r] if y != x)
            return 1 + min(rest[x] + change, all_ - here) + min(here, spare[r] - rest[x] + away)

        flows = sorted(flow for flow in hits if values(*flow) < self.k)
        for (r, x), behind in zip(flows, self.fine.count([self.truth[flow] for flow in flows]), strict=True):
            if behind < self.k:
                yield [(at[r], x)], self.rows[r]
        open_to: dict[int, list[int]] = defaultdict(list)
        for r in self.spread:
            for x in self.where[r]:
                open_to[x].append(r)
        for x, rows in sorted(open_to.items()):
            more = max(min(hits.get((r, x), 0), spare[r] - rest[x]) for r in rows)
            less = max(min(rest[x], supply[r] - hits.get((r, x), 0)) for r in rows)
            if rest[x] > 0 and more + less < self.k - 1 and not self._is_crowd(x):
                yield [(at[r], x) for r in rows], self.rows[rows[0]]

    def _is_crowd(self, x: int) -> bool:
        """Whether k neighbourhoods are behind what no row of the finer table has of a room."""
        inner = [leaf for r in self.inside.get(x, ()) for leaf in self.rows[r].leaves]
        spread = [leaf for (_, y), leaves in self.truth.items() if y == x for leaf in leaves]
        return counted(self.coarse, self.rooms[x].leaves, [(self.fine, inner + spread)], self.k)


def counted(whole: Climb, leaves: Leaves, parts: Sequence[tuple[Climb, Leaves]], k: int) -> bool:
    """Whether k neighbourhoods are behind what is left of some cells without their parts in other tables.

    Those of the whole less those of the parts are enough to know; only where they are not, pairs are compared.
    """
    (behind,) = whole.count([leaves])
    if behind - sum(sum(climb.count([part])) for climb, part in parts) >= k:
        return True
    others = [(climb.cells.crowd, climb.cells.place[list(part)]) for climb, part in parts]
    return whole.cells.crowd.beyond(whole.cells.place[list(leaves)], others) >= k
