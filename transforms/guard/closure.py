"""Closure: tables of a period are compared, and rows fold until nothing small can be had by subtraction (PRIVACY.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from schemas import families
from schemas.families import Link, kind_in
from schemas.table import Table
from transforms.guard.crossing import Crossing, counted
from transforms.guard.diversity import diversify
from transforms.guard.generalise import Cells, Climb, Label, Row
from transforms.guard.hierarchies import OTHER

Climbs = Mapping[str, Climb]  # tables of one site and period, by name


class Closure:
    """The check of one site's tables against one another, and what gives way where it does not hold."""

    def __init__(self, tables: Sequence[Table], grains: Mapping[str, str], k: int) -> None:
        self.wholes, self.k = families.wholes(tables), k
        found = families.links(tables)
        self.links = [link for link in found if grains[link.fine] == grains[link.coarse]]
        # over periods of two lengths nothing is compared: there the finer table does without the key that both have
        self.parted = [link for link in found if link not in self.links]
        self.opened = families.stay_open(tables)
        nested = {link.fine for link in self.links if link.nests}
        self.order = sorted(tables, key=lambda table: (table.name not in self.opened, table.name in nested))

    def start(self, table: Table, labels: Sequence[Label], climbs: Climbs) -> dict[str, list[str]]:
        """What cells are called at first, by key that stays so: another table has generalised it already."""
        held = {}
        for link in [*self.links, *self.parted]:
            if link.fine != table.name or not (link.nests or link in self.parted):
                continue
            name = families.name_of(table, link.column)
            place = table.key_names.index(name)
            shown = {} if link in self.parted or link.coarse not in climbs else _shown(climbs[link.coarse], link.column)
            kind_of = kind_in(table)
            held[name] = [shown.get((kind_of(label), label[place]), OTHER) for label in labels]
        return held

    def close(self, climbs: Climbs) -> None:
        """Fold rows of tables that are open together until no link, no total and no group gives anything away."""
        while True:
            here = [link for link in self.links if link.fine in climbs and link.coarse in climbs]
            folded = [self._link(link, climbs) for link in here]
            withheld = [self.total(climb, climbs) for climb in climbs.values()]
            merged = [diversify(climb) for climb in climbs.values()]
            if not any([*folded, *withheld, *merged]):
                return

    def _link(self, link: Link, climbs: Climbs) -> bool:
        """Fold rows of the finer table; whether any was."""
        fine, coarse = climbs[link.fine], climbs[link.coarse]
        is_changed = False
        for kind in _kinds(fine):
            if fine.is_published:
                continue
            while rows := Crossing(fine, coarse, link, kind, self._is_closed(link, kind, climbs)).too_tight():
                for row in rows:
                    if row in fine.rows:  # else another one has just been folded into it
                        fine.fold(row)
                is_changed = True
        return is_changed

    def _is_closed(self, link: Link, kind: str, climbs: Climbs) -> bool:
        """Whether all events of the finer table are in the other one: by declaration, or as it happens."""
        fine, coarse = climbs[link.fine], climbs[link.coarse]
        if families.are_within(fine.table, coarse.table):
            return True
        totals = [
            coarse.hits(_leaves(coarse, kind)) == climbs[whole.name].hits(_leaves(climbs[whole.name], kind))
            for whole in self.wholes
            if whole.name in climbs
        ]
        return any(totals)

    def total(self, climb: Climb, climbs: Climbs) -> bool:
        """Withhold the smallest rows of a table where the events that it lacks are few; whether any was."""
        if climb.is_published:
            return False
        before = len(climb.withheld)
        for outer in self._outers(climb.table, climbs):
            for kind in _kinds(climb):
                for rows in _sums(climb, kind):
                    self._mask(climb, rows, outer, _leaves(outer, kind))
        return len(climb.withheld) > before

    def over_spans(self, climb: Climb, days: Sequence[Climb], link: Link | None = None) -> None:
        """Withhold the smallest rows of a longer period, where its days show all but a few of its events.

        All that the period shows less the days that were shown is what was withheld of days, or came late: so something of
        it must be lacking, unless a crowd was behind those days together. `days`: the rows of that other table, one for
        each day: of all events, or, with a link, of those that have one of the values of this table.
        """
        outer, weak = _together(days, climb, link)
        is_late = any(day.has_changed for day in days)
        for kind in _kinds(climb):
            whole = _leaves(outer, kind)
            if link:
                whole = _with_values(outer, whole, climb, link)
            hidden = [leaf for leaf in whole if leaf in weak]
            if is_late or (hidden and not counted(outer, hidden, [], self.k)):
                for rows in _sums(climb, kind):
                    self._mask(climb, rows, outer, whole, has_to_lack=True)

    def _outers(self, table: Table, climbs: Climbs) -> Iterator[Climb]:
        names = [whole.name for whole in self.wholes if whole.name != table.name] + [table.within]
        yield from (climbs[name] for name in names if name in climbs)

    def _mask(
        self, climb: Climb, rows: list[Row], outer: Climb, whole: list[int], *, has_to_lack: bool = False
    ) -> None:
        """Withhold the smallest of these rows until what they lack of the whole is nobody or a crowd."""
        left = sorted(rows, key=climb.rank)
        while left:
            shown = [leaf for row in left for leaf in row.leaves]
            lacking = outer.hits(whole) - climb.hits(shown)
            if (lacking <= 0 and not has_to_lack) or counted(outer, whole, [(climb, shown)], self.k):
                return
            row = left.pop(0)
            climb.rows.remove(row)
            climb.withheld += row.leaves


def _kinds(climb: Climb) -> list[str]:
    """The classes of agents behind the rows, in order."""
    kind_of = kind_in(climb.table)
    return sorted({kind_of(row.label) for row in climb.rows})


def _sums(climb: Climb, kind: str) -> list[list[Row]]:
    """Rows of which the sum counts each event once: all of a class, or each for itself where an event has several rows."""
    kind_of = kind_in(climb.table)
    rows = [row for row in climb.rows if kind_of(row.label) == kind]
    return [[row] for row in rows] if climb.table.each else [rows]


def _together(days: Sequence[Climb], climb: Climb, link: Link | None) -> tuple[Climb, set[int]]:
    """The cells of several periods of one table as if they were one, and which of them no row shows.

    With a link a row shows its cells if all of them have values of the linked table.
    """
    cells = [day.cells for day in days]
    starts = np.cumsum([0, *(len(one.labels) for one in cells)]).tolist()
    whole = Cells(
        [label for one in cells for label in one.labels],
        np.concatenate([one.measures for one in cells]),
        np.concatenate([one.agents for one in cells]),
        cells[0].crowd,
        np.concatenate([one.place for one in cells]),
    )
    weak = {start + leaf for start, day in zip(starts, days, strict=False) for leaf in day.withheld}
    for start, day in zip(starts, days, strict=False):
        for row in day.rows if link else ():
            if link and len(_with_values(day, row.leaves, climb, link)) < len(row.leaves):
                weak.update(start + leaf for leaf in row.leaves)
    return Climb(days[0].table, whole, days[0].k, days[0].roaming), weak


def _with_values(outer: Climb, leaves: Sequence[int], climb: Climb, link: Link) -> list[int]:
    """Those of another table's cells that have, for the key of a link, a value that this table has."""
    here = climb.table.key_names.index(families.name_of(climb.table, link.column))
    there = outer.table.key_names.index(families.name_of(outer.table, link.column))
    values = {label[here] for label in climb.cells.labels}
    return [leaf for leaf in leaves if outer.cells.labels[leaf][there] in values]


def _leaves(climb: Climb, kind: str) -> list[int]:
    """Leaf cells of a class of agents, "" for all."""
    labels, kind_of = climb.cells.labels, kind_in(climb.table)
    if families.CLASS not in climb.table.key_names:
        return list(range(len(labels))) if not kind or kind_of(()) in (kind, "") else []
    return [i for i, label in enumerate(labels) if not kind or kind_of(label) == kind]


def _shown(climb: Climb, column: str) -> dict[tuple[str, str], str]:
    """What the rows of a table show for each value of a column, by class of agents."""
    place = climb.table.key_names.index(families.name_of(climb.table, column))
    labels, kind_of = climb.cells.labels, kind_in(climb.table)
    return {(kind_of(row.label), labels[leaf][place]): row.label[place] for row in climb.rows for leaf in row.leaves}
