"""The dictionary of a text column: the way to the kernel that encodes, which owns its tables and lets them grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels import compiled, seed
from transforms.kernels.block import PADDING, Block, Int32


class Dictionary:
    """The distinct values of one text column of a chunk, in order of first appearance."""

    def __init__(self, dash: bool) -> None:
        self._dash = dash
        self._nothing = (b"", b"-") if dash else (b"",)
        self._plain = dict.fromkeys(self._nothing, -1)
        self._count = 0
        self._table, self._hashes = np.zeros(2048, np.uint64), np.empty(1024, np.uint64)
        self._offsets, self._arena = np.zeros(1025, np.int32), np.empty(8192, np.uint64)

    def clear(self) -> None:
        """Forget the values, and keep their memory: fresh pages would cost as much as all else here."""
        self._plain = dict.fromkeys(self._nothing, -1)
        self._count = 0
        self._table[:] = 0

    def encode(self, block: Block, starts: Int32, lens: Int32) -> Int32:
        """int32[rows]: code of each span, -1 where it is empty (or "-", where that stands for nothing)."""
        codes = np.empty(starts.size, np.int32)
        if compiled():
            from transforms.kernels.encode import encode as kernel

            spans = block.words, block.text, starts, lens, self._dash, np.uint64(seed()), codes
            row = 0
            while row < starts.size:
                held = self._table, self._hashes, self._offsets, self._arena
                row, self._count = kernel(*spans, *held, self._count, row)
                if row < starts.size:
                    self._make_room(int(lens[row]))
            return codes
        text = block.text[: block.size].tobytes()
        for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
            codes[r] = self._plain.setdefault(text[start : start + length], len(self._plain) - len(self._nothing))
        return codes

    def _make_room(self, length: int) -> None:
        """Grow what is too small for one more value of so many bytes."""
        from transforms.kernels.encode import rehash

        self._arena = longer(self._arena, (int(self._offsets[self._count]) + length + PADDING) // 8 + 1)
        if self._count == self._hashes.size:
            self._hashes = longer(self._hashes, 4 * self._count)
            self._offsets = longer(self._offsets, 4 * self._count + 1)
        if 2 * (self._count + 1) > self._table.size:
            self._table = np.zeros(4 * self._table.size, np.uint64)
            rehash(self._hashes, self._count, self._table)

    @property
    def count(self) -> int:
        """How many distinct values there are."""
        return self._count if compiled() else len(self._plain) - len(self._nothing)

    @property
    def size(self) -> int:
        """About how many bytes they take."""
        return 8 * len(self._arena) if compiled() else sum(map(len, self._plain))

    def values(self, first: int = 0) -> pa.Array:
        """The distinct values from code `first` on, binary[codes - first]."""
        if not compiled():
            return pa.array(list(self._plain)[len(self._nothing) + first :], pa.binary())
        offsets = self._offsets[first : self._count + 1]
        begin, end = int(offsets[0]), int(offsets[-1])
        data = self._arena.view(np.uint8)[begin:end].copy()
        return pa.Array.from_buffers(
            pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets - np.int32(begin)), pa.py_buffer(data)]
        )


def longer(values: NDArray[Any], size: int) -> NDArray[Any]:
    """The array, or a copy with room for at least `size` values."""
    if size <= values.size:
        return values
    return np.concatenate([values, np.zeros(max(size, 2 * values.size) - values.size, values.dtype)])
