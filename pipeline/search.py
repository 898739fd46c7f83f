"""Search: which raw lines of a log are of an address, by the run's own parser, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.cut import padded
from pipeline.find import Input, open_bytes
from pipeline.stream import Stream
from pipeline.unpack import BLOCK
from schemas import load
from schemas.load import Format
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk, Events, Range
from transforms.parse import Parse
from transforms.parsers.families import next_header
from transforms.parsers.reader import LONGEST_LINE
from transforms.tombstones import Tombstones

LOOKED_AT = frozenset({"client", "forwarded", "visitor", "time"})
"""Columns that it takes to know whose a line is, and of when."""

Take = Callable[[bytes, bytes], None]
"""Is told each line that was found: the header line that counts for it (b"" without one), and its bytes."""


class Piece(NamedTuple):
    """Bytes of a log: whole lines from line number `first` (from 1) on, or a part of one that is too long to be read.

    All pieces together are the unpacked bytes of the file; the last line may have no newline.
    """

    first: int
    content: bytes
    is_whole: bool


def pieces(source: Input) -> Iterator[Piece]:
    """The pieces of a log, ~1 MiB each. Raises Trouble E302, E303."""
    first, rest, is_inside = 1, b"", False
    with open_bytes(source.path) as raw:
        for block in Stream(raw, Range(0, source.path, 0, source.size, ""), BLOCK).lines():
            if is_inside:
                end = block.find(b"\n") + 1
                yield Piece(first, block[: end or None], False)
                if not end:
                    continue
                first, block, is_inside = first + 1, block[end:], False
            content = rest + block
            end = content.rfind(b"\n") + 1
            if end:
                yield Piece(first, content[:end], True)
                first += content.count(b"\n", 0, end)
            rest = content[end:]
            if len(rest) > LONGEST_LINE:
                yield Piece(first, rest, False)
                rest, is_inside = b"", True
    if rest:
        yield Piece(first, rest, True)


@dataclass
class Found:
    """What was found in a log: `numbers` of lines, from 1; how many lines it has, and how many could not be looked at.

    `unread` lines are of no format, `addressless` ones of a format without what was sought: addresses, or ids of visitors.
    """

    source: Input
    numbers: array[int] = field(default_factory=lambda: array("q"))
    lines: int = 0
    unread: int = 0
    addressless: int = 0


class Search:
    """Finds lines whose events some tombstones are about. `formats` and `now` are as Parse takes them."""

    def __init__(self, policy: Policy, formats: Mapping[str, Format], now: int, sought: Tombstones) -> None:
        self.formats, self.sought = formats, sought
        self._parse = Parse(policy, load.fields(), formats, now)
        self._parse.columns = LOOKED_AT

    def file(self, source: Input, format_: str, take: Take | None = None) -> Found:
        """Search a log whose lines are in `format_`. Raises Trouble."""
        found, header = Found(source), b""
        headed = self.formats.get(format_)
        for piece in pieces(source):
            found.lines = piece.first
            if not piece.is_whole:
                found.unread += piece.content.endswith(b"\n")
                continue
            lines = piece.content if piece.content.endswith(b"\n") else piece.content + b"\n"
            found.lines += lines.count(b"\n") - 1
            events, masks = self._parsed(format_, header, lines)
            for one in events:
                found.unread += sum(one.accounts.rejected.values())
                found.addressless += 0 if self.sought.can_find(one.batch) else one.batch.num_rows
            numbers = self._numbers(format_, header, lines, masks)
            if numbers and take is not None:
                self._tell(format_, header, lines, numbers, take)
            found.numbers.extend(piece.first + number for number in numbers)
            if headed is not None and headed.header:
                header = next_header(headed, header, lines)
        return found

    def _parsed(self, format_: str, header: bytes, lines: bytes) -> tuple[list[Events], list[NDArray[np.bool_]]]:
        """Events of lines, and which of them are found."""
        buffer, size = padded(lines)
        events = list(self._parse.events(Chunk(0, format_, buffer, size, Accounts(), header)))
        return events, [self.sought.found(one.batch) for one in events]

    def _numbers(self, format_: str, header: bytes, lines: bytes, masks: Sequence[NDArray[np.bool_]]) -> list[int]:
        """Numbers, from 0, of the lines that are found, by which events are.

        Events do not say which lines they are of. Where each line gives one event, it is the line of the same number;
        else halves are parsed until that holds, or nothing is found in them.
        """
        if not any(mask.any() for mask in masks):
            return []
        count = lines.count(b"\n")
        if count == 1:
            return [0]
        if len(masks) == 1 and len(masks[0]) == count:
            return [int(number) for number in np.flatnonzero(masks[0])]
        cut = _middle(lines)
        headed = self.formats.get(format_)
        behind = next_header(headed, header, lines[:cut]) if headed is not None and headed.header else b""
        found, before = list[int](), 0
        for one, half in ((header, lines[:cut]), (behind, lines[cut:])):
            found += [
                before + number for number in self._numbers(format_, one, half, self._parsed(format_, one, half)[1])
            ]
            before += half.count(b"\n")
        return found

    def _tell(self, format_: str, header: bytes, lines: bytes, numbers: list[int], take: Take) -> None:
        headed, chosen = self.formats.get(format_), set(numbers)
        for number, line in enumerate(_split(lines)):
            if headed is not None and headed.header:
                header = next_header(headed, header, line)
            if number in chosen:
                take(header, line)


def _split(lines: bytes) -> list[bytes]:
    """Lines with their newlines; other line breaks are content."""
    return [line + b"\n" for line in lines[:-1].split(b"\n")]


def _middle(lines: bytes) -> int:
    """Where the line begins that is nearest behind the middle, or the last one."""
    half = lines.find(b"\n", len(lines) // 2, len(lines) - 1) + 1
    return half or lines.rfind(b"\n", 0, len(lines) - 1) + 1
