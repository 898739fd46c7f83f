"""Bytes of a block that kernels look for, and the place of the next one.

A block is given twice over the same memory: `text` (uint8) and `words` (uint64), with padding behind its last byte. What
reads `words` (transforms.kernels.wide) takes places in bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import part
from transforms.kernels.wide import WIDTH, first, matches, matches3, unequal

U = np.uint64
# Kernels count in int64 alone: mixed with int32 they would be compiled again, mixed with uint64 they would be floats.
signed = cast(Callable[[Any], int], np.int64)
Words = NDArray[np.uint64]
Text = NDArray[np.uint8]

ALL = U(0xFFFFFFFFFFFFFFFF)
EACH = 0x0101010101010101  # times a byte: that byte eight times
NEWLINE, QUOTE, BACKSLASH, SPACE = U(10 * EACH), U(34 * EACH), U(92 * EACH), U(32 * EACH)
QUESTION, HASH = U(63 * EACH), U(35 * EACH)


@part
def head(word: np.uint64, n: int) -> np.uint64:
    """The first `n` (0 to 8) bytes of a word, the others zero."""
    return word & (ALL >> (U(64) - (U(n) << U(3)))) if n > 0 else U(0)


@part
def same(words: Words, i: int, n: int, others: Words, j: int) -> bool:
    """Whether the `n` bytes from byte `i` of `words` on are those from byte `j` of `others` on."""
    while n > WIDTH:
        if unequal(words, i, others, j) != U(0):
            return False
        i, j, n = i + WIDTH, j + WIDTH, n - WIDTH
    return bool(n <= 0 or unequal(words, i, others, j) << U(WIDTH - n) == U(0))


@part
def find(words: Words, i: int, a: np.uint64, b: np.uint64) -> int:
    """Place of the first byte from `i` on that is the byte repeated in `a` or in `b`."""
    marks = matches(words, i, a, b)
    while marks == U(0):
        i += WIDTH
        marks = matches(words, i, a, b)
    return signed(i + first(marks))


@part
def find3(words: Words, i: int, stop: int, a: np.uint64, b: np.uint64, c: np.uint64) -> int:
    """Like `find`, for three bytes and not beyond `stop`."""
    marks = matches3(words, i, a, b, c)
    while marks == U(0) and i < stop:
        i += WIDTH
        marks = matches3(words, i, a, b, c)
    return min(signed(i + first(marks)), stop)
