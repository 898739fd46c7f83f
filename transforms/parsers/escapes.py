"""What servers write for what visitors sent, and back: by the way that a family of formats escapes its values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

_ESCAPES = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\bnrtv]))')
_LETTERS = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b'"': b'"', b"\\": b"\\"}


def unescape(value: bytes) -> bytes:
    """What the visitor sent, from what the server wrote.

    Apache (ap_escape_logitem) writes \\xHH, \\", \\\\ and C letters; nginx (escape=default) writes
    \\xHH. Both are undone alike.
    """
    return _ESCAPES.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _LETTERS[m[2]], value)


def from_json(value: bytes) -> bytes:
    """The inside of a JSON string without its escapes; a lone surrogate stays, as UTF-8 would write it."""
    if b"\\" not in value:
        return value
    text: str = json.loads(b'"' + value + b'"')
    return text.encode("utf-8", "surrogatepass")


def from_quotes(value: bytes) -> bytes:
    """The inside of a quoted value: two quotes are one (RFC 4180)."""
    return value.replace(b'""', b'"')


ESCAPES: Mapping[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "server": (b"\\", unescape), "json": (b"\\", from_json), "quotes": (b'""', from_quotes),
    "none": (b"\0", bytes),
}  # fmt: skip
"""How the escapes of a family are undone on distinct values, and a text without which there are none."""
