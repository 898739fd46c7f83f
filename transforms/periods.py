"""Periods of a site's own calendar: day, ISO week and month, their edges, and when one is published (DESIGN.md 4.4)."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import overload
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]

EPOCH = dt.date(1970, 1, 1)
GRACE = 3 * 3600  # seconds after its end before a period counts as closed: logs are written late
REACH = 3600  # seconds within which an event covers an edge although none lies beyond it


def as_date(day: int) -> dt.date:
    """The date of a day that is counted since 1970-01-01."""
    return EPOCH + dt.timedelta(days=day)


def as_day(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - EPOCH).days


@overload
def first_day(day: int, grain: str) -> int: ...
@overload
def first_day(day: Days, grain: str) -> Days: ...
def first_day(day: int | Days, grain: str) -> int | Days:
    """The first day of the period that holds each day: int32[n] or one int, since 1970-01-01; gives the same shape.

    A week is that of ISO 8601 and starts on Monday. Raises ValueError for a grain that is none of day, week and month.
    """
    days = np.asarray(day, np.int32)
    if grain == "day":
        first = days
    elif grain == "week":
        first = days - (days + 3) % 7  # 1970-01-01 was a Thursday
    elif grain == "month":
        first = days.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int32)
    else:
        raise ValueError(f"grain is {grain!r}, expected day, week or month")
    return first if isinstance(day, np.ndarray) else int(first)


def span(day: int, grain: str) -> tuple[int, int]:
    """First day and the day behind the last one of the period that holds `day`, since 1970-01-01."""
    start = first_day(day, grain)
    longest = {"day": 1, "week": 7, "month": 31}[grain]
    end = start + longest
    return start, first_day(end, grain) if grain == "month" else end


def midnight(day: int, zone: str) -> int:
    """When a local day starts, in seconds since the epoch; where the clock jumps over midnight, the jump."""
    date = as_date(day)
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(zone)).timestamp())


def edges(grain: str, day: int, zone: str) -> list[tuple[int, int]]:
    """(start, end) of each local day of the period that holds `day`, in seconds since the epoch, end exclusive.

    A day has 23 or 25 hours where the clock changes, and none where a zone skipped it (Pacific/Apia, 2011-12-30).
    """
    start, end = span(day, grain)
    marks = [midnight(one, zone) for one in range(start, end + 1)]
    return list(pairwise(marks))


def missing_side(grain: str, day: int, zone: str, *, first: int | None, last: int | None) -> str | None:
    """Which log is probably missing: the one "before" the period, "after" it, or "both"; None when it is covered.

    `first` and `last` are the extreme event times of the whole input (seconds since the epoch), None without events.
    Every edge of every day needs an event beyond it or within an hour of it; the extremes of the input lie beyond all
    inner edges when they cover the outer ones, so these decide.
    """
    start, end = span(day, grain)
    before = first is None or first > midnight(start, zone) + REACH
    after = last is None or last < midnight(end, zone) - REACH
    return "both" if before and after else "before" if before else "after" if after else None


def classify(grain: str, day: int, zone: str, *, now: int, first: int | None, last: int | None, published: bool) -> str:
    """ "published_before", "open", "partial" or "eligible": what happens to the period that holds `day`.

    `now` is the clock, `first` and `last` the extreme event times of the whole input, all in seconds since the epoch.
    """
    if published:
        return "published_before"
    if now < midnight(span(day, grain)[1], zone) + GRACE:
        return "open"
    return "partial" if missing_side(grain, day, zone, first=first, last=last) else "eligible"
