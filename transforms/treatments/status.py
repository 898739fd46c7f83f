"""Treatment of the HTTP status: the code and its class, as words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("status",)
GIVES = ("status", "status_class")

_FIRST, _LAST = 100, 599
CODES = ["(none)", "(other)", *(str(code) for code in range(_FIRST, _LAST + 1))]
CLASSES = ["(none)", "(other)", "1xx", "2xx", "3xx", "4xx", "5xx"]


class Treatment:
    """status: int16[n], RFC 9110 section 15, -1 where the log has none."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(
        self, status: NDArray[np.int16]
    ) -> tuple[tuple[NDArray[np.int32], list[str]], tuple[NDArray[np.int32], list[str]]]:
        """(codes int32[n], vocabulary) of status and of status_class; "(none)" for -1, "(other)" outside 100 to 599."""
        number = status.astype(np.int32)
        valid = (number >= _FIRST) & (number <= _LAST)
        neither = np.where(number == -1, 0, 1).astype(np.int32)
        codes = np.where(valid, number - _FIRST + 2, neither).astype(np.int32)
        classes = np.where(valid, number // 100 + 1, neither).astype(np.int32)
        return (codes, CODES), (classes, CLASSES)
