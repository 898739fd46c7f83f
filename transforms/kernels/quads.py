"""The kernel that reads dotted quads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel

_DOT, _ZERO = 46, 48


@kernel
def ipv4(data: NDArray[np.uint8], offsets: NDArray[np.int32], numbers: NDArray[np.int64]) -> None:
    """The number of each text that is four decimal numbers from 0 to 255 without leading zeros, else -1."""
    for i in range(numbers.size):
        numbers[i] = -1
        number, value, digits, dots = np.int64(0), np.int64(0), 0, 0
        good = offsets[i + 1] - offsets[i] <= 15
        at = offsets[i]
        while good and at < offsets[i + 1]:
            c = np.int64(data[at])
            if c == _DOT:
                good = digits > 0 and dots < 3
                number, value, digits, dots = number * 256 + value, np.int64(0), 0, dots + 1
            else:
                good = _ZERO <= c < _ZERO + 10 and not (digits > 0 and value == 0)
                value, digits = value * 10 + c - _ZERO, digits + 1
                good = good and value <= 255
            at += 1
        if good and dots == 3 and digits > 0:
            numbers[i] = number * 256 + value
