"""Lines of patterns and directives with words in the place of their fields, one line at a time."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.stages import Accounts
from transforms.kernels.modes import BARE, LAZY, WORD
from transforms.parsers.layout import Layout
from transforms.parsers.reader import Read
from transforms.scrub.addresses import NO_ADDRESS
from transforms.scrub.family import NOTHING, URLS
from transforms.scrub.quoting import in_encoding, without
from transforms.scrub.whole import NO_HOST

_INSTEAD = {"client": NO_ADDRESS, "host": NO_HOST}


class LaidOut:
    """Puts words between the literals of a layout. Whether the line is still read alike, its reader has to say."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._ends = [
            literal[:1] if field.mode in (BARE, LAZY) else b" " if field.mode == WORD else b""
            for field, literal in zip(layout.fields, layout.literals, strict=True)
        ]

    def put(self, line: bytes, read: Read, words: Sequence[bytes], accounts: Accounts) -> bytes:
        """See Puts. All that a pattern does not name is text of its own."""
        out = self._layout.lead
        for i, (word, literal) in enumerate(zip(words, self._layout.literals, strict=True)):
            out += self._fitting(i, word) + literal
        return out

    def _fitting(self, i: int, word: bytes) -> bytes:
        """The word, or another where it would not be read again."""
        field, end = self._layout.fields[i], self._ends[i]
        word = in_encoding(self._layout, field.column, word)
        if end and end in word:
            word = without(word, end[0]) if field.column in URLS else NOTHING
        if not word and field.column != "query":
            word = NOTHING
        return _INSTEAD.get(field.column, word) if word in (b"", NOTHING) and self._layout.must_be(i) else word
