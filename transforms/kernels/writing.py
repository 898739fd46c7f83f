"""The one way to the kernels that write: owns sizes, and knows the plain way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled, plain
from transforms.kernels.block import PADDING, Block, Int32, Int64
from transforms.kernels.dictionary import longer
from transforms.kernels.modes import BY_NUMBER, CHOSEN, LITERAL

Text = NDArray[np.uint8]
BELOW_SECONDS = {"iso8601": 0, "epoch": 0, "epoch_ms": 3, "epoch_us": 6}
"""Types of times that may say more than the second, and how many of their whole digits are below it."""


class Lexicon:
    """Words that may be written, by number; `size` is how many bytes they take."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._fresh: list[bytes] = []
        self._arena, self._offsets = np.zeros(1 << 10, np.uint64), np.zeros(1 << 8, np.int64)

    @property
    def size(self) -> int:
        return int(self._offsets[len(self._numbers) - len(self._fresh)])

    def number(self, word: bytes) -> int:
        """The number of a word, which is remembered."""
        found = self._numbers.get(word)
        if found is None:
            found = self._numbers[word] = len(self._numbers)
            self._fresh.append(word)
        return found

    def tables(self) -> tuple[NDArray[np.uint64], Int64]:
        """(arena, offsets): the bytes of word w are those from offsets[w] to offsets[w + 1]; behind all is padding."""
        if self._fresh:
            first, count = len(self._numbers) - len(self._fresh), len(self._numbers)
            self._offsets = longer(self._offsets, count + 1)
            begin, lengths = int(self._offsets[first]), np.fromiter(map(len, self._fresh), np.int64, len(self._fresh))
            np.cumsum(lengths, out=self._offsets[first + 1 : count + 1])
            self._offsets[first + 1 : count + 1] += begin
            end = int(self._offsets[count])
            self._arena = longer(self._arena, (end + PADDING) // 8 + 1)
            self._arena.view(np.uint8)[begin:end] = np.frombuffer(b"".join(self._fresh), np.uint8)
            self._fresh = []
        return self._arena, self._offsets


def _digits() -> NDArray[np.uint64]:
    """uint64[514]: 0 to 255 with a point behind (the length in the top byte), two hex digits for each, and the prefix."""
    decimal = [b"%d." % one for one in range(256)]
    texts = [*(text.ljust(7, b"\0") + bytes([len(text)]) for text in decimal), *(b"%02x" % one for one in range(256))]
    return np.frombuffer(b"".join(text.ljust(8, b"\0") for text in [*texts, b"2001:db8", b":0:0"]), "<u8").copy()


class Template:
    """What a line is made of: literals (one more than pieces), and for each piece the fields it copies, or None.

    Fields that are copied are (first, last, bytes of the text between them), neighbours and that text in one piece.
    Addresses that are written by number have the form QUAD or HASHED.
    """

    def __init__(
        self, lexicon: Lexicon, literals: Sequence[bytes], copied: Sequence[tuple[int, int, int] | None], form: int
    ) -> None:
        self.literals, self.copied = tuple(literals), tuple(copied)
        self._lexicon, self._form, self._digits = lexicon, form, _digits()
        self._out = np.zeros(1 << 10, np.uint64)
        steps = [(LITERAL, lexicon.number(literals[0]), 0)]
        for p, (one, literal) in enumerate(zip(copied, literals[1:], strict=True)):
            steps += [one or (CHOSEN, p, 0), (LITERAL, lexicon.number(literal), 0)]
        empty = lexicon.number(b"")
        self._steps = np.array([step for step in steps if step[:2] != (LITERAL, empty)], np.int64).reshape(-1, 3)

    def write(self, block: Block, starts: Int32, lens: Int32, codes: Int32, numbers: NDArray[np.uint64]) -> memoryview:
        """The lines: codes int32[pieces, rows] are words of the lexicon, or BY_NUMBER, for which numbers uint64[rows] are
        addresses; starts, lens int32[fields, rows] spans.

        They are in memory that the next call uses again: fresh pages would cost as much as the writing.
        """
        arena, offsets = self._lexicon.tables()
        if not compiled():
            return memoryview(self._write_plainly(block, (starts, lens), codes, numbers, arena, offsets))
        from transforms.kernels.write import assemble, measure

        spans = np.ascontiguousarray(starts), np.ascontiguousarray(lens)  # views would be compiled for once more
        size = measure(spans[1], self._steps, codes, offsets) + PADDING
        if 8 * self._out.size < size:
            self._out = np.zeros((size + size // 8) // 8 + 1, np.uint64)
        written = assemble(
            block.words, spans[0], spans[1], self._steps, codes, numbers, self._form, self._digits, arena, offsets,
            self._out,
        )  # fmt: skip
        return self._out.data.cast("B")[:written]

    def _write_plainly(
        self, block: Block, spans: tuple[Int32, Int32], codes: Int32, numbers: NDArray[np.uint64],
        arena: NDArray[np.uint64], offsets: Int64,
    ) -> bytes:  # fmt: skip
        starts, lens = spans
        text, words = block.text[: block.size].tobytes(), arena.tobytes()
        out = bytearray()
        for r in range(codes.shape[1]):
            out += self.literals[0]
            for p, fields in enumerate(self.copied):
                if fields is None and codes[p, r] == BY_NUMBER:
                    out += plain.address(int(numbers[r]), self._form)
                elif fields is None:
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
