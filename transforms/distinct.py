"""Distinct values of a chunk: what treatments work on, and the words that they give, by code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.partials import number

Codes = NDArray[np.int32]


class Words:
    """All words of a worker: key values by code. Codes never change, so that tallies of chunks add up by code."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._array = pa.array([], pa.string())

    def code(self, word: str | None) -> int:
        return -1 if word is None else self._codes.setdefault(word, len(self._codes))

    def codes(self, words: Sequence[str | None]) -> Codes:
        return np.fromiter((self.code(word) for word in words), np.int32, len(words))

    def column(self, codes: Codes) -> pa.DictionaryArray:
        """Codes (-1: null) as an Arrow column."""
        if len(self._array) < len(self._codes):
            fresh = list(self._codes)[len(self._array) :]
            self._array = pa.concat_arrays([self._array, pa.array(fresh, pa.string())])
        # codes are of words that are there
        return pa.DictionaryArray.from_arrays(nullable(codes), self._array, safe=False)


def nullable(codes: Codes) -> pa.Int32Array:
    """Codes as an Arrow array, null where they are negative. Arrow's own way, by a mask, costs six times as much."""
    valid = codes >= 0
    bits = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.int32(), len(codes), [bits, pa.py_buffer(np.ascontiguousarray(codes, np.int32))])


def codes_of(column: pa.DictionaryArray) -> Codes:
    """The codes of an Arrow column again, -1 for null; a view where nothing is null."""
    codes: Codes
    if column.null_count == len(column):
        codes = np.full(len(column), -1, np.int32)
    else:
        codes = (column.indices.fill_null(-1) if column.null_count else column.indices).to_numpy()
    return codes


class Source:
    """The columns of one chunk as codes and distinct values; a column that the format lacks is all null."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch, self.rows = batch, batch.num_rows
        self._codes: dict[str, Codes] = {}  # several treatments take the same columns
        self._values: dict[str, list[bytes | None]] = {}
        self._numbers: dict[str, Codes] = {}

    def has(self, name: str) -> bool:
        return name in self.batch.schema.names

    def codes(self, name: str) -> Codes:
        """int32 [rows], -1 for null."""
        if not self.has(name):
            return np.full(self.rows, -1, np.int32)
        if name not in self._codes:
            self._codes[name] = codes_of(self.batch[name])
        return self._codes[name]

    def values(self, name: str) -> list[bytes | None]:
        """The distinct values, and behind them the None that code -1 reads."""
        if name not in self._values:
            self._values[name] = [*(self.batch[name].dictionary.to_pylist() if self.has(name) else ()), None]
        return self._values[name]

    def numbers(self, name: str, numbering: Callable[[str, pa.BinaryArray], Codes]) -> Codes:
        """The numbers of the distinct values, and behind them that of null, by what numbers those of a column."""
        if name not in self._numbers:
            self._numbers[name] = numbering(name, self.batch[name].dictionary)
        return self._numbers[name]

    def integers(self, name: str, none: NDArray[np.int64]) -> NDArray[Any]:
        return self.batch[name].to_numpy() if self.has(name) else none

    def distinct(self, names: Sequence[str], site: Codes | int) -> Distinct:
        """The distinct (site, value, …) of the chunk; `site` is one number for all rows, or one a row.

        A column that the format lacks is not looked at.
        """
        codes = {name: self.codes(name) for name in names if self.has(name)}
        if isinstance(site, int) and len(codes) == 1:  # its dictionary has the distinct values already
            ((name, ids),) = codes.items()
            size = len(self.batch[name].dictionary)
            known = np.arange(size, dtype=np.int32)
            if self.batch[name].null_count:
                ids, known = np.where(ids < 0, np.int32(size), ids), np.append(known, np.int32(-1))
            return Distinct(ids, np.full(len(known), site, np.int32), {name: known}, names)
        sited = () if isinstance(site, int) and codes else (np.broadcast_to(np.int32(site), self.rows),)
        ids, first = number((*sited, *codes.values()))
        sites = np.full(len(first), site, np.int32) if isinstance(site, int) else site[first]
        return Distinct(ids, sites, {name: column[first] for name, column in codes.items()}, names)


@dataclass(frozen=True)
class Distinct:
    """Distinct (site, value, …) of a chunk: the number of each row, and per number its site and codes (-1: null)."""

    ids: Codes
    site: Codes
    codes: dict[str, Codes]
    names: Sequence[str]

    @property
    def size(self) -> int:
        return len(self.site)

    def rows(self, source: Source, chosen: NDArray[np.int64] | None = None) -> list[tuple[Any, ...]]:
        """(site number, value, …) of the numbers, or of those chosen."""
        at = slice(None) if chosen is None else chosen
        columns: list[Sequence[Any]] = [self.site[at].tolist()]
        for name in self.names:
            if name not in self.codes:
                columns.append([None] * len(columns[0]))
            else:
                columns.append(source.batch[name].dictionary.take(nullable(self.codes[name][at])).to_pylist())
        return list(zip(*columns, strict=True))
