"""Treatment of what is summed: bytes sent, zero where the log has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("bytes",)
GIVES = ("bytes",)


class Treatment:
    """bytes: int64[n], -1 where the log has none."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, count: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n], at least 0."""
        return np.maximum(count, 0)
