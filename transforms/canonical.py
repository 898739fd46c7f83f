"""The only door for URL-like text: raw bytes of a piece of a URL in, its one canonical text out, or None."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote_to_bytes

LIMIT = 8192
"""Bytes of one piece; a longer one is not looked at."""

ROUNDS = 8
"""Times that a piece is decoded before it counts as hostile (PRIVACY.md 2.7)."""

PAIRS = 1000
"""Parameters of one query that are looked at."""

_REFUSED = {"Cc", "Cs", "Zl", "Zp"}


def decode(text: bytes) -> str | None:
    """The canonical text of one piece of a URL: percent-decoded to a fixpoint, UTF-8, NFKC. Total; nothing is echoed.

    None where it is longer than LIMIT, does not settle within ROUNDS, is not UTF-8 or has control characters. Pieces
    are split at raw delimiters before: what is decoded here never delimits anything. Idempotent.
    """
    for _ in range(ROUNDS):
        if len(text) > LIMIT:
            return None
        try:
            decoded = unicodedata.normalize("NFKC", unquote_to_bytes(text).decode("utf-8"))
            again = decoded.encode("utf-8")
        except UnicodeError:
            return None
        # NFKC can make new percent signs (U+FF05), so the fixpoint is that of both.
        if again == text:
            return None if _has_control(decoded) else decoded
        text = again
    return None


def _has_control(text: str) -> bool:
    if text.isprintable():
        return False
    return any(unicodedata.category(character) in _REFUSED for character in text)


def pairs(query: bytes) -> list[tuple[str, str]]:
    """(name, value) of a query, in order, decoded; a pair of which either cannot be decoded is left out.

    WHATWG URL, application/x-www-form-urlencoded: raw "&" separates, the first raw "=" ends a name, raw "+" is a space.
    """
    found = []
    for piece in query.split(b"&", PAIRS)[:PAIRS]:
        raw_name, _, raw_value = piece.replace(b"+", b" ").partition(b"=")
        name, value = decode(raw_name), decode(raw_value)
        if name and value is not None:
            found.append((name, value))
    return found
