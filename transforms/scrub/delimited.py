"""Delimited lines with words in the place of their values, and header lines that name no column which is not declared."""

from __future__ import annotations

import re
from collections.abc import Sequence

from schemas.stages import Accounts
from transforms.parsers.delimited import FIELDS, DelimitedReader
from transforms.parsers.reader import Read
from transforms.scrub.family import NOTHING, UNDECLARED, URLS
from transforms.scrub.quoting import in_encoding, without

_VERSION = re.compile(rb"#Version: [0-9]+\.[0-9]+\r?\Z")


class DelimitedLine:
    """Writes all columns of a line; those that are not declared hold "-", or nothing in a file with a header row."""

    def __init__(self, reader: DelimitedReader) -> None:
        self._reader = reader
        self._blanks, self._separator = reader.separator == b" ", reader.separator
        self._quotes = reader.escapes == "quotes"
        self._nothing = NOTHING if self._blanks or reader.header == "fields" else b""

    def put(self, line: bytes, read: Read, words: Sequence[bytes], accounts: Accounts) -> bytes:
        """See Puts. A value that stood in quotes stays in quotes."""
        cells = []
        for slot in self._reader.slots:
            if slot < 0:
                accounts.noted[UNDECLARED] += 1
                cells.append(self._nothing)
                continue
            start, word = read[0][slot][0], in_encoding(self._reader, self._reader.fields[slot].column, words[slot])
            was_quoted = self._quotes and start > 0 and line[start - 1 : start] == b'"'
            cells.append(b'"' + word + b'"' if was_quoted else self._fitting(slot, word))
        return self._separator.join(cells)

    def _fitting(self, slot: int, word: bytes) -> bytes:
        """The word without what would end it."""
        if self._separator in word:
            if self._quotes:
                return b'"' + word + b'"'
            is_url = self._reader.fields[slot].column in URLS
            word = without(word, self._separator[0]) if is_url else NOTHING
        return word or self._nothing

    def header(self, line: bytes) -> bytes | None:
        """A line that is no event: names of columns, `x-dropped-N` for those that are not declared; a version; no other."""
        if self._reader.header == "fields" and not line.startswith(FIELDS):
            return version_line(line)
        known = [slot >= 0 for slot in self._reader.slots]
        names = [
            name.encode() if is_known else b"x-dropped-%d" % at
            for at, (name, is_known) in enumerate(zip(self._reader.names, known, strict=True), 1)
        ]
        if self._reader.header == "row":
            quoted = line.removeprefix(b"\xef\xbb\xbf").startswith(b'"')
            return self._separator.join(
                b'"' + name.replace(b'"', b'""') + b'"' if quoted or self._separator in name else name for name in names
            )
        between = b"\t" if b"\t" in line else b" "
        return FIELDS + b" " + between.join(names)


def version_line(line: bytes) -> bytes | None:
    """A # line of W3C logs that says of which version they are; None for any other: remarks and dates are free text."""
    return line.rstrip(b"\r") if _VERSION.match(line) else None
