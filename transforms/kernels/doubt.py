"""Which refused lines need no exact reading: those that it would refuse as well, to be tried by another format at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.values import Spans
from transforms.kernels.words import EACH, NEWLINE, Text, U, Words, find, signed

_BLANK, _CR, _QUOTE, _ESCAPE = 32, 13, 34, 92
Mask = NDArray[np.bool_]


@part
def _is_at(text: Text, i: int, stop: int, literal: Text) -> bool:
    """Whether the literal is at byte `i`, in front of `stop`."""
    if i < 0 or i + literal.size > stop:
        return False
    k = 0
    while k < literal.size and text[i + k] == literal[k]:
        k += 1
    return bool(k == literal.size)


@part
def _stands_twice(words: Words, text: Text, i: int, stop: int, literal: Text) -> bool:
    first, found = U(EACH) * U(literal[0]), 0
    while True:
        i = find(words, i, first, NEWLINE)
        if i >= stop:
            return False
        if _is_at(text, i, stop, literal):
            found += 1
            i += literal.size
        else:
            i += 1
        if found > 1:
            return True


@part
def _is_closed(text: Text, start: int, stop: int, before: Text) -> bool:
    """Whether a line ends in a quote that closes what `before` opened, blanks behind it aside."""
    while stop > start and (text[stop - 1] == _BLANK or text[stop - 1] == _CR):
        stop -= 1
    if stop == start or text[stop - 1] != _QUOTE:
        return False
    escaped = stop - 1 > start and text[stop - 2] == _ESCAPE
    return not (escaped or (before.size <= stop - start and _is_at(text, stop - before.size, stop, before)))


@kernel
def surely_none(
    words: Words, text: Text, line_starts: Spans, rows: Spans, longest: int, behind: Text, cut: bool, before: Text, out: Mask
) -> None:  # fmt: skip
    """out bool[rows]: whether no exact reading takes the line (Layout.is_surely_none), and it is not blank.

    rows int32[any]: refused ones. behind: what ends a user name (empty: there is none): where it stands twice, a line could be
    read in two ways. cut: whether the last field may lack its closing quote, before: what stands in front of that field.
    """
    for k in range(rows.size):
        start, stop = signed(line_starts[rows[k]]), signed(line_starts[rows[k] + 1]) - 1
        sure = stop > start and stop - start < longest and text[start] > _BLANK
        if sure and behind.size > 0:
            sure = not _stands_twice(words, text, start, stop, behind)
        if sure and cut:
            sure = _is_closed(text, start, stop, before)
        out[k] = sure
