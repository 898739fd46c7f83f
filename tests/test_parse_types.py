"""Types of times, durations and URLs: kernel and plain Python accept the same texts and give the same values."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_format_declarations import by_kernel

from transforms.kernels import calls, compiled, plain
from transforms.parsers.escapes import from_percent
from transforms.parsers.reader import value_of

PIECES = {
    "units": [
        "0",
        "1",
        "12",
        "99999",
        "123456789",
        "1234567890",
        ".",
        "5",
        "h",
        "m",
        "s",
        "ms",
        "us",
        "µs",
        "ns",
        "-",
        " ",
    ],
    "epoch_ns": ["1", "0", "9", "999999999", "123456789", "x", "-", "."],
    "nanos": ["1", "-", "999999999", "x", "."],
    "status|zero": ["0", "00", "-", "1", "-1", "200", "599", "600"],
    "iso8601|epoch|epoch_ms|epoch_ns": ["1", "123456", "1234567", "2026-11-20T00:00:00", "Z", ".5"],
    "seconds|units": ["0", "1", "12", ".", "s", "ms", "-", "e5"],
}


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from(sorted(PIECES)))
def test_kernel_and_plain_agree(data: st.DataObject, kind: str) -> None:
    """Texts put together from what such a value is made of, in any order."""
    texts = data.draw(
        st.lists(st.lists(st.sampled_from(PIECES[kind]), min_size=1, max_size=6).map("".join), min_size=1)
    )
    lines = [text.encode() for text in texts]
    if compiled():
        truth = [value_of(kind, line) for line in lines]
        assert by_kernel(kind, lines) == [calls.WRONG if value is None else value for value in truth]


@given(st.timedeltas(dt.timedelta(), dt.timedelta(days=4000)), st.sampled_from(["s", "parts", "ms", "µs"]))
def test_durations_with_units(took: dt.timedelta, style: str) -> None:
    """A duration written by Go's rules, or in one unit, is so many microseconds."""
    micros = took // dt.timedelta(microseconds=1)
    seconds, rest = divmod(micros, 1_000_000)
    written = {
        "s": f"{seconds}.{rest:06}s",
        "parts": f"{seconds // 3600}h{seconds // 60 % 60}m{seconds % 60}.{rest:06}s",
        "ms": f"{micros % 10**11 // 1000}.{micros % 1000:03}ms",
        "µs": f"{micros % 10**9}µs",
    }[style]
    truth = {"ms": micros % 10**11, "µs": micros % 10**9}.get(style, micros)
    assert value_of("units", written.encode()) == truth


@pytest.mark.parametrize("text", ["", "1", "s", "1x", "1s1s", "1s1m", "1.5h", "1ms5s", "-1s", "1.s", "1 s", "0x1s"])
def test_what_is_no_duration(text: str) -> None:
    """A number without a unit, a unit twice or out of order, a fraction of an hour."""
    assert value_of("units", text.encode()) is None


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["http", "s", "://", "a", "@", ":", "/", "?", "#", ".", "[", "1", "é"]), max_size=9).map("".join), min_size=1))  # fmt: skip # noqa: E501
def test_hosts_of_urls(texts: list[str]) -> None:
    """The kernel, plain Python and, where it takes the text for a URL, the standard library find the same host."""
    lines = [text.encode() for text in texts]
    block = calls.Block()
    block.fill(np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8))
    lens = np.array([len(line) for line in lines], np.int32)
    starts = np.concatenate([[0], np.cumsum(lens[:-1] + 1)]).astype(np.int32)
    begins, sizes = calls.authorities(block, starts, lens)
    for r, line in enumerate(lines):
        host = line[slice(*plain.authority(line))]
        assert bytes(block.text[begins[r] : begins[r] + sizes[r]]) == host
        assert b"@" not in host
        if line.startswith((b"http://", b"https://")) and b"[" not in line:
            assert host.decode() == urlsplit(line.decode()).netloc.rpartition("@")[2]


@given(st.text(min_size=1, max_size=40), st.integers(1, 2))
def test_percent_is_undone_once_or_twice(text: str, times: int) -> None:
    """What was encoded comes back, where it holds no percent sign itself."""
    value = text.replace("%", "").encode()
    encoded = "".join(f"%{byte:02x}" for byte in value).encode()
    assert from_percent(encoded if times == 1 else encoded.replace(b"%", b"%25")) == value
