"""Eight bytes at a time with plain, bounds-checked indexing: the buffer seen as little-endian uint64.

A block is given twice over the same memory: `text` (uint8) and `words` (uint64), with padding behind its last byte.
Byte tests are exact (no false positives), see Hacker's Delight, 2nd edition, section 6-1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import part

U = np.uint64
# Kernels count in int64 alone: mixed with int32 they would be compiled again, mixed with uint64 they would be floats.
signed = cast(Callable[[Any], int], np.int64)
Words = NDArray[np.uint64]
Text = NDArray[np.uint8]

ONE, THREE, SEVEN, SIXTY_THREE = U(1), U(3), U(7), U(63)
ALL = U(0xFFFFFFFFFFFFFFFF)
SEVENS = U(0x7F7F7F7F7F7F7F7F)
PLACES = U(0x0001020304050607)
TOP = U(56)
EACH = 0x0101010101010101  # times a byte: that byte eight times
NEWLINE, QUOTE, BACKSLASH, SPACE = U(10 * EACH), U(34 * EACH), U(92 * EACH), U(32 * EACH)
QUESTION, HASH = U(63 * EACH), U(35 * EACH)


@part
def load(words: Words, i: int) -> np.uint64:
    """The eight bytes from byte `i` on, the first in the lowest bits."""
    at = U(i)
    shift = (at & SEVEN) << THREE
    k = at >> THREE
    # Two shifts: a shift by 64 is undefined.
    return U((words[k] >> shift) | ((words[k + ONE] << ONE) << (SIXTY_THREE - shift)))


@part
def head(word: np.uint64, n: int) -> np.uint64:
    """The first `n` (0 to 8) bytes of a word, the others zero."""
    return word & (ALL >> (U(64) - (U(n) << THREE))) if n > 0 else U(0)


@part
def zeros(word: np.uint64) -> np.uint64:
    """0x80 in each byte of `word` that is zero."""
    return ~(((word & SEVENS) + SEVENS) | word | SEVENS)


@part
def place(marks: np.uint64) -> int:
    """Number of the first byte that is marked with 0x80."""
    return signed((((marks & (~marks + ONE)) >> SEVEN) * PLACES) >> TOP)


@part
def find(words: Words, i: int, a: np.uint64, b: np.uint64) -> int:
    """Place of the first byte from `i` on that is the byte repeated in `a` or in `b`."""
    k = U(i) >> THREE
    word = words[k]
    marks = (zeros(word ^ a) | zeros(word ^ b)) & (ALL << ((U(i) & SEVEN) << THREE))
    while marks == U(0):
        k += ONE
        word = words[k]
        marks = zeros(word ^ a) | zeros(word ^ b)
    return signed(k << THREE) + place(marks)


@part
def find3(words: Words, i: int, stop: int, a: np.uint64, b: np.uint64, c: np.uint64) -> int:
    """Like `find`, for three bytes and not beyond `stop`."""
    k = U(i) >> THREE
    word = words[k]
    marks = (zeros(word ^ a) | zeros(word ^ b) | zeros(word ^ c)) & (ALL << ((U(i) & SEVEN) << THREE))
    last = U(stop) >> THREE
    while marks == U(0) and k < last:
        k += ONE
        word = words[k]
        marks = zeros(word ^ a) | zeros(word ^ b) | zeros(word ^ c)
    return min(signed(k << THREE) + place(marks), stop) if marks != U(0) else stop
