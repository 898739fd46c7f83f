"""A hit as the servers write it that all others follow: the Common and Combined Log Formats, and their parts."""

from __future__ import annotations

import datetime as dt
import zlib

from visits import Hit

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def stamp(time: int, hours: int = 0) -> str:
    """The time as servers write it, in the zone that is so many hours from UTC."""
    at = dt.datetime.fromtimestamp(time + hours * 3600, dt.UTC)
    return f"[{at.day:02}/{MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} {hours:+03}00]"


def size(hit: Hit) -> int:
    """Bytes sent: about the same each time for the same target."""
    if hit.status in (301, 302, 304) or hit.method == "HEAD":
        return 0
    return 900 + zlib.crc32(hit.target.partition("?")[0].encode()) % 38000 + hit.time % 97


def common(hit: Hit, protocol: str = "HTTP/1.0", hours: int = 0, nothing: str = "0") -> str:
    """The Common Log Format; Apache writes - where nothing was sent."""
    request = f'"{hit.method} {hit.target} {protocol}"'
    return f"{hit.client} - {hit.user} {stamp(hit.time, hours)} {request} {hit.status} {size(hit) or nothing}"


def combined(hit: Hit) -> str:
    """The Combined Log Format as nginx writes it."""
    return f'{common(hit, hit.protocol)} "{hit.referrer}" "{hit.agent}"'
