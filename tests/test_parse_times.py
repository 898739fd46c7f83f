"""Times that leave something to be known: the year (RFC 3164), and the zone of the clock on which they stand."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import run as running
from pipeline.options import Wanted
from schemas import load
from schemas.load import Format, read_format
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from schemas.trouble import Trouble
from transforms import clocks
from transforms.kernels import calls, compiled
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import readers
from transforms.parsers.times import with_year
from transforms.treatments.when import Treatment

SYSLOG = "%b %e %H:%M:%S"
LOCAL = "[{time:%d/%b/%Y:%H:%M:%S}] {client} {target}"
UTC = dt.UTC


def seconds(*when: int) -> int:
    return int(dt.datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[arg-type]


def events(format: Format, lines: list[str], now: int | None = None) -> tuple[list[dict[str, Any]], Accounts]:
    """Rows and account of lines in a format."""
    data = "".join(f"{line}\n" for line in lines).encode()
    chunk = Chunk(0, "x", np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts())
    found = list(Parse(Policy(), load.fields(), {"x": format}, now).events(chunk))
    return [row for one in found for row in one.batch.to_pylist()], found[-1].accounts


# ---- the year -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.datetimes(dt.datetime(1999, 1, 1), dt.datetime(2099, 1, 1)),
    st.integers(-86_400 * 200, 86_400 * 3),
)
def test_the_year_is_that_of_the_only_such_day_within_reach(now: dt.datetime, away: int) -> None:
    """By hand: of all years, that in which the day lies at most 183 days back, or less than one ahead; else none."""
    read_at = int(now.replace(tzinfo=UTC).timestamp())
    then = dt.datetime.fromtimestamp(read_at + away, UTC).replace(microsecond=0)
    text = f"{then:%b} {then.day:2} {then:%H:%M:%S}".encode()
    truth = set()
    for year in range(now.year - 2, now.year + 3):
        try:
            at = int(then.replace(year=year).timestamp())
        except ValueError:  # 29 February
            continue
        if read_at - 183 * 86_400 <= at < read_at + 86_400:
            truth.add(at)
    value = clocks.value(SYSLOG, text)
    assert value is not None and len(truth) <= 1
    assert set(with_year(np.array([value]), read_at).tolist()) == (truth or {calls.WRONG})
    if compiled():
        block = calls.Block()
        block.fill(np.frombuffer(text + b"\n", np.uint8))
        assert calls.values(SYSLOG, block, np.array([0], np.int32), np.array([len(text)], np.int32))[0][0] == value


@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        ("Dec 31 23:59:59", (2027, 1, 1, 3), (2026, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:01", (2027, 1, 1, 3), (2027, 1, 1, 0, 0, 1)),
        ("Jan  1 05:00:00", (2026, 12, 31, 23), (2027, 1, 1, 5)),  # a machine that is ahead of ours
        ("Dec 31 23:59:60", (2027, 1, 1, 3), (2027, 1, 1)),
        ("Feb 29 12:00:00", (2028, 3, 1), (2028, 2, 29, 12)),
        ("Feb 29 12:00:00", (2027, 3, 1), None),
        ("Mar  1 00:00:00", (2027, 3, 1, 6), (2027, 3, 1)),
        ("May 20 00:00:00", (2026, 11, 26), None),  # half a year back or ahead: who knows
        ("Nov 28 00:00:00", (2026, 11, 26), None),
    ],
)
def test_the_turn_of_the_year(text: str, now: tuple[int, ...], then: tuple[int, ...] | None) -> None:
    """Lines of both sides of midnight are of their own years; what could be of another year is of none."""
    pound = load.formats()["pound"]
    line = f"{text} web1 pound: 192.0.2.1 GET /a HTTP/1.1 - HTTP/1.1 200 OK"
    rows, accounts = events(pound, [line], seconds(*now))
    assert [row["time"] for row in rows] == ([seconds(*then)] if then else [])
    assert accounts.rejected == ({} if then else {"no_year": 1})
    assert accounts.lines == accounts.parsed + accounts.rejected.total() == 1


def test_without_a_clock_no_year_is_made_up() -> None:
    """Who does not say when a log was written reads nothing of it."""
    line = "Nov 20 00:00:00 web1 pound: 192.0.2.1 GET /a HTTP/1.1 - HTTP/1.1 200 OK"
    assert events(load.formats()["pound"], [line])[1].rejected == {"no_year": 1}
    assert len(events(load.formats()["pound"], [line.replace("Nov 20 00:00:00", "2026-11-20T00:00:00Z")])[0]) == 1


@pytest.mark.parametrize(
    "kind", ["%b %e %H:%M:%S|iso8601", "%b %e %H:%M:%S %z", "%H:%M:%S", "%Y %H:%M:%S", "%b %H:%M:%S"]
)
def test_a_time_that_leaves_the_day_open_is_refused(kind: str) -> None:
    """Types with and without a year, a zone where the year may be another, and clocks without a day."""
    columns = {"client": "ip", "target": "u", "time": {"from": "t", "type": kind}}
    with pytest.raises(DirectiveError, match=r"^bad_type: "):
        readers(read_format({"name": "x", "family": "json", "columns": columns}, "here"))


def test_a_date_without_a_year_beside_its_clock(tmp_path: Path) -> None:
    """In named values too; one that is not there is none, and one that has no year is rejected."""
    columns = {"client": "ip", "target": "u", "date": {"from": "d", "type": "%m/%d"}, "clock": "t"}
    shop = read_format({"name": "x", "family": "labelled", "columns": columns, "zone": "Europe/Berlin"}, "here")
    lines = [f"ip:192.0.2.1\tu:/a\td:{day}\tt:00:30:00" for day in ("01/01", "12/31", "02/30", "")]
    rows, accounts = events(shop, lines, seconds(2027, 1, 1, 2))
    assert [row["time"] for row in rows] == [seconds(2026, 12, 31, 23, 30), seconds(2026, 12, 30, 23, 30)]
    assert accounts.rejected == {"no_format": 2}


def log(first: dt.datetime, hours: int) -> str:
    """A line of Pound every ten minutes, each from another neighbourhood."""
    made = []
    for number in range(hours * 6):
        at = first + dt.timedelta(minutes=10 * number)
        made.append(
            f"{at:%b} {at.day:2} {at:%H:%M:%S} web1 pound[7]: 198.18.{number % 250}.7 GET /a HTTP/1.1 - HTTP/1.1 200 OK\n"
        )
    return "".join(made)


def published(wanted: Wanted, now: int) -> dict[str, int]:
    """Published hits by day."""
    running.run(wanted, now=now)
    rows = ds.dataset(wanted.output / "release" / "sites", partitioning="hive").to_table().to_pylist()
    return {str(row["date"]): row["hits"] for row in rows}


def test_a_log_over_the_turn_of_the_year_is_published_by_both_years(tmp_path: Path) -> None:
    """The days are the same by the clock of the run and, two years later, by --log-date."""
    (tmp_path / "pound.log").write_text(log(dt.datetime(2026, 12, 31), 48))
    truth = {"2026-12-31": 144, "2027-01-01": 144}
    one = Wanted((str(tmp_path / "pound.log"),), tmp_path / "one", quiet=True)
    assert published(one, seconds(2027, 1, 3)) == truth
    later = Wanted(one.inputs, tmp_path / "two", quiet=True, log_date=dt.date(2027, 1, 1))
    assert published(later, seconds(2029, 6, 1)) == truth
    files = [sorted((folder / "release").rglob("*.parquet")) for folder in (one.output, later.output)]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]] != []


def test_a_log_that_is_too_old_stops_the_run(tmp_path: Path) -> None:
    """Nothing is published of days that might be of any year; nor by a --log-date that lies in the future."""
    (tmp_path / "pound.log").write_text(log(dt.datetime(2026, 5, 1), 48))
    wanted = Wanted((str(tmp_path / "pound.log"),), tmp_path / "out", quiet=True)
    with pytest.raises(Trouble, match="E305"):
        running.run(wanted, now=seconds(2026, 12, 1))
    ahead = Wanted(wanted.inputs, wanted.output, quiet=True, log_date=dt.date(2027, 5, 3))
    with pytest.raises(Trouble, match="E201"):
        running.run(ahead, now=seconds(2026, 12, 1))
    assert not (tmp_path / "out" / "release").exists()


# ---- the zone -------------------------------------------------------------------------------------------------------


def local_format(zone: str) -> Format:
    return read_format({"name": "x", "family": "pattern", "zone": zone, "patterns": [LOCAL]}, "here")


@pytest.mark.parametrize(
    ("zone", "clock", "then"),
    [
        ("Europe/Berlin", "28/Mar/2027:01:59:59", (2027, 3, 28, 0, 59, 59)),
        ("Europe/Berlin", "28/Mar/2027:02:30:00", (2027, 3, 28, 1, 30)),  # no clock showed it: 03:30, behind the jump
        ("Europe/Berlin", "28/Mar/2027:03:00:00", (2027, 3, 28, 1)),
        ("Europe/Berlin", "31/Oct/2027:02:30:00", (2027, 10, 31, 0, 30)),  # shown twice: the earlier
        ("Europe/Berlin", "31/Oct/2027:03:00:00", (2027, 10, 31, 2)),
        ("America/New_York", "14/Mar/2027:02:30:00", (2027, 3, 14, 7, 30)),
        ("America/New_York", "07/Nov/2027:01:30:00", (2027, 11, 7, 5, 30)),
        ("Australia/Lord_Howe", "04/Apr/2027:01:45:00", (2027, 4, 3, 14, 45)),  # set back by half an hour
        ("Australia/Lord_Howe", "03/Oct/2027:02:15:00", (2027, 10, 2, 15, 45)),
        ("Asia/Kolkata", "01/Jan/2027:00:00:00", (2026, 12, 31, 18, 30)),
        ("UTC", "28/Mar/2027:02:30:00", (2027, 3, 28, 2, 30)),
    ],
)
def test_gaps_and_folds_of_a_local_clock(zone: str, clock: str, then: tuple[int, ...]) -> None:
    """A time in the hour that the clock jumps over lies behind the jump, one that it shows twice is the earlier."""
    rows, _ = events(local_format(zone), [f"[{clock}] 192.0.2.1 /a"])
    assert [row["time"] for row in rows] == [seconds(*then)]


@pytest.mark.parametrize("site", ["Europe/Berlin", "UTC", "America/New_York"])
@pytest.mark.parametrize("day", [dt.date(2027, 3, 28), dt.date(2027, 10, 31)], ids=["23 hours", "25 hours"])
def test_hours_of_a_day_on_which_the_clock_changes(day: dt.date, site: str) -> None:
    """A request every ten minutes as a Berlin machine logs them, counted by the hours of the site's own clock."""
    berlin, place = ZoneInfo("Europe/Berlin"), ZoneInfo(site)
    start = int(dt.datetime.combine(day, dt.time(), berlin).timestamp())
    stop = int(dt.datetime.combine(day + dt.timedelta(1), dt.time(), berlin).timestamp())
    assert (stop - start) // 3600 == (23 if day.month == 3 else 25)
    lines, truth = [], Counter[tuple[dt.date, int]]()
    for second in range(start, stop, 600):
        at = dt.datetime.fromtimestamp(second, berlin)
        lines.append(f"[{at:%d/%b/%Y:%H:%M:%S}] 192.0.2.1 /a")
        shown = (
            at.replace(fold=0).astimezone(UTC).astimezone(place)
        )  # which of two equal clocks it was is not in the line
        truth[shown.date(), shown.hour] += 1
    rows, _ = events(local_format("Europe/Berlin"), lines)
    days, hours = Treatment().treat(np.array([row["time"] for row in rows]), site)
    found = Counter(
        (dt.date(1970, 1, 1) + dt.timedelta(d), h) for d, h in zip(days.tolist(), hours.tolist(), strict=True)
    )
    assert found == truth and found.total() == (stop - start) // 600


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia", "Pacific/Apia"]
)
def test_days_are_one_number_where_all_are_of_one_hour_and_day(zone: str) -> None:
    """They are those of datetime for each second, by number or by row, also where an hour is on two days."""
    draw, found = random.Random(zone), set()
    for span in [1, 60, 3000, 9000] * 50:
        first = draw.randrange(seconds(1900, 1, 1), seconds(2030, 1, 1))
        first = draw.choice((first, first // 86_400 * 86_400 + draw.choice((0, 9000, 12_600, 18_900)) - span // 2))
        times = [first + draw.randrange(span) for _ in range(20)]
        shown = Treatment().days(np.array(times), zone)
        found.add(isinstance(shown, int))
        days = [(dt.datetime.fromtimestamp(time, ZoneInfo(zone)).date() - dt.date(1970, 1, 1)).days for time in times]
        assert np.broadcast_to(shown, 20).tolist() == days
    assert found == {True, False}


def test_days_of_times_beyond_all_clocks() -> None:
    """They are clamped as `treat` clamps them; of no time there is none."""
    for times in ([2**62], [-(2**62), 2**62], []):
        column = np.array(times, np.int64)
        days = np.broadcast_to(Treatment().days(column, "UTC"), column.size)
        assert days.tolist() == Treatment().treat(column, "UTC")[0].tolist()


def test_local_columns_of_w3c_are_read_in_a_declared_zone(shared: Path) -> None:
    """IIS Advanced Logging: date-local and time-local, in a format of the operator's that says the machine's zone."""
    columns = {"client": "c-ip", "date": "date-local", "clock": "time-local", "path": "cs-uri-stem",
               "duration": {"from": "TimeTakenMS", "type": "millis"}}  # fmt: skip
    declared = {"name": "x", "family": "delimited", "header": "fields", "zone": "America/New_York", "columns": columns}
    lines = (shared / "logs" / "lnav" / "logfile_w3c.3").read_text().splitlines()
    rows, accounts = events(read_format(declared, "here"), lines)
    assert rows[0]["time"] == seconds(2012, 8, 15, 21) and [row["duration"] for row in rows[:2]] == [109_000, 0]
    assert accounts.rejected.total() + len(rows) == sum(line[:1].isdigit() for line in lines)


def test_a_format_that_differs_in_its_zone_alone_has_to_be_named() -> None:
    """The same lines on the clock of another machine: an error, unless one takes the place (and the name) of the other."""
    line = b"[20/Nov/2026:00:00:00] 192.0.2.1 /a"
    one, other = local_format("UTC"), local_format("Europe/Berlin")
    with pytest.raises(DirectiveError, match=r"^ambiguous: "):
        detect([line], {"one": one, "other": other})
    assert detect([line], {"one": one, "same": one})[1] == detect([line], {"one": other})[1] == 1.0
