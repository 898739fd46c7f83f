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
    row r from offsets[r] (int32 [rows + 1]) on, each once; neighbourhood: int32 [networks of the share], of each network.
    """

    row: Codes
    offsets: Codes
    networks: Codes
    neighbourhood: Codes


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

    def _count(self, groups: Sequence[NDArray[np.integer]], ids: Sequence[Codes]) -> list[int]:
        members = np.concatenate([*groups, np.zeros(0, np.int32)]).astype(np.int32)
        bounds = np.cumsum([0, *map(len, groups)])
        total = np.zeros(len(groups), np.int64)
        for share, id_ in zip(self.shares, ids, strict=True):
            total += distinct_by(members, bounds, share.row, share.offsets, share.networks, id_)
        return [int(count) for count in total]
