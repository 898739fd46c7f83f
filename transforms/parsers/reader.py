"""A way to read lines, whatever family the format is of: fields, spans of a block, and the exact reading of one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from transforms import clocks
from transforms.kernels.block import Block, Int32, Rows
from transforms.kernels.modes import NAMED
from transforms.kernels.plain import VALUES

LONGEST_LINE = 65536
Span = tuple[int, int]
Read = tuple[list[Span], list[int]]
_CLF = (
    rb"(?:0[1-9]|[12]\d|3[01])/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/(?:19[7-9]\d|2\d{3})"
    rb":(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60) [+-](?:[01]\d|2[0-3])[0-5]\d"
)
_ISO = (
    rb"(?:19[7-9]\d|2\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)"
    rb"(?:[.,]\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)"
)
PATTERNS = {
    "clf": _CLF,
    "iso8601": _ISO,
    "epoch": rb"\d{1,11}(?:\.\d{1,9})?",
    "epoch_ms": rb"\d{1,14}(?:\.\d{1,9})?",
    "epoch_us": rb"\d{1,17}(?:\.\d{1,9})?",
    "epoch_ns": rb"\d{18,19}",
    "status": rb"[1-5]\d\d|-",
    "zero": rb"0{1,3}|-1?",
    "count": rb"\d{1,18}|-",
    "seconds": rb"\d{1,12}(?:\.\d{1,9})?|-",
    "millis": rb"\d{1,15}(?:\.\d{1,9})?|-",
    "micros": rb"\d{1,18}(?:\.\d{1,9})?|-",
    "nanos": rb"\d{1,18}|-",
    "units": rb"(?=\d)(?:\d{1,5}h)?(?:\d{1,5}m)?(?:\d{1,9}(?:\.\d{1,9})?(?:[mun]|\xc2\xb5)?s)?|-",
    "whole": rb"\d{1,12}|-",
    "decimal": rb"\d{1,12}\.\d{3}",
    "fraction": rb"\d{1,12}\.\d{1,9}",
    "unclear": rb"\d{1,18}|-",
}
NONE = -1  # the value of a number that the line does not have
_PARTS = {
    "request": ("path", "query"), "target": ("path", "query"), "location": ("path", "query"),
    "url": ("host", "path", "query"), "date": (), "clock": (),
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One variable of a format.

    `variable` is its name as written, `column` the canonical column that takes it, or what gives one: "request",
    "target" and "location" path and query, "url" the host too, "date" and "clock" together the time ("ignored" is never
    built). `type` says how its bytes are read: a type of schemas/directives.toml, a pattern of transforms.clocks, or
    several with bars between; `mode` where it ends, in a text line. `some`: it is neither empty nor a dash; `padded`:
    blanks may stand in front of it.
    """

    variable: str
    column: str
    type: str
    mode: int = NAMED
    some: bool = False
    padded: bool = False

    @property
    def typed(self) -> bool:
        """Whether the bytes have to be a number or a time."""
        return is_typed(self.type)

    @property
    def pattern(self) -> bytes:
        """The regex of a typed field."""
        return b"|".join(_pattern(kind) for kind in self.type.split("|"))


@cache
def is_typed(kind: str) -> bool:
    """Whether a type is that of numbers or times."""
    return all(one in PATTERNS or clocks.is_clock(one) for one in kind.split("|"))


def _pattern(kind: str) -> bytes:
    return PATTERNS.get(kind) or clocks.regex(kind)


@cache
def _whole(kind: str) -> re.Pattern[bytes]:
    return re.compile(b"(?:" + _pattern(kind) + rb")\Z")


def value_of(kind: str, text: bytes) -> int | None:
    """The value of a typed field, None where the text is none: the first of the types that it may be."""
    for one in kind.split("|"):
        if _whole(one).match(text):
            value = clocks.value(one, text) if "%" in one else VALUES[one](text)
            if value is not None:
                return value
    return None


class Reader:
    """What every family of formats gives: `scan` for blocks, `read` for one line; the same lines and spans by both.

    Several fields may give one column: the first that the line has is taken (`positions` knows the first). A number
    that is not there is NONE. `escapes` names how values are escaped (transforms.parsers.escapes), `plus` columns that
    write + for a space, `percent` those in percent-encoding, `zone` is that of times that say none.
    """

    fields: tuple[Field, ...]
    zone: str
    escapes: str = "server"
    plus: frozenset[str] = frozenset()
    percent: frozenset[str] = frozenset()

    def scan(self, block: Block, rows: Rows) -> None:
        """Spans of all fields of a block's lines, refused rows by number; lens of -1 where a field is not there."""
        raise NotImplementedError

    def read(self, line: bytes) -> Read | None:
        """Spans (start, stop) of all fields and values of the typed ones (in order), or None: the exact, slow way.

        `line` comes without its newline. A field that is missing has the span (0, 0) and, if typed, the value NONE.
        """
        raise NotImplementedError

    def may_read(self, line: bytes) -> bool:
        """False for a line that `read` refuses, where that is seen at once."""
        return True

    def is_directive(self, line: bytes) -> bool:
        """Whether a line says something of the format and holds no event."""
        return False

    def is_surely_none(self, line: bytes) -> bool:
        """Whether `read` refuses a line that `scan` refused, found out faster than by reading; False where unsure."""
        return False

    def surely_none(self, block: Block, rows: Rows, refused: Int32) -> NDArray[np.bool_]:
        """bool[refused]: the same of many rows that `scan` refused; False for blank lines too."""
        return np.zeros(refused.size, np.bool_)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Canonical column (or what gives one) to the position of the first field that gives it."""
        found: dict[str, int] = {}
        for i, field in enumerate(self.fields):
            if field.column != "ignored":
                found.setdefault(field.column, i)
        return found

    @cached_property
    def others(self) -> list[tuple[int, int]]:
        """(first field of a column, another field of it), in their order."""
        at = self.positions
        return [(at[f.column], i) for i, f in enumerate(self.fields) if f.column != "ignored" and at[f.column] != i]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Canonical columns that a line of this format can give."""
        names = set(self.positions)
        for name in names & set(_PARTS):
            names |= set(_PARTS[name])
        if {"date", "clock"} <= names:
            names.add("time")
        return frozenset(names - set(_PARTS))

    def valued(self, line: bytes, spans: Sequence[Span | None]) -> Read | None:
        """Spans with the values of the typed ones; None where one is none. A span of None is that of no field."""
        values = []
        for field, span in zip(self.fields, spans, strict=True):
            if field.typed:
                text = line[span[0] : span[1]] if span is not None else b""
                value = NONE if may_miss(field) and not text else value_of(field.type, text)
                if value is None:
                    return None
                values.append(value)
        return [span or (0, 0) for span in spans], values


def may_miss(field: Field) -> bool:
    """Whether a typed field may be empty: in lines of named values."""
    return field.mode == NAMED


class Unread(Reader):
    """Reads nothing: for lines in front of the first header line, or behind one that lacks a required column."""

    fields = (Field("", "client", "text"), Field("", "time", "iso8601"), Field("", "path", "text"))
    zone = "UTC"

    def scan(self, block: Block, rows: Rows) -> None:
        rows.refuse_all(block)

    def read(self, line: bytes) -> Read | None:
        return None

    def is_directive(self, line: bytes) -> bool:
        return line.startswith(b"#")


UNREAD = Unread()
