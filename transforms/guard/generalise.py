"""Generalise: the cells of one table and period climb until every published row stands for k neighbourhoods."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Site
from schemas.tables import Table
from transforms.guard.crowd import Crowd
from transforms.guard.hierarchies import OTHER, ancestors
from transforms.guard.roaming import Roaming

Label = tuple[str, ...]
Ints = NDArray[np.int64]


@dataclass
class Cells:
    """The leaf cells of one table, site and period.

    labels: one tuple of key values a cell; measures: int64 [C, M], hits first; agents: as in Partial; crowd: who stands
    behind the cells of the table, among which place int64 [C] finds these.
    """

    labels: list[Label]
    measures: Ints
    agents: NDArray[np.uint64]
    crowd: Crowd
    place: Ints


@dataclass
class Row:
    """A row to publish: the leaf cells it stands for, and how many neighbourhoods those are."""

    label: Label
    leaves: list[int]
    neighbourhoods: int


def generalise(
    table: Table, cells: Cells, k: int, site: Site | None = None,
    start: Sequence[Label] | None = None, held: Collection[str] = (),
) -> Climb:  # fmt: skip
    """Rows of at least k neighbourhoods each (`.rows`), and the leaf cells that no level could publish (`.withheld`).

    `site` is the one whose declared routes are nobody's words. Cells start as what `start` calls them, for keys that
    another table has generalised already; these keys are `held`: they climb no further.

    Deterministic: depends on labels, measures and counts alone, not on the order of cells or on the run's key.
    """
    climb = Climb(table, cells, k, Roaming(table, site), start, held)
    for name in climb.climbing:
        climb.up(name)
    climb.settle(is_last=True)
    for leaves in climb.residues():
        climb.absorb(leaves)
    return climb


class Climb:
    """The state of one table's generalisation."""

    def __init__(
        self, table: Table, cells: Cells, k: int, roaming: Roaming,
        start: Sequence[Label] | None = None, held: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.table, self.cells, self.k, self.roaming = table, cells, k, roaming
        self.climbing = [name for name in table.climb if name not in held]
        self.current: dict[int, Label] = dict(enumerate(start or cells.labels))  # leaf cells not yet in a row
        self._hits: list[int] = cells.measures[:, 0].tolist()
        self.rows: list[Row] = []
        self.withheld: list[int] = []
        self.is_published = False  # an earlier run has published it: it can be compared, not changed
        self.has_changed = False  # and it was not quite what it would be now
        self.columns = {key.name: (i, key.column) for i, key in enumerate(table.keys)}

    def up(self, name: str) -> None:
        """One key climbs, deepest values first, so that each generalised cell is judged once it has all its parts."""
        place, column = self.columns[name]
        level: dict[str, int] = {}
        above: dict[str, str] = {}
        for value in {label[place] for label in self.current.values()}:
            chain = (value, *ancestors(column, value))
            level.update(zip(reversed(chain), range(len(chain)), strict=True))
            above.update(pairwise(chain))
        for height in range(max(level.values(), default=0), 0, -1):
            at_height = [leaf for leaf, label in self.current.items() if level[label[place]] == height]
            self.settle(at_height)
            for leaf in at_height:
                if (label := self.current.get(leaf)) is not None:
                    self.current[leaf] = (*label[:place], above[label[place]], *label[place + 1 :])

    def settle(self, leaves: Sequence[int] | None = None, *, is_last: bool = False) -> None:
        """Make rows of the labels that have k neighbourhoods, the agents that a free word needs, and nobody with most hits.

        Only what has climbed all the way may be mostly one network's: there is nowhere else to go.
        """
        chosen = list(self.current) if leaves is None else leaves
        by_label: dict[Label, list[int]] = {}
        for leaf in chosen:
            by_label.setdefault(self.current[leaf], []).append(leaf)
        counts = zip(by_label.items(), self.count(list(by_label.values())), strict=True)
        found = [Row(label, members, count) for (label, members), count in counts if count >= self.k]
        if self.table.free:
            found = [row for row in found if self.roaming.allows(row.label, self.cells.agents[row.leaves])]
        for row in found if is_last else self.not_of_one(found):
            self.rows.append(row)
            for leaf in row.leaves:
                del self.current[leaf]

    def not_of_one(self, rows: list[Row]) -> list[Row]:
        """Rows of which no network makes more than half of the hits (PRIVACY.md 4.5)."""
        # each of the other neighbourhoods has a hit: of rows with few hits for each it is known without a look
        unsure = [row for row in rows if self.hits(row.leaves) > 2 * (row.neighbourhoods - 1)]
        heads = self.cells.crowd.most([self.cells.place[row.leaves] for row in unsure])
        mostly = [row for row, head in zip(unsure, heads, strict=True) if 2 * head > self.hits(row.leaves)]
        return [row for row in rows if all(row is not one for one in mostly)]

    def count(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """Distinct neighbourhoods behind each group of leaf cells."""
        return self.cells.crowd.neighbourhoods([self.cells.place[list(leaves)] for leaves in groups])

    def visitors(self, rows: Sequence[Row]) -> list[int]:
        """Distinct networks behind each row."""
        return self.cells.crowd.networks([self.cells.place[row.leaves] for row in rows])

    def residues(self) -> list[list[int]]:
        """What is left, by the values of the keys that are held."""
        held = [i for i, key in enumerate(self.table.keys) if key.name not in self.climbing]
        found: dict[Label, list[int]] = {}
        for leaf, label in self.current.items():
            found.setdefault(tuple(label[i] for i in held), []).append(leaf)
        return [found[key] for key in sorted(found)]

    def absorb(self, leaves: list[int]) -> None:
        """A residue pulls its smallest siblings into (other) until that has k neighbourhoods; else all is withheld."""
        label = self.current[leaves[0]]
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
                self.rows.append(Row(other, pulled, count))
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
        self.rows.append(Row(label, leaves, *self.count([leaves])))

    def rank(self, row: Row) -> tuple[int, int, Label]:
        """What decides which row gives way first: the smallest."""
        return row.neighbourhoods, self.hits(row.leaves), row.label

    def hits(self, leaves: Sequence[int]) -> int:
        return sum(map(self._hits.__getitem__, leaves))
