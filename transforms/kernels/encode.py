"""Dictionary encoding: spans of text to int32 codes and the distinct values in order of first appearance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel
from transforms.kernels.wide import WIDTH, copy, hashed
from transforms.kernels.words import Text, U, Words, same, signed

Spans = NDArray[np.int32]
_LOW, _TAGS = U(0xFFFFFFFF), U(0xFFFFFFFF00000000)


@kernel
def rehash(hashes: Words, count: int, table: Words) -> None:
    """Fill an empty table (zeros, a power of two of them) with the values so far."""
    mask = U(table.size - 1)
    for e in range(count):
        slot = hashes[e] & mask
        while table[slot] != U(0):
            slot = (slot + U(1)) & mask
        table[slot] = (hashes[e] & _TAGS) | U(e + 1)


@kernel
def encode(
    words: Words, text: Text, starts: Spans, lens: Spans, dash: bool, seed: np.uint64, codes: Spans,
    table: Words, hashes: Words, offsets: Spans, arena: Words, count: int, row: int,
) -> tuple[int, int]:  # fmt: skip
    """Code of each span from `row` on: the number of its bytes among the distinct values so far; -1 if empty, or "-" where
    `dash`. Returns (row, count): the row for which there was no room, or how many rows there are.

    table uint64[power of two]; hashes uint64[capacity]; the values one behind the other: bytes of the arena (uint64), of
    value e from offsets[e] to offsets[e + 1], int32[capacity + 1]. Exact: bytes are compared, not hashes. Room for one more
    value: table half empty, capacity, and its bytes and WIDTH more in the arena.
    """
    mask = U(table.size - 1)
    for r in range(row, starts.size):
        i, n = signed(starts[r]), signed(lens[r])
        if n == 0 or (dash and n == 1 and text[i] == 45):
            codes[r] = -1
            continue
        h = hashed(words, i, n, seed)
        slot = h & mask
        found = signed(-1)
        while table[slot] != U(0):
            if table[slot] & _TAGS == h & _TAGS:
                e = signed(table[slot] & _LOW) - 1
                begin = signed(offsets[e])
                if offsets[e + 1] - begin == n and same(words, i, n, arena, begin):
                    found = e
                    break
            slot = (slot + U(1)) & mask
        if found < 0:
            begin = signed(offsets[count])
            if begin + n + WIDTH > 8 * arena.size or count == hashes.size or 2 * (count + 1) > table.size:
                return r, count
            for k in range(0, n, WIDTH):
                copy(arena, begin + k, words, i + k)
            found = signed(count)
            table[slot] = (h & _TAGS) | U(count + 1)
            hashes[count], offsets[count + 1] = h, begin + n
            count += 1
        codes[r] = found
    return signed(starts.size), count
