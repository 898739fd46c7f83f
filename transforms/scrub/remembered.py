"""Remembered: what is written instead of distinct values, over blocks and chunks; raw values are kept, so it is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from transforms.kernels.calls import Block, Dictionary, Int32, Int64
from transforms.kernels.group import Index
from transforms.parsers.text import unescape
from transforms.partials import pair

Span = tuple[Block, Int32, Int32]
"""A field of the lines of a block: the block, starts and lens int32[rows]."""

VALUES, ROOM = 1 << 19, 64 << 20  # distinct values, and bytes of them, that a column or a treatment remembers


class Source:
    """One text column: its distinct values so far, by code."""

    def __init__(self) -> None:
        self._dictionary = Dictionary(dash=True)
        self.values: list[bytes | None] = [None]

    def encode(self, span: Span) -> Int32:
        """int32[rows]: 0 for nothing ("" or "-"), else the place in `values`, where the server's escapes are undone."""
        codes: Int32 = self._dictionary.encode(*span) + np.int32(1)
        if (first := len(self.values) - 1) < self._dictionary.count:
            fresh: pa.Array = self._dictionary.values(first)
            self.values += [unescape(value) if b"\\" in value else value for value in fresh.to_pylist()]
        return codes

    @property
    def full(self) -> bool:
        return len(self.values) > VALUES or self._dictionary.size > ROOM


class Remembered:
    """A treatment of text columns and a whole number (of a site, or 0 where it does not matter).

    `treat(number, *values)` gives `width` numbers, such as those of the words to write. A value that is missing is None.
    """

    def __init__(self, treat: Callable[..., Sequence[int]], sources: int, width: int) -> None:
        self._treat = treat
        self._sources = [Source() for _ in range(sources)]
        self._indices = [Index() for _ in range(sources)]
        self._given = np.zeros((256, width), np.int32)

    def __call__(self, numbers: Int32 | int, *spans: Span) -> Int32:
        """int32[width, rows]: what the treatment gives for each row."""
        codes = [source.encode(span) for source, span in zip(self._sources, spans, strict=True)]
        context = np.full(codes[0].size, numbers, np.int32) if isinstance(numbers, int) else numbers
        ids, fresh = context, np.zeros(0, np.int64)
        for index, column in zip(self._indices, codes, strict=True):
            ids, fresh = index.number(pair(ids, column))
        self._learn([context, *codes], fresh)
        return np.ascontiguousarray(self._given[ids].T)

    def _learn(self, columns: Sequence[Int32], fresh: Int64) -> None:
        place = self._indices[-1].count - len(fresh)
        while self._indices[-1].count > len(self._given):
            self._given = np.concatenate([self._given, np.zeros_like(self._given)])
        for number, *row in zip(*(column[fresh].tolist() for column in columns), strict=True):
            values = [source.values[code] for source, code in zip(self._sources, row, strict=True)]
            self._given[place] = self._treat(number, *values)
            place += 1

    @property
    def full(self) -> bool:
        return any(source.full for source in self._sources) or any(index.count > VALUES for index in self._indices)
