"""A line format as data: its fields, the text between them, and the regex that says exactly which lines it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from transforms.kernels.modes import BARE, FIXED, LAZY, QUOTED, REST, WORD
from transforms.kernels.plain import VALUES

LONGEST_LINE = 65536
LONGEST_USER = 255  # bounds the backtracking of the regex: a line costs O(its length), whatever is in it

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
    "status": rb"[1-5]\d\d|-",
    "count": rb"\d{1,18}|-",
    "seconds": rb"\d{1,12}(?:\.\d{1,9})?|-",
    "millis": rb"\d{1,15}(?:\.\d{1,9})?|-",
    "micros": rb"\d{1,18}(?:\.\d{1,9})?|-",
}
_TAIL = rb" ?\r?\Z"  # DreamHost ends its lines with a space; a log that went over Windows has CR


@dataclass(frozen=True)
class Field:
    """One variable of a format.

    `variable` is its name as written, `column` the canonical column that takes it ("request" and "target" give path and
    query; "ignored" is never built), `type` how its bytes are read (schemas/directives.toml), `mode` where it ends.
    """

    variable: str
    column: str
    type: str
    mode: int

    @property
    def typed(self) -> bool:
        """Whether the bytes have to be a number or a time."""
        return self.type in PATTERNS


@dataclass(frozen=True)
class Layout:
    """Fields in the order of the line; `lead` stands before the first, `literals[i]` after field i."""

    directive: str
    lead: bytes
    fields: tuple[Field, ...]
    literals: tuple[bytes, ...]

    @property
    def positions(self) -> dict[str, int]:
        """Canonical column (or "request", "target") to the position of the field that gives it."""
        return {field.column: i for i, field in enumerate(self.fields) if field.column != "ignored"}

    @property
    def columns(self) -> frozenset[str]:
        """Canonical columns that a line of this format can give."""
        names = set(self.positions)
        if names & {"request", "target"}:
            names |= {"path", "query"}
        return frozenset(names - {"request", "target"})

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

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """Matches a line (without its newline) if and only if the spans of its groups are how the line is read."""
        pattern = b""
        for i, literal in enumerate((self.lead, *self.literals)):
            skip = i < len(self.fields) and self.may_miss(i)
            pattern += re.escape(literal[:-1] if skip else literal)
            if i < len(self.fields):
                group = b"(" + self._body(i) + b")"
                pattern += b"(?:(?<!-" + re.escape(literal[:-1]) + b")| " + group + b")" if skip else group
        if self.fields[-1].mode == QUOTED and self.literals[-1] == b'"':
            # Servers cut long lines, and rotation cuts the last one: what stands in front of the cut is whole.
            return re.compile(pattern[:-1] + b'(?:"' + _TAIL + rb"|\Z)", re.DOTALL)
        return re.compile(pattern + _TAIL, re.DOTALL)

    def _body(self, i: int) -> bytes:
        field, after = self.fields[i], self.literals[i][:1]
        if field.typed:
            return PATTERNS[field.type]
        end = b"[" + re.escape(after) + b"]" if after else _TAIL
        # A line without a client is none of this format: it would be one of a format with fewer fields.
        some = b"(?!-?" + end + b")" if field.column == "client" else b""
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
                FIXED: b".{26}",
            }[field.mode]
        )

    def read(self, line: bytes) -> tuple[list[tuple[int, int]], list[int]] | None:
        """Spans (start, stop) of all fields and values of the typed ones (in order), or None: the exact, slow way.

        `line` comes without its newline. A field that is missing has the span (0, 0).
        """
        match = self.regex.match(line)
        if match is None:
            return None
        spans = [(max(start, 0), max(stop, 0)) for start, stop in (match.span(i + 1) for i in range(len(self.fields)))]
        values = []
        for field, (start, stop) in zip(self.fields, spans, strict=True):
            if field.typed:
                value = VALUES[field.type](line[start:stop])
                if value is None:
                    return None
                values.append(value)
        return spans, values
