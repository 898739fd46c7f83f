"""Text access logs: a chunk of lines to Events, by columns where the kernel is sure, by the regex where not."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas import load
from schemas.stages import Accounts, Chunk, Events
from transforms.kernels.calls import (
    CLIENT,
    COLLAPSE,
    NO_DASH,
    SIZE,
    WRONG,
    Block,
    Dictionary,
    Parameters,
    Plan,
    Rows,
    split_requests,
    values,
)
from transforms.kernels.modes import LAZY
from transforms.parsers.directive import compile_layout
from transforms.parsers.layout import LONGEST_LINE, LONGEST_USER, Layout
from transforms.shape import shape

LONGEST_LIST = 20  # shapes of rejected lines that a chunk keeps
_ESCAPES = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\bnrtv]))')
_LETTERS = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b'"': b'"', b"\\": b"\\"}
_TYPES = {"timestamp": pa.int64(), "status": pa.int16(), "count": pa.int64(), "duration": pa.int64()}
_NOTHING = (b"", b"-")
_DASHLESS = frozenset({"client", "path"})  # a "-" there is a value (in a query it never is one: it has no name)
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


class TextParser:
    """Reads the chunks of one format. Keeps nothing between chunks but working memory."""

    def __init__(
        self, directive: str | Layout, *, allowed_parameters: frozenset[bytes], columns: frozenset[str]
    ) -> None:
        """`columns`: canonical columns to build, where the format has them; what fields.toml drops is never built.

        `allowed_parameters`: names of the parameters that stay in the query. Raises DirectiveError.
        """
        self.layout = directive if isinstance(directive, Layout) else compile_layout(directive)
        declared = load.fields().columns
        self.columns = tuple(name for name in declared if name in columns & self.layout.columns & load.fields().kept)
        self._parameters = Parameters(allowed_parameters)
        self._types = {name: _TYPES.get(declared[name].type) for name in self.columns}
        self._typed = [i for i, field in enumerate(self.layout.fields) if field.typed]
        self._plan = _plan(self.layout)
        self._tables = self._plan.tables()

    def parse(self, chunk: Chunk) -> Events:
        """Events of the lines of a chunk, in their order; every line is counted in the accounts."""
        accounts = copy.deepcopy(chunk.accounts)
        dictionaries = {name: Dictionary(name not in _DASHLESS) for name, kind in self._types.items() if kind is None}
        parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in self.columns}
        rows, block, kept = Rows(len(self.layout.fields)), Block(), Block()
        for lines in _blocks(chunk, accounts):
            block.fill(lines)
            rows.scan(block, self._plan, self._tables, LONGEST_LINE, LONGEST_USER)
            starts, lens, numbers = self._read(block, rows, accounts)
            _widen(accounts, chunk.file, numbers[self.layout.positions["time"]])
            for name, column in self._columns(block, starts, lens, numbers, dictionaries, kept):
                parts[name].append(column)
        arrays = [self._array(name, parts[name], dictionaries.get(name)) for name in self.columns]
        return Events(pa.RecordBatch.from_arrays(arrays, list(self.columns)), chunk.file, accounts)

    def _read(self, block: Block, rows: Rows, accounts: Accounts) -> tuple[Int32, Int32, dict[int, Int64]]:
        """Spans int32[fields, parsed] and typed values int64[parsed] of a block, of refused lines by the regex."""
        starts, lens = rows.starts, rows.lens
        good = np.ones(rows.rows, np.bool_)
        good[rows.refused] = False
        starts[:, rows.refused], lens[:, rows.refused] = 0, 0
        numbers = {}
        for i in self._typed:
            numbers[i], wrong = values(self.layout.fields[i].type, block, starts[i], lens[i])
            if wrong:
                good &= numbers[i] != WRONG
        accounts.lines += rows.rows
        doubtful = np.flatnonzero(~good).tolist()
        for r in doubtful:
            start, stop = int(rows.line_starts[r]), int(rows.line_starts[r + 1]) - 1
            read = self._read_exactly(block.text[start:stop].tobytes(), accounts)
            if read is not None:
                spans, exact = read
                good[r] = True
                starts[:, r], lens[:, r] = [a + start for a, _ in spans], [b - a for a, b in spans]
                for i, value in zip(self._typed, exact, strict=True):
                    numbers[i][r] = value
        accounts.parsed += int(good.sum())
        if good.all():
            return starts, lens, numbers
        return (
            np.ascontiguousarray(starts[:, good]),
            np.ascontiguousarray(lens[:, good]),
            {i: column[good] for i, column in numbers.items()},
        )

    def _read_exactly(self, line: bytes, accounts: Accounts) -> tuple[list[tuple[int, int]], list[int]] | None:
        """Spans and values of a line that the kernel refused, or None with the reason counted."""
        if len(line) > LONGEST_LINE:
            _reject(line, "too_long", accounts)
            return None
        if not line.strip():
            accounts.skipped["blank"] += 1
            return None
        read = self.layout.read(line)
        if read is None:
            _reject(line, "no_format", accounts)
        return read

    def _columns(
        self,
        block: Block,
        starts: Int32,
        lens: Int32,
        numbers: dict[int, Int64],
        dictionaries: dict[str, Dictionary],
        kept: Block,
    ) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """Columns of a block by name: codes of text columns, values of the others."""
        at = self.layout.positions
        for name in self.columns:
            if at.get(name) in numbers:
                yield name, numbers[at[name]]
            elif name not in ("path", "query"):
                yield name, dictionaries[name].encode(block, starts[at[name]], lens[at[name]])
        whole = next((name for name in ("request", "target", "path") if name in at), None)
        if whole is not None and {"path", "query"} & set(self.columns):
            parts = split_requests(block, starts[at[whole]], lens[at[whole]], whole == "request")
            if "path" in dictionaries:
                yield "path", dictionaries["path"].encode(block, parts[0], parts[1])
            if "query" in dictionaries:
                query = (starts[at["query"]], lens[at["query"]]) if "query" in at else (parts[2], parts[3])
                yield "query", dictionaries["query"].encode(kept, *self._parameters.select(block, *query, kept))

    def _array(self, name: str, parts: list[NDArray[np.generic]], dictionary: Dictionary | None) -> pa.Array:
        whole = np.concatenate(parts) if parts else np.empty(0, np.int64)
        if dictionary is None:
            return pa.array(whole, self._types[name])
        return _as_logged(
            whole.astype(np.int32, copy=False), dictionary.values(), _NOTHING if name not in _DASHLESS else _NOTHING[:1]
        )


def _plan(layout: Layout) -> Plan:
    """The table of the scan: the same rules as in Layout.regex."""
    rows = []
    for i, (field, literal) in enumerate(zip(layout.fields, layout.literals, strict=True)):
        flags = CLIENT if field.column == "client" else 0
        if field.mode == LAZY:
            flags |= (COLLAPSE if layout.may_miss(i) else 0) | (NO_DASH if literal.startswith(b" ") else 0)
        rows.append((field.mode, flags, literal))
    return Plan(layout.lead, tuple(rows))


def _blocks(chunk: Chunk, accounts: Accounts) -> Iterator[NDArray[np.uint8]]:
    """The chunk's lines in blocks of at most SIZE bytes; a line that is longer than that is counted and left out."""
    lines = chunk.buffer[: chunk.size]
    if lines.size and lines[-1] != 10:
        lines = np.append(lines, np.uint8(10))
    start = 0
    while start < lines.size:
        stop = start + end_of_lines(lines[start : start + SIZE])
        if stop == start:
            stop = start + SIZE
            while not (found := np.flatnonzero(lines[stop : stop + SIZE] == 10)[:1]).size:
                stop += SIZE
            stop += int(found[0]) + 1
            accounts.lines += 1
            _reject(lines[start : start + LONGEST_LINE].tobytes(), "too_long", accounts)
        else:
            yield lines[start:stop]
        start = stop


def end_of_lines(text: NDArray[np.uint8]) -> int:
    """How many bytes of `text` are whole lines."""
    for step in (LONGEST_LINE, text.size):  # mostly the last line is short
        found = np.flatnonzero(text[-step:] == 10)
        if found.size:
            return max(text.size - step, 0) + int(found[-1]) + 1
    return 0


def _reject(line: bytes, reason: str, accounts: Accounts) -> None:
    accounts.rejected[reason] += 1
    if accounts.shapes.total() < LONGEST_LIST:
        accounts.shapes[reason, shape(line)] += 1


def _widen(accounts: Accounts, file: int, times: Int64) -> None:
    """Take the extreme times of a block into the edges of its file."""
    if times.size:
        first, last = accounts.edges.get(file, (times[0], times[0]))
        accounts.edges[file] = (int(min(first, times.min())), int(max(last, times.max())))


def unescape(value: bytes) -> bytes:
    """What the visitor sent, from what the server wrote.

    Apache (ap_escape_logitem) writes \\xHH, \\", \\\\ and C letters; nginx (escape=default) writes
    \\xHH. Both are undone alike.
    """
    return _ESCAPES.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _LETTERS[m[2]], value)


def _as_logged(codes: Int32, values: pa.Array, nothing: tuple[bytes, ...]) -> pa.DictionaryArray:
    """Dictionary array of codes (-1 is null), the server's escapes undone on the distinct values."""
    data = values.buffers()[2]
    if data is not None and b"\\" in memoryview(data).tobytes():
        distinct: dict[bytes, int] = {}
        moved = [
            -1 if (plain := unescape(value)) in nothing else distinct.setdefault(plain, len(distinct))
            for value in values.to_pylist()
        ]
        codes = np.array([*moved, -1], np.int32)[codes]  # a code of -1 takes the last
        values = pa.array(list(distinct), pa.binary())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), values)
