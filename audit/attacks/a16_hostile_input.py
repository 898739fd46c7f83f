"""A16: hostile lines among good ones: each is counted, none is repeated anywhere, and time and memory stay bounded."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from audit import bait
from audit.case import Case, Evidence, Tried
from audit.program import Program, Ran, hunt_for

ID = "A16"
TITLE = "hostile input"
NEEDS = ("run",)

SEED = 16
TIMES = 5  # each hostile line that is no giant, so that what costs a second a line is seen
GIANT = 10 << 20  # bytes of the longest line
BOMB = 256 << 20  # bytes of a line in a file of about one MiB
SECONDS, MEMORY = 10.0, 512 << 20  # of CPU, and bytes: more than the same run without them takes
WHEN = "19/Nov/2024:12:00:00 +0000"


def attack(case: Case) -> Tried:
    """Run it over the audit's own log with and without hostile lines in it, and a decompression bomb beside it."""
    with Program(case.run) as program:
        given = program.folder / "given"
        given.mkdir()
        log, spoiled, bomb = given / "access.log", given / "spoiled.log", given / "bomb.log.gz"
        values = bait.write(log)
        before = program.run("good", [log])
        if before.status:
            return Tried("", why_not="the program does not run on the audit's own log")
        good = log.read_bytes()
        hostile = list(lines())
        spoiled.write_bytes(good + b"".join(line + b"\n" for line, _ in hostile))
        calm = good[: good.index(b"\n") + 1]
        bomb.write_bytes(gzip.compress(calm + b"\0" * BOMB + b"\n" + calm, 1))
        count = good.count(b"\n") + len(hostile) + 3
        ran = program.run("spoiled", [spoiled, bomb], memory=before.peak + MEMORY)
        evidence = list(_odd(ran, count))
        if ran.seconds > before.seconds + SECONDS:
            evidence.append(Evidence("hostile lines", f"{ran.seconds - before.seconds:,.0f} s of CPU"))
        if places := program.traces(hunt_for([*values, *(value for _, value in hostile)]), ran):
            evidence.append(Evidence("hostile lines", f"values of single lines in {', '.join(places)}"))
    cost = f"{ran.seconds - before.seconds:+.0f} s, {(ran.peak - before.peak) / 2**20:+,.0f} MiB"
    return Tried(f"{len(hostile) + 1} hostile lines cost {cost}", tuple(evidence))


def _odd(ran: Ran, count: int) -> Iterator[Evidence]:
    if ran.why or ran.status:
        yield Evidence("hostile lines", f"{ran.why or 'it ended'}: exit {ran.status}")
    if not ran.published():
        yield Evidence("hostile lines", "the good lines beside them were not published")
    found = _counted(ran.output)
    if found != count:
        yield Evidence("hostile lines", f"{count:,} lines were given, {found:,} are counted")


def _counted(output: Path) -> int:
    """Lines by the newest record of a run: parsed, skipped for a reason, or rejected for one."""
    records = sorted((output / "internal").rglob("run.json"), key=lambda file: file.stat().st_mtime)
    told = json.loads(records[-1].read_bytes()) if records else {}
    apart = sum(sum(told.get(name, {}).values()) for name in ("skipped", "rejected"))
    return int(told.get("parsed", 0)) + apart


def lines() -> Iterator[tuple[bytes, str]]:
    """Hostile lines, each with the value in it that must not be found again."""
    new = bait.words(SEED)

    def made(target: str, number: int = 0, referrer: str = "-", behind: str = "") -> tuple[bytes, str]:
        value = next(new)
        told = bait.line(WHEN, f"203.0.113.{number + 1}", target, referrer=referrer, behind=behind)
        return told.replace("VALUE", value).encode("utf-8", "surrogateescape"), value

    yield made(f"/VALUE{'a' * GIANT}")
    yield made("/?" + "&".join(["VALUE=1"] * 1_000_000))
    for number in range(TIMES):
        for target in _targets():
            yield made(target, number)
        for text in _texts():
            yield made("/docs/start", number, behind=text)
            yield made("/docs/start", number, referrer=text)
    # lines that no format reads
    for number in range(TIMES):
        value = next(new)
        yield f"{value} \0\0 no log line {number}".encode(), value
        yield b"\xff\xfe\xfd " + value.encode() + b" " + b"[" * 9_000, value


def _targets() -> Iterator[str]:
    """Targets below the longest line that is read: what takes time, depth or memory to look at."""
    yield "/VALUE\0\0/x"
    yield "/VALUE\udcff\udcfe/x"
    yield "/?" + "&".join(["VALUE=1"] * 6_000)
    yield "/" + "VALUE/" * 3_000
    yield "/VALUE" + "%25" * 15_000 + "41"
    yield "/VALUE" + "a" * 40_000 + "!"
    yield "/?q=" + "VALUE@" * 3_000 + "example"
    yield "/?next=" + "https://VALUE.example/?next=" * 1_000
    nested = "VALUE"
    for _ in range(16):
        nested = base64.b64encode(nested.encode()).decode()
    yield f"/?t={nested}"
    yield "/?j=" + "[" * 20_000 + "VALUE"
    yield "/VALUE" + "&lt;" * 9_000


def _texts() -> Iterator[str]:
    """Agents and referrers on which careless patterns go back and forth."""
    yield "Mozilla/5.0 (VALUE" + "(" * 20_000
    yield "VALUE " + "a " * 15_000 + "/"
    yield "https://VALUE." + "a." * 15_000
    yield "VALUE/" + "1." * 15_000 + "x"
