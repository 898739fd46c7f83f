"""The one way to the kernels that write: owns sizes, and knows the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled, plain
from transforms.kernels.calls import PADDING, Block, Int32, Int64

Text = NDArray[np.uint8]
BELOW_SECONDS = {"iso8601": 0, "epoch": 0, "epoch_ms": 3, "epoch_us": 6}
"""Types of times that may say more than the second, and how many of their whole digits are below it."""


class Lexicon:
    """Words that may be written, by number; `size` is how many bytes they have together."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._fresh: list[bytes] = []
        self.size = 0
        self._arena: Text = _room(1 << 12)
        self._offsets: Int64 = np.zeros(1 << 8, np.int64)

    def number(self, word: bytes) -> int:
        """The number of a word, which is remembered."""
        found = self._numbers.get(word)
        if found is None:
            found = self._numbers[word] = len(self._numbers)
            self._fresh.append(word)
        return found

    def tables(self) -> tuple[Text, Int64]:
        """(arena uint8, offsets int64[words + 1]); the arena has padding behind it and a multiple of eight bytes."""
        if self._fresh:
            first, end = len(self._numbers) - len(self._fresh), self.size + sum(map(len, self._fresh))
            self._arena = _longer(self._arena, end + PADDING)
            self._offsets = _longer(self._offsets, len(self._numbers) + 1)
            self._arena[self.size : end] = np.frombuffer(b"".join(self._fresh), np.uint8)
            self._offsets[first + 1 : len(self._numbers) + 1] = self.size + np.cumsum([*map(len, self._fresh)])
            self._fresh, self.size = [], end
        return self._arena, self._offsets[: len(self._numbers) + 1]


def _longer(values: NDArray[Any], size: int) -> NDArray[Any]:
    """The array, or a copy with room for at least `size` values."""
    if size <= values.size:
        return values
    longer = _room(max(size, 2 * values.size) * values.itemsize).view(values.dtype)
    longer[: values.size] = values
    return longer


def _room(size: int) -> Text:
    """At least `size` bytes, zero, on a boundary of words and a whole number of them."""
    return np.zeros((size + 7) // 8, np.uint64).view(np.uint8)


class Template:
    """What a line is made of: literals (one more than pieces), and for each piece the fields it copies, or None.

    Fields that are copied are (first, last, bytes of the text between them), neighbours and that text in one piece.
    """

    def __init__(self, literals: Sequence[bytes], copied: Sequence[tuple[int, int, int] | None]) -> None:
        self.literals, self.copied = tuple(literals), tuple(copied)
        self._out = np.zeros(1 << 10, np.uint64)
        self._pieces = np.array([(-1, -1, 0) if one is None else one for one in copied], np.int64).reshape(-1, 3)
        joined = b"".join(literals)
        self._text = _room(len(joined) + PADDING)
        self._text[: len(joined)] = np.frombuffer(joined, np.uint8)
        self._offsets = np.cumsum([0, *map(len, literals)]).astype(np.int64)

    def write(self, block: Block, starts: Int32, lens: Int32, codes: Int32, lexicon: Lexicon) -> memoryview:
        """The lines: codes int32[pieces, rows] are words of the lexicon; starts, lens int32[fields, rows] spans.

        They are in memory that the next call uses again: fresh pages would cost as much as the writing.
        """
        arena, offsets = lexicon.tables()
        if not compiled():
            return memoryview(self._write_plainly(block, starts, lens, codes, arena, offsets))
        from transforms.kernels.write import assemble, measure

        spans = np.ascontiguousarray(starts), np.ascontiguousarray(lens)  # views would be compiled for once more
        size = codes.shape[1] * int(self._offsets[-1]) + measure(spans[1], self._pieces, codes, offsets)
        if self._out.size < (size + PADDING) // 8:
            self._out = np.zeros((size + size // 8 + PADDING) // 8, np.uint64)
        texts = arena.view(np.uint64), offsets, self._text.view(np.uint64), self._offsets
        written = assemble(block.words, *spans, self._pieces, codes, *texts, self._out)
        return self._out.data.cast("B")[:written]

    def _write_plainly(
        self, block: Block, starts: Int32, lens: Int32, codes: Int32, arena: Text, offsets: Int64
    ) -> bytes:
        text, words = block.text[: block.size].tobytes(), arena.tobytes()
        out = bytearray()
        for r in range(codes.shape[1]):
            out += self.literals[0]
            for p, fields in enumerate(self.copied):
                if fields is None:
                    out += words[offsets[codes[p, r]] : offsets[codes[p, r] + 1]]
                else:
                    first, last, _ = fields
                    out += text[starts[first, r] : starts[last, r] + lens[last, r]]
                out += self.literals[p + 1]
        return bytes(out)


def cut_to_seconds(kind: str, block: Block, starts: Int32, lens: Int32) -> None:
    """Turn what times of a type say below the second into zeros, in the block itself."""
    if kind not in BELOW_SECONDS:
        return
    if compiled():
        from transforms.kernels.write import cut_to_seconds as kernel

        kernel(block.text, starts, lens, BELOW_SECONDS[kind])
        return
    for start, length in zip(starts.tolist(), lens.tolist(), strict=True):
        text = block.text[start : start + length]
        mark = next((k for k, byte in enumerate(text.tolist()) if byte in b".,"), length)
        text[max(0, mark - BELOW_SECONDS[kind]) : mark] = 48
        rest = text[mark + 1 :]
        digits = next((k for k, byte in enumerate(rest.tolist()) if not 48 <= byte <= 57), rest.size)
        rest[:digits] = 48


def quads(block: Block, starts: Int32, lens: Int32) -> tuple[Int64, int]:
    """int64[rows]: the number of each span that is a dotted quad, else -1; and how many are none."""
    out = np.empty(starts.size, np.int64)
    if compiled():
        from transforms.kernels.write import quads as kernel

        return out, kernel(block.text, starts, lens, out)
    text = block.text[: block.size].tobytes()
    for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
        out[r] = plain.ipv4(text[start : start + length])
    return out, int((out < 0).sum())


def runs(block: Block, starts: Int32, lens: Int32) -> tuple[Int32, Int32]:
    """(first, run): the first row of each run of neighbours with equal short spans, and the run of each row."""
    if not compiled():
        every = np.arange(starts.size, dtype=np.int32)
        return every, every
    from transforms.kernels.write import runs as kernel

    first, run = np.empty(starts.size, np.int32), np.empty(starts.size, np.int32)
    return first[: kernel(block.words, starts, lens, first, run)], run


def warm() -> None:
    """Compile the kernels that write, or load them from the cache."""
    line = b"1.5\n"
    block = Block()
    block.fill(np.frombuffer(line, np.uint8))
    spans = np.zeros((1, 1), np.int32), np.full((1, 1), 3, np.int32)
    quads(block, spans[0][0], spans[1][0])
    runs(block, spans[0][0], spans[1][0])
    cut_to_seconds("epoch", block, spans[0][0], spans[1][0])
    lexicon = Lexicon()
    codes = np.array([[lexicon.number(b"-")]], np.int32)
    Template([b"", b"\n"], [None]).write(block, *spans, codes, lexicon)
