"""What scrub needs to know of a family of formats: the fields of a line, the text around them, and how a value is put in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from schemas.stages import Accounts, Chunk
from transforms.kernels.calls import Block, Int32, Int64
from transforms.kernels.modes import BARE, LAST, LAZY, WORD
from transforms.parsers.layout import Layout
from transforms.parsers.text import TextParser
from transforms.scrub.quoting import without

Spans = tuple[Block, Int32, Int32, dict[int, Int64]]
"""A block, starts and lens int32[fields, rows] of its lines, and the values of typed fields."""

NOTHING = b"-"
_URLS = frozenset({"request", "target", "path", "query", "referrer"})


class Slot(NamedTuple):
    """A field of a line: its canonical column, how its bytes are read (schemas/directives.toml), its name as written."""

    column: str
    type: str
    variable: str


class Family(Protocol):
    """A format of some family. `literals` stand around the slots: one more than there are, the last with the newline."""

    slots: tuple[Slot, ...]
    literals: tuple[bytes, ...]

    def spans(self, chunk: Chunk, accounts: Accounts) -> Iterator[Spans]:
        """The fields of the lines that the format reads; all others are counted."""

    def fitting(self, slot: int, word: bytes) -> bytes:
        """The word as it may stand in the slot: escaped, or another that says nothing where it would not be read again."""


class Directive:
    """Formats that a server's own directive describes.

    What scrub writes is ASCII without quotes, backslashes, line breaks and control characters (transforms.scrub.quoting),
    so nothing has to be escaped between quotes; a bare field must not hold the byte that ends it.
    """

    def __init__(self, parser: TextParser) -> None:
        layout = parser.layout
        if not isinstance(layout, Layout):
            raise TypeError(f"{type(layout).__name__} is no directive")
        self.spans = parser.spans
        self.slots = tuple(Slot(field.column, field.type, field.variable) for field in layout.fields)
        self.literals = (layout.lead, *layout.literals[:-1], layout.literals[-1] + b"\n")
        self._ends = [
            literal[0] if literal and field.mode in (BARE, LAZY, LAST) else 32 if field.mode == WORD else None
            for field, literal in zip(layout.fields, layout.literals, strict=True)
        ]

    def fitting(self, slot: int, word: bytes) -> bytes:
        """A URL with that byte percent-encoded; "-" or nothing for other words that hold it."""
        end = self._ends[slot]
        if end is None or end not in word:
            return word
        if self.slots[slot].column in _URLS:
            return without(word, end)
        return NOTHING if end not in NOTHING else b""
