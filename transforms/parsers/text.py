"""Lines of one format to Events: by columns where the kernel is sure, by the exact reading of a line where not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas import load
from schemas.stages import Accounts, Chunk, Events
from transforms.distinct import nullable
from transforms.endpoints import Endpoints
from transforms.kernels.block import Block, Rows
from transforms.kernels.calls import WRONG, Parameters, authorities, values
from transforms.kernels.dictionary import Dictionary
from transforms.kernels.lines import gather
from transforms.kernels.lines import unescape as unescape_spans
from transforms.parsers.blocks import blocks, reject, runs
from transforms.parsers.directive import compile_layout
from transforms.parsers.escapes import ESCAPES, from_percent
from transforms.parsers.reader import LONGEST_LINE, NONE, Reader, may_miss
from transforms.parsers.requests import WHOLES, absent, first_given, split
from transforms.parsers.times import from_zone, is_yearless, is_zoneless, with_year

_TYPES = {"timestamp": pa.int64(), "status": pa.int16(), "count": pa.int64(), "duration": pa.int64()}
_NOTHING = (b"", b"-")
_DASHLESS = frozenset({"client", "path"})  # a "-" there is a value (in a query it never is one: it has no name)
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


class TextParser:
    """Reads the chunks of one format. Keeps nothing between chunks but working memory."""

    def __init__(
        self,
        directive: str | Reader,
        *,
        allowed_parameters: frozenset[bytes] | None,
        columns: frozenset[str],
        endpoints: Endpoints | None = None,
        now: int | None = None,
    ) -> None:
        """`columns`: canonical columns to build, where the format has them; what fields.toml drops is never built.

        `now` (seconds since the epoch): by when the lines were written; without it none whose time says no year is read.

        `allowed_parameters`: names of the parameters that stay in the query; None is all of them, which `crowdlog learn`
        looks at and no run does. Raises DirectiveError.
        """
        self.layout: Reader = compile_layout(directive) if isinstance(directive, str) else directive
        declared = load.fields().columns
        self.columns = tuple(name for name in declared if name in columns & self.layout.columns & load.fields().kept)
        self._parameters = None if allowed_parameters is None else Parameters(allowed_parameters)
        self._endpoints = endpoints or Endpoints((), ())
        # the page that a tracker names is no request for the endpoint itself
        is_access = {"path", "query"} <= set(self.columns) and "event" not in self.columns
        self._asked = list(self._endpoints.parameters()) if is_access else []
        self._types = {name: _TYPES.get(declared[name].type) for name in self.columns}
        self._dictionaries = {
            name: Dictionary(name not in _DASHLESS) for name, kind in self._types.items() if kind is None
        }
        self._typed = [i for i, field in enumerate(self.layout.fields) if field.typed]
        at = self.layout.positions
        self._time = at.get("time", at.get("date"))
        kinds = [self.layout.fields[at[name]].type for name in ("time", "date") if name in at]
        self._zone = None if self.layout.zone == "UTC" or not all(map(is_zoneless, kinds)) else self.layout.zone
        self._yearless, self._now = [i for i in self._typed if is_yearless(self.layout.fields[i])], now

    def parse(self, chunk: Chunk, refused: list[bytes] | None = None) -> Events:
        """Events of the lines of a chunk, in their order; every line is counted in the accounts.

        With `refused`, lines that are none of the format are put there (with their newlines), for another one, and not counted.
        """
        accounts = copy.deepcopy(chunk.accounts)
        dictionaries = self._dictionaries
        for dictionary in dictionaries.values():
            dictionary.clear()
        parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in self.columns}
        kept = Block()
        self._give_endpoints_their_codes(dictionaries, kept)
        for block, starts, lens, numbers in self.spans(chunk, accounts, refused):
            for name, column in self._columns(block, starts, lens, numbers, dictionaries, kept):
                parts[name].append(column)
        arrays = [self._array(name, parts[name], dictionaries.get(name)) for name in self.columns]
        batch = pa.RecordBatch.from_arrays(arrays, list(self.columns))
        return Events(self._endpoints.rewritten(batch) if self._asked else batch, chunk.file, accounts)

    def _give_endpoints_their_codes(self, dictionaries: dict[str, Dictionary], block: Block) -> None:
        """Number the paths of endpoints before all others, so that their rows are known by code."""
        if self._asked:
            lens = np.array([len(path) for path, _ in self._asked], np.int32)
            block.fill(np.frombuffer(b"".join(path for path, _ in self._asked) + b"\n", np.uint8))
            dictionaries["path"].encode(block, (np.cumsum(lens) - lens).astype(np.int32), lens)

    def spans(
        self, chunk: Chunk, accounts: Accounts, refused: list[bytes] | None = None
    ) -> Iterator[tuple[Block, Int32, Int32, dict[int, Int64]]]:
        """By block of the chunk: starts, lens int32[fields, parsed] of every field, also of those that are dropped, and
        the values int64[parsed] of the typed ones. The block is used again for the next.
        """
        rows, block = Rows(len(self.layout.fields)), Block()
        for lines in blocks(chunk, accounts):
            block.fill(lines)
            self.layout.scan(block, rows)
            starts, lens, numbers = self._read(block, rows, accounts, refused)
            if self._time is not None:
                _widen(accounts, chunk.file, numbers[self._time])
            yield block, starts, lens, numbers

    def inside(self, chunk: Chunk, refused: list[bytes] | None = None) -> tuple[bytes, Accounts]:
        """The lines that are inside those of an envelope, and the account of those that are none of it.

        They stand as they were written, what JSON escaped apart: the escapes of a server in them are the inner format's.
        """
        accounts, found = copy.deepcopy(chunk.accounts), []
        rows, block, lines_inside = Rows(len(self.layout.fields)), Block(), Block()
        at = self.layout.positions["message"]
        for lines in blocks(chunk, accounts):
            block.fill(lines)
            self.layout.scan(block, rows)
            starts, lens, _ = self._read(block, rows, accounts, refused)
            found.append(gather(*self._unescaped(block, starts[at], lens[at]), lines_inside))
        accounts.lines, accounts.parsed = accounts.lines - accounts.parsed, 0  # they are counted when they are read
        return np.concatenate(found).tobytes() if found else b"", accounts

    def _read(
        self, block: Block, rows: Rows, accounts: Accounts, refused: list[bytes] | None
    ) -> tuple[Int32, Int32, dict[int, Int64]]:
        """Spans int32[fields, parsed] and typed values int64[parsed] of a block; refused lines are read exactly."""
        starts, lens = rows.starts, rows.lens
        good = np.ones(rows.rows, np.bool_)
        good[rows.refused] = False
        starts[:, rows.refused], lens[:, rows.refused] = 0, 0
        numbers = {i: self._values(i, block, starts[i], lens[i], good) for i in self._typed}
        accounts.lines += rows.rows
        doubtful = np.flatnonzero(~good).astype(np.int32)
        left = np.zeros(rows.rows, np.bool_)
        if refused is not None and rows.scanned and doubtful.size:  # mostly lines of another format
            sure = self.layout.surely_none(block, rows, doubtful)
            left[doubtful[sure]] = True
            doubtful = doubtful[~sure]
        for r in doubtful.tolist():
            start, stop = int(rows.line_starts[r]), int(rows.line_starts[r + 1]) - 1
            line = block.text[start:stop].tobytes()
            if not self._is_of_some_format(line, accounts):
                continue
            read = None if rows.scanned and self.layout.is_surely_none(line) else self.layout.read(line)
            if read is None and refused is None:
                reject(line, "no_format", accounts)
            elif read is None:
                left[r] = True
            else:
                spans, exact = read
                good[r] = True
                starts[:, r], lens[:, r] = [a + start for a, _ in spans], [b - a for a, b in spans]
                for i, value in zip(self._typed, exact, strict=True):
                    numbers[i][r] = value
        if refused is not None:
            refused += runs(block, rows, left)
            accounts.lines -= int(left.sum())
        for i in self._yearless:
            self._date(i, block, rows, numbers[i], good, accounts)
        accounts.parsed += int(good.sum())
        if not good.all():
            starts, lens = np.ascontiguousarray(starts[:, good]), np.ascontiguousarray(lens[:, good])
            numbers = {i: column[good] for i, column in numbers.items()}
        self._join(block, starts, lens, numbers)
        return starts, lens, numbers

    def _values(self, i: int, block: Block, starts: Int32, lens: Int32, good: NDArray[np.bool_]) -> Int64:
        """Values of a typed field; rows where it is wrong are no longer good."""
        field = self.layout.fields[i]
        if may_miss(field) and not lens.all():
            column = np.full(lens.size, NONE, np.int64)
            there = np.flatnonzero(lens)
            column[there], wrong = values(field.type, block, starts[there], lens[there])
        else:
            column, wrong = values(field.type, block, starts, lens)
        if wrong:
            good &= column != WRONG
        return column

    def _date(
        self, i: int, block: Block, rows: Rows, times: Int64, good: NDArray[np.bool_], accounts: Accounts
    ) -> None:
        """Give times their year; rows in which that is not known are rejected."""
        there = np.flatnonzero(good & (times != NONE))
        times[there] = with_year(times[there], self._now)
        for r in there[times[there] == WRONG].tolist():
            good[r] = False
            reject(block.text[rows.line_starts[r] : rows.line_starts[r + 1] - 1].tobytes(), "no_year", accounts)

    def _join(self, block: Block, starts: Int32, lens: Int32, numbers: dict[int, Int64]) -> None:
        """Make one field of those that give one column, and a time of date and clock; put it into the zone of UTC."""
        for first, other in self.layout.others:
            gone = absent(block, starts[first], lens[first])
            starts[first], lens[first] = (
                np.where(gone, starts[other], starts[first]),
                np.where(gone, lens[other], lens[first]),
            )
            if first in numbers:
                numbers[first] = np.where(gone, numbers[other], numbers[first])
        at = self.layout.positions
        if "time" not in at and "date" in at:
            numbers[at["date"]] = numbers[at["date"]] + numbers[at["clock"]]
        if self._zone is not None and self._time is not None:
            numbers[self._time] = from_zone(numbers[self._time], self._zone)

    def _is_of_some_format(self, line: bytes, accounts: Accounts) -> bool:
        """Whether a line that the kernel refused has to be read exactly; else it is counted."""
        if len(line) > LONGEST_LINE:
            reject(line, "too_long", accounts)
        elif not line.strip():
            accounts.skipped["blank"] += 1
        elif self.layout.is_directive(line):
            accounts.skipped["directive"] += 1
        else:
            return True
        return False

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
            if name == "time" and self._time is not None:
                yield name, numbers[self._time]
            elif at.get(name) in numbers:
                yield name, numbers[at[name]]
            elif name == "host" and "host" not in at:
                text, begins, sizes = self._unescaped(block, starts[at["url"]], lens[at["url"]])
                yield name, dictionaries[name].encode(text, *authorities(text, begins, sizes))
            elif name not in ("path", "query"):
                yield name, dictionaries[name].encode(block, starts[at[name]], lens[at[name]])
        wholes = [name for name in WHOLES if name in at]
        if wholes and {"path", "query"} & set(self.columns):
            *spans, number = first_given(block, starts, lens, [at[name] for name in wholes])
            text, begins, sizes = self._unescaped(block, *spans)
            parts = split(text, begins, sizes, number, wholes)
            paths = np.zeros(0, np.int32)
            if "path" in dictionaries:
                paths = dictionaries["path"].encode(text, parts[0], parts[1])
                yield "path", paths
            if "query" in dictionaries:
                begins, sizes = parts[2], parts[3]
                if "query" in at:
                    text, begins, sizes = self._unescaped(block, starts[at["query"]], lens[at["query"]])
                yield "query", self._queries(dictionaries["query"], text, begins, sizes, paths, kept)

    def _queries(
        self, dictionary: Dictionary, text: Block, begins: Int32, sizes: Int32, paths: Int32, kept: Block
    ) -> Int32:
        """Codes of what is left of each query; of endpoints' queries what tells of their events is left as well."""
        if self._parameters is None:
            return dictionary.encode(text, begins, sizes)
        codes = dictionary.encode(kept, *self._parameters.select(text, begins, sizes, kept))
        found = paths[(paths >= 0) & (paths < len(self._asked))]
        for place in np.unique(found).tolist():
            here, (_, asked) = np.flatnonzero(paths == place), self._asked[place]
            codes[here] = dictionary.encode(kept, *asked.select(text, begins[here], sizes[here], kept))
        return codes

    def _unescaped(self, block: Block, starts: Int32, lens: Int32) -> tuple[Block, Int32, Int32]:
        """Texts that are split before they are encoded: JSON may have escaped the marks by which they are."""
        if self.layout.escapes != "json":
            return block, starts, lens
        return unescape_spans(block, starts, lens, Block())

    def _array(self, name: str, parts: list[NDArray[np.generic]], dictionary: Dictionary | None) -> pa.Array:
        whole = np.concatenate(parts) if parts else np.empty(0, np.int64)
        if dictionary is None:
            return pa.array(whole, self._types[name])
        return _as_logged(
            whole.astype(np.int32, copy=False), dictionary.values(), _NOTHING if name not in _DASHLESS else _NOTHING[:1],
            *ESCAPES[self._escapes_of(name)], name in self.layout.plus, name in self.layout.percent,
        )  # fmt: skip

    def _escapes_of(self, name: str) -> str:
        """How the dictionary of a column is escaped: what JSON escaped of path and query is undone before."""
        split = name in ("path", "query") or (name == "host" and "host" not in self.layout.positions)
        return "none" if self.layout.escapes == "json" and split else self.layout.escapes


def _widen(accounts: Accounts, file: int, times: Int64) -> None:
    """Take the extreme times of a block into the edges of its file."""
    if times.size:
        first, last = accounts.edges.get(file, (times[0], times[0]))
        accounts.edges[file] = (int(min(first, times.min())), int(max(last, times.max())))


def _as_logged(
    codes: Int32,
    values: pa.Array,
    nothing: tuple[bytes, ...],
    mark: bytes,
    plain: Callable[[bytes], bytes],
    plus: bool,
    percent: bool,
) -> pa.DictionaryArray:
    """Dictionary array of codes (-1 is null), the escapes of the format undone on the distinct values."""
    data = values.buffers()[2]
    text = b"" if data is None else memoryview(data).tobytes()
    if mark in text or (plus and b"+" in text) or (percent and b"%" in text):
        distinct: dict[bytes, int] = {}
        moved = []
        for value in values.to_pylist():
            # where a blank stands as such, a + is one
            value = plain(value.replace(b"+", b" ") if plus and b" " not in value else value)
            value = from_percent(value) if percent else value
            moved.append(-1 if value in nothing else distinct.setdefault(value, len(distinct)))
        codes = np.array([*moved, -1], np.int32)[codes]  # a code of -1 takes the last
        values = pa.array(list(distinct), pa.binary())
    return pa.DictionaryArray.from_arrays(nullable(codes), values)
