"""From what a line says of its time to seconds since the epoch: the year that it lacks, and the zone of its clock."""

from __future__ import annotations

import calendar
import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from transforms import clocks
from transforms.kernels.calls import WRONG
from transforms.parsers.directive import DirectiveError
from transforms.parsers.reader import Field

Int64 = NDArray[np.int64]

DAY = 86_400
REACH = 183 * DAY
"""How long before the reading a line without a year may have been written: within it no day comes twice."""

_DAYS = ("time", "date")
_FIRST = (dt.date(clocks.LEAP, 1, 1) - dt.date(1970, 1, 1)).days
_LEAP_DAY = 31 + 28  # days before it in its year


def is_zoneless(kind: str) -> bool:
    """Whether times of a type say no zone."""
    return all("%" in one and "%z" not in one for one in kind.split("|"))


def is_yearless(field: Field) -> bool:
    """Whether a field gives the day of an event, without its year."""
    return field.column in _DAYS and any(map(clocks.is_yearless, field.type.split("|")))


def refuse_unclear(field: Field) -> None:
    """A time whose type leaves open which day it is. Raises DirectiveError."""
    kinds = field.type.split("|")
    if is_yearless(field) and (len(kinds) > 1 or "%z" in field.type):
        raise DirectiveError(f"bad_type: {field.type!r} says no year, and so must stand alone and without a zone")
    if field.column in _DAYS and any("%" in one and not _is_dated(one) for one in kinds):
        raise DirectiveError(f"bad_type: {field.type!r} says no day, expected %d or %e with %b or %m")


def _is_dated(kind: str) -> bool:
    return ("%d" in kind or "%e" in kind) and ("%b" in kind or "%m" in kind)


def with_year(times: Int64, now: int | None) -> Int64:
    """Times of the year clocks.LEAP (local clock, seconds) in the year in which they were; WRONG where that is not known.

    That is the one in which they lie within REACH before `now`, or less than a day behind it (clocks and zones differ).
    So at the turn of the year a line of 31 December is of the old one; one of a day that is further back, and a 29
    February in a year that has none, is of no year that could be told.
    """
    found = np.full(times.size, WRONG, np.int64)
    if now is None:
        return found
    day, clock = np.divmod(times - _FIRST * DAY, DAY)
    latest = now + DAY
    this = dt.datetime.fromtimestamp(now, dt.UTC).year
    for year in (this - 1, this, this + 1):
        first, leap = (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days, calendar.isleap(year)
        at = (first + day - ((day > _LEAP_DAY) & (not leap))) * DAY + clock
        good = (at < latest) & (at >= now - REACH) & (leap | (day != _LEAP_DAY))
        found[good] = at[good]
    return found


def from_zone(times: Int64, zone: str) -> Int64:
    """Seconds since the epoch of times on the clock of a zone; the earlier of two where the clock was set back.

    A time that the clock jumped over is read by the offset before the jump, and so lies behind it (PEP 495).
    """
    quarters, ids = np.unique(times // 900, return_inverse=True)
    place = ZoneInfo(zone)
    local = [dt.datetime.fromtimestamp(q * 900, dt.UTC).replace(tzinfo=place) for q in quarters.tolist()]
    east = np.array([int(at.utcoffset().total_seconds()) for at in local], np.int64)  # type: ignore[union-attr]
    return times - east[ids] if times.size else times
