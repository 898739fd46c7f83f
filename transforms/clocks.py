"""Times written by a pattern such as %d/%b/%Y:%H:%M:%S%f: as a table for the kernel, as a regex, and in plain Python."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.plain import MONTHS, days_of

# Codes of the kernel (0 is a literal byte) and what each directive may be. %f is a fraction with its point, or nothing;
# %e a day that a blank may fill up. The letters are those of strptime(3).
CODES: dict[str, tuple[int, str]] = {
    "Y": (1, r"19[7-9]\d|2\d{3}"), "m": (2, r"0[1-9]|1[0-2]"), "d": (3, r"0[1-9]|[12]\d|3[01]"),
    "e": (4, r"[ 0][1-9]|[12]\d|3[01]"), "H": (5, r"[01]\d|2[0-3]"), "I": (6, r"0[1-9]|1[0-2]"), "M": (7, r"[0-5]\d"),
    "S": (8, r"[0-5]\d|60"), "f": (9, r"(?:[.,]\d{1,9})?"), "b": (10, "|".join(m.decode() for m in MONTHS)),
    "p": (11, "[AP]M"), "z": (12, r"Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d"),
}  # fmt: skip
_WIDTHS = {"Y": 4, "b": 3, "f": None, "z": None}
YEAR = 13  # the code of a year that is not in the text
CLF_WIDTH = 26
LEAP = 1972  # the year of a time that says none, until it is known (transforms/parsers/times.py): it has all days
_PIECE = re.compile(r"%(.)|([^%])", re.DOTALL)


def is_clock(kind: str) -> bool:
    """Whether a type is such a pattern: each directive is known and stands once."""
    used = re.findall("%(.?)", kind)
    return bool(used) and set(used) <= set(CODES) and len(set(used)) == len(used) and kind.isascii()


def is_yearless(kind: str) -> bool:
    """Whether a type is a pattern of days without a year, as in syslog (RFC 3164 section 4.1.2): %b %e %H:%M:%S."""
    return is_clock(kind) and "%Y" not in kind and ("%b" in kind or "%m" in kind)


def width(kind: str) -> int:
    """Bytes of a time of a type whose times are all of one length, else 0."""
    if kind == "clf":
        return CLF_WIDTH
    if not is_clock(kind):
        return 0
    sizes = [_WIDTHS.get(letter, 2) if letter else 1 for letter, _ in _PIECE.findall(kind)]
    return sum(size or 0 for size in sizes) if None not in sizes else 0


def holds(kind: str, byte: str) -> bool:
    """Whether a time by a pattern may hold the byte."""
    return byte.isalnum() or (
        byte in "+-.,: " and (byte in re.sub("%.", "", kind) or "%z" in kind or "%f" in kind or "%e" in kind)
    )


def pieces(pattern: str) -> list[tuple[str, str]]:
    """(letter, "") for a directive, ("", byte) for what stands as it is."""
    return _PIECE.findall(pattern)


@cache
def table(pattern: str) -> NDArray[np.int64]:
    """int64 [pieces, 2]: code and, of a literal, the byte; in front of them the year of a time that says none."""
    first = [(YEAR, LEAP)] if is_yearless(pattern) else []
    return np.array(
        [*first, *((CODES[c][0], 0) if c else (0, ord(text)) for c, text in _PIECE.findall(pattern))], np.int64
    )


@cache
def regex(pattern: str) -> bytes:
    """What may be a time by the pattern (not yet whether there is such a day)."""
    return "".join(f"(?:{CODES[c][1]})" if c else re.escape(text) for c, text in _PIECE.findall(pattern)).encode()


@cache
def _named(pattern: str) -> re.Pattern[bytes]:
    parts = (f"(?P<{c}>{CODES[c][1]})" if c else re.escape(text) for c, text in _PIECE.findall(pattern))
    return re.compile("".join(parts).encode() + rb"\Z")


def parts(pattern: str, text: bytes) -> dict[str, bytes] | None:
    """What stands for each letter of the pattern, None where the text is no such time."""
    match = _named(pattern).match(text)
    return None if match is None else match.groupdict()


def cut_to_seconds(pattern: str, text: bytes) -> bytes:
    """A time by the pattern with zeros for its fraction."""
    match = _named(pattern).match(text)
    if match is None or not match.groupdict().get("f"):
        return text
    start, stop = match.span("f")
    return text[: start + 1] + b"0" * (stop - start - 1) + text[stop:]


def value(pattern: str, text: bytes) -> int | None:
    """Seconds since the epoch, a fraction cut off; what the pattern lacks is that of 1970-01-01 00:00:00 UTC.

    Of a day without a year it is LEAP.
    """
    found = parts(pattern, text)
    if found is None:
        return None
    month = MONTHS[found["b"]] if "b" in found else int(found.get("m", b"1"))
    days = days_of(
        int(found.get("Y", LEAP if is_yearless(pattern) else 1970)), month, int(found.get("d", found.get("e", b"1")))
    )
    if days is None:
        return None
    hour = int(found.get("H", b"0"))
    if "I" in found:
        hour = int(found["I"]) % 12 + (12 if found.get("p") == b"PM" else 0)
    zone, east = found.get("z", b"Z"), 0
    if zone != b"Z":
        east = int(zone[:1] + b"1") * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    return days * 86400 + hour * 3600 + int(found.get("M", b"0")) * 60 + int(found.get("S", b"0")) - east
