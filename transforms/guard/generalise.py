"""Generalise: the cells of one table and period climb until every published row stands for k neighbourhoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Site
from schemas.table import Table
from transforms.guard.crowd import Crowd, Groups
from transforms.guard.hierarchies import OTHER, ancestors
from transforms.guard.key_column import KeyColumn
from transforms.guard.roaming import Roaming
from transforms.kernels.group import NO_VALUE, order_by
from transforms.partials import number

Label = tuple[str, ...]
Ints = NDArray[np.int64]
NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass
class Cells:
    """The leaf cells of one table, site and period.

    labels: one tuple of key values a cell; measures: int64 [C, M], hits first; agents: as in Partial; crowd: who stands
    behind the cells of the table, among which place int64 [C] finds these; keys: the labels by key.
    """

    labels: list[Label]
    measures: Ints
    agents: NDArray[np.uint64]
    crowd: Crowd
    place: Ints
    keys: list[KeyColumn] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.keys:
            self.keys = [KeyColumn.of(column) for column in zip(*self.labels, strict=True)]


@dataclass(eq=False)
class Row:
    """A row to publish: the leaf cells it stands for, how many neighbourhoods those are, and their hits."""

    label: Label
    leaves: list[int]
    neighbourhoods: int
    hits: int


def generalise(
    table: Table, cells: Cells, k: int, site: Site | None = None, held: Mapping[str, Sequence[str]] = NOTHING
) -> Climb:
    """Rows of at least k neighbourhoods each (`.rows`), and the leaf cells that no level could publish (`.withheld`).

    `site` is the one whose declared routes are nobody's words. `held`: what each cell is called at first, by key that another
    table has generalised already; these keys climb no further.

    Deterministic: depends on labels, measures and counts alone, not on the order of cells or on the run's key.
    """
    climb = Climb(table, cells, k, Roaming(table, site), held)
    for name in climb.climbing:
        climb.up(name)
    climb.settle(climb.left, is_last=True)
    for leaves in climb.residues():
        climb.absorb(leaves)
    return climb


class Climb:
    """The state of one table's generalisation."""

    def __init__(
        self, table: Table, cells: Cells, k: int, roaming: Roaming, held: Mapping[str, Sequence[str]] = NOTHING
    ) -> None:
        self.table, self.cells, self.k, self.roaming = table, cells, k, roaming
        self.climbing = [name for name in table.climb if name not in held]
        # by key, what cells that are in no row yet are called
        self.current = [
            KeyColumn.of(held[key.name]) if key.name in held else one.copy()
            for key, one in zip(table.keys, cells.keys, strict=False)
        ]
        self.is_left = np.ones(len(cells.labels), bool)
        self._hits: list[int] = cells.measures[:, 0].tolist()
        self.rows: list[Row] = []
        self.withheld: list[int] = []
        self.is_published = False  # an earlier run has published it: it can be compared, not changed
        self.has_changed = False  # and it was not quite what it would be now
        self.columns = {key.name: (i, key.column) for i, key in enumerate(table.keys)}

    @property
    def left(self) -> Ints:
        """Leaf cells that are in no row yet."""
        return np.flatnonzero(self.is_left)

    def up(self, name: str) -> None:
        """One key climbs, deepest values first, so that each generalised cell is judged once it has all its parts."""
        place, column = self.columns[name]
        if not self.current:
            return
        values = self.current[place]
        left = self.left
        above, heights = values.steps(left, partial(ancestors, column))
        height = heights[values.codes[left]]
        for level in range(int(height.max(initial=0)), 0, -1):
            here = left[height == level]
            self.settle(here)
            here = here[self.is_left[here]]
            values.codes[here] = above[values.codes[here]]
            height = np.where(self.is_left[left], np.minimum(height, level - 1), -1)

    def settle(self, leaves: Ints, *, is_last: bool = False) -> None:
        """Make rows of the labels that have k neighbourhoods, the agents that a free word needs, and nobody with most hits.

        Only what has climbed all the way may be mostly one network's: there is nowhere else to go.
        """
        listed = self.cells.crowd.listed(self.cells.place[leaves])
        if listed.sum() < self.k:  # all of them together cannot have so many
            return
        ids, first = number([values.codes[leaves] for values in self.current] or [np.zeros(len(leaves), np.int32)])
        order, bounds = order_by(ids, len(first))
        groups = Groups(leaves[order], bounds)
        groups = groups.chosen(groups.sums(listed[order]) >= self.k)  # nor can the others
        counts = self.cells.crowd.neighbourhoods(groups.mapped(self.cells.place))
        enough = counts >= self.k
        found = self._rows(groups.chosen(enough), counts[enough])
        for row in found if is_last else self.not_of_one(found):
            self.rows.append(row)
            self.is_left[row.leaves] = False

    def _rows(self, groups: Groups, counts: Ints) -> list[Row]:
        """A row for each group of cells of one label; but none that shows a free word without enough agents."""
        firsts, members, bounds = groups.members[groups.bounds[:-1]], groups.members.tolist(), groups.bounds.tolist()
        labels = list(zip(*(values.at(firsts) for values in self.current), strict=True)) or [()] * len(firsts)
        leaves = [members[start:stop] for start, stop in pairwise(bounds)]
        hits = groups.sums(self.cells.measures[groups.members, 0]).tolist()
        rows = list(map(Row, labels, leaves, counts.tolist(), hits))
        if not self.table.free:
            return rows
        agents = self.cells.agents
        is_known = groups.sums(agents[groups.members, -1] != np.uint64(NO_VALUE)) > 0  # a cell has so many by itself
        told = zip(rows, is_known.tolist(), strict=True)
        return [row for row, known in told if known or self.roaming.allows(row.label, agents[row.leaves])]

    def not_of_one(self, rows: list[Row]) -> list[Row]:
        """Rows of which no network makes more than half of the hits (PRIVACY.md 4.5)."""
        # each of the other neighbourhoods has a hit: of rows with few hits for each it is known without a look
        unsure = [row for row in rows if row.hits > 2 * (row.neighbourhoods - 1)]
        crowd = self.cells.crowd
        for look in (crowd.most_at_most, crowd.most):  # the second one only where the first cannot tell
            heads = look(self._placed([row.leaves for row in unsure])).tolist()
            unsure = [row for row, head in zip(unsure, heads, strict=True) if 2 * head > row.hits]
        mostly = set(unsure)
        return [row for row in rows if row not in mostly]

    def count(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """Distinct neighbourhoods behind each group of leaf cells."""
        return list(map(int, self.cells.crowd.neighbourhoods(self._placed(groups))))

    def visitors(self, rows: Sequence[Row]) -> list[int]:
        """Distinct networks behind each row."""
        return list(map(int, self.cells.crowd.networks(self._placed([row.leaves for row in rows]))))

    def behind(self, groups: Sequence[Sequence[Row]]) -> list[int]:
        """Distinct neighbourhoods behind each group of rows; of one row it is known."""
        several = [[leaf for row in rows for leaf in row.leaves] for rows in groups if len(rows) != 1]
        counts = iter(self.count(several))
        return [rows[0].neighbourhoods if len(rows) == 1 else next(counts) for rows in groups]

    def shown(self, rows: Sequence[Row]) -> tuple[Groups, list[NDArray[np.bool_]]]:
        """The leaf cells of rows, and by key which of them have the value that their row shows."""
        groups = Groups.of([row.leaves for row in rows])
        labels = list(zip(*(row.label for row in rows), strict=True)) or [()] * len(self.table.keys)
        keys = zip(self.cells.keys, labels, strict=False)
        return groups, [key.codes[groups.members] == np.repeat(key.find(values), groups.sizes) for key, values in keys]

    def specific(self, rows: Sequence[Row]) -> NDArray[np.bool_]:
        """bool [keys, rows]: whether all cells of a row have the value that it shows."""
        groups, same = self.shown(rows)
        found = [groups.sums(one) == groups.sizes for one in same]
        return np.array(found, bool).reshape(len(self.table.keys), len(rows))

    def _placed(self, groups: Sequence[Sequence[int]]) -> Groups:
        """Groups of leaf cells as groups of the table's cells."""
        return Groups.of(groups).mapped(self.cells.place)

    def residues(self) -> list[list[int]]:
        """What is left, by the values of the keys that are held."""
        held = [one for one, key in zip(self.current, self.table.keys, strict=False) if key.name not in self.climbing]
        left = self.left
        labels = list(zip(*(values.at(left) for values in held), strict=True)) or [()] * len(left)
        found: dict[Label, list[int]] = {}
        for leaf, label in zip(left.tolist(), labels, strict=True):
            found.setdefault(label, []).append(leaf)
        return [found[key] for key in sorted(found)]

    def absorb(self, leaves: list[int]) -> None:
        """A residue pulls its smallest siblings into (other) until that has k neighbourhoods; else all is withheld."""
        label = tuple(values.words[values.codes[leaves[0]]] for values in self.current)
        places = [self.columns[name][0] for name in self.climbing]
        if not places:  # nothing can be generalised here
            self.withheld += leaves
            return
        held = [i for i in range(len(label)) if i not in places]
        siblings = [row for row in self.rows if all(row.label[i] == label[i] for i in held)]
        siblings.sort(key=self.rank)
        pulled = list(leaves)
        for row in siblings:
            pulled += row.leaves
            self.rows.remove(row)
            (count,) = self.count([pulled])
            if count >= self.k:
                other = tuple(OTHER if i in places else value for i, value in enumerate(label))
                self.rows.append(Row(other, pulled, count, self.hits(pulled)))
                return
        self.withheld += pulled

    def fold(self, row: Row) -> None:
        """A row goes into the next more general one, as its cells would have climbed; from the last one it is withheld."""
        for name in self.climbing:
            place, column = self.columns[name]
            if above := ancestors(column, row.label[place]):
                self.relabel(row, (*row.label[:place], above[0], *row.label[place + 1 :]))
                return
        self.rows.remove(row)
        self.withheld += row.leaves

    def relabel(self, row: Row, label: Label) -> None:
        """A row is shown by a more general label, together with the row that has it already."""
        there = [one for one in self.rows if one.label == label]
        leaves = [leaf for one in (*there, row) for leaf in one.leaves]
        self.rows = [one for one in self.rows if one.label != label and one is not row]
        self.rows.append(Row(label, leaves, self.count([leaves])[0], self.hits(leaves)))

    def rank(self, row: Row) -> tuple[int, int, Label]:
        """What decides which row gives way first: the smallest."""
        return row.neighbourhoods, row.hits, row.label

    def hits(self, leaves: Sequence[int]) -> int:
        return sum(map(self._hits.__getitem__, leaves))
