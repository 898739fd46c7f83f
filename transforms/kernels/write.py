"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import ONE, SEVEN, SIXTY_THREE, THREE, Text, U, Words, head, load, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]


@part
def _put(out: Words, at: int, word: np.uint64) -> None:
    """Eight bytes at byte `at`; what is behind `at` is zero before, and zero behind the bytes of the word after."""
    k, shift = U(at) >> THREE, (U(at) & SEVEN) << THREE
    out[k] |= word << shift
    out[k + ONE] = (word >> ONE) >> (SIXTY_THREE - shift)  # two shifts: a shift by 64 is undefined


@part
def _copy(source: Words, start: int, stop: int, out: Words, at: int) -> int:
    while stop - start > 8:
        _put(out, at, load(source, start))
        start += 8
        at += 8
    if stop > start:
        _put(out, at, head(load(source, start), stop - start))
        at += stop - start
    return at


@kernel
def assemble(
    words: Words, starts: Spans, lens: Spans, pieces: Ints, codes: Spans, arena: Words, offsets: Ints, literals: Words,
    literal_offsets: Ints, out: Words,
) -> int:  # fmt: skip
    """Writes every row: literal 0, then each piece with the literal behind it; returns the bytes written.

    pieces int64[pieces]: the field (a row of starts, lens int32[fields, rows]) that is copied from the block, or -1
    where codes int32[pieces, rows] say which word (arena, offsets: Arrow layout, as words) is written. All texts have a
    word of padding behind them, and so has `out`.
    """
    at = signed(0)
    out[0] = U(0)
    for r in range(codes.shape[1]):
        at = signed(_copy(literals, signed(literal_offsets[0]), signed(literal_offsets[1]), out, at))
        for p in range(pieces.size):
            field = pieces[p]
            if field >= 0:
                start = signed(starts[field, r])
                at = signed(_copy(words, start, start + lens[field, r], out, at))
            else:
                word = codes[p, r]
                at = signed(_copy(arena, signed(offsets[word]), signed(offsets[word + 1]), out, at))
            at = signed(_copy(literals, signed(literal_offsets[p + 1]), signed(literal_offsets[p + 2]), out, at))
    return at


@kernel
def cut_to_seconds(text: Text, starts: Spans, lens: Spans, digits: int) -> None:
    """Turns what is below a second in times into zeros, in place: the fraction, and the last `digits` in front of it."""
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        mark = i
        while mark < end and text[mark] != 46 and text[mark] != 44:
            mark += 1
        for k in range(max(i, mark - digits), mark):
            text[k] = 48
        k = mark + 1
        while k < end and 48 <= text[k] <= 57:
            text[k] = 48
            k += 1


@kernel
def quads(text: Text, starts: Spans, lens: Spans, out: Ints) -> int:
    """The number of each span that is a dotted quad without leading zeros, else -1; returns how many are -1."""
    others = 0
    for r in range(starts.size):
        i, end = signed(starts[r]), signed(starts[r]) + lens[r]
        number, value, digits, dots = signed(0), signed(0), 0, 0
        good = end - i <= 15
        while good and i < end:
            c = signed(text[i])
            if c == 46:
                good = digits > 0 and dots < 3
                number, value, digits, dots = number * 256 + value, signed(0), 0, dots + 1
            else:
                good = 48 <= c <= 57 and not (digits > 0 and value == 0)
                value, digits = value * 10 + c - 48, digits + 1
                good = good and value <= 255
            i += 1
        out[r] = number * 256 + value if good and dots == 3 and digits > 0 else -1
        others += out[r] < 0
    return others


@kernel
def runs(words: Words, starts: Spans, lens: Spans, first: Spans, run: Spans) -> int:
    """Numbers the runs of neighbouring spans with equal bytes: run of each row, first row of each run; how many runs.

    Only spans of up to 16 bytes are compared: longer ones are runs of their own.
    """
    count = 0
    for r in range(starts.size):
        n = signed(lens[r])
        same = r > 0 and n <= 16 and n == lens[r - 1]
        if same and n > 0:
            i, j = signed(starts[r]), signed(starts[r - 1])
            same = head(load(words, i), min(n, 8)) == head(load(words, j), min(n, 8))
            if same and n > 8:
                same = head(load(words, i + 8), n - 8) == head(load(words, j + 8), n - 8)
        if not same:
            first[count] = r
            count += 1
        run[r] = count - 1
    return count
