"""Crowd: who stands behind the cells of a table, as distinct networks and neighbourhoods, counted share by share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.group import distinct_by

Codes = NDArray[np.int32]


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

    def seen(self, cells: NDArray[np.integer]) -> tuple[Codes, NDArray[np.int64], NDArray[np.int64]]:
        """(networks, hits) behind the cells, a network once for each cell; and how many are behind each cell."""
        rows = self.row[cells]
        counts = (
            np.where(rows >= 0, np.diff(self.offsets)[rows], 0) if len(self.offsets) > 1 else np.zeros(len(rows), int)
        )
        at = np.repeat(self.offsets[rows] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        return self.networks[at], self.hits[at].astype(np.int64), counts


@dataclass(frozen=True)
class Crowd:
    """All shares of a table. No neighbourhood is in two of them, so counts of distinct ones add up over shares: what has
    to be in memory at once is one table, and nothing is ever merged.
    """

    shares: Sequence[Share]

    def neighbourhoods(self, groups: Sequence[NDArray[np.integer]]) -> list[int]:
        """Distinct neighbourhoods behind each group of cells."""
        return self._count(groups, [share.neighbourhood for share in self.shares])

    def networks(self, groups: Sequence[NDArray[np.integer]]) -> list[int]:
        """Distinct networks behind each group of cells."""
        return self._count(groups, [np.arange(len(share.neighbourhood), dtype=np.int32) for share in self.shares])

    def most(self, groups: Sequence[NDArray[np.integer]]) -> list[int]:
        """Hits of the network that has most of them, behind each group of cells; 0 without networks."""
        most = np.zeros(len(groups), np.int64)
        members = np.concatenate([*groups, np.zeros(0, np.int64)]).astype(np.int64)
        of_member = np.repeat(np.arange(len(groups)), [len(cells) for cells in groups])
        for share in self.shares:
            networks, hits, counts = share.seen(members)
            if not len(networks):
                continue
            own, at = np.unique((np.repeat(of_member, counts) << 32) | networks, return_inverse=True)
            np.maximum.at(most, own >> 32, np.bincount(at, hits).astype(np.int64))
        return most.tolist()

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
            _, at = np.unique(np.concatenate(places), return_inverse=True)
            total += int((np.bincount(at, np.concatenate(left)) > 0).sum())
        return total

    def _count(self, groups: Sequence[NDArray[np.integer]], ids: Sequence[Codes]) -> list[int]:
        members = np.concatenate([*groups, np.zeros(0, np.int32)]).astype(np.int32)
        bounds = np.cumsum([0, *map(len, groups)])
        total = np.zeros(len(groups), np.int64)
        for share, id_ in zip(self.shares, ids, strict=True):
            total += distinct_by(members, bounds, share.row, share.offsets, share.networks, id_)
        return [int(count) for count in total]
