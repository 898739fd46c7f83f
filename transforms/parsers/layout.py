"""A line format as data: its fields, the text between them, and the regex that says exactly which lines it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms import clocks
from transforms.kernels.block import Block, Int32, Plan, Rows
from transforms.kernels.lines import surely_none
from transforms.kernels.modes import (
    BARE,
    CLIENT,
    COLLAPSE,
    FIXED,
    FIXED_BYTES,
    LAST,
    LAZY,
    LIST,
    NO_DASH,
    PADDED,
    QUOTED,
    REST,
    WORD,
)
from transforms.parsers.reader import LONGEST_LINE, Field, Read, Reader

LONGEST_USER = 255  # bounds the backtracking of the regex: a line costs O(its length), whatever is in it

_TAIL = rb" ?\r?\Z"  # DreamHost ends its lines with a space; a log that went over Windows has CR


@dataclass(frozen=True)
class Layout(Reader):
    """Fields in the order of the line; `lead` stands before the first, `literals[i]` after field i."""

    directive: str
    lead: bytes
    fields: tuple[Field, ...]
    literals: tuple[bytes, ...]
    zone: str = "UTC"
    plus: frozenset[str] = frozenset()
    percent: frozenset[str] = frozenset()

    def before(self, i: int) -> bytes:
        """The literal in front of field i."""
        return self.literals[i - 1] if i else self.lead

    def may_miss(self, i: int) -> bool:
        """Whether field i, a user name, may be missing together with the space in front of it.

        Where nothing was logged for the user, "- [" may stand instead of "-  [". This is safe only behind text that no
        other field could be (" - "), else a line that lacks one of two leading fields would be read with them swapped.
        """
        before = self.before(i)
        return (
            self.fields[i].mode == LAZY
            and i > 0
            and before.endswith(b" ")
            and bool(before.strip())
            and self.literals[i].startswith(b" ")
        )

    def must_be(self, i: int) -> bool:
        """Whether field i is neither empty nor a dash.

        A line without a client is none of this format: it would be one of a format with fewer fields. But where
        addresses come from a header of the request, some requests have none.
        """
        return self.fields[i].some or (self.fields[i].column == "client" and self.fields[i].type != "list")

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """Matches a line (without its newline) if and only if the spans of its groups are how the line is read."""
        pattern = b""
        for i, literal in enumerate((self.lead, *self.literals)):
            skip = i < len(self.fields) and self.may_miss(i)
            pattern += re.escape(literal[:-1] if skip else literal)
            if i < len(self.fields):
                group = (b" *" if self.fields[i].padded else b"") + b"(" + self._body(i) + b")"
                pattern += b"(?:(?<!-" + re.escape(literal[:-1]) + b")| " + group + b")" if skip else group
        if self.fields[-1].mode == QUOTED and self.literals[-1] == b'"':
            # Servers cut long lines, and rotation cuts the last one: what stands in front of the cut is whole.
            return re.compile(pattern[:-1] + b'(?:"' + _TAIL + rb"|\Z)", re.DOTALL)
        return re.compile(pattern + _TAIL, re.DOTALL)

    def _body(self, i: int) -> bytes:
        field, after = self.fields[i], self.literals[i][:1]
        if field.typed:
            return field.pattern
        end = b"[" + re.escape(after) + b"]" if after else _TAIL
        if field.mode == LAST:  # an address may begin with that byte (::1): it ends the value where no other follows
            end += b"[^ " + re.escape(after) + rb"]*(?: |\Z)"
        some = b"(?!-?" + end + b")" if self.must_be(i) else b""
        if field.mode == LAZY:
            anyone = b".{0,%d}?" % LONGEST_USER
            # "- -" is no user but the ident and user of a format with one field more.
            return b"-|(?!- )" + anyone if after == b" " else anyone
        return (
            some
            + {
                QUOTED: rb'[^"\\]*(?:\\.[^"\\]*)*',
                BARE: b"[^" + re.escape(after) + b"]*",
                WORD: b"[^ ]*?",
                REST: b".*?",
                FIXED: b".{%d}" % clocks.CLF_WIDTH,
                LAST: b"[^ ]*",
                LIST: b"(?:[^ ]|(?<=,) )*+",
            }[field.mode]
        )

    @cached_property
    def plan(self) -> Plan:
        """The table of the scan: the same rules as in `regex`."""
        rows = []
        for i, (field, literal) in enumerate(zip(self.fields, self.literals, strict=True)):
            flags = (CLIENT if self.must_be(i) else 0) | (PADDED if field.padded else 0)
            if field.mode == LAZY:
                flags |= (COLLAPSE if self.may_miss(i) else 0) | (NO_DASH if literal.startswith(b" ") else 0)
            if field.mode == FIXED:
                flags = clocks.width(field.type) << FIXED_BYTES
            rows.append((field.mode, flags, literal))
        return Plan(self.lead, tuple(rows))

    @cached_property
    def _tables(self) -> tuple[Any, Any]:
        return self.plan.tables()

    @cached_property
    def _behind_user(self) -> bytes | None:
        """What ends the user name; b"": there is none, None: it may be missing."""
        for i, field in enumerate(self.fields):
            if field.mode == LAZY:
                return self.literals[i] or None if not self.may_miss(i) else None
        return b""

    def is_surely_none(self, line: bytes) -> bool:
        """See Reader. There is one way to read a line at most, but for the end of a user name and a line that was cut."""
        if len(line) >= LONGEST_LINE:  # the kernel counts the newline
            return False
        if self._behind_user is None or (self._behind_user and line.count(self._behind_user) > 1):
            return False
        if self.fields[-1].mode != QUOTED or self.literals[-1] != b'"':
            return True
        end = line.rstrip(b" \r")
        return end.endswith(b'"') and not end.endswith((b'\\"', self.before(len(self.fields) - 1)))

    def surely_none(self, block: Block, rows: Rows, refused: Int32) -> NDArray[np.bool_]:
        """See Reader."""
        if self._behind_user is None:
            return super().surely_none(block, rows, refused)
        may_be_cut = self.fields[-1].mode == QUOTED and self.literals[-1] == b'"'
        before = self.before(len(self.fields) - 1) if may_be_cut else None
        return surely_none(block, rows, refused, LONGEST_LINE, self._behind_user, before)

    @cached_property
    def _marks(self) -> tuple[bytes, ...]:
        """Texts that stand behind the lead in each line, in this order: literals, but for what may be missing of them."""
        found = [text[: len(text) - self.may_miss(i + 1)] for i, text in enumerate(self.literals[:-1])]
        return (*found, self.literals[-1] if self.fields[-1].mode != QUOTED else b"")

    def may_read(self, line: bytes) -> bool:
        """See Reader. Whether all literals are there is found out ten times as fast as by the regex."""
        at = len(self.lead) if line.startswith(self.lead) else -1
        for text in self._marks:
            if at < 0:
                return False
            at = line.find(text, at)
            at += len(text) if at >= 0 else 0
        return at >= 0

    def scan(self, block: Block, rows: Rows) -> None:
        """Spans of a block by the kernel."""
        rows.scan(block, self.plan, self._tables, LONGEST_LINE, LONGEST_USER)

    def read(self, line: bytes) -> Read | None:
        """See Reader. A user name that is missing has the span (0, 0)."""
        match = self.regex.match(line)
        if match is None:
            return None
        spans = [(max(start, 0), max(stop, 0)) for start, stop in (match.span(i + 1) for i in range(len(self.fields)))]
        return self.valued(line, spans)
