"""Declared formats of every family are checked when they are loaded and compiled: what is wrong stops the run."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import load
from schemas.load import DeclarationError, Format, read_format
from transforms import clocks
from transforms.kernels import calls, compiled
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import check, readers
from transforms.parsers.reader import value_of
from transforms.parsers.times import from_zone

COLUMNS = {"client": "ip", "time": "t", "target": "u"}


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"family": "xml"}, "family"),
        ({"family": "json", "columns": {"secret": "x"}}, "columns.secret"),
        ({"family": "json", "columns": {"client": 1}}, "columns.client"),
        ({"family": "json", "columns": {"client": {"from": "a", "typ": "text"}}}, "columns.client"),
        ({"family": "json", "directive": "%h"}, "unknown key 'directive'"),
        ({"family": "delimited", "separator": ";;", "columns": COLUMNS}, "separator"),
        ({"family": "delimited", "header": "first", "columns": COLUMNS}, "header"),
        ({"family": "json", "zone": "Mars/Olympus", "columns": COLUMNS}, "zone"),
    ],
)
def test_wrong_declaration_is_named(entry: dict[str, Any], key: str) -> None:
    """The message names the file and the key."""
    with pytest.raises(DeclarationError, match=rf"^here: .*{key}"):
        read_format({"name": "x", **entry}, "here")


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"family": "json", "columns": {"client": "ip", "time": "t"}}, "no_path"),
        ({"family": "json", "columns": {"client": "ip", "target": "u"}}, "no_time"),
        ({"family": "json", "columns": {"date": "d", "client": "ip", "target": "u"}}, "no_time"),
        ({"family": "labelled", "columns": {"time": "t", "target": "u"}}, "no_client"),
        ({"family": "json", "columns": {**COLUMNS, "host": "ip"}}, "repeated"),
        ({"family": "json", "columns": {**COLUMNS, "host": "a..b"}}, "bad_path"),
        ({"family": "json", "columns": {**COLUMNS, "host": {"from": "h", "type": "count"}}}, "bad_type"),
        ({"family": "json", "columns": {**COLUMNS, "bytes": {"from": "h", "type": "text"}}}, "bad_type"),
        ({"family": "json", "columns": {**COLUMNS, "time": {"from": "t", "type": "%Q"}}}, "bad_type"),
        ({"family": "delimited", "names": ["ip", "t"], "columns": COLUMNS}, "no_path"),
        ({"family": "delimited", "names": ["ip", "t", "u", "u"], "columns": COLUMNS}, "repeated"),
        ({"family": "pattern"}, "empty"),
        ({"family": "pattern", "patterns": ["{client} {time}"]}, "no_path"),
        ({"family": "pattern", "patterns": ["{client}{time} {request}"]}, "no_separator"),
        ({"family": "pattern", "patterns": ["{client} {secret} {time} {request}"]}, "no_column"),
        ({"family": "pattern", "patterns": ["{client} {status:text} {time} {request}"]}, "bad_type"),
        ({"family": "pattern", "patterns": ["nothing"]}, "bad_pattern"),
    ],
)
def test_format_that_could_not_be_read_is_refused(entry: dict[str, Any], code: str) -> None:
    """A required column without a source, two readings of one value, a type or path that is none."""
    with pytest.raises(DirectiveError, match=f"^{code}: "):
        readers(read_format({"name": "x", **entry}, "here"))


@pytest.mark.parametrize("made", ["syslog", "combined/common", "syslog/w3c", "combined+w3c", "combined+syslog"])
def test_formats_that_do_not_go_together_are_refused(made: str) -> None:
    """An envelope without a format in it, one around what brings header lines, or a format that is no envelope."""
    with pytest.raises(DirectiveError, match=r"^bad_"):
        check(made, load.formats())
    check("syslog/combined+caddy", load.formats())


def test_shipped_formats_compile() -> None:
    """All of them, whatever their family."""
    for one in load.formats().values():
        assert one.header or all("message" in reader.columns or "time" in reader.columns for reader in readers(one))


def test_two_readings_of_the_same_bytes_are_an_error() -> None:
    """Formats that fit alike but swap two columns are named, not guessed between."""
    one, other = (
        Format(name, "", "", family="pattern", patterns=(f"{{client}} {pair} [{{time:clf}}] {{request}}",))
        for name, pair in (("one", "{host} {user}"), ("other", "{user} {host}"))
    )
    line = b"192.0.2.1 a b [20/Nov/2026:00:00:00 +0000] GET /"
    with pytest.raises(DirectiveError, match=r"^ambiguous: one and other "):
        detect([line], {"one": one, "other": other})
    assert detect([line], {"one": one}) == ("one", 1.0)


TIME = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2999, 12, 30))


@settings(deadline=None)
@given(TIME, st.sampled_from(["%d/%b/%Y:%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y%m%d%H%M%S %z"]))
def test_clock_patterns_are_those_of_strptime(when: dt.datetime, pattern: str) -> None:
    """Kernel and plain Python give the seconds that the standard library wrote."""
    text = when.replace(tzinfo=dt.UTC).strftime(pattern).encode()
    truth = int(when.replace(tzinfo=dt.UTC, microsecond=0).timestamp())
    assert clocks.value(pattern, text) == truth
    if compiled():
        assert by_kernel(pattern, [text]) == [truth]


@settings(deadline=None)
@given(st.lists(st.text("0123456789/:. -+APMZNov", max_size=24), min_size=1, max_size=20), st.integers(0, 23))
def test_clock_kernel_reads_what_the_regex_reads(texts: list[str], cut: int) -> None:
    """Hostile times have the same value, or none, by both."""
    good = "20/Nov/2026:23:59:60.5"
    lines = [(good[:cut] + text + good[cut + len(text) :]).encode() for text in texts]
    if compiled():
        for pattern in ("%d/%b/%Y:%H:%M:%S%f", "%e/%b/%Y:%H:%M:%S%f"):
            truth = [value_of(pattern, line) for line in lines]
            assert by_kernel(pattern, lines) == [calls.WRONG if value is None else value for value in truth]


def by_kernel(pattern: str, texts: list[bytes]) -> list[int]:
    block = calls.Block()
    block.fill(np.frombuffer(b"".join(text + b"\n" for text in texts), np.uint8))
    lens = np.array([len(text) for text in texts], np.int32)
    starts = np.concatenate([[0], np.cumsum(lens[:-1] + 1)]).astype(np.int32)
    return calls.values(pattern, block, starts, lens)[0].tolist()


@settings(deadline=None)
@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_local_times_go_back_to_utc(seconds: int, zone: str) -> None:
    """The clock of a zone, read back, is the time or, where the clock was set back, the earlier one that it showed too."""
    at = dt.datetime.fromtimestamp(seconds, ZoneInfo(zone))
    local = int(at.replace(tzinfo=dt.UTC).timestamp())
    truth = int(at.replace(fold=0).timestamp())
    assert from_zone(np.array([local]), zone).tolist() == [truth]
