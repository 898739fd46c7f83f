"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.modes import CHOSEN, LITERAL, QUAD
from transforms.kernels.words import ONE, SEVEN, SIXTY_THREE, THREE, TOP, Text, U, Words, head, load, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]
Place = tuple[np.uint64, np.uint64, np.uint64]
TWO, FOUR, SIX = U(2), U(4), U(6)
LAST_BYTE, LENGTH, COLON = U(0xFF), U(0xFF << 56), U(58)


@kernel
def measure(lens: Spans, steps: Ints, codes: Spans, lengths: Ints) -> int:
    """How many bytes the steps of all rows have together, see `assemble`; an address that is written by number counts as 32."""
    size = signed(0)
    for s in range(steps.shape[0]):
        first, last = steps[s, 0], steps[s, 1]
        for r in range(codes.shape[1]):
            if first == LITERAL:
                size += lengths[last]
            elif first == CHOSEN:
                code = codes[last, r]
                size += 32 if code < 0 else lengths[code]
            else:
                size += steps[s, 2]
                for field in range(first, last + 1):
                    size += lens[field, r]
    return size


@part
def _put(out: Words, k: np.uint64, fill: np.uint64, begun: np.uint64, text: np.uint64, n: np.uint64) -> Place:
    """Up to 8 bytes behind what is written: where the next ones stand."""
    out[k] = begun | (text << fill)
    out[k + ONE] = (text >> ONE) >> (SIXTY_THREE - fill)  # two shifts: a shift by 64 is undefined
    fill += n << THREE
    k += fill >> SIX
    fill &= SIXTY_THREE
    return k, fill, out[k] & ((ONE << fill) - ONE)


@part
def _quad(out: Words, k: np.uint64, fill: np.uint64, begun: np.uint64, number: np.uint64, digits: Words) -> Place:
    for place in range(4):
        text = digits[(number >> U(24 - 8 * place)) & LAST_BYTE]
        k, fill, begun = _put(out, k, fill, begun, text & ~LENGTH, (text >> TOP) - U(place == 3))
    return k, fill, begun


@part
def _hashed(out: Words, k: np.uint64, fill: np.uint64, begun: np.uint64, number: np.uint64, digits: Words) -> Place:
    k, fill, begun = _put(out, k, fill, begun, digits[512], U(8))
    k, fill, begun = _put(out, k, fill, begun, digits[513], U(4))
    for place in range(4):
        group = number >> U(48 - 16 * place)
        text = (digits[U(256) + ((group >> U(8)) & LAST_BYTE)] << U(8)) | (
            digits[U(256) + (group & LAST_BYTE)] << U(24)
        )
        k, fill, begun = _put(out, k, fill, begun, text | COLON, U(5))
    return k, fill, begun


@kernel
def assemble(
    words: Words, starts: Spans, lens: Spans, steps: Ints, codes: Spans, numbers: Words, form: int, digits: Words,
    arena: Words, begins: Ints, lengths: Ints, out: Words,
) -> int:  # fmt: skip
    """Writes every row, one step behind the other; returns the bytes written.

    steps int64[steps, 3]: LITERAL and the number of a word; CHOSEN and the row of codes int32[pieces, rows] that says which
    word, or BY_NUMBER, for which the address numbers uint64[rows] is written in a form (QUAD, HASHED) by the table `digits`;
    or the first and last field (rows of starts, lens int32[fields, rows]) that are copied from the block with what stands
    between them, and how many bytes that is. Words: begins (in words of the arena), lengths (in bytes) int64; each begins on
    a boundary. Behind the arena and in `out` are 4 and 5 words of padding.
    """
    # 32 bytes are written at once, however many are meant, and those behind are written over: a branch by length is one that
    # the processor guesses wrong. `begun` is the word of `out` that is not full yet: `fill` bits of it.
    k, fill, begun = U(0), U(0), U(0)
    for r in range(codes.shape[1]):
        for s in range(steps.shape[0]):
            first, last = steps[s, 0], steps[s, 1]
            shift, from_block = U(0), first >= 0
            if from_block:
                i = signed(starts[first, r])
                n = signed(starts[last, r]) + lens[last, r] - i
                a, shift = U(i) >> THREE, (U(i) & SEVEN) << THREE
            else:
                word = last if first == LITERAL else signed(codes[last, r])
                if word < 0:
                    if form == QUAD:
                        k, fill, begun = _quad(out, k, fill, begun, numbers[r], digits)
                    else:
                        k, fill, begun = _hashed(out, k, fill, begun, numbers[r], digits)
                    continue
                n, a = lengths[word], U(begins[word])
            while True:
                if from_block:
                    x, y, z = words[a], words[a + ONE], words[a + TWO]
                    v, w = words[a + ONE + TWO], words[a + FOUR]
                    rest = SIXTY_THREE - shift
                    x = (x >> shift) | ((y << ONE) << rest)  # two shifts: a shift by 64 is undefined
                    y = (y >> shift) | ((z << ONE) << rest)
                    z = (z >> shift) | ((v << ONE) << rest)
                    v = (v >> shift) | ((w << ONE) << rest)
                else:
                    x, y, z, v = arena[a], arena[a + ONE], arena[a + TWO], arena[a + ONE + TWO]
                rest = SIXTY_THREE - fill
                out[k] = begun | (x << fill)
                out[k + ONE] = ((x >> ONE) >> rest) | (y << fill)
                out[k + TWO] = ((y >> ONE) >> rest) | (z << fill)
                out[k + ONE + TWO] = ((z >> ONE) >> rest) | (v << fill)
                begun = (v >> ONE) >> rest
                if n <= 32:
                    break
                k, a, n = k + FOUR, a + FOUR, n - 32
            out[k + FOUR] = begun
            fill += U(n) << THREE
            k += fill >> SIX
            fill &= SIXTY_THREE
            begun = out[k] & ((ONE << fill) - ONE)
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
