"""The shape of a line that could not be read: which kinds of characters stand where, and none of the characters."""

from __future__ import annotations

import re

LONGEST = 120
_READ = 4096  # bytes of a line that are looked at: enough for any shape, and a long line costs no more than a short one
_RUNS = re.compile(rb"([ANC])\1+")


def _class_of(byte: int) -> int:
    if 48 <= byte <= 57:
        return ord("N")
    if 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 0x80:
        return ord("A")
    return ord("C") if byte < 32 or byte == 127 else byte


_CLASSES = bytes(_class_of(byte) for byte in range(256))


def shape(line: bytes) -> str:
    """Character classes of `line`, at most 120 characters (PRIVACY.md 3).

    A run of digits becomes N, a run of letters and of bytes from 0x80 on becomes A, a run of control bytes becomes C;
    punctuation and spaces stay. No letter or digit of the line is in the result.
    """
    return _RUNS.sub(rb"\1", line[:_READ].translate(_CLASSES))[:LONGEST].decode("ascii")
