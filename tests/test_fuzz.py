"""Every parser of every shipped format, for a second each, or for $FUZZ_SECONDS (make fuzz): nothing breaks it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from ways import plain_way

from schemas import load
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from transforms.kernels import calls
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.example import example

ROOT = Path(__file__).resolve().parents[1]
SECONDS = float(os.environ.get("FUZZ_SECONDS", "1"))
SLOWEST = 2.0  # CPU seconds for a chunk of at most 40 lines
NOW = 1795737600  # 2026-11-27: times that say no year are of the days before it
SECRET = b"Zqxsecret7"  # planted into lines: may be in no message, count or shape
NOISE = [
    b'"', b"'", b"\\", b'\\"', b"{", b"}", b"[", b"]", b",", b";", b":", b"=", b"|", b"\t", b" ", b"  ", b"-", b"#", b"%", b"+",
    b"\0", b"\r", b"\x1f", b"\x7f", b"\x85", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\\u12", b"\\ud800", b"\\x", b"0", b"01",
    b"1e9", b"9" * 20, b"null", b"true", b"NaN", b"#Fields: date", b'""', b"[" * 70, b'{"a":' * 70, b"\xef\xbb\xbf", SECRET,
]  # fmt: skip
DAMAGE = st.lists(
    st.tuples(
        st.integers(0, 700), st.one_of(st.sampled_from(NOISE), st.binary(max_size=4)), st.sampled_from((0, 0, 1, 3, 40))
    ),
    max_size=5,
)
LINES = st.lists(st.tuples(st.integers(0, 19), DAMAGE), min_size=1, max_size=12)


def seeds(name: str) -> list[bytes]:
    """Lines of a format to be damaged: its example, and the first lines of its sample log."""
    log = ROOT / "sample_logs" / name / "input.log"
    return [*example(load.formats()[name]), *(log.read_bytes().split(b"\n")[:18] if log.exists() else ())]


def damaged(lines: list[bytes], chosen: list[tuple[int, list[tuple[int, bytes, int]]]]) -> bytes:
    """Some of the lines, each with its damage: at a place, noise in place of some bytes."""
    out = []
    for number, damage in chosen:
        line = lines[number % len(lines)]
        for at, noise, gone in damage:
            at %= len(line) + 1
            line = line[:at] + noise + line[at + gone :]
        out.append(line.replace(b"\n", b"") + b"\n")
    return b"".join(out)


def parsed(name: str, data: bytes, header: bytes) -> tuple[list[dict[str, object]], Accounts]:
    """All rows and the whole account of a chunk."""
    made = f"{name}/combined" if load.formats()[name].envelope else name
    chunk = Chunk(0, made, np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts(), header)
    rows: list[dict[str, object]] = []
    whole = Accounts()
    for events in Parse(Policy(), load.fields(), load.formats(), NOW).events(chunk):
        rows += events.batch.to_pylist()
        one = events.accounts
        whole.lines, whole.parsed = whole.lines + one.lines, whole.parsed + one.parsed
        whole.skipped, whole.rejected = whole.skipped + one.skipped, whole.rejected + one.rejected
        whole.shapes = whole.shapes + one.shapes
    return rows, whole


def check(name: str, data: bytes, header: bytes) -> None:
    """What has to hold of any bytes."""
    began = time.process_time()
    fast, accounts = parsed(name, data, header)
    assert time.process_time() - began < SLOWEST
    with plain_way():
        slow, exactly = parsed(name, data, header)
    assert sorted(map(repr, fast)) == sorted(map(repr, slow))
    assert (accounts.lines, accounts.parsed, accounts.skipped, accounts.rejected) == (
        exactly.lines, exactly.parsed, exactly.skipped, exactly.rejected,
    )  # fmt: skip
    assert accounts.lines == data.count(b"\n") == accounts.parsed + accounts.skipped.total() + accounts.rejected.total()
    assert accounts.parsed == len(fast)
    said = [shape for _, shape in accounts.shapes]
    try:
        detect(data.split(b"\n"), {name: load.formats()[name]})
    except DirectiveError as error:
        assert SECRET.decode() not in str(error)
    assert all(set(word) <= set("NAC") for shape in said for word in re.findall(r"[^\W_]+", shape))


@pytest.mark.parametrize("name", list(load.formats()))
def test_no_bytes_break_a_parser(name: str) -> None:
    """No exception, bounded time, kernel and exact reading alike, each line counted once, nothing of a line in a shape."""
    lines = seeds(name)
    header = lines[0] if load.formats()[name].header else b""
    calls.warm()  # not a matter of the time that a line takes
    clean = b"".join(line + b"\n" for line in lines)
    check(name, clean, header)
    until, rounds = time.monotonic() + SECONDS, 0

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(LINES)
    def once(chosen: list[tuple[int, list[tuple[int, bytes, int]]]]) -> None:
        check(name, damaged(lines, chosen), header)

    while time.monotonic() < until:
        seed(rounds if SECONDS <= 1 else time.time_ns())(once)()
        rounds += 1
    assert rounds


def test_the_same_checks_find_a_parser_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that reads spans one byte too short is found by them."""
    scan = calls.Rows.scan

    def longer(self: calls.Rows, *given: object) -> None:
        scan(self, *given)  # type: ignore[arg-type]
        if self.rows:
            self.lens[0] -= 1

    monkeypatch.setattr(calls.Rows, "scan", longer)
    with pytest.raises(AssertionError):
        check("combined", seeds("combined")[0] + b"\n", b"")
