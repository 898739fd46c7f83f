"""Dictionary encoding: spans of text to int32 codes and the distinct values in order of first appearance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.words import Text, U, Words, head, load, signed

Spans = NDArray[np.int32]
_A, _B, _C = U(0x9E3779B97F4A7C15), U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB)
_LOW, _HALF, _TURN, _BACK = U(0xFFFFFFFF), U(32), U(37), U(27)
_TAGS = U(0xFFFFFFFF00000000)


@part
def _hash(words: Words, i: int, n: int, seed: np.uint64) -> np.uint64:
    """64-bit hash of `n` bytes. Both factors depend on the secret seed: without it no collisions can be made."""
    h = seed ^ (U(n) * _A)
    while n > 0:
        x = h ^ (load(words, i) if n >= 8 else head(load(words, i), n))
        h = ((x & _LOW) ^ (seed >> _HALF)) * ((x >> _HALF) ^ (seed & _LOW)) + ((x << _TURN) | (x >> _BACK))
        i += 8
        n -= 8
    h = (h ^ (h >> _HALF)) * _B
    h = (h ^ (h >> _BACK)) * _C
    return h ^ (h >> _HALF)


@part
def _same(words: Words, i: int, n: int, arena: Words, at: int) -> bool:
    """Whether `n` bytes are those of a value in the arena, where values begin on words and end in zeros."""
    k = 0
    while n > 8:
        if load(words, i) != arena[U(at + k)]:
            return False
        i += 8
        k += 1
        n -= 8
    return bool(n == 0 or head(load(words, i), n) == arena[U(at + k)])


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
    table: Words, hashes: Words, begins: Spans, lengths: Spans, arena: Words, count: int, row: int,
) -> tuple[int, int]:  # fmt: skip
    """Code of each span from `row` on: the number of its bytes among the distinct values so far; -1 if empty, or "-" where
    `dash`. Returns (row, count): the row for which there was no room, or how many rows there are.

    table uint64[power of two]; hashes uint64, begins int32 (in words), lengths int32 (in bytes) [capacity]; arena uint64.
    Exact: bytes are compared, not hashes. Room for one more value: table half empty, capacity, and words in the arena.
    """
    mask = U(table.size - 1)
    for r in range(row, starts.size):
        i, n = signed(starts[r]), signed(lens[r])
        if n == 0 or (dash and n == 1 and text[i] == 45):
            codes[r] = -1
            continue
        h = _hash(words, i, n, seed)
        slot = h & mask
        found = signed(-1)
        while table[slot] != U(0):
            if table[slot] & _TAGS == h & _TAGS:
                e = signed(table[slot] & _LOW) - 1
                if lengths[e] == n and _same(words, i, n, arena, signed(begins[e])):
                    found = e
                    break
            slot = (slot + U(1)) & mask
        if found < 0:
            begin = signed(begins[count])
            after = begin + ((n + 7) >> 3)
            if after > arena.size or count + 2 > hashes.size or 2 * (count + 1) > table.size:
                return r, count
            found = signed(count)
            for k in range(begin, after):
                arena[k] = head(load(words, i + 8 * (k - begin)), min(n - 8 * (k - begin), 8))
            table[slot] = (h & _TAGS) | U(count + 1)
            hashes[count], lengths[count], begins[count + 1] = h, n, after
            count += 1
        codes[r] = found
    return signed(starts.size), count


@kernel
def pack(arena: Text, begins: Spans, lengths: Spans, data: Text, offsets: Spans) -> None:
    """The values without the gaps between them, in the layout of an Arrow binary array (data, offsets)."""
    at = 0
    for e in range(lengths.size):
        offsets[e] = at
        begin = 8 * signed(begins[e])
        for k in range(begin, begin + lengths[e]):
            data[at] = arena[k]
            at += 1
    offsets[lengths.size] = at
