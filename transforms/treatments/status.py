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

# By number, from one below -1 to one above the last.
_BELOW = -2
_NUMBERS = np.arange(_BELOW, _LAST + 2)
_VALID, _NEITHER = (_NUMBERS >= _FIRST) & (_NUMBERS <= _LAST), np.where(_NUMBERS == -1, 0, 1)
_CODE_OF = np.where(_VALID, _NUMBERS - _FIRST + 2, _NEITHER).astype(np.int32)
_CLASS_OF = np.where(_VALID, _NUMBERS // 100 + 1, _NEITHER).astype(np.int32)


class Treatment:
    """status: int16[n], RFC 9110 section 15, -1 where the log has none."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(
        self, status: NDArray[np.int16]
    ) -> tuple[tuple[NDArray[np.int32], list[str]], tuple[NDArray[np.int32], list[str]]]:
        """(codes int32[n], vocabulary) of status and of status_class; "(none)" for -1, "(other)" outside 100 to 599."""
        place = np.clip(status, _BELOW, _LAST + 1).astype(np.intp) - _BELOW
        return (_CODE_OF.take(place), CODES), (_CLASS_OF.take(place), CLASSES)
