"""Crowd: who stands behind the cells of a table, as distinct networks and neighbourhoods, counted share by share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.group import distinct_by, group, sum_by

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Groups of cells, one behind the other: those of group g are members[bounds[g] : bounds[g + 1]], int64."""

    members: Ints
    bounds: Ints

    @classmethod
    def of(cls, groups: Sequence[Sequence[int] | NDArray[np.integer]]) -> Groups:
        return cls(np.fromiter(chain.from_iterable(groups), np.int64), np.cumsum([0, *map(len, groups)]))

    @cached_property
    def sizes(self) -> Ints:
        return self.bounds[1:] - self.bounds[:-1]

    def chosen(self, which: NDArray[np.bool_]) -> Groups:
        """Only these groups; bool [groups]."""
        if which.all():
            return self
        members, sizes = self.members[np.repeat(which, self.sizes)], self.sizes[which]
        bounds = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=bounds[1:])
        return Groups(members, bounds)

    def mapped(self, place: Ints) -> Groups:
        """The same groups of cells that are called otherwise."""
        return Groups(place[self.members], self.bounds)

    def sums(self, values: NDArray[np.integer] | NDArray[np.bool_]) -> Ints:
        """The sum over each group of the values of its members, int64 [groups]."""
        running = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values, out=running[1:])
        return running[self.bounds[1:]] - running[self.bounds[:-1]]


@dataclass(frozen=True)
class Share:
    """The networks of one share of the neighbourhoods, by cell.

    row: int32 [cells], the row of a cell here, -1 where none of its networks is of this share; networks: int32, those of
    row r from offsets[r] (int32 [rows + 1]) on, each once; neighbourhood: int32 [networks of the share], of each network:
    the same array in all tables of a share; hits: int, of each of `networks`.
    """

    row: Codes
    offsets: Codes
    networks: Codes
    neighbourhood: Codes
    hits: NDArray[np.integer]

    def seen(self, cells: NDArray[np.integer]) -> tuple[Codes, Ints, Ints]:
        """(networks, hits) behind the cells, a network once for each cell; and how many are behind each cell."""
        rows, counts = self.row[cells], self.lengths(cells)
        at = np.repeat(self.offsets[rows] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        return self.networks[at], self.hits[at].astype(np.int64), counts

    def lengths(self, cells: NDArray[np.integer]) -> Ints:
        """How many networks are behind each cell."""
        rows = self.row[cells]
        return np.where(rows >= 0, self.offsets[rows + 1] - self.offsets[rows], 0).astype(np.int64)

    def heads(self, cells: NDArray[np.integer]) -> Ints:
        """Hits of the network that has most of them, behind each cell; 0 without networks."""
        heads: Ints = self._heads[self.row[cells]]
        return heads

    @cached_property
    def _heads(self) -> Ints:
        """By row, and 0 for row -1."""
        heads = np.zeros(len(self.offsets), np.int64)
        filled = np.flatnonzero(np.diff(self.offsets))
        if len(filled):
            heads[filled] = np.maximum.reduceat(self.hits, self.offsets[filled])
        return heads


@dataclass(frozen=True)
class Crowd:
    """All shares of a table. No neighbourhood is in two of them, so counts of distinct ones add up over shares: what has
    to be in memory at once is one table, and nothing is ever merged.
    """

    shares: Sequence[Share]

    def neighbourhoods(self, groups: Groups) -> Ints:
        """Distinct neighbourhoods behind each group of cells."""
        return self._distinct(groups, self._alone, lambda share: share.neighbourhood)

    def networks(self, groups: Groups) -> Ints:
        """Distinct networks behind each group of cells."""
        return self._distinct(groups, self.listed, lambda share: np.arange(len(share.neighbourhood), dtype=np.int32))

    def listed(self, cells: Ints) -> Ints:
        """How many networks each cell lists: as many as are behind it, and as there are neighbourhoods at most."""
        return self._listed[cells] if self.shares else np.zeros(len(cells), np.int64)

    def most(self, groups: Groups) -> Ints:
        """Hits of the network that has most of them, behind each group of cells; 0 without networks."""
        most = np.zeros(len(groups.sizes), np.int64)
        of_member = np.repeat(np.arange(len(most)), groups.sizes)
        for share in self.shares:
            networks, hits, counts = share.seen(groups.members)
            pairs = (np.repeat(of_member, counts) << 32) | networks
            at, first = group(pairs.view(np.uint64))
            np.maximum.at(most, pairs[first] >> 32, sum_by(at, len(first), hits))
        return most

    def most_at_most(self, groups: Groups) -> Ints:
        """What `most` does not exceed, without a look at who is who: the same network may be the first of every cell."""
        bounds = [groups.sums(share.heads(groups.members)) for share in self.shares]
        return np.max(bounds, 0, initial=0) if bounds else np.zeros(len(groups.sizes), np.int64)

    def beyond(self, cells: NDArray[np.integer], others: Sequence[tuple[Crowd, NDArray[np.integer]]]) -> int:
        """Distinct neighbourhoods with more hits behind these cells than behind the others, cells of other tables.

        Where the events of the others are among those of these cells: the neighbourhoods behind what is left of them.
        """
        total = 0
        mine = [id(share.neighbourhood) for share in self.shares]
        if any(crowd.shares and all(id(one.neighbourhood) not in mine for one in crowd.shares) for crowd, _ in others):
            raise ValueError("the shares of two tables are numbered apart, expected the same neighbourhoods in both")
        for share in self.shares:
            networks, hits, _ = share.seen(cells)
            places, left = [share.neighbourhood[networks]], [hits]
            for crowd, theirs in others:
                for one in (one for one in crowd.shares if one.neighbourhood is share.neighbourhood):
                    networks, hits, _ = one.seen(theirs)
                    places.append(one.neighbourhood[networks])
                    left.append(-hits)
            total += int((np.bincount(np.concatenate(places), np.concatenate(left)) > 0).sum())
        return total

    @cached_property
    def _listed(self) -> Ints:
        listed: Ints = np.sum([share.lengths(np.arange(len(share.row))) for share in self.shares], 0, np.int64)
        return listed

    @cached_property
    def _known(self) -> Ints:
        """Distinct neighbourhoods behind each cell, -1 where nobody has asked yet."""
        known: Ints = np.where(self._listed > 1, -1, self._listed)
        return known

    def _alone(self, cells: Ints) -> Ints:
        """Distinct neighbourhoods behind each of some cells: they are asked for again and again, and counted once."""
        if not self.shares:
            return np.zeros(len(cells), np.int64)
        known = self._known
        fresh = cells[known[cells] < 0]
        if len(fresh):
            by_cell = Groups(fresh, np.arange(len(fresh) + 1))
            known[fresh] = self._count(by_cell, [share.neighbourhood for share in self.shares])
        found: Ints = known[cells]
        return found

    def _distinct(self, groups: Groups, alone: Callable[[Ints], Ints], ids: Callable[[Share], Codes]) -> Ints:
        """Distinct ids behind each group: of one cell as `alone` says, of several by looking at who is in which."""
        single = groups.sizes == 1
        if single.all():
            return alone(groups.members)
        found = np.zeros(len(single), np.int64)
        found[single] = alone(groups.chosen(single).members)
        found[~single] = self._count(groups.chosen(~single), list(map(ids, self.shares)))
        return found

    def _count(self, groups: Groups, ids: Sequence[Codes]) -> Ints:
        members, total = groups.members.astype(np.int32), np.zeros(len(groups.sizes), np.int64)
        for share, id_ in zip(self.shares, ids, strict=True):
            total += distinct_by(members, groups.bounds, share.row, share.offsets, share.networks, id_)
        return total
