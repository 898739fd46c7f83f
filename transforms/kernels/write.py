"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel
from transforms.kernels.words import ONE, SIXTY_THREE, THREE, Text, U, Words, head, load, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]
SIXTY_FOUR = U(64)


@kernel
def measure(lens: Spans, pieces: Ints, codes: Spans, lengths: Ints) -> int:
    """How many bytes the pieces of all rows have together, see `assemble`."""
    size = signed(0)
    for p in range(pieces.shape[0]):
        first, last = pieces[p, 0], pieces[p, 1]
        for r in range(codes.shape[1]):
            if first < 0:
                size += lengths[codes[p, r]]
            else:
                size += pieces[p, 2]
                for field in range(first, last + 1):
                    size += lens[field, r]
    return size


@kernel
def assemble(
    words: Words, starts: Spans, lens: Spans, pieces: Ints, literals: Ints, codes: Spans, arena: Words, begins: Ints,
    lengths: Ints, out: Words,
) -> int:  # fmt: skip
    """Writes every row: literal 0, then each piece with the literal behind it; returns the bytes written.

    pieces int64[pieces, 3]: the first and last field (rows of starts, lens int32[fields, rows]) that are copied from the
    block with what stands between them, and how many bytes that is; or a first of -1 where codes int32[pieces, rows] say
    which word is written. literals int64[pieces + 1] are words as well. Words: begins (in words of the arena), lengths (in
    bytes) int64; each begins on a boundary and ends in zeros. `out` has a word of padding.
    """
    # `begun` is the word of `out` that is not full yet: `fill` bits of it. One loop and no calls: that is twice as fast.
    k, fill, begun = U(0), U(0), U(0)
    for r in range(codes.shape[1]):
        for q in range(2 * pieces.shape[0] + 1):
            p = q >> 1
            if q & 1 == 0 or pieces[p, 0] < 0:
                word = literals[p] if q & 1 == 0 else signed(codes[p, r])
                n, a = lengths[word], U(begins[word])
                while n > 8:
                    bytes_ = arena[a]
                    a += ONE
                    out[k] = begun | (bytes_ << fill)
                    begun = (bytes_ >> ONE) >> (SIXTY_THREE - fill)  # two shifts: a shift by 64 is undefined
                    k += ONE
                    n -= 8
                if n == 0:
                    continue
                bytes_ = arena[a]
            else:
                i = signed(starts[pieces[p, 0], r])
                n = signed(starts[pieces[p, 1], r]) + lens[pieces[p, 1], r] - i
                while n > 8:
                    bytes_ = load(words, i)
                    out[k] = begun | (bytes_ << fill)
                    begun = (bytes_ >> ONE) >> (SIXTY_THREE - fill)
                    k += ONE
                    i += 8
                    n -= 8
                if n <= 0:
                    continue
                bytes_ = head(load(words, i), n)
            begun |= bytes_ << fill
            fill += U(n) << THREE
            if fill >= SIXTY_FOUR:
                out[k] = begun
                k += ONE
                fill -= SIXTY_FOUR
                begun = bytes_ >> ((U(n) << THREE) - fill) if fill > U(0) else U(0)
    out[k] = begun
    return signed(k << THREE) + signed(fill >> THREE)


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
