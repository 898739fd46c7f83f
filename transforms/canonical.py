"""The only door for URL-like text: raw bytes of a piece of a URL in, its one canonical text out, or None."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote_to_bytes

LIMIT = 8192
"""Bytes of one piece; a longer one is not looked at."""

ROUNDS = 8
"""Times that a piece is decoded before it counts as hostile (PRIVACY.md 2.7)."""

PAIRS = 1000
"""Parameters of one query that are looked at."""

_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
_CODED = re.compile(rb"[%&\\]")
_CODED_PATH = re.compile(rb"[%&\\;]")
# JavaScript and JSON write \u0040, \u{40} and \x40; old scripts (escape() of ECMAScript annex B) and IIS write %u0040.
_ESCAPE = re.compile(r"(?:\\u|%u)([0-9a-f]{4})|\\x([0-9a-f]{2})|\\u\{([0-9a-f]{1,6})\}", re.IGNORECASE)


def decode(text: bytes) -> str | None:
    r"""The canonical text of one piece of a URL: percent, HTML entities, \u escapes and NFKC undone to a fixpoint.

    None where it is longer than LIMIT, does not settle within ROUNDS, is not UTF-8 or has control characters. Pieces
    are split at raw delimiters before: what is decoded here never delimits anything. Total, idempotent, echoes nothing.
    """
    if len(text) > LIMIT:
        return None
    if text.isascii() and not _CODED.search(text):  # nothing to undo: most pieces
        decoded = text.decode("ascii")
        return decoded if decoded.isprintable() else None
    for _ in range(ROUNDS):
        if len(text) > LIMIT:
            return None
        try:
            decoded = unicodedata.normalize("NFKC", _unescape(unquote_to_bytes(text).decode("utf-8")))
            again = decoded.encode("utf-8")
        except UnicodeError:
            return None
        # NFKC can make new percent signs (U+FF05), so the fixpoint is that of all of them.
        if again == text:
            return None if _has_control(decoded) else decoded
        text = again
    return None


def path_segments(path: bytes) -> list[str | None]:
    """The segments of a path that are not empty, decoded (None: not readable), without their matrix parameters.

    Raw delimiters first: "%2F" and "%3B" are part of a segment.
    """
    if len(path) <= LIMIT and path.isascii() and not _CODED_PATH.search(path):  # most paths, in one go
        text = path.decode("ascii")
        if text.isprintable():
            return [segment for segment in text.split("/") if segment]
    raw = [piece.partition(b";")[0] for piece in path.split(b"/")]
    return [decode(piece) for piece in raw if piece]


def _unescape(text: str) -> str:
    r"""HTML entities and \u escapes undone once. Raises UnicodeError for half of a surrogate pair."""
    if "\\" in text or "%" in text:
        text = _ESCAPE.sub(lambda found: _character(found[1] or found[2] or found[3]), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    return html.unescape(text) if "&" in text else text


def _character(code: str) -> str:
    point = int(code, 16)
    return chr(point) if point <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"


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


def plain(text: str) -> str:
    """A canonical text as detectors compare it: no invisible characters, ASCII digits, hyphens and spaces."""
    if text.isascii():
        return text
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # soft hyphens, joiners, marks of direction
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return {"Pd": "-", "Zs": " "}.get(category, "-" if character == "\N{MINUS SIGN}" else character)
