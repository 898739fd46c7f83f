"""Readers of lines of named values: what json, delimited and labelled formats have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.load import Format
from transforms.kernels.block import Block, Rows
from transforms.parsers.directive import DirectiveError
from transforms.parsers.reader import Field, Read, Reader, Span, is_typed
from transforms.parsers.times import refuse_unclear

_GIVEN_BY = {
    "path": (("path",), ("request",), ("target",), ("url",), ("location",)), "time": (("time",), ("date", "clock")),
    "click": (("affiliate",), ("link",)),
}  # fmt: skip
_FILLED = ("time", "date", "clock")  # of these an empty text is as good as none
_OPEN, _CLOSE = b"[]"


class NamedReader(Reader):
    """Fields are the sources of the format, in their order. Families add how a line is taken apart."""

    def __init__(self, format: Format) -> None:
        """Raises DirectiveError where a required column has no source, or a source could not be read."""
        self.fields = tuple(Field(one.name, one.column, one.type) for one in format.sources)
        self.zone, self.plus, self.percent = format.zone, frozenset(format.plus), frozenset(format.percent)
        names = [field.variable for field in self.fields]
        for field in self.fields:
            if names.count(field.variable) > 1:
                raise DirectiveError(f"repeated: {field.variable} gives two columns, expected each source once")
            if not is_typed(field.type) and field.type not in ("text", "list"):
                raise DirectiveError(f"bad_type: {field.type!r} of {field.column}, expected text, a number or a time")
            if is_typed(field.type) is not (field.column in _TYPED):
                raise DirectiveError(f"bad_type: {field.type!r} does not fit the column {field.column}")
            if is_typed(field.type):
                refuse_unclear(field)
        self._groups = [self._group(column) for column in format.required]
        self._brackets = [i for i, field in enumerate(self.fields) if "clf" in field.type]

    def _group(self, column: str) -> list[list[int]]:
        """What gives a required column: one of the lists has to be there, all of it."""
        ways = []
        for way in _GIVEN_BY.get(column, ((column,),)):
            at = [[i for i, field in enumerate(self.fields) if field.column == one] for one in way]
            if len(way) > 1 and all(at):
                ways.append([one[0] for one in at])
            elif len(way) == 1:
                ways += [[i] for i in at[0]]
        if not ways:
            raise DirectiveError(f"no_{column}: nothing gives it, and the format requires it")
        return ways

    def _least(self, i: int) -> int:
        """The shortest length of field i that is one."""
        return 1 if self.fields[i].column in _FILLED else 0

    def settle(self, block: Block, rows: Rows) -> None:
        """Behind the scan: refuse rows that lack a required column, take times out of their brackets."""
        starts, lens = rows.starts, rows.lens
        good: NDArray[np.bool_] = np.ones(rows.rows, np.bool_)
        good[rows.refused] = False
        lens[:, rows.refused] = 0
        starts[:, rows.refused] = 0
        for ways in self._groups:
            there = np.zeros(rows.rows, np.bool_)
            for way in ways:
                there |= np.logical_and.reduce([lens[i] >= self._least(i) for i in way])
            good &= there
        for i in self._brackets:
            last = np.maximum(starts[i] + lens[i] - 1, 0)
            bare = (lens[i] >= 2) & (block.text[starts[i]] == _OPEN) & (block.text[last] == _CLOSE)
            starts[i] += bare
            lens[i] -= 2 * bare
        np.maximum(lens, 0, out=lens)
        rows.refused = np.flatnonzero(~good).astype(np.int32)

    def settled(self, line: bytes, spans: Sequence[Span | None]) -> Read | None:
        """The same of one line: None where it lacks a required column or a value is none."""
        for ways in self._groups:
            if not any(all(_long(spans[i]) >= self._least(i) for i in way) for way in ways):
                return None
        bare = list(spans)
        for i in self._brackets:
            span = bare[i]
            if span is not None and line[span[0] : span[1]].startswith(b"[") and line[span[1] - 1 : span[1]] == b"]":
                bare[i] = (span[0] + 1, span[1] - 1) if span[1] - span[0] >= 2 else span
        return self.valued(line, bare)


_TYPED = frozenset({"time", "date", "clock", "status", "bytes", "duration"})


def _long(span: Span | None) -> int:
    return -1 if span is None else span[1] - span[0]
