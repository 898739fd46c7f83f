"""Bounds: between which numbers of hits what is not published must lie, by linear programming over what is (HiGHS)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-6
Flow = tuple[int, int]  # (row, room): events of a row of one table that are in a row of the other


class Rooms:
    """Rows of one table, each with some hits that are spread over rooms: rows of another table, of so many hits.

    supply: int [rows]; room: int [rooms]; flows: which row can have events in which room. All events of a row are in
    some room, or, unless `closed`, in none.
    """

    def __init__(self, supply: Sequence[int], room: Sequence[int], flows: Sequence[Flow], *, closed: bool) -> None:
        from scipy.sparse import csr_array  # a tenth of a second: most releases need no bounds

        self.flows = {flow: at for at, flow in enumerate(flows)}
        self.size = len(flows)
        sides = [
            csr_array(
                (np.ones(self.size), ([flow[side] for flow in flows], range(self.size))), shape=(count, self.size)
            )
            for side, count in ((0, len(supply)), (1, len(room)))
        ]
        spread, held = sides
        self.given: dict[str, Any] = {"A_ub": held, "b_ub": np.array(room, float), "bounds": (0, None)}
        if closed:
            self.given |= {"A_eq": spread, "b_eq": np.array(supply, float)}
        else:
            from scipy.sparse import vstack

            self.given |= {"A_ub": vstack([held, spread]), "b_ub": np.array([*room, *supply], float)}

    def width(self, wanted: Mapping[Flow, int] | Sequence[Flow]) -> int | None:
        """How many values the sum of some flows can have; None where the rows contradict one another."""
        from scipy.optimize import linprog

        cost: NDArray[np.float64] = np.zeros(self.size)
        cost[[self.flows[flow] for flow in wanted]] = 1.0
        ends = [linprog(sign * cost, method="highs", **self.given) for sign in (1, -1)]
        if any(one.status != 0 for one in ends):
            return None
        low, high = np.ceil(ends[0].fun - EPSILON), np.floor(-ends[1].fun + EPSILON)
        return int(high - low) + 1
