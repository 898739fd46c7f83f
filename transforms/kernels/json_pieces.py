"""The pieces of JSON (RFC 8259): where blanks, strings, numbers and words end."""

from __future__ import annotations

import numpy as np

from transforms.kernels.jit import part
from transforms.kernels.words import BACKSLASH, NEWLINE, QUOTE, Text, Words, find3

_FAR = 1 << 40
_LF, _QUOTE = 10, 34
_AFTER_ESCAPE = np.array([chr(b) in '"\\/bfnrtu' for b in range(256)], np.bool_)
_HEX = np.array([chr(b) in "0123456789abcdefABCDEF" for b in range(256)], np.bool_)
BEGINS_BARE = np.array([chr(b) in "-0123456789tfn" for b in range(256)], np.bool_)  # a number, true, false, null


@part
def skip(text: Text, i: int) -> int:
    """Behind blanks; a newline ends the line and is none."""
    while text[i] == 32 or text[i] == 9 or text[i] == 13:
        i += 1
    return i


@part
def _escape_end(text: Text, i: int) -> int:
    """Behind the escape at `i`, -1 if it is none."""
    if not _AFTER_ESCAPE[text[i + 1]]:
        return -1
    if text[i + 1] != 117:
        return i + 2
    for k in range(i + 2, i + 6):
        if not _HEX[text[k]]:
            return -1
    return i + 6


@part
def string_end(words: Words, text: Text, i: int, careful: bool, highest: int) -> tuple[int, bool]:
    """The quote that ends the string whose first byte is at `i`, and whether escapes are in it.

    -1 if no quote ends it, or a byte in it may not be there.
    """
    start, escaped = i, False
    while True:
        i = find3(words, i, _FAR, QUOTE, BACKSLASH, NEWLINE)
        if text[i] == _LF:
            return -1, escaped
        if text[i] == _QUOTE:
            break
        escaped = True
        i = _escape_end(text, i)
        if i < 0:
            return -1, escaped
    if careful:
        for k in range(start, i):
            if text[k] < 32 or text[k] > highest:
                return -1, escaped
    return i, escaped


@part
def _digits(text: Text, i: int) -> int:
    while 48 <= text[i] <= 57:
        i += 1
    return i


@part
def number_end(text: Text, i: int) -> int:
    """Behind the number at `i`, -1 if it is none."""
    if text[i] == 45:
        i += 1
    end = _digits(text, i)
    if end == i or (text[i] == 48 and end > i + 1):
        return -1
    i = end
    if text[i] == 46:
        end = _digits(text, i + 1)
        if end == i + 1:
            return -1
        i = end
    if text[i] == 101 or text[i] == 69:
        i += 1
        if text[i] == 43 or text[i] == 45:
            i += 1
        end = _digits(text, i)
        if end == i:
            return -1
        i = end
    return i


@part
def word_end(text: Text, i: int) -> int:
    """Behind true, false or null at `i`, -1 if it is none of them."""
    if text[i] == 116 and text[i + 1] == 114 and text[i + 2] == 117 and text[i + 3] == 101:
        return i + 4
    if text[i] == 110 and text[i + 1] == 117 and text[i + 2] == 108 and text[i + 3] == 108:
        return i + 4
    if text[i] == 102 and text[i + 1] == 97 and text[i + 2] == 108 and text[i + 3] == 115 and text[i + 4] == 101:
        return i + 5
    return -1


@part
def bare_end(text: Text, i: int) -> int:
    """Behind the number, true, false or null at `i`, -1 if it is none of them."""
    return number_end(text, i) if text[i] == 45 or 48 <= text[i] <= 57 else word_end(text, i)
