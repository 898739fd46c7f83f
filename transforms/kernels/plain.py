"""What the kernels do, in plain Python: the twins that run where numba is missing, and that tests compare with."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from transforms.kernels.modes import QUAD

MONTHS = {m: i for i, m in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ ]+)(?: HTTP/\d(?:\.\d)?)?\Z")
_UNIT = re.compile(rb"(\d+)(?:\.(\d+))?(\D+)")
UNITS = {b"h": 3600 * 10**9, b"m": 60 * 10**9, b"s": 10**9, b"ms": 10**6, b"us": 1000, b"\xc2\xb5s": 1000, b"ns": 1}
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_PLAIN_VALUE = re.compile(rb"[A-Za-z0-9_.~%+*/:,-]{1,128}\Z")


def ipv4(text: bytes) -> int:
    """The number of a dotted quad without leading zeros, -1 for any other text."""
    parts = text.split(b".")
    if len(parts) != 4 or not all(part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts):
        return -1
    if any(len(part) > 1 and part.startswith(b"0") for part in parts):
        return -1
    return int.from_bytes(bytes(map(int, parts)), "big")


def address(number: int, form: int) -> bytes:
    """QUAD: the dotted quad of a number of 32 bits; HASHED: 2001:db8::/64 with 64 bits behind it."""
    if form == QUAD:
        return b"%d.%d.%d.%d" % tuple(number.to_bytes(4, "big"))
    return b"2001:db8:0:0:%04x:%04x:%04x:%04x" % tuple(number >> shift & 0xFFFF for shift in (48, 32, 16, 0))


# ---- values: text that the regex of a layout has accepted -> int, or None where it is no real value --------------


def days_of(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01 in the Gregorian calendar, None where the month has no such day."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _LENGTHS[month - 1] + (month == 2 and leap):
        return None
    year -= month <= 2
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 719469


def _seconds(days: int | None, clock: bytes, zone: bytes) -> int | None:
    if days is None:
        return None
    east = 0 if zone == b"Z" else int(zone[:1] + b"1") * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    return days * 86400 + int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8]) - east


def clf_time(text: bytes) -> int | None:
    """dd/Mon/yyyy:HH:MM:SS +hhmm as seconds since the epoch."""
    return _seconds(days_of(int(text[7:11]), MONTHS[text[3:6]], int(text[:2])), text[12:20], text[21:])


def iso_time(text: bytes) -> int | None:
    """ISO 8601 as seconds since the epoch, a fraction cut off."""
    zone = b"Z" if text.endswith(b"Z") else text[re.search(rb"[+-][\d:]+\Z", text).start() :]  # type: ignore[union-attr]
    return _seconds(days_of(int(text[:4]), int(text[5:7]), int(text[8:10])), text[11:19], zone)


def number(text: bytes, scale: int) -> int:
    """A decimal number times 10**scale, further digits cut off; "-" is -1."""
    if text == b"-":
        return -1
    whole, _, fraction = text.partition(b".")
    return int(whole + (fraction + b"0" * scale)[:scale])


def unit_time(text: bytes) -> int:
    """Microseconds of a duration such as 1m2.5s (Go's time.Duration) or 0.123s; "-" is -1."""
    if text == b"-":
        return -1
    nanos = 0
    for whole, fraction, unit in _UNIT.findall(text):
        nanos += int(whole + (fraction + bytes(b"0" * 9))[:9]) * UNITS[unit] // 10**9
    return nanos // 1000


VALUES: Mapping[str, Callable[[bytes], int | None]] = {
    "clf": clf_time,
    "iso8601": iso_time,
    "epoch": lambda text: number(text, 0),
    "epoch_ms": lambda text: number(text, 0) // 1000,
    "epoch_us": lambda text: number(text, 0) // 1_000_000,
    "epoch_ns": lambda text: number(text, 0) // 10**9 if int(text) >= 10**17 else None,
    "status": lambda text: number(text, 0),
    "zero": lambda text: -1,
    "count": lambda text: number(text, 0),
    "seconds": lambda text: number(text, 6),
    "millis": lambda text: number(text, 3),
    "micros": lambda text: number(text, 0),
    "nanos": lambda text: number(text, 0) // 1000,
    "units": lambda text: unit_time(text),
    "whole": lambda text: number(text, 6),
    "decimal": lambda text: number(text, 6),
    "fraction": lambda text: number(text, 6),
    "unclear": lambda text: -1,
}

# ---- text -----------------------------------------------------------------------------------------------------------


def split_target(target: bytes, host: bool = False) -> tuple[int, int, int, int]:
    """Spans of path and query (start, stop, start, stop) in a request target.

    RFC 9112 section 3.2: the scheme and authority of an absolute-form are not of the path; its empty path is "/", for
    which the slash in front of the authority stands.
    """
    start = 0
    if host and not _AUTHORITY.match(target):
        start = min((at for at in map(target.find, (b"/", b"?", b"#")) if at >= 0), default=len(target))
    elif authority := _AUTHORITY.match(target):
        start = authority.end()
        if target[start : start + 1] != b"/":
            start = target.index(b"//")
            return start, start + 1, *_query_of(target, authority.end())
    stop = min((at for at in (target.find(b"?"), target.find(b"#")) if at >= 0), default=len(target))
    return start, stop, *_query_of(target, stop)


def authority(target: bytes) -> tuple[int, int]:
    """Span of host and port in a URL; an empty one where it has none. Userinfo is not of it (RFC 3986 section 3.2)."""
    found = _AUTHORITY.match(target)
    if found is None:
        return 0, 0
    begin = max(target.index(b"//") + 2, target.rfind(b"@", 0, found.end()) + 1)
    return begin, found.end()


def _query_of(target: bytes, mark: int) -> tuple[int, int]:
    if target[mark : mark + 1] != b"?":
        return 0, 0
    fragment = target.find(b"#", mark)
    return mark + 1, len(target) if fragment < 0 else fragment


def split_request(line: bytes, method: bool, host: bool = False) -> tuple[int, int, int, int]:
    """Spans of path and query in a request line (`method`) or in a bare target; zeros where it has no path.

    METHOD SP target [SP HTTP/d[.d]]; the target of CONNECT is a host, not a path (RFC 9110 section 9.3.6).
    """
    if not method:
        return (0, 0, 0, 0) if line == b"-" else split_target(line, host)
    match = _REQUEST.match(line)
    if match is None or match[1] == b"CONNECT":
        return 0, 0, 0, 0
    at = match.start(2)
    path, stop, query, end = split_target(match[2])
    return path + at, stop + at, query + at, end + at


def select_parameters(
    query: bytes, allowed: Collection[bytes], whole: Collection[bytes] = (), bare: Collection[bytes] = ()
) -> bytes:
    """name=value pairs of `query` whose name is allowed and whose value is plain, joined by &, in order.

    Of names in `whole` any value stays, of those in `bare` none.
    """
    kept = []
    for pair in re.split(rb"[&;]", query.removeprefix(b"?")):
        name, equals, value = pair.partition(b"=")
        if not equals or name not in allowed:
            continue
        if name in bare:
            kept.append(name + equals)
        elif (name in whole and len(value) <= 4096) or _PLAIN_VALUE.match(value):
            kept.append(pair)
    return b"&".join(kept)
