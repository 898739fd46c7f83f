"""Text as it may stand in a URL of a log line: ASCII without quotes, backslashes, spaces or control characters."""

from __future__ import annotations

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@!$*,()'{}")


def quote(text: str, more: bytes = b"") -> bytes:
    """UTF-8, percent-encoded but for what is plain in a path (RFC 3986), for braces, and for the bytes in `more`."""
    raw = text.encode("utf-8", "replace")
    plain = _PLAIN | frozenset(more)
    return b"".join(bytes([byte]) if byte in plain else b"%%%02X" % byte for byte in raw)


def without(word: bytes, byte: int) -> bytes:
    """The word with a byte percent-encoded."""
    return word.replace(bytes([byte]), b"%%%02X" % byte)
