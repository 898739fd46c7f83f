"""Text as it may stand in a URL of a log line: ASCII without quotes, backslashes, spaces or control characters."""

from __future__ import annotations

import re

from transforms.parsers.reader import Reader

# Plain in a path (RFC 3986) but for ; and &, and the braces of slots.
_SPECIAL_IN_PATH = re.compile(rb"[^A-Za-z0-9._~/:@!$*,()'{}+-]")
_SPECIAL_IN_TEXT = re.compile(rb"[^A-Za-z0-9._~/:-]")
_SPECIAL_IN_QUERY = re.compile(rb"[^A-Za-z0-9._~/:@!$*,()'{}=&-]")


def _encoded(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(match[0])


def quote_path(text: str) -> bytes:
    """UTF-8, percent-encoded but for what is plain in a path."""
    return _SPECIAL_IN_PATH.sub(_encoded, text.encode("utf-8", "replace"))


def quote_query(text: str) -> bytes:
    """The same for a query, whose = and & stay what they are and whose + would be a space."""
    return _SPECIAL_IN_QUERY.sub(_encoded, text.encode("utf-8", "replace"))


def without(word: bytes, byte: int) -> bytes:
    """The word with a byte percent-encoded."""
    return word.replace(bytes([byte]), b"%%%02X" % byte)


def in_encoding(reader: Reader, column: str, word: bytes) -> bytes:
    """The word as the lines of the reader have it in that column: percent-encoded, or with + for a space."""
    word = _SPECIAL_IN_TEXT.sub(_encoded, word) if column in reader.percent else word
    return word.replace(b" ", b"+") if column in reader.plus else word
