"""`crowdlog scrub` as a process: a live pipe that writes on time and ends in order, files, and folders of events."""

from __future__ import annotations

import gzip
import json
import os
import random
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import live
from pipeline.cli import main
from pipeline.cut import padded
from pipeline.live import Batch, Feed, Live
from pipeline.scrubber import Scrubber
from schemas.policy import Policy

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
LINE = f'198.51.100.77 - maxine [18/Nov/2026:10:20:30 +0000] "GET /kb/setup HTTP/1.1" 200 512 "-" "{AGENT}"\n'.encode()
CUT = LINE.replace(b"198.51.100.77", b"198.51.100.0").replace(b"maxine", b"-")


class Pipe:
    """A scrub that is fed live."""

    def __init__(self, *options: str, out: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "scrub", "-", "--ip", "truncate", *options],
            stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1],
        )  # fmt: skip

    def feed(self, content: bytes) -> None:
        """Write at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def read(self, seconds: float) -> bytes:
        """What arrives within so many seconds."""
        assert self.process.stdout is not None
        end, found = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if select.select([self.process.stdout], [], [], left)[0]:
                block = os.read(self.process.stdout.fileno(), 1 << 20)
                if not block:
                    break
                found += block
        return found

    def end(self) -> tuple[bytes, str]:
        """(rest of the output, messages), after the end of the input."""
        out, messages = self.process.communicate(timeout=60)
        return out or b"", messages.decode()

    def started(self) -> Pipe:
        """Fed one line, which has come out: kernels are loaded."""
        self.feed(LINE)
        assert self.read_until(CUT, 60)
        return self

    def read_until(self, wanted: bytes, seconds: float) -> bool:
        """Whether exactly this arrives in time."""
        end, found = time.monotonic() + seconds, b""
        while time.monotonic() < end and found != wanted:
            found += self.read(0.05)
        return found == wanted


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A live scrub, ended with the test."""
    made = Pipe()
    yield made
    made.process.kill()
    made.process.wait()


def test_lines_come_out_when_the_input_pauses(pipe: Pipe) -> None:
    """A whole line is out within a second though nothing follows; a part of a line waits for the rest of it."""
    pipe.started().feed(LINE + LINE[:50])
    assert pipe.read(1.0) == CUT
    pipe.feed(LINE[50:])
    assert pipe.read(1.0) == CUT


def test_a_last_line_without_newline_is_a_line(pipe: Pipe) -> None:
    """The end of the input ends the last line; the summary counts it, and says once what the output is."""
    pipe.feed(LINE + b"maxine\n" + LINE.rstrip(b"\n"))
    out, messages = pipe.end()
    assert out == 2 * CUT and pipe.process.returncode == 0
    assert messages.count("personal data") == 1
    assert "3 lines read, 2 written; dropped: no_format 1" in messages and "maxine" not in messages


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(pipe: Pipe, number: signal.Signals) -> None:
    """What was in the pipe when the signal came is written before the end, which is 0."""
    pipe.started()
    pipe.process.send_signal(signal.SIGSTOP)
    pipe.feed(50 * LINE)
    pipe.process.send_signal(number)
    pipe.process.send_signal(signal.SIGCONT)
    assert pipe.process.wait(timeout=30) == 0
    assert pipe.process.stdout is not None
    assert pipe.process.stdout.read() == 50 * CUT


def test_the_first_lines_decide_the_format_when_they_can(pipe: Pipe) -> None:
    """Lines of no format are dropped and counted until one of a known format comes."""
    pipe.feed(b"garbage\n")
    assert pipe.read(3.0) == b""
    pipe.feed(LINE)
    out, messages = pipe.end()
    assert out == CUT and "no_format 1" in messages


def test_an_endless_line_takes_no_memory_and_stops_nothing(pipe: Pipe) -> None:
    """A line of 8 MB is counted once as too long; the line behind it comes out."""
    pipe.feed(LINE + b"x" * (8 << 20) + b"\n" + LINE)
    out, messages = pipe.end()
    assert out == 2 * CUT and "3 lines read, 2 written; dropped: too_long 1" in messages


@pytest.mark.parametrize("end", [b"", b"no newline", b"n" * 300], ids=["newline", "none", "none and long"])
def test_a_feed_gives_every_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    """However lines lie in what is read, all that are short enough come, in order; the others come or are counted."""
    monkeypatch.setattr(live, "READ", 64)
    monkeypatch.setattr(live, "CHUNK", 256)
    monkeypatch.setattr(live, "LONGEST_LINE", 100)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the test stay
    monkeypatch.setattr(signal, "set_wakeup_fd", lambda *_, **__: -1)
    draw = random.Random(7)
    lines = [bytes([draw.randrange(97, 123)]) * draw.choice((0, 1, 30, 99, 100, 101, 700)) for _ in range(2000)]
    (tmp_path / "a.log").write_bytes(b"\n".join([*lines, end]))
    with open(tmp_path / "a.log", "rb") as file:
        feed = Feed(file.fileno())
        found = b"".join(buffer[:size].tobytes() for buffer, size in feed.batches())
    given, wanted = found.split(b"\n")[:-1], lines + [end] * bool(end)
    assert found.endswith(b"\n")
    assert [line for line in given if len(line) <= 100] == [line for line in wanted if len(line) <= 100]
    assert sum(len(line) > 100 for line in given) + feed.overlong == sum(len(line) > 100 for line in wanted)
    assert feed.overlong and all(line in wanted for line in given)


def test_a_reader_that_leaves_is_no_error() -> None:
    """`| head -1`: the end is quiet and 0."""
    pipe = Pipe("--quiet").started()
    assert pipe.process.stdout is not None
    pipe.process.stdout.close()
    pipe.feed(LINE)
    assert pipe.process.wait(timeout=30) == 0
    assert pipe.process.stderr is not None and pipe.process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_full_disk_is_one_clear_line() -> None:
    """An error of the output ends it with a code."""
    with open("/dev/full", "wb") as full:
        pipe = Pipe("--quiet", out=full.fileno())
        pipe.feed(LINE)
        _, messages = pipe.end()
    assert pipe.process.returncode == 1 and messages.startswith("crowdlog: E104: ") and messages.count("\n") == 1


# ---- days -----------------------------------------------------------------------------------------------------------


class Collected:
    """What was written, and how far the clock was."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: memoryview) -> None:
        self.content += bytes(content)


class Batches(Feed):
    """A feed from a list."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.overlong = parts, 0

    def batches(self) -> Iterator[Batch]:
        yield from map(padded, self.parts)


def test_a_days_key_is_gone_when_the_day_is() -> None:
    """The same line, fed on two days by the clock, has two tokens; within a day it has one."""
    times = iter([1000.0, 1001.0, 2000.0, 86_400.0 * 2])
    out = Collected()
    Live(Batches([LINE] * 3), out, Scrubber(Policy(), None, "hash", "auto"), clock=lambda: next(times)).run()
    first, second, third = (line.split(b" ")[0] for line in out.content.splitlines())
    assert first == second != third


# ---- files ----------------------------------------------------------------------------------------------------------


def test_files_come_out_in_order(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Plain and packed files, each in its own format, one behind the other."""
    (tmp_path / "a.log").write_bytes(LINE * 3)
    common = LINE[: LINE.index(b' "-"')] + b"\n"
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(common * 2))
    assert main(["scrub", str(tmp_path), "--ip", "truncate", "--quiet"]) == 0
    out, messages = capfdbinary.readouterr()
    assert out == CUT * 3 + (CUT[: CUT.index(b' "-"')] + b"\n") * 2
    assert messages == b""


def test_too_many_rejects_of_a_file(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Exit 3, with nothing of the rejected lines."""
    (tmp_path / "a.log").write_bytes(LINE * 3 + b"maxine was here\n" * 2)
    assert main(["scrub", str(tmp_path / "a.log"), "--ip", "drop"]) == 3
    out, messages = capfdbinary.readouterr()
    assert out.count(b"\n") == 3 and b"maxine" not in out + messages and b"E305" in messages


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--format", "nonsense"], 2),
        (["--ip", "encrypt"], 2),
        (["--max-reject-rate", "2"], 2),
        (["--policy", "missing.toml"], 2),
        (["--site", "No Site"], 2),
        (["--output", "out"], 2),
        (["missing.log"], 3),
    ],
)
def test_wrong_usage(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line with a code, and nothing is read or made."""
    monkeypatch.chdir(tmp_path)
    assert main(["scrub", "--quiet", *arguments]) == code
    out, messages = capfd.readouterr()
    assert out == "" and messages.startswith("crowdlog: E") and messages.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# ---- events ---------------------------------------------------------------------------------------------------------


def events(tmp_path: Path, *more: str) -> int:
    """Scrub a small log to events."""
    log = tmp_path / "access.log"
    log.write_bytes(LINE * 3 + LINE.replace(b"18/Nov", b"19/Nov") + b"\n")
    return main(["scrub", str(log), "--output", str(tmp_path / "events"), *more])


def test_events(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Private files of one row a line, in order, marked as personal data, without a network key."""
    assert events(tmp_path) == 0
    assert "personal data" in capfd.readouterr().err
    folder = tmp_path / "events"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {
        "NOTICE.txt": 0o600, "events-00000.parquet": 0o600,
    }  # fmt: skip
    assert "PERSONAL DATA" in (folder / "NOTICE.txt").read_text()
    table = pq.read_table(folder / "events-00000.parquet")
    assert table.schema.metadata[b"crowdlog"] == b"pseudonymised events, still personal data"
    assert table.num_rows == 4
    assert set(table.column_names) == {
        "time", "ip", "country", "site", "route", "source", "campaign_medium", "campaign", "status", "status_class", "bytes",
        "le_ms", "medium", "domain", "agent_class", "family", "major", "os", "device", "bot",
    }, "no keyed hash of a network or an agent"  # fmt: skip
    rows = table.to_pylist()
    assert [str(row["time"]) for row in rows] == ["2026-11-18 10:20:30+00:00"] * 3 + ["2026-11-19 10:20:30+00:00"]
    assert rows[0]["ip"] == rows[2]["ip"] != rows[3]["ip"] and rows[0]["ip"].startswith("2001:db8:")
    assert (rows[0]["route"], rows[0]["status"], rows[0]["bytes"], rows[0]["family"]) == (
        "/kb/setup",
        "200",
        512,
        "Firefox",
    )


def test_json_lines_and_events_of_them(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """JSON lines come out as JSON lines, whether the format is named or found; --output makes events of them."""
    log = root / "sample_logs" / "nginx_json" / "input.log"
    assert main(["scrub", str(log), "--quiet", "--output", str(tmp_path / "events")]) == 0
    assert pq.read_table(tmp_path / "events" / "events-00000.parquet").num_rows == 106
    for more in (["--format", "nginx_json"], []):
        assert main(["scrub", str(log), "--ip", "drop", *more]) == 0
        out, messages = capfd.readouterr()
        lines = [json.loads(line) for line in out.splitlines()]
        assert len(lines) == 106 and {line["remote_addr"] for line in lines} == {"0.0.0.0", "::"}
        assert "does not declare were left out" in messages


def test_events_never_lie_in_a_release(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder that holds a release, or anything, is refused and left as it is."""
    (tmp_path / "events" / "release").mkdir(parents=True)
    assert events(tmp_path, "--quiet") == 4
    assert "holds a release" in capfd.readouterr().err
    (tmp_path / "events" / "release").rmdir()
    assert events(tmp_path, "--quiet") == 0  # an empty folder is taken
    assert events(tmp_path, "--quiet") == 4
    assert "not empty" in capfd.readouterr().err


def test_nothing_is_left_of_events_that_failed(tmp_path: Path) -> None:
    """Too many rejects: no folder, no part of one."""
    (tmp_path / "bad.log").write_bytes(LINE + b"maxine\n" * 5)
    assert (
        main(["scrub", str(tmp_path / "bad.log"), "--format", "combined", "--quiet", "--output", str(tmp_path / "e")])
        == 3
    )
    assert [file.name for file in tmp_path.iterdir()] == ["bad.log"]
