"""The kernels that write: lines put together from literals, words and spans, and times cut to whole seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import Text, signed

Spans = NDArray[np.int32]
Ints = NDArray[np.int64]


@part
def _copy(source: Text, start: int, stop: int, out: Text, at: int) -> int:
    for k in range(start, stop):
        out[at] = source[k]
        at += 1
    return at


@kernel
def assemble(
    text: Text,
    starts: Spans,
    lens: Spans,
    pieces: Ints,
    codes: Spans,
    arena: Text,
    offsets: Ints,
    literals: Text,
    literal_offsets: Ints,
    out: Text,
) -> int:
    """Writes every row: literal 0, then each piece with the literal behind it; returns the bytes written.

    pieces int64[pieces]: the field (a row of starts, lens int32[fields, rows]) that is copied from `text`, or -1 where
    codes int32[pieces, rows] say which word (arena, offsets: Arrow layout) is written. `out` has room for all of it.
    """
    at = signed(0)
    for r in range(codes.shape[1]):
        at = signed(_copy(literals, signed(literal_offsets[0]), signed(literal_offsets[1]), out, at))
        for p in range(pieces.size):
            field = pieces[p]
            if field >= 0:
                start = signed(starts[field, r])
                at = signed(_copy(text, start, start + lens[field, r], out, at))
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
