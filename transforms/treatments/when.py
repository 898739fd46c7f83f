"""Treatment of the time: day and hour by the clock of the site."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("time",)
GIVES = ("day", "hour")

HOURS = [f"{hour:02d}" for hour in range(24)]

_QUARTER, _FEW = 900, 8
_HOUR, _DAY = 3600, 86_400
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Zones are defined by datetime, which ends at the year 9999; one day is left at each end for the offset.
_FIRST = int((dt.datetime(1, 1, 3, tzinfo=dt.UTC) - _EPOCH).total_seconds())
_LAST = int((dt.datetime(9999, 12, 29, tzinfo=dt.UTC) - _EPOCH).total_seconds())


def _offsets(seconds: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Seconds east of UTC at each time, by zoneinfo; the TZ of the process plays no part."""
    found = []
    for second in seconds.tolist():
        offset = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
        found.append(int(offset.total_seconds()) if offset is not None else 0)
    return np.array(found, dtype=np.int64)


def _distinct(quarters: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quarters, and the place of each among them; lines that follow each other are of few, and need not be sorted."""
    if quarters.size and (first := quarters.min()) > quarters.max() - _FEW:
        return np.arange(first, quarters.max() + 1), quarters - first
    found, where = np.unique(quarters, return_inverse=True)
    return found, where


@lru_cache(maxsize=64)
def _day_of_hour(hour: int, zone: str) -> int | None:
    """The day that a whole hour (of UTC, since 1970) is on by the clock of a zone; None where it is on two."""
    days, _ = Treatment().treat(np.arange(hour * _HOUR, (hour + 1) * _HOUR), zone)
    return int(days[0]) if (days == days[0]).all() else None


class Treatment:
    """time: int64[n], seconds since 1970-01-01 UTC."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, time: NDArray[np.int64], zone: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(day int32[n], days since 1970-01-01 of the zone; hour int32[n], codes of HOURS). Clamped to years 1 to 9999.

        Raises zoneinfo.ZoneInfoNotFoundError for a zone that is not known.
        """
        clock = ZoneInfo(zone)
        seconds = np.clip(time, _FIRST, _LAST)
        quarters, where = _distinct(seconds // _QUARTER)
        begin, end = quarters * _QUARTER, quarters * _QUARTER + _QUARTER - 1
        first, last = _offsets(begin, clock), _offsets(end, clock)
        hours = (begin + first) // _HOUR
        # All changes of today fall on a quarter of an hour, and all zones are some quarters off; local mean times, long ago,
        # were not.
        changing = first != last
        if not changing.any() and np.array_equal(hours, (end + last) // _HOUR):
            return (hours // 24).astype(np.int32).take(where), (hours % 24).astype(np.int32).take(where)
        offset = first[where]
        if changing.any():
            inside = changing[where]
            offset[inside] = _offsets(seconds[inside], clock)
        local = seconds + offset
        return (local // _DAY).astype(np.int32), (local % _DAY // _HOUR).astype(np.int32)

    def days(self, time: NDArray[np.int64], zone: str) -> NDArray[np.int32] | int:
        """The days that `treat` gives; one number where all times are of one hour and day, as those of a block mostly are."""
        if time.size:
            first, last = (min(max(int(second), _FIRST), _LAST) // _HOUR for second in (time.min(), time.max()))
            if first == last and (day := _day_of_hour(first, zone)) is not None:
                return day
        return self.treat(time, zone)[0]
