"""What scrub needs to know of a family of formats: where values are, the text around them, and how a value is put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from schemas.stages import Accounts, Chunk
from transforms.kernels.block import Block, Int32, Int64
from transforms.kernels.modes import BARE, LAST, LAZY, WORD
from transforms.parsers.layout import Layout
from transforms.parsers.reader import Read
from transforms.parsers.text import TextParser
from transforms.scrub.quoting import without

Spans = tuple[Block, Int32, Int32, dict[int, Int64]]
"""A block, starts and lens int32[fields, rows] of its lines, and the values of typed fields."""

NOTHING = b"-"
UNDECLARED = "undeclared"
"""What `accounts.noted` calls keys, labels and columns that the format does not declare."""

URLS = frozenset({"request", "target", "path", "query", "referrer", "url", "location"})
"""Columns in which a byte may be percent-encoded."""


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


class Puts(Protocol):
    """A format of some family, line by line: where the words of a line are put."""

    def put(self, line: bytes, read: Read, words: Sequence[bytes], accounts: Accounts) -> bytes:
        """The line with a word for each field. What the format does not declare is left out, and noted as UNDECLARED."""


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
        if self.slots[slot].column in URLS:
            return without(word, end)
        return NOTHING if end not in NOTHING else b""
