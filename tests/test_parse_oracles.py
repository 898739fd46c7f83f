"""Logs of others, in all families, are found out and read as their own tests, or a few lines of plain Python, say."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_parse_crowdsec import expected

from pipeline.chosen import detected
from pipeline.find import find
from pipeline.plan import plan
from pipeline.read import Read
from schemas import load
from schemas.policy import Policy
from schemas.stages import Events
from schemas.trouble import Trouble
from transforms.parse import Parse


def read(file: Path, folder: Path, chunk_bytes: int = 1 << 20) -> tuple[str, list[Events]]:
    """What the file is in, and its events; a copy of it is read, for its ending may be none of a log."""
    copy = folder / "access.log"
    shutil.copyfile(file, copy)
    inputs, known = find([str(copy)]), load.formats()
    name = detected(inputs[0], known)
    chunks = Read(chunk_bytes, formats=known)(iter(plan(inputs, [name], 1 << 30, known)))
    return name, list(Parse(Policy(), load.fields(), known)(chunks))


def rows(events: list[Events]) -> Iterator[dict[str, Any]]:
    for one in events:
        yield from one.batch.to_pylist()


def counts(events: list[Events]) -> tuple[int, int, Counter[str], Counter[str]]:
    """(lines, parsed, skipped, rejected) of all."""
    skipped: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for one in events:
        skipped += one.accounts.skipped
        rejected += one.accounts.rejected
    lines, parsed = (sum(getattr(one.accounts, key) for one in events) for key in ("lines", "parsed"))
    assert lines == parsed + skipped.total() + rejected.total()
    return lines, parsed, skipped, rejected


def test_caddy_is_read_as_crowdsec_says(shared: Path, tmp_path: Path) -> None:
    """Client, path, status and agent of each line that CrowdSec's own test calls an access."""
    here = shared / "logs" / "crowdsec" / "caddy-logs"
    said = [one for one in expected(here / "parser.assert").values() if "http_status" in one]
    name, events = read(here / "caddy-logs.log", tmp_path)
    assert name == "caddy"
    mine = list(rows(events))
    for row, truth in zip(mine, said, strict=True):
        assert row["client"].decode() == truth["source_ip"]
        assert row["path"].decode() == truth["http_path"].partition("?")[0]
        assert max(row["status"], 0) == int(truth["http_status"])
        assert (row["agent"] or b"").decode() == truth.get("http_user_agent", "")


def test_haproxy_is_read_as_crowdsec_says(shared: Path, tmp_path: Path) -> None:
    """The two requests of the file; its three lines of failed handshakes are no accesses."""
    here = shared / "logs" / "crowdsec" / "haproxy-logs"
    lines = (here / "haproxy-logs.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "some.log").write_bytes(b"".join(lines[:2]))
    said = list(expected(here / "parser.assert").values())[:2]
    name, events = read(tmp_path / "some.log", tmp_path)
    assert name == "haproxy"
    for row, truth in zip(rows(events), said, strict=True):
        assert row["client"].decode() == truth["source_ip"]
        assert row["path"].decode() == truth["http_path"]
        assert str(row["status"]) == truth["http_status"]
    with pytest.raises(Trouble, match="haproxy 40%"):  # most of the file is none
        read(here / "haproxy-logs.log", tmp_path)


def test_haproxy_behind_syslog(shared: Path, tmp_path: Path) -> None:
    """lnav's file: every line with an HTTP request is read, with captured headers or not; those of a proxy are not."""
    file = shared / "logs" / "lnav" / "logfile_haproxy.0"
    name, events = read(file, tmp_path)
    truth = [line for line in file.read_text().splitlines() if line.endswith(' HTTP/1.1"')]
    mine = list(rows(events))
    assert name == "syslog/haproxy"
    clients = [line.split("]: ")[1].rpartition(" [")[0].rpartition(":")[0].encode() for line in truth]
    assert [row["client"] for row in mine] == clients
    assert counts(events)[:2] == (len(file.read_bytes().splitlines()), len(truth))


@pytest.mark.parametrize(
    ("file", "found", "parsed", "directives"),
    [
        ("logfile_w3c.0", "w3c", 1, 4),
        ("logfile_w3c.1", "w3c", 1, 6),
        ("logfile_w3c.4", "incapsula", 2, 4),
        ("logfile_w3c.6", "iis", 1, 4),
    ],
)
def test_w3c_of_several_servers(
    shared: Path, tmp_path: Path, file: str, found: str, parsed: int, directives: int
) -> None:
    """Microsoft, Oracle (several blanks between values), Incapsula (all values quoted), UTF-8 in an agent."""
    name, events = read(shared / "logs" / "lnav" / file, tmp_path)
    assert name == found
    assert counts(events) == (parsed + directives, parsed, Counter(directive=directives), Counter())


@pytest.mark.parametrize("file", ["logfile_w3c.2", "logfile_w3c.3", "logfile_w3c.5"])
def test_w3c_that_cannot_be_read_without_guessing_is_refused(shared: Path, tmp_path: Path, file: str) -> None:
    """No date; the clock of an unknown zone; a header with fewer columns than the lines have values."""
    with pytest.raises(Trouble, match="E304"):
        read(shared / "logs" / "lnav" / file, tmp_path)


@pytest.mark.parametrize("chunk_bytes", [300, 5000, 1 << 20])
def test_w3c_whose_header_comes_again(shared: Path, tmp_path: Path, chunk_bytes: int) -> None:
    """Clients and statuses by place in the columns of the header before, wherever a chunk ends."""
    file = shared / "logs" / "lnav" / "logfile_w3c_big.0"
    truth, columns = Counter[tuple[bytes, int]](), []
    for line in file.read_bytes().splitlines():
        if line.startswith(b"#Fields: "):
            columns = line.split()[1:]
        elif not line.startswith(b"#"):
            value = dict(zip(columns, line.split(), strict=True))
            truth[value[b"c-ip"], int(value[b"sc-status"])] += 1
    _, events = read(file, tmp_path, chunk_bytes)
    assert Counter((row["client"], row["status"]) for row in rows(events)) == truth
    assert counts(events)[1] == truth.total() == 210


def test_w3c_columns_that_change_midway(tmp_path: Path) -> None:
    """Each line is read by the header in front of it; lines behind one without a client are rejected."""
    parts = [
        "2026-11-20 00:00:00 192.0.2.9 /early",
        "#Fields: date time c-ip cs-uri-stem", "2026-11-20 00:00:00 192.0.2.1 /a",
        "#Fields: cs-uri-stem c-ip x-secret time date", "/b 192.0.2.2 jo 00:00:01 2026-11-20",
        "#Fields: date time cs-uri-stem", "2026-11-20 00:00:02 /c",
        "#Fields: date time c-ip cs-uri-stem", "2026-11-20 00:00:03 192.0.2.4 /d", "2026-11-20 00:00:03 192.0.2.4 /d x",
    ]  # fmt: skip
    (tmp_path / "in.log").write_text("\n".join(parts * 3) + "\n")
    _, events = read(tmp_path / "in.log", tmp_path)
    found = Counter((row["path"].decode(), row["client"].decode(), row["time"] % 60) for row in rows(events))
    first, changed, last = ("/a", "192.0.2.1", 0), ("/b", "192.0.2.2", 1), ("/d", "192.0.2.4", 3)
    assert found == {first: 3, changed: 3, last: 3, ("/early", "192.0.2.9", 0): 2}
    assert counts(events)[2:] == (Counter(directive=12), Counter(no_format=7))
    assert not any(b"jo" in json.dumps(row, default=repr).encode() for row in rows(events))


def test_ltsv_and_common_in_one_file(tmp_path: Path) -> None:
    """Lines of either format are read by it, the others are rejected; each line is counted once."""
    tail = '[20/Nov/2026:00:00:00 +0000] "GET /c HTTP/1.1" 200 1'
    ltsv = "time:20/Nov/2026:00:00:00 +0000\thost:192.0.2.1\treq:GET /l HTTP/1.1\tstatus:200\tua:A"
    (tmp_path / "in.log").write_text("\n".join([ltsv, ltsv, f"192.0.2.2 - - {tail}", "junk", ""]) * 5)
    name, events = read(tmp_path / "in.log", tmp_path)
    assert name == "ltsv+common"
    assert Counter(row["path"] for row in rows(events)) == {b"/l": 10, b"/c": 5}
    assert counts(events) == (20, 15, Counter(), Counter(no_format=5))


def test_combined_in_syslog(tmp_path: Path) -> None:
    """All four headers in front of a combined line give the same event; what has none is rejected."""
    line = '192.0.2.1 - - [20/Nov/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 1 "-" "A/1.0"'
    heads = [
        "Nov 20 00:00:01 web nginx: ", "Nov  2 00:00:01 web nginx[12]: ", "<190>Nov 20 00:00:01 web nginx: ",
        "<165>1 2026-11-20T00:00:01.003Z web nginx 12 ID47 - ", '<165>1 2026-11-20T00:00:01Z web nginx - - [x@1 a="b"] ',
        "2026-11-20T00:00:01.123456+01:00 web nginx[12]: ",
    ]  # fmt: skip
    (tmp_path / "in.log").write_text("".join(f"{head}{line}\n" for head in heads) + line + "\n")
    name, events = read(tmp_path / "in.log", tmp_path)
    assert name == "syslog/combined"
    assert [(row["client"], row["path"], row["agent"]) for row in rows(events)] == [(b"192.0.2.1", b"/a", b"A/1.0")] * 6
    assert counts(events) == (7, 6, Counter(), Counter(no_format=1))


def test_escapes_in_syslog_are_those_of_the_server(tmp_path: Path) -> None:
    """syslog adds no escapes: a quote that the server escaped ends no field, so that nobody can write fields of others."""
    agent = rb"A\x22 200 1 \x22-\x22 \x22B"
    line = rb'192.0.2.1 - - [20/Nov/2026:00:00:00 +0000] "GET /a\x22 HTTP/1.1" 404 1 "-" "' + agent + rb'"'
    (tmp_path / "in.log").write_bytes(b"Nov 20 00:00:01 web nginx: " + line + b"\n")
    name, events = read(tmp_path / "in.log", tmp_path)
    assert name == "syslog/combined"
    assert [(row["path"], row["status"], row["agent"]) for row in rows(events)] == [(b'/a"', 404, b'A" 200 1 "-" "B')]
