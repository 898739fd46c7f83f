"""Treatments of numbers: status, time, duration, bytes."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from transforms.treatments import latency, measure, status, when


@pytest.mark.parametrize("module", [status, when, latency, measure], ids=lambda module: module.__name__.split(".")[-1])
def test_columns_are_those_declared(module: object) -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments[module.__name__.split(".")[-1]]  # type: ignore[attr-defined]
    assert (declared.takes, declared.gives) == (module.TAKES, module.GIVES)  # type: ignore[attr-defined]


def test_status_and_class() -> None:
    """Codes become words, with their class; what is absent or no status has a word of its own."""
    numbers = [200, 100, 599, 404, 301, 503, -1, 0, 99, 600, 32767, -2]
    (codes, words), (classes, class_words) = status.Treatment().treat(np.array(numbers, dtype=np.int16))
    assert codes.dtype == classes.dtype == np.int32
    assert [words[code] for code in codes] == ["200", "100", "599", "404", "301", "503", "(none)"] + ["(other)"] * 5
    expected = ["2xx", "1xx", "5xx", "4xx", "3xx", "5xx", "(none)"] + ["(other)"] * 5
    assert [class_words[code] for code in classes] == expected


def test_latency_buckets() -> None:
    """Each time is in the first bucket that is not below it; what is absent is null."""
    micros = np.array([-1, 0, 9_999, 10_000, 10_001, 25_000, 1_000_001, 10_000_000, 10_000_001, 2**62], dtype=np.int64)
    codes, words = latency.Treatment().treat(micros)
    assert codes.dtype == np.int32
    found = [words[code] if code >= 0 else None for code in codes]
    assert found == [None, "10", "10", "10", "25", "25", "2500", "10000", "inf", "inf"]


def test_measure() -> None:
    """Bytes that the log lacks count as zero."""
    assert measure.Treatment().treat(np.array([-1, 0, 5], dtype=np.int64)).tolist() == [0, 0, 5]


@pytest.fixture
def hostile_tz() -> Iterator[None]:
    """A process whose own zone is far from UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
    "America/St_Johns", "Africa/Monrovia", "Antarctica/Troll", "Pacific/Marquesas",
]  # fmt: skip
MOMENTS = [
    1_396_141_200, 1_414_285_200,  # Berlin 2014: summer time begins, ends
    1_325_239_200,  # Apia leaves out 2011-12-30
    1_696_692_600, 1_712_415_600,  # Lord Howe: half an hour
    63_593_070,  # Monrovia 1972: 44 min 30 s
    -1, 0, -2_000_000_000,
]  # fmt: skip


def by_zoneinfo(second: int, zone: str) -> tuple[int, int]:
    local = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
    local = local.astimezone(ZoneInfo(zone))
    return local.date().toordinal() - dt.date(1970, 1, 1).toordinal(), local.hour


@pytest.mark.usefixtures("hostile_tz")
@pytest.mark.parametrize("zone", ZONES)
def test_day_and_hour_agree_with_zoneinfo(zone: str) -> None:
    """Around every change of the clock, day and hour are those of zoneinfo, whatever the process's own zone."""
    seconds = [moment + step for moment in MOMENTS for step in (-90_001, -3600, -901, -1, 0, 1, 59, 899, 900, 3600)]
    days, hours = when.Treatment().treat(np.array(seconds, dtype=np.int64), zone)
    assert days.dtype == hours.dtype == np.int32
    found = [(int(day), int(when.HOURS[hour])) for day, hour in zip(days, hours, strict=True)]
    assert found == [by_zoneinfo(second, zone) for second in seconds]


@given(st.lists(st.integers(-(2**31), 2**33), min_size=1, max_size=20), st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_any_time_agrees_with_zoneinfo(seconds: list[int], zone: str) -> None:
    """Any time of four centuries has the day and hour of zoneinfo."""
    days, hours = when.Treatment().treat(np.array(seconds, dtype=np.int64), zone)
    assert list(zip(days.tolist(), hours.tolist(), strict=True)) == [by_zoneinfo(second, zone) for second in seconds]


def test_times_beyond_the_calendar_are_clamped() -> None:
    """The widest integers neither raise nor wrap."""
    days, _ = when.Treatment().treat(np.array([-(2**63), 2**63 - 1], dtype=np.int64), "Asia/Kathmandu")
    assert days[0] < -700_000
    assert days[1] > 2_900_000


def test_no_events_are_no_rows() -> None:
    """An empty column stays empty."""
    days, hours = when.Treatment().treat(np.array([], dtype=np.int64), "Europe/Berlin")
    assert len(days) == len(hours) == 0
