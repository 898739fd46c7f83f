"""Numbered: the distinct values of all columns of a worker, and what a treatment gave for rows of them, by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.distinct import Distinct, Source
from transforms.kernels.block import Block
from transforms.kernels.dictionary import Dictionary
from transforms.kernels.group import Index
from transforms.partials import pair

Codes = NDArray[np.int32]
# distinct values remembered per column, and rows of them per treatment; they are raw, so they are bounded
MEMO = 1 << 16
NULL, EMPTY, FIRST = 0, 1, 2  # numbers: of no value, of an empty one, of the first other one


class Values:
    """The distinct values of each column, numbered over all chunks; all are dropped at once when there are too many of one.

    `age` says how often that happened: numbers of another age mean nothing.
    """

    def __init__(self) -> None:
        self._columns: dict[str, Dictionary] = {}
        self._block = Block()
        self.age = 0

    def forget(self) -> None:
        """To be called between chunks: drop what has grown too large."""
        if any(column.count > MEMO for column in self._columns.values()):
            self._columns, self._block, self.age = {}, Block(), self.age + 1

    def numbers(self, name: str, values: pa.BinaryArray) -> Codes:
        """int32 [values + 1]: the number of each value, and NULL behind them, which code -1 reads."""
        offsets = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, 4 * values.offset)
        data = np.frombuffer(values.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
        if data.size > self._block.capacity:
            self._block = Block(data.size)
        self._block.fill(data)
        known = self._columns.setdefault(name, Dictionary(dash=False))
        codes = known.encode(self._block, offsets[:-1] - offsets[0], np.diff(offsets))  # -1 where it is empty
        return np.append(np.where(codes < 0, np.int32(EMPTY), codes + np.int32(FIRST)), np.int32(NULL))


class Memo:
    """A treatment of rows of values, each treated once; rows are dropped all at once when there are too many."""

    def __init__(
        self, treat: Callable[..., Sequence[int]], takes: Sequence[str], width: int, kind: type[np.generic] = np.int32
    ) -> None:
        self._treat, self._takes, self._width, self._kind = treat, takes, width, kind
        self._clear(0)

    def _clear(self, age: int) -> None:
        self._age, self._rows = age, [Index() for _ in self._takes]
        self._given: NDArray[Any] = np.zeros((1024, self._width), self._kind)

    def __call__(self, distinct: Distinct, source: Source, values: Values) -> NDArray[Any]:
        """[distinct, width]: what the treatment gives. A row is its site and the numbers of its values."""
        if self._age != values.age or self._rows[-1].count > MEMO:
            self._clear(values.age)
        at, fresh = distinct.site, np.zeros(0, np.int64)
        for name, rows in zip(self._takes, self._rows, strict=True):
            codes = distinct.codes.get(name)
            number = (
                np.zeros(distinct.size, np.int32) if codes is None else source.numbers(name, values.numbers).take(codes)
            )
            at, fresh = rows.number(pair(at, number))
        while self._rows[-1].count > len(self._given):
            self._given = np.concatenate([self._given, np.zeros_like(self._given)])
        try:
            for place, row in zip(at[fresh].tolist(), distinct.rows(source, fresh), strict=True):
                self._given[place] = self._treat(*row)
        except BaseException:
            self._clear(values.age)  # its rows are numbered, and would be taken for treated
            raise
        return self._given.take(at, axis=0)
