"""Periods: calendars against datetime, clock changes against known instants, and when a period may be published."""

from __future__ import annotations

import calendar
import datetime as dt
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.periods import as_date, as_day, classify, edges, first_day, missing_side, span

DATES = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))
HOUR = 3600


def utc(*parts: int) -> int:
    """Seconds since the epoch of a time in UTC."""
    return int(dt.datetime(*parts, tzinfo=dt.UTC).timestamp())  # type: ignore[arg-type, misc]


def expected_start(date: dt.date, grain: str) -> dt.date:
    """The first day of a period by the datetime module alone."""
    if grain == "week":
        year, week, _ = date.isocalendar()
        return dt.date.fromisocalendar(year, week, 1)
    return date.replace(day=1) if grain == "month" else date


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@given(dates=st.lists(DATES, max_size=20))
def test_first_days_are_those_of_the_calendar(grain: str, dates: list[dt.date]) -> None:
    """An array of days gives the first days that datetime gives, as int32."""
    found = first_day(np.array([as_day(date) for date in dates], np.int32), grain)
    assert found.dtype == np.int32
    assert [as_date(int(day)) for day in found] == [expected_start(date, grain) for date in dates]


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@given(date=DATES)
def test_span_ends_where_the_next_period_starts(grain: str, date: dt.date) -> None:
    """A span has the length of its calendar period."""
    start, end = span(as_day(date), grain)
    length = {"day": 1, "week": 7, "month": calendar.monthrange(date.year, date.month)[1]}[grain]
    assert (as_date(start), end - start) == (expected_start(date, grain), length)


def test_one_day_gives_a_plain_int() -> None:
    """A plain int stays one, so that it can go into JSON and dates."""
    assert type(first_day(20000, "week")) is int


def test_unknown_grain_is_refused() -> None:
    """A grain that is not declared is an error and no silent day."""
    with pytest.raises(ValueError, match="fortnight"):
        first_day(0, "fortnight")


CHANGES = [
    ("Europe/Berlin", dt.date(2026, 3, 29), utc(2026, 3, 28, 23), 23),
    ("Europe/Berlin", dt.date(2026, 10, 25), utc(2026, 10, 24, 22), 25),
    ("America/Sao_Paulo", dt.date(2018, 11, 4), utc(2018, 11, 4, 3), 23),  # the clock jumps over midnight itself
    ("America/Havana", dt.date(2025, 11, 2), utc(2025, 11, 2, 4), 25),  # midnight comes twice
    ("Pacific/Apia", dt.date(2011, 12, 30), utc(2011, 12, 30, 10), 0),  # a day that never was
    ("Asia/Kathmandu", dt.date(2026, 1, 1), utc(2025, 12, 31, 18, 15), 24),
]


@pytest.mark.parametrize(("zone", "date", "start", "hours"), CHANGES, ids=[f"{one[0]}-{one[1]}" for one in CHANGES])
def test_edges_follow_the_clock_of_the_site(zone: str, date: dt.date, start: int, hours: int) -> None:
    """A local day starts and ends at the instants of its zone, also where the clock changes."""
    assert edges("day", as_day(date), zone) == [(start, start + hours * HOUR)]


def test_days_of_a_week_touch() -> None:
    """The seven days of a week have no gap and no overlap over a clock change, and 167 hours in all."""
    days = edges("week", as_day(dt.date(2026, 3, 25)), "Europe/Berlin")
    assert [end for _, end in days[:-1]] == [start for start, _ in days[1:]]
    assert (len(days), days[-1][1] - days[0][0]) == (7, 167 * HOUR)


A, B = utc(2026, 11, 21), utc(2026, 11, 22)
DAY = as_day(dt.date(2026, 11, 21))
FATES = [
    ("covered-beyond", A - 1, B + 1, B + 3 * HOUR, False, "eligible"),
    ("covered-within-an-hour", A + HOUR, B - HOUR, B + 3 * HOUR, False, "eligible"),
    ("starts-too-late", A + HOUR + 1, B, B + 3 * HOUR, False, "partial"),
    ("ends-too-early", A, B - HOUR - 1, B + 3 * HOUR, False, "partial"),
    ("no-events", None, None, B + 3 * HOUR, False, "partial"),
    ("within-the-grace", A, B, B + 3 * HOUR - 1, False, "open"),
    ("open-wins-over-partial", A + 9 * HOUR, B - 9 * HOUR, B, False, "open"),
    ("published-wins", None, None, A, True, "published_before"),
]


@pytest.mark.parametrize(
    ("first", "last", "now", "published", "fate"), [f[1:] for f in FATES], ids=[f[0] for f in FATES]
)
def test_fate_of_a_day(first: int | None, last: int | None, now: int, published: bool, fate: str) -> None:
    """A day is published when it is closed and covered, and never twice."""
    assert classify("day", DAY, "UTC", now=now, first=first, last=last, published=published) == fate


@given(first=st.integers(A - 40 * 86400, B + 40 * 86400), length=st.integers(0, 80 * 86400), zone=st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana"]), grain=st.sampled_from(["day", "week", "month"]))  # fmt: skip
def test_coverage_is_that_of_every_edge_of_every_day(first: int, length: int, zone: str, grain: str) -> None:
    """A period is covered if each edge of each of its days has an event beyond it or within an hour."""
    last = first + length
    covered = all(
        first <= start + HOUR and last >= start - HOUR and first <= end + HOUR and last >= end - HOUR
        for start, end in edges(grain, DAY, zone)
    )
    fate = classify(grain, DAY, zone, now=B + 99 * 86400, first=first, last=last, published=False)
    assert fate == ("eligible" if covered else "partial")


SIDES = [(A, B, None), (A + 2 * HOUR, B, "before"), (A, B - 2 * HOUR, "after"), (A + 2 * HOUR, B - 2 * HOUR, "both"),
         (None, None, "both")]  # fmt: skip


@pytest.mark.parametrize(("first", "last", "side"), SIDES)
def test_the_side_of_the_missing_log_is_named(first: int | None, last: int | None, side: str | None) -> None:
    """The message can say whether the log before, the one after, or both are missing."""
    assert missing_side("day", DAY, "UTC", first=first, last=last) == side


def test_hostile_local_zone_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone of the machine has no say in the days of a site."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert edges("day", DAY, "UTC") == [(A, B)]
    finally:
        monkeypatch.undo()
        time.tzset()
