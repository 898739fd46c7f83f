"""Generalise: the cells of one table and period climb until every published row stands for k neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.load import Table
from transforms.guard.hierarchies import OTHER, ancestors
from transforms.kernels.group import add_up, order_by

BATCH = 500_000  # pairs of (cell, network) that are counted at once
Label = tuple[str, ...]
Codes = NDArray[np.int32]
Ints = NDArray[np.int64]


@dataclass
class Cells:
    """The leaf cells of one table, site and period.

    labels: one tuple of key values a cell; measures: int64 [C, M], hits first; pair_cell, pair_network: int32 [P], each
    (cell, network) once; neighbourhood: int32 [N], the neighbourhood of each network.
    """

    labels: list[Label]
    measures: Ints
    pair_cell: Codes
    pair_network: Codes
    neighbourhood: Codes


@dataclass
class Row:
    """A row to publish: the leaf cells it stands for, and how many neighbourhoods those are."""

    label: Label
    leaves: list[int]
    neighbourhoods: int


def generalise(table: Table, cells: Cells, k: int) -> Climb:
    """Rows of at least k neighbourhoods each (`.rows`), and the leaf cells that no level could publish (`.withheld`).

    Deterministic: depends on labels, measures and counts alone, not on the order of cells or on the run's key.
    """
    climb = Climb(table, cells, k)
    for name in table.climb:
        climb.up(name)
    climb.settle()
    for leaves in climb.residues():
        climb.absorb(leaves)
    return climb


class Climb:
    """The state of one table's generalisation."""

    def __init__(self, table: Table, cells: Cells, k: int) -> None:
        self.table, self.cells, self.k = table, cells, k
        self.current: dict[int, Label] = dict(enumerate(cells.labels))  # leaf cells not yet in a row
        self.rows: list[Row] = []
        self.withheld: list[int] = []
        self.columns = {key.name: (i, key.column) for i, key in enumerate(table.keys)}
        self.order, self.bounds = order_by(cells.pair_cell, len(cells.labels))

    def up(self, name: str) -> None:
        """One key climbs, deepest values first, so that each generalised cell is judged once it has all its parts."""
        place, column = self.columns[name]
        chains = {
            value: [value, *ancestors(column, value)] for value in {label[place] for label in self.current.values()}
        }
        level = {value: len(chain) - 1 for chain in chains.values() for value, chain in _suffixes(chain)}
        above = {value: chain[1] for chain in chains.values() for value, chain in _suffixes(chain) if len(chain) > 1}
        for height in range(max(level.values(), default=0), 0, -1):
            at_height = [leaf for leaf, label in self.current.items() if level[label[place]] == height]
            self.settle(at_height)
            for leaf in at_height:
                if (label := self.current.get(leaf)) is not None:
                    self.current[leaf] = (*label[:place], above[label[place]], *label[place + 1 :])

    def settle(self, leaves: Sequence[int] | None = None) -> None:
        """Make rows of the labels that have k neighbourhoods."""
        chosen = list(self.current) if leaves is None else leaves
        by_label: dict[Label, list[int]] = {}
        for leaf in chosen:
            by_label.setdefault(self.current[leaf], []).append(leaf)
        for (label, members), count in zip(by_label.items(), self.count(list(by_label.values())), strict=True):
            if count >= self.k:
                self.rows.append(Row(label, members, count))
                for leaf in members:
                    del self.current[leaf]

    def count(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """Distinct neighbourhoods behind each group of leaf cells."""
        return distinct_in(self, groups, self.cells.neighbourhood)

    def visitors(self, rows: Sequence[Row]) -> list[int]:
        """Distinct networks behind each row."""
        return distinct_in(self, [row.leaves for row in rows], None)

    def residues(self) -> list[list[int]]:
        """What is left, by the values of the keys that are held."""
        held = [i for i, key in enumerate(self.table.keys) if key.name not in self.table.climb]
        found: dict[Label, list[int]] = {}
        for leaf, label in self.current.items():
            found.setdefault(tuple(label[i] for i in held), []).append(leaf)
        return [found[key] for key in sorted(found)]

    def absorb(self, leaves: list[int]) -> None:
        """A residue pulls its smallest siblings into (other) until that has k neighbourhoods; else all is withheld."""
        label = self.current[leaves[0]]
        places = [self.columns[name][0] for name in self.table.climb]
        if not places:  # nothing can be generalised here
            self.withheld += leaves
            return
        held = [i for i in range(len(label)) if i not in places]
        siblings = [row for row in self.rows if all(row.label[i] == label[i] for i in held)]
        siblings.sort(key=lambda row: (row.neighbourhoods, self.hits(row.leaves), row.label))
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

    def hits(self, leaves: Sequence[int]) -> int:
        return int(self.cells.measures[list(leaves), 0].sum())


def _suffixes(chain: list[str]) -> list[tuple[str, list[str]]]:
    """Every value of a chain with the chain from it upward."""
    return [(value, chain[i:]) for i, value in enumerate(chain)]


def distinct_in(climb: Climb, groups: Sequence[Sequence[int]], of_network: Codes | None) -> list[int]:
    """How many distinct networks, or what `of_network` maps them to, are behind each group of leaf cells."""
    counts: list[int] = []
    for batch in _batches(climb, groups):
        sizes = [len(members) for members in batch]
        leaves = np.fromiter((leaf for members in batch for leaf in members), np.int64, sum(sizes))
        starts, stops = climb.bounds[leaves], climb.bounds[leaves + 1]
        lengths = stops - starts
        spots = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths) + np.arange(lengths.sum())
        networks = climb.cells.pair_network[climb.order[spots]]
        ids = networks if of_network is None else of_network[networks]
        group_of_pair = np.repeat(np.repeat(np.arange(len(batch), dtype=np.int32), sizes), lengths)
        order, _ = order_by(ids.astype(np.int32), int(ids.max(initial=0)) + 1)
        hits = np.ones(len(ids), np.int64)
        seen_by, *_ = add_up(group_of_pair[order], ids[order], hits, len(batch))
        counts += np.bincount(seen_by, minlength=len(batch)).tolist()
    return counts


def _batches(climb: Climb, groups: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """The groups in batches of about BATCH pairs, so that memory is bounded by the largest group."""
    batch: list[Sequence[int]] = []
    held = 0
    for members in groups:
        at = np.asarray(members, np.int64)
        held += int((climb.bounds[at + 1] - climb.bounds[at]).sum())
        batch.append(members)
        if held > BATCH:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
