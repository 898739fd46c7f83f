"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import ONE, SEVEN, SIXTY_THREE, THREE, Text, U, Words, head, load, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]


@part
def _put(out: Words, at: int, begun: np.uint64, word: np.uint64, n: int) -> np.uint64:
    """Writes `n` bytes at byte `at`, behind those of the word that is begun; gives back the word begun then."""
    shift = (U(at) & SEVEN) << THREE
    begun |= word << shift
    if (at & 7) + n < 8:
        return begun
    out[U(at) >> THREE] = begun
    return (word >> ONE) >> (SIXTY_THREE - shift)  # two shifts: a shift by 64 is undefined


@part
def _copy(source: Words, start: int, stop: int, out: Words, at: int, begun: np.uint64) -> np.uint64:
    while stop - start > 8:
        begun = _put(out, at, begun, load(source, start), 8)
        start += 8
        at += 8
    if stop > start:
        begun = _put(out, at, begun, head(load(source, start), stop - start), stop - start)
    return begun


@part
def _copy_word(arena: Words, at_word: int, n: int, out: Words, at: int, begun: np.uint64) -> np.uint64:
    """Like `_copy`, of a text that begins on a boundary of words and ends in zeros: half the work."""
    k = U(at_word)
    while n > 8:
        begun = _put(out, at, begun, arena[k], 8)
        k += ONE
        at += 8
        n -= 8
    return _put(out, at, begun, arena[k], n) if n > 0 else begun


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
    words: Words, starts: Spans, lens: Spans, pieces: Ints, codes: Spans, arena: Words, begins: Ints, lengths: Ints,
    literals: Words, literal_begins: Ints, literal_lengths: Ints, out: Words,
) -> int:  # fmt: skip
    """Writes every row: literal 0, then each piece with the literal behind it; returns the bytes written.

    pieces int64[pieces, 3]: the first and last field (rows of starts, lens int32[fields, rows]) that are copied from the
    block with what stands between them, and how many bytes that is; or a first of -1 where codes int32[pieces, rows] say
    which word is written. Words and literals: begins (in words of the arena), lengths (in bytes) int64; each begins on a
    boundary of words and ends in zeros. `out` has a word of padding.
    """
    at, begun = signed(0), U(0)
    for r in range(codes.shape[1]):
        n = literal_lengths[0]
        begun = _copy_word(literals, literal_begins[0], n, out, at, begun)
        at += n
        for p in range(pieces.shape[0]):
            first, last = pieces[p, 0], pieces[p, 1]
            if first >= 0:
                start, stop = signed(starts[first, r]), signed(starts[last, r]) + lens[last, r]
                begun = _copy(words, start, stop, out, at, begun)
                at += stop - start
            else:
                word = codes[p, r]
                n = lengths[word]
                begun = _copy_word(arena, begins[word], n, out, at, begun)
                at += n
            n = literal_lengths[p + 1]
            begun = _copy_word(literals, literal_begins[p + 1], n, out, at, begun)
            at += n
    out[U(at) >> THREE] = begun
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
