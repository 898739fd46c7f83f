"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.modes import CHOSEN, LITERAL, QUAD
from transforms.kernels.wide import WIDTH, copy, load, store
from transforms.kernels.words import Text, U, Words, head, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]
_BYTE = U(0xFF)
_HEX, _PREFIX = 256, 512  # where the table of digits has what is written of hashed addresses


@kernel
def measure(lens: Spans, steps: Ints, codes: Spans, offsets: Ints) -> int:
    """How many bytes the steps of all rows have together, see `assemble`; an address that is written by number counts as 32."""
    size = signed(0)
    for s in range(steps.shape[0]):
        first, last = steps[s, 0], steps[s, 1]
        for r in range(codes.shape[1]):
            if first == LITERAL:
                size += offsets[last + 1] - offsets[last]
            elif first == CHOSEN:
                code = codes[last, r]
                size += 32 if code < 0 else offsets[code + 1] - offsets[code]
            else:
                size += steps[s, 2]
                for field in range(first, last + 1):
                    size += lens[field, r]
    return size


@part
def _quad(out: Words, at: int, number: np.uint64, digits: Words) -> int:
    """Write a dotted quad; returns the place behind it."""
    for place in range(4):
        text = digits[(number >> U(24 - 8 * place)) & _BYTE]
        store(out, at, text)  # with the point and what is behind it, over which is written
        at += signed(text >> U(56))
    return at - 1


@part
def _hashed(out: Words, at: int, number: np.uint64, digits: Words) -> int:
    store(out, at, digits[_PREFIX])
    store(out, at + 8, digits[_PREFIX + 1])
    at += 12
    for place in range(4):
        group = number >> U(48 - 16 * place)
        high, low = digits[U(_HEX) + ((group >> U(8)) & _BYTE)], digits[U(_HEX) + (group & _BYTE)]
        store(out, at, U(58) | (high << U(8)) | (low << U(24)))
        at += 5
    return at


@kernel
def assemble(
    words: Words, starts: Spans, lens: Spans, steps: Ints, codes: Spans, numbers: Words, form: int, digits: Words,
    arena: Words, offsets: Ints, out: Words,
) -> int:  # fmt: skip
    """Writes every row, one step behind the other; returns the bytes written.

    steps int64[steps, 3]: LITERAL and the number of a word; CHOSEN and the row of codes int32[pieces, rows] that says which
    word, or BY_NUMBER, for which the address numbers uint64[rows] is written in a form (QUAD, HASHED) by the table `digits`;
    or the first and last field (rows of starts, lens int32[fields, rows]) that are copied from the block with what stands
    between them, and how many bytes that is. Words: bytes of the arena, of word w from offsets[w] to offsets[w + 1].
    Behind the arena and in `out` are WIDTH bytes of padding.
    """
    # WIDTH bytes are written at once, however many are meant, and those behind are written over: a branch by length is one
    # that the processor guesses wrong.
    at = signed(0)
    for r in range(codes.shape[1]):
        for s in range(steps.shape[0]):
            first, last = steps[s, 0], steps[s, 1]
            if first >= 0:
                i = signed(starts[first, r])
                n = signed(starts[last, r]) + lens[last, r] - i
                copy(out, at, words, i)
                for k in range(WIDTH, n, WIDTH):
                    copy(out, at + k, words, i + k)
                at += n
                continue
            word = last if first == LITERAL else signed(codes[last, r])
            if word < 0:
                at = _quad(out, at, numbers[r], digits) if form == QUAD else _hashed(out, at, numbers[r], digits)
                continue
            i = signed(offsets[word])
            n = signed(offsets[word + 1]) - i
            copy(out, at, arena, i)
            for k in range(WIDTH, n, WIDTH):
                copy(out, at + k, arena, i + k)
            at += n
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
