"""The scan: lines of a block to spans of fields, driven by the table of a layout; what it is not sure of it refuses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.modes import (
    BARE,
    CLIENT,
    COLLAPSE,
    FIXED,
    FIXED_BYTES,
    LAST,
    LAZY,
    LIST,
    NO_DASH,
    PADDED,
    QUOTED,
    REST,
    WORD,
)
from transforms.kernels.wide import WIDTH, load, matches, ones
from transforms.kernels.words import (
    BACKSLASH,
    EACH,
    NEWLINE,
    QUOTE,
    SPACE,
    Text,
    U,
    Words,
    find,
    find3,
    head,
    signed,
)

_CR, _LF, _DASH, _BLANK, _ESCAPE, _COMMA = 13, 10, 45, 32, 92, 44
_FAR = 1 << 40
Ints = NDArray[np.int64]
Spans = NDArray[np.int32]


@part
def _stands(words: Words, i: int, literals: Words, f: int, length: int) -> bool:
    """Whether the literal of number `f`, of `length` bytes, is at byte `i`."""
    k = 0
    while length > 8:
        if load(words, i + 8 * k) != literals[f, k]:
            return False
        k += 1
        length -= 8
    return bool(length == 0 or head(load(words, i + 8 * k), length) == literals[f, k])


@part
def _quoted_end(words: Words, text: Text, i: int) -> int:
    while True:
        i = find3(words, i, _FAR, QUOTE, BACKSLASH, NEWLINE)
        if text[i] != _ESCAPE or text[i + 1] == _LF:
            return i
        i += 2


@part
def _lazy_end(
    words: Words, text: Text, start: int, literals: Words, f: int, length: int, flags: int, longest: int
) -> int:
    """End of a user name, or -1."""
    first = U(EACH) * (literals[f, 0] & U(255))
    i = find(words, start, first, NEWLINE)
    while text[i] != _LF and i - start <= longest and not _stands(words, i, literals, f, length):
        i = find(words, i + 1, first, NEWLINE)
    if i - start > longest:
        return -1
    if flags & NO_DASH and i - start >= 2 and text[start] == _DASH and text[start + 1] == _BLANK:
        return -1
    return i


@part
def _line_end(words: Words, text: Text, start: int, mode: int) -> int:
    """End of a last field without a literal: one CR and one space behind it are not of it."""
    i = find(words, start, NEWLINE, SPACE if mode == WORD else NEWLINE)
    if text[i] == _LF and i > start and text[i - 1] == _CR:
        i -= 1
    if mode == REST and i > start and text[i - 1] == _BLANK:
        i -= 1
    return i


@part
def _fixed_end(text: Text, start: int, width: int) -> int:
    """So many bytes on, or at the end of the line."""
    i = start
    while i < start + width and text[i] != _LF:
        i += 1
    return i


@part
def _last_end(words: Words, text: Text, start: int, byte: np.uint64) -> int:
    """The last such byte in front of the first space or newline, or that where there is none."""
    end = find(words, start, SPACE, NEWLINE)
    i = end
    while i > start and U(text[i]) != byte:
        i -= 1
    return i if U(text[i]) == byte else end


@part
def _list_end(words: Words, text: Text, start: int) -> int:
    """The first space or newline that does not follow a comma."""
    i = find(words, start, SPACE, NEWLINE)
    while text[i] == _BLANK and i > start and text[i - 1] == _COMMA:
        i = find(words, i + 1, SPACE, NEWLINE)
    return i


@part
def _tail(text: Text, i: int) -> int:
    """The byte behind the newline that ends the line at `i`, or -1: one space and one CR may stand in front of it."""
    if text[i] == _BLANK:
        i += 1
    if text[i] == _CR:
        i += 1
    return i + 1 if text[i] == _LF else -1


@part
def _fields(
    words: Words,
    text: Text,
    i: int,
    row: int,
    plan: Ints,
    literals: Words,
    starts: Spans,
    lens: Spans,
    longest_user: int,
) -> tuple[bool, int]:
    """Spans of the fields of one line; False where it is refused. Also how far it was read: never past its newline."""
    for f in range(plan.shape[0]):
        mode, flags, length = plan[f, 0], plan[f, 1], plan[f, 2]
        if flags & PADDED:
            while text[i] == _BLANK:
                i += 1
        start = i
        if mode == QUOTED:
            i = _quoted_end(words, text, i)
        elif mode == BARE:
            i = find(words, i, U(EACH) * (literals[f, 0] & U(255)), NEWLINE)
        elif mode == LAZY:
            if (
                flags & COLLAPSE
                and text[i - plan[f - 1, 2] - 1] != _DASH
                and _stands(words, i, literals, plan.shape[0], length - 1)
            ):
                starts[f, row], lens[f, row] = i, 0
                i += length - 1
                continue
            i = _lazy_end(words, text, i, literals, f, length, flags, longest_user)
            if i < 0:
                return False, start
        elif mode == FIXED:
            i = _fixed_end(text, i, flags >> FIXED_BYTES)
        elif mode == LAST:
            i = _last_end(words, text, i, literals[f, 0] & U(255))
        elif mode == LIST:
            i = _list_end(words, text, i)
        else:
            i = _line_end(words, text, i, mode)
        if not _stands(words, i, literals, f, length):
            return False, i
        if flags & CLIENT and (i == start or (i == start + 1 and text[start] == _DASH)):
            return False, i
        starts[f, row], lens[f, row] = start, i - start
        i += length
    return True, i


@kernel
def count_lines(words: Words, size: int) -> int:
    """How many newlines are in the first `size` bytes, and in those behind them up to a multiple of WIDTH."""
    count = signed(0)
    for i in range(0, size, WIDTH):
        count += ones(matches(words, i, NEWLINE, NEWLINE))
    return count


@kernel
def scan(
    words: Words,
    text: Text,
    size: int,
    lead_length: int,
    plan: Ints,
    literals: Words,
    starts: Spans,
    lens: Spans,
    line_starts: Spans,
    refused: Spans,
    longest_line: int,
    longest_user: int,
) -> tuple[int, int]:
    """Spans of all fields of all lines in the first `size` bytes (the last is a newline): (rows, refused rows).

    plan int64[fields, 3]: mode, flags, length of the literal behind the field; literals uint64[fields + 2, any]: those
    literals, then the tail of the literal behind a user name that may be missing, then the lead. starts, lens
    int32[fields, rows], line_starts int32[rows + 1], refused int32[rows] are written (nonsense for refused rows).
    """
    i, row, count = signed(0), signed(0), signed(0)
    fields = plan.shape[0]
    while i < size:
        begin = i
        line_starts[row] = begin
        good = _stands(words, i, literals, fields + 1, lead_length)
        if good:
            good, i = _fields(words, text, i + lead_length, row, plan, literals, starts, lens, longest_user)
        end = _tail(text, i) if good else -1
        if end < 0 or end - begin > longest_line:
            end = find(words, i, NEWLINE, NEWLINE) + 1
            refused[count] = row
            count += 1
        i = end
        row += 1
    line_starts[row] = i
    return row, count
