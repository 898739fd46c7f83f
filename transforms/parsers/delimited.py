"""Delimited lines: values by place, with columns that are declared or that the file names in header lines."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from functools import lru_cache

from schemas.load import Format
from transforms.kernels.block import Block, Rows
from transforms.kernels.lines import Delimited
from transforms.parsers.directive import DirectiveError
from transforms.parsers.named import NamedReader
from transforms.parsers.reader import LONGEST_LINE, Read, Span

FIELDS = b"#Fields:"
_MOST = 512  # columns


class DelimitedReader(NamedReader):
    """Values may be in double quotes, a quote in them doubled (RFC 4180), unless `quotes` says no.

    `names` are the columns in their order, `slots` the number of the field that each of them is, -1 for none. All columns
    have to be in each line. Of the format's sources those that a header does not name are not there; columns that
    no source names are stepped over.
    """

    escapes = "quotes"

    def __init__(self, format: Format, names: tuple[str, ...]) -> None:
        known = {one.name for one in format.sources}
        if repeated := sorted(name for name in set(names) & known if names.count(name) > 1):
            raise DirectiveError(f"repeated: {repeated[0]} stands twice among the columns")
        super().__init__(replace(format, sources=tuple(one for one in format.sources if one.name in names)))
        at = {field.variable: i for i, field in enumerate(self.fields)}
        self.slots = [at.get(name, -1) for name in names]
        self.separator, self.header = format.separator.encode(), format.header
        self.names = names
        self._kernel = Delimited(self.separator, self.slots, format.quotes, LONGEST_LINE)
        ends = rb" \t" if self.separator == b" " else re.escape(self.separator)
        some = rb"+" if self.separator == b" " else rb"*"
        bare = rb"[^" + ends + rb"]" + some
        quoted = rb'"((?:[^"]|"")*)"(?=[' + ends + rb']|\Z)|(?!")'
        self.escapes = "quotes" if format.quotes else "none"
        self._value = re.compile(quoted + bare if format.quotes else rb"((?!))?" + bare)

    def scan(self, block: Block, rows: Rows) -> None:
        self._kernel.scan(block, rows)
        self.settle(block, rows)

    def is_directive(self, line: bytes) -> bool:
        """A # line of W3C logs; the first line of a file with a header row."""
        if self.header == "fields":
            return line.startswith(b"#")
        return self.header == "row" and names_of("row", self.separator, line) == self.names

    def read(self, line: bytes) -> Read | None:
        text = line.removesuffix(b"\r")
        blanks = self.separator == b" "
        if blanks:
            if text.startswith(b"#"):
                return None
            text = text.rstrip(b" \t")
        spans: list[Span | None] = [None] * len(self.fields)
        i = 0
        for column, slot in enumerate(self.slots):
            if column and not blanks:
                i += 1
            elif blanks:
                i += len(text[i:]) - len(text[i:].lstrip(b" \t"))
            match = self._value.match(text, i)
            if match is None:
                return None
            if slot >= 0:
                spans[slot] = match.span(1) if match[1] is not None else match.span()
            i = match.end()
            last = column == len(self.slots) - 1
            if (i == len(text)) is not last:
                return None
        return self.settled(line, spans)


def names_of(header: str, separator: bytes, line: bytes) -> tuple[str, ...]:
    """Names of the columns in a header line: behind #Fields:, or the values of a header row."""
    text = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    if header == "fields":
        return tuple(text[len(FIELDS) :].split())[:_MOST]
    try:
        (row,) = csv.reader([text], delimiter=separator.decode())  # a name may hold the separator
    except csv.Error:  # a carriage return in a name, or one that is too long
        return ()
    return tuple(map(str.strip, row))[:_MOST]


@lru_cache(256)
def delimited(format: Format, header: bytes) -> DelimitedReader | None:
    """The reader behind a header line; None where its columns are not enough for the format. Raises DirectiveError."""
    if not format.header:
        return DelimitedReader(format, format.names)
    try:
        return DelimitedReader(format, names_of(format.header, format.separator.encode(), header)) if header else None
    except DirectiveError:
        return None
