"""Treatment of the time that an answer took: the first bucket that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("duration",)
GIVES = ("le_ms",)

MILLISECONDS = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
BUCKETS = [*(str(bound) for bound in MILLISECONDS), "inf"]

_BOUNDS = np.array(MILLISECONDS, dtype=np.int64) * 1000


class Treatment:
    """duration: int64[n] microseconds, -1 where the log has none."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, micros: NDArray[np.int64]) -> tuple[NDArray[np.int32], list[str]]:
        """(codes int32[n], vocabulary): each in the first bucket it is less than or equal to; -1 (null) below zero."""
        if not micros.size or micros.max() < 0:  # a log without it
            return np.full(micros.size, -1, np.int32), BUCKETS
        codes = np.searchsorted(_BOUNDS, micros, side="left").astype(np.int32)
        codes[micros < 0] = -1
        return codes, BUCKETS
