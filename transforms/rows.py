"""Rows: one chunk as numpy columns, events of one site and share of the neighbourhoods one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.table import Table
from transforms.distinct import codes_of

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Behind:
    """Who is behind chosen events: int32 [n], numbers of networks, -1 for none; those of bin b are bounds[b] to bounds[b + 1]."""

    networks: Codes
    bounds: Ints

    def of(self, bin_: int) -> slice:
        return slice(int(self.bounds[bin_]), int(self.bounds[bin_ + 1]))


@dataclass(frozen=True)
class Chosen:
    """The events that concern a table: int32 [n], their positions, ascending."""

    rows: Codes
    behind: Behind

    @property
    def size(self) -> int:
        return len(self.rows)


class Vocabulary:
    """The words of a worker, which only ever grow: which of them are among some values."""

    def __init__(self) -> None:
        self.words: pa.StringArray = pa.array([], pa.string())
        self._found: dict[tuple[str, ...], Flags] = {}

    def take(self, batch: pa.RecordBatch) -> None:
        """Know the words of a chunk: each key column has the longest list, or its beginning."""
        self.words = max((self.words, *(batch[name].dictionary for name in word_columns(batch))), key=len)

    def among(self, values: tuple[str, ...]) -> Flags:
        """bool [words + 1]: whether a word is one of the values; the last is for code -1."""
        found = self._found.get(values, np.zeros(1, bool))
        if len(found) <= len(self.words):
            fresh = pc.is_in(self.words[len(found) - 1 :], pa.array(values)).to_numpy(zero_copy_only=False)
            found = self._found[values] = np.concatenate([found[:-1], fresh, [False]])
        return found


class Rows:
    """Columns of a chunk. Rows stand in the `order` of their bins; `behind` says of which networks they are."""

    def __init__(self, batch: pa.RecordBatch, vocabulary: Vocabulary, order: Codes, behind: Behind) -> None:
        self.batch, self.vocabulary, self.order, self.behind, self.size = batch, vocabulary, order, behind, len(order)
        self.every = np.arange(self.size, dtype=np.int32)
        self.matrix = np.empty((batch.num_columns, self.size), np.int32)
        self._places: dict[str, int] = {}
        self._numbers: dict[tuple[tuple[str, ...], type], NDArray[Any]] = {}
        self._flags: dict[tuple[str, tuple[str, ...] | None], Flags] = {}
        self._chosen: dict[tuple[object, ...], Chosen] = {}

    def column(self, name: str) -> Codes:
        """int32 [rows] codes of a column, -1 for null, or numbers."""
        if name not in self._places:
            self.put(name, self._values(name))
        column: Codes = self.matrix[self._places[name]]
        return column

    def has(self, name: str) -> bool:
        return name in self._places

    def put(self, name: str, values: Codes) -> None:
        """Add a column."""
        place = self._places[name] = len(self._places)
        if place == len(self.matrix):
            self.matrix = np.concatenate([self.matrix, np.empty_like(self.matrix)])
        self.matrix[place] = values

    def which(self, names: Sequence[str]) -> list[int]:
        """Where columns are in the matrix."""
        for name in names:
            self.column(name)
        return [self._places[name] for name in names]

    def _values(self, name: str) -> NDArray[Any]:
        """[rows] of a column."""
        column = self.batch[name]
        values = codes_of(column) if pa.types.is_dictionary(column.type) else column.to_numpy()
        ordered: NDArray[Any] = values.take(self.order)
        return ordered

    def numbers(self, names: tuple[str, ...]) -> Ints:
        """int64 [names, rows] of columns of integers."""
        return self._matrix(names, np.int64)

    def marks(self, names: tuple[str, ...]) -> NDArray[np.uint64]:
        """uint64 [rows] of the only column, or nothing."""
        return self._matrix(names, np.uint64).ravel()

    def _matrix(self, names: tuple[str, ...], kind: type[np.integer[Any]]) -> NDArray[Any]:
        if (names, kind) not in self._numbers:
            found = np.empty((len(names), self.size), kind)
            for into, name in zip(found, names, strict=True):
                into[:] = self._values(name)
            self._numbers[names, kind] = found
        return self._numbers[names, kind]

    def chosen(self, table: Table) -> Chosen:
        """The events that concern a table."""
        wanted = dict(table.only)
        if table.humans:
            wanted["agent_class"] = ("human",)
        asked: list[tuple[str, tuple[str, ...] | None]] = [
            *sorted(wanted.items()),
            *((name, None) for name in table.present),
        ]
        key = tuple(asked)
        if key not in self._chosen:
            self._chosen[key] = self._select([self._flag(*one) for one in asked])
        return self._chosen[key]

    def _select(self, flags: Sequence[Flags]) -> Chosen:
        if not flags:
            return Chosen(self.every, self.behind)
        keep = np.logical_and.reduce(flags)
        rows = np.flatnonzero(keep)
        behind = Behind(self.behind.networks[rows], np.searchsorted(rows, self.behind.bounds))
        return Chosen(rows.astype(np.int32), behind)

    def _flag(self, name: str, values: tuple[str, ...] | None) -> Flags:
        """bool [rows]: whether an event has one of the values there, or any, or a list that is not empty."""
        if (name, values) not in self._flags:
            column = self.batch[name]
            if values is not None:
                flag = self.vocabulary.among(values)[self.column(name)]
            elif column.null_count == self.size:
                flag = np.zeros(self.size, bool)
            else:
                flag = column.is_valid().to_numpy(zero_copy_only=False)[self.order]
            self._flags[name, values] = flag
        return self._flags[name, values]

    def spread(self, name: str, chosen: Chosen) -> tuple[Spread, Chosen]:
        """The chosen events, each as often as its list has words, and all of these."""
        lists = self.batch[name]
        ends, events = lists.offsets.to_numpy().astype(np.int64), self.order[chosen.rows]
        counts = ends[events + 1] - ends[events]
        first = np.repeat(ends[events] - (np.cumsum(counts) - counts), counts)
        codes = lists.values.indices.to_numpy()[first + np.arange(counts.sum())]
        bounds = np.append(0, np.cumsum(counts))[chosen.behind.bounds]
        spread = Spread(self, np.repeat(chosen.rows, counts), Behind(np.repeat(chosen.behind.networks, counts), bounds))
        spread.put(name, codes)
        return spread, spread._select([])


class Spread(Rows):
    """Rows of other rows, some of them several times."""

    def __init__(self, rows: Rows, at: Codes, behind: Behind) -> None:
        super().__init__(rows.batch, rows.vocabulary, at, behind)
        self.rows = rows

    def _values(self, name: str) -> NDArray[Any]:
        values: NDArray[Any] = self.rows._values(name)[self.order]
        return values


def word_columns(batch: pa.RecordBatch) -> list[str]:
    """Columns that hold codes of the worker's words."""
    return [f.name for f in batch.schema if f.name != "site" and f.type == pa.dictionary(pa.int32(), pa.string())]
