"""What servers write for what visitors sent, and back: by the way that a family of formats escapes its values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

_ESCAPES = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\bnrtv]))')
_PAIR = re.compile(rb"\\.", re.DOTALL)
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES = re.compile(rb"^\[[ \t]*\d{1,3}(?:[ \t]*,[ \t]*\d{1,3})*[ \t]*\]$", re.MULTILINE)
_LETTERS = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b'"': b'"', b"\\": b"\\"}


def unescape(value: bytes) -> bytes:
    """What the visitor sent, from what the server wrote.

    Apache (ap_escape_logitem) writes \\xHH, \\", \\\\ and C letters; nginx (escape=default) writes
    \\xHH. Both are undone alike.
    """
    return _ESCAPES.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _LETTERS[m[2]], value)


def from_json(value: bytes) -> bytes:
    """The inside of a JSON string without its escapes; a lone surrogate stays, as UTF-8 would write it.

    Of an array that was taken as a whole its texts are unescaped, each in its quotes: no inside of a string has bare ones.
    """
    if b"\\" not in value:
        return value
    if value.startswith(b"[") and b'"' in _PAIR.sub(b"", value):
        return _TEXT.sub(lambda m: b'"' + from_json(m[1]) + b'"', value)
    text: str = json.loads(b'"' + value + b'"')
    return text.encode("utf-8", "surrogatepass")


def from_quotes(value: bytes) -> bytes:
    """The inside of a quoted value: two quotes are one (RFC 4180)."""
    return value.replace(b'""', b'"')


def from_percent(value: bytes) -> bytes:
    """What the visitor sent, from what a server percent-encoded, once or twice (CloudFront: %2520 for a space)."""
    for _ in range(2):
        value = _PERCENT.sub(lambda m: bytes([int(m[1], 16)]), value)
    return value


def from_bytes(lines: bytes) -> bytes:
    """Lines, those of which that are an array of bytes ([71,69,84]) as the text that it says."""
    return _BYTES.sub(_joined, lines) if lines.startswith(b"[") or b"\n[" in lines else lines


def _joined(array: re.Match[bytes]) -> bytes:
    codes = [int(code) for code in re.findall(rb"\d+", array[0])]
    return bytes(codes).rstrip(b"\r\n").replace(b"\n", b" ") if max(codes) < 256 else array[0]


ESCAPES: Mapping[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "server": (b"\\", unescape), "json": (b"\\", from_json), "quotes": (b'""', from_quotes),
    "none": (b"\0", bytes),
}  # fmt: skip
"""How the escapes of a family are undone on distinct values, and a text without which there are none."""
