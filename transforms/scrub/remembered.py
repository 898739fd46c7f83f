"""Remembered: what is written instead of distinct values, over blocks and chunks; raw values are kept, so it is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels.block import Block, Int32, Int64
from transforms.kernels.dictionary import Dictionary, longer
from transforms.kernels.group import Index
from transforms.kernels.modes import BY_NUMBER
from transforms.kernels.writing import quads, runs
from transforms.parsers.escapes import unescape
from transforms.partials import pair

Span = tuple[Block, Int32, Int32]
"""A field of the lines of a block: the block, starts and lens int32[rows]."""

Numbers = NDArray[np.uint64]
"""Addresses as numbers: of 32 bits, or of 64 that stand for one."""

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
    """A treatment of text columns and a whole number (of a site and day), asked once for each distinct row of them.

    `treat(number, *values)` gives `width` numbers, such as those of the words to write. A value that is missing is None.
    """

    def __init__(self, treat: Callable[..., Sequence[int]], sources: int, width: int) -> None:
        self._sources = [Source() for _ in range(sources)]
        self._indices = [Index() for _ in range(sources)]
        self._treat, self._learned = treat, Learned(width)

    def __call__(self, numbers: Int32 | int, *spans: Span) -> Int32:
        """int32[width, rows]: what the treatment gives for each row."""
        codes = [source.encode(span) for source, span in zip(self._sources, spans, strict=True)]
        ids, fresh = self._indices[0].number(pair(numbers, codes[0]))
        for index, column in zip(self._indices[1:], codes[1:], strict=True):
            ids, fresh = index.number(pair(ids, column))
        if fresh.size:
            contexts = [numbers] * fresh.size if isinstance(numbers, int) else numbers[fresh].tolist()
            sources = zip(self._sources, codes, strict=True)
            values = [[source.values[code] for code in column[fresh].tolist()] for source, column in sources]
            self._learned.learn([self._treat(*row) for row in zip(contexts, *values, strict=True)])
        return self._learned.given(ids)

    @property
    def full(self) -> bool:
        return self._learned.full or any(source.full for source in self._sources)


class RememberedRuns:
    """A treatment of one text column in which neighbours are mostly equal, such as the method of a request."""

    def __init__(self, treat: Callable[[bytes | None], int]) -> None:
        self._source = Source()
        self._treat, self._learned = treat, Learned(1)

    def __call__(self, span: Span) -> Int32:
        """int32[1, rows]: what the treatment gives for each row."""
        block, starts, lens = span
        first, run = runs(block, starts, lens)
        codes = self._source.encode((block, starts[first], lens[first]))
        self._learned.learn([(self._treat(value),) for value in self._source.values[self._learned.count :]])
        return self._learned.given(codes[run])

    @property
    def full(self) -> bool:
        return self._learned.full or self._source.full


class Quads:
    """A treatment of clients that are mostly dotted quads: these are told apart, and written, by number."""

    def __init__(self, treat: Callable[[int, Int64], Numbers], remembers: bool, others: Remembered) -> None:
        """`treat(number, quads)` gives the numbers that are written. Where it `remembers`, it is asked once for each number and
        quad; else it is no work, and depends on the quad alone. `others` knows the clients that are no dotted quads.
        """
        self._treat, self._remembers, self._others = treat, remembers, others
        self._index, self._numbers = Index(), np.zeros(0, np.uint64)

    def __call__(self, contexts: Int32 | int, span: Span, into: Numbers) -> Int32:
        """int32[2, rows]: what `others` gives, or BY_NUMBER (and 0) where the number is written `into` uint64[rows]."""
        block, starts, lens = span
        found, others = quads(block, starts, lens)
        given = np.zeros((2, found.size), np.int32)
        given[0] = BY_NUMBER
        rows: slice | NDArray[np.int64] = slice(None)
        if others:
            rest, rows = np.flatnonzero(found < 0), np.flatnonzero(found >= 0)
            given[:, rest] = self._others(_at(contexts, rest), (block, starts[rest], lens[rest]))
        into[rows] = self._known(_at(contexts, rows), found[rows]) if self._remembers else self._treat(0, found[rows])
        return given

    def _known(self, contexts: Int32 | int, found: Int64) -> Numbers:
        ids, fresh = self._index.number(pair(contexts, found))
        if fresh.size:
            self._numbers = longer(self._numbers, self._index.count)
            self._numbers[self._index.count - fresh.size : self._index.count] = self._learned(
                contexts if isinstance(contexts, int) else contexts[fresh], found[fresh]
            )
        return self._numbers.take(ids)

    def _learned(self, contexts: Int32 | int, quads: Int64) -> Numbers:
        if isinstance(contexts, int):
            return self._treat(contexts, quads)
        given = np.zeros(quads.size, np.uint64)
        for number in np.unique(contexts).tolist():
            here = contexts == number
            given[here] = self._treat(number, quads[here])
        return given

    @property
    def full(self) -> bool:
        return self._index.count > VALUES or self._others.full


def _at(contexts: Int32 | int, rows: slice | NDArray[np.int64]) -> Int32 | int:
    return contexts if isinstance(contexts, int) else contexts[rows]


class Learned:
    """What a treatment gave, by number: int32[width] each."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._columns = np.zeros((width, 256), np.int32)

    def learn(self, rows: Sequence[Sequence[int]]) -> None:
        """One row of `width` numbers each."""
        if rows:
            self.add(np.array(rows, np.int32).T)

    def add(self, columns: Int32) -> None:
        """int32[width, more]."""
        end = self.count + columns.shape[1]
        while end > self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.zeros_like(self._columns)], 1)
        self._columns[:, self.count : end] = columns
        self.count = end

    def given(self, ids: Int32) -> Int32:
        """int32[width, rows]."""
        return self._columns.take(ids, 1)

    @property
    def full(self) -> bool:
        return self.count > VALUES
