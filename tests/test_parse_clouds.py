"""Logs of clouds, of JSON servers and of what wraps them are read as their makers document them."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_parse_families import NOISE, by_kernel, needs_numba
from test_parse_oracles import counts, read, rows

from schemas import load
from schemas.load import read_format
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from transforms.parse import Parse
from transforms.parsers.families import HEADERS, next_header, readers_behind

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/142.0"
MINE = (
    "azure_front_door", "azure_gateway", "caddy", "cloudflare", "cloudfront", "cloudfront_json", "counter", "cri", "docker",
    "envoy_json", "fastly_json", "google_cloud", "google_storage", "journald", "nginx_json", "traefik", "vercel",
)  # fmt: skip


def events(name: str, data: bytes, header: bytes = b"", **more: load.Format) -> tuple[list[dict[str, Any]], Accounts]:
    """Rows and account of lines in a format, or in one behind an envelope."""
    parse = Parse(Policy(), load.fields(), {**load.formats(), **more})
    chunk = Chunk(0, name, np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts(), header)
    found = list(parse.events(chunk))
    accounts = found[0].accounts
    for one in found[1:]:
        accounts.lines += one.accounts.lines
        accounts.parsed += one.accounts.parsed
        accounts.rejected += one.accounts.rejected
    return [row for one in found for row in one.batch.to_pylist()], accounts


def event(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The one row of a record of a JSON format."""
    (row,), _ = events(name, json.dumps(record).encode() + b"\n")
    return row


# ---- logs and examples of others ------------------------------------------------------------------------------------


def test_cloudflare_is_read_as_json_says(shared: Path, tmp_path: Path) -> None:
    """Client, host, target, status, bytes and whole seconds of each record of a real Logpush file."""
    file = shared / "logs" / "lnav" / "logfile_cloudflare.1"
    name, found = read(file, tmp_path)
    truth = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    assert name == "cloudflare"
    for row, said in zip(rows(found), truth, strict=True):
        assert row["client"].decode() == said["ClientIP"]
        assert row["host"].decode() == said["ClientRequestHost"]
        assert row["path"].decode() == said["ClientRequestURI"].partition("?")[0]
        assert row["agent"].decode() == said["ClientRequestUserAgent"]
        assert (row["status"], row["bytes"]) == (said["EdgeResponseStatus"], said["EdgeResponseBytes"])
        assert row["time"] == said["EdgeStartTimestamp"] // 10**9


@pytest.mark.parametrize(
    "written",
    [1795132800123456789, 1795132800, 1795132800123, "2026-11-20T00:00:00Z", "2026-11-20T00:00:00.123456789Z"],
    ids=["unixnano", "unix", "milliseconds", "rfc3339", "rfc3339nano"],
)
def test_cloudflare_times(written: int | str) -> None:
    """All timestamp formats of a Logpush job are the same second."""
    record = {"ClientIP": "192.0.2.1", "ClientRequestURI": "/a", "EdgeStartTimestamp": written, "EdgeResponseStatus": 0}
    row = event("cloudflare", record)
    assert (row["time"], row["status"]) == (1795132800, -1)


def test_counter_is_read_by_place(shared: Path, tmp_path: Path) -> None:
    """Each line's values by the names of the header; neither cookies nor users nor what was looked at is a column."""
    file = shared / "logs" / "counter" / "counter_2018-05-01.log"
    name, found = read(file, tmp_path)
    lines = file.read_text().splitlines()
    names = next(line for line in lines if line.startswith("#Fields: ")).removeprefix("#Fields: ").split("\t")
    truth = [dict(zip(names, line.split("\t"), strict=True)) for line in lines if not line.startswith("#")]
    mine = list(rows(found))
    assert name == "counter"
    assert set(mine[0]) == {"time", "client", "host", "path", "query", "agent"}
    for row, said in zip(mine, truth, strict=True):
        assert row["client"].decode() == said["client_ip"]
        assert f"http://{row['host'].decode()}{row['path'].decode()}" == said["request_url"].partition("?")[0]
        assert (row["agent"] or b"-").decode() == said["user-agent"]
    assert counts(found)[2:] == (Counter(directive=len(lines) - len(truth)), Counter())


CLOUDFRONT = (
    b"#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    b"cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header"
)


@pytest.mark.parametrize("agent", ["A/1.0%20(x;%20y)", "A/1.0%2520(x;%2520y)", "A/1.0 (x; y)"])
def test_cloudfront_of_all_times(tmp_path: Path, agent: str) -> None:
    """A log with the first fields alone (before 2014), agents encoded once or twice; the visitor may be gone (000)."""
    line = "\t".join(["2026-11-20", "00:00:01", "FRA1", "392", "2001:db8::1", "GET", "d1.cdn.example", "/a%20b", "000", "-",
                      agent, "utm_source=x&email=jo%40example.com", "sid=1", "Error", "x==", "www.example.com"])  # fmt: skip
    (tmp_path / "in.log").write_bytes(b"#Version: 1.0\n" + CLOUDFRONT + b"\n" + line.encode() + b"\n")
    name, found = read(tmp_path / "in.log", tmp_path)
    (row,) = rows(found)
    assert name == "cloudfront"
    assert (row["client"], row["host"], row["path"], row["status"]) == (
        b"2001:db8::1",
        b"www.example.com",
        b"/a%20b",
        -1,
    )
    assert (row["agent"], row["query"]) == (b"A/1.0 (x; y)", b"utm_source=x")


def test_storage_logs_are_csv(tmp_path: Path) -> None:
    """Commas, doubled quotes and a header row: as the csv module reads it, in each of two files that were joined."""
    sample = (SAMPLES / "google_storage" / "input.log").read_text("utf-8").splitlines(keepends=True)
    odd = sample[1].replace('"Mozilla/5.0 (', '"Mozilla/5.0 ""x"", (').replace('"GET","/', '"GET","/a,b')
    assert odd.count('""x""') == odd.count("/a,b") == 1
    text = "".join([sample[0], odd, sample[0], sample[2]])
    (tmp_path / "in.log").write_text(text)
    name, found = read(tmp_path / "in.log", tmp_path)
    truth = [row for row in csv.DictReader(io.StringIO(text)) if row["c_ip"] != "c_ip"]
    assert name == "google_storage"
    assert [row["agent"].decode() for row in rows(found)] == [row["cs_user_agent"] for row in truth]
    assert [row["path"].decode() for row in rows(found)] == [row["cs_uri"].partition("?")[0] for row in truth]
    assert counts(found)[1:] == (2, Counter(directive=2), Counter())


# ---- records --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://shop.example/a?b=1", b"shop.example", b"/a"),
        ("http://jo:secret@shop.example:8443/a", b"shop.example:8443", b"/a"),
        ("https://a@b@shop.example", b"shop.example", b"/"),
        ("https://[2001:db8::1]:443/", b"[2001:db8::1]:443", b"/"),
        ("https:\\/\\/shop.example\\u002fa\\u003femail=x", b"shop.example", b"/a"),
        ("/a", None, b"/a"),
    ],
)
def test_host_of_a_url(url: str, host: bytes | None, path: bytes) -> None:
    """The host is that of the URL, whatever JSON escaped of it; what stands in front of an @ is nowhere."""
    line = f'{{"httpRequest":{{"remoteIp":"192.0.2.1","requestUrl":"{url}"}},"timestamp":"2026-11-20T00:00:00Z"}}\n'
    (row,), _ = events("google_cloud", line.encode())
    assert (row["host"], row["path"]) == (host, path)
    assert not any(b"secret" in value or b"jo" in value for value in row.values() if isinstance(value, bytes))


@pytest.mark.parametrize(
    ("ts", "duration"),
    [
        (1795132800.25, 0.0125), (1795132800250.5, "12.5ms"), (1795132800250000000, "0.0125s"),
        ("2026-11-20T00:00:00.250Z", "12500µs"), ("2026-11-20T01:00:00.250+0100", "12500us"),
        ("20/Nov/2026:01:00:00 +0100", "12500000ns"), ("2026/11/20 00:00:00.250", 0.0125),
    ],
    ids=["unix_seconds_float", "unix_milli_float", "unix_nano", "rfc3339", "iso8601", "common_log", "wall_milli"],
)  # fmt: skip
def test_caddy_times(ts: float | str, duration: float | str) -> None:
    """Every time_format and duration_format that Caddy documents, but durations in nanoseconds without a unit."""
    request = {"remote_addr": "192.0.2.1:5678", "uri": "/a", "headers": {"User-Agent": [AGENT]}}
    line = json.dumps({"ts": ts, "request": request, "duration": duration}, ensure_ascii=False).encode() + b"\n"
    (row,), _ = events("caddy", line)
    assert (row["time"], row["duration"], row["client"]) == (1795132800, 12500, b"192.0.2.1:5678")


def test_mapping_of_the_operators_own_keys() -> None:
    """The [[format]] of docs/formats.md reads a JSON log with keys that no shipped format knows."""
    text = (SAMPLES.parent / "docs" / "formats.md").read_text("utf-8")
    example = text[text.index('[[format]]\nname = "edge"') :].partition("```")[0]
    (entry,) = load.parse(example, "docs")["format"]
    record = {"ip": "2001:db8::1", "when": 1795132800123, "uri": "/a?b", "took": "0.012s", "ua": AGENT, "sid": "x"}
    (row,), _ = events("edge", json.dumps(record).encode() + b"\n", edge=read_format(entry, "docs"))
    assert row == {"time": 1795132800, "client": b"2001:db8::1", "path": b"/a", "query": None, "duration": 12000, "agent": AGENT.encode()}  # fmt: skip # noqa: E501


def test_no_json_format_builds_what_it_drops() -> None:
    """Users, cookies and Authorization are in no column, whatever the format calls them."""
    dropped = {"user", "cookie", "authorization", "ident", "method", "protocol", "ignored"}
    for name in MINE:
        lines = (SAMPLES / name / "input.log").read_bytes()
        made = {"docker": "docker/combined", "cri": "cri/combined", "journald": "journald/combined"}.get(name, name)
        header = next_header(load.formats()[name], b"", lines)
        found, _ = events(made, lines, header)
        assert found and not dropped & set(found[0])
        assert not any(b"sid=" in value for row in found for value in row.values() if isinstance(value, bytes))


# ---- envelopes ------------------------------------------------------------------------------------------------------

LINE = f'192.0.2.1 - - [20/Nov/2026:00:00:00 +0000] "GET /é HTTP/1.1" 200 1 "-" "{AGENT}"'


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_journal(plainly: Callable[[], None], compiled: bool) -> None:
    """A message as text and byte by byte gives the same event; one that is too long, or several in one, is rejected."""
    if not compiled:
        plainly()
    spaced = "[ " + " , ".join(map(str, LINE.encode())) + " ]"
    messages = [json.dumps(LINE), json.dumps(list(LINE.encode() + b"\n")), spaced]
    bad = ["null", json.dumps([LINE, LINE]), "[]", "[1,2]", "[300]", "[1,[2]]", "[1.5]", '"[1,2]"', "7"]
    data = "".join(f'{{"PRIORITY":"6","MESSAGE":{one}}}\n' for one in [*messages, *bad])
    found, accounts = events("journald/combined", data.encode())
    assert [(row["client"], row["path"], row["agent"]) for row in found] == [
        (b"192.0.2.1", "/é".encode(), AGENT.encode())
    ] * 3
    assert (accounts.lines, accounts.parsed, accounts.rejected) == (12, 3, Counter(no_format=9))


def test_containers() -> None:
    """Docker's and Kubernetes' logs: the line break is no part of the line, and pieces of long lines are rejected."""
    docker = [
        {"log": LINE + "\n", "stream": "stdout", "time": "x"},
        {"log": LINE + "\r\n"},
        {"log": LINE[:60]},
        {"log": ""},
    ]
    found, accounts = events("docker/combined", "".join(json.dumps(one) + "\n" for one in docker).encode())
    assert [row["agent"] for row in found] == [AGENT.encode()] * 2
    assert accounts.parsed == 2 and accounts.lines == 4
    stamp = "2026-11-20T00:00:00.123456789+01:00"
    found, accounts = events("cri/combined", f"{stamp} stderr F {LINE}\n{stamp} stdout P {LINE}\n".encode())
    assert (len(found), accounts.rejected) == (1, Counter(no_format=1))


@pytest.mark.parametrize("head", ["2026-11-20T00:00:00.1Z stdout F ", "2026-11-20T00:00:00Z web nginx[7]: "])
def test_a_header_is_no_virtual_host(tmp_path: Path, head: str) -> None:
    """Where vhost_combined could take a header's words for host and client, the envelope that reads it is taken."""
    (tmp_path / "in.log").write_text(f"{head}{LINE}\n" * 3)
    name, found = read(tmp_path / "in.log", tmp_path)
    assert name in ("cri/combined", "syslog/combined")
    assert {row["client"] for row in rows(found)} == {b"192.0.2.1"}


# ---- the kernel and the exact reading -------------------------------------------------------------------------------


def damaged(name: str, seed: int) -> tuple[bytes, list[bytes]]:
    """The header of a sample, and its lines, six in ten of them damaged."""
    draw, data = random.Random(seed), (SAMPLES / name / "input.log").read_bytes()
    made = []
    for line in data.splitlines():
        if not line.startswith(b"#") and draw.random() < 0.6:
            for _ in range(draw.choice((1, 1, 2))):
                at = draw.randrange(len(line) + 1)
                line = line[:at] + draw.choice(NOISE) + line[at + draw.choice((0, 0, 1, 5)) :]
        made.append(line + draw.choice((b"", b"", b"\r", b" ")))
    start = data.find(HEADERS["fields"])
    return data[max(start, 0) :].partition(b"\n")[0], made


@needs_numba
@pytest.mark.parametrize("name", MINE)
def test_kernel_reads_damaged_lines_like_the_exact_reading(name: str) -> None:
    """What the kernel takes of a damaged sample has the same spans by the exact way, and it takes most of the rest."""
    header, lines = damaged(name, seed=31)
    (first, *others) = readers_behind(load.formats()[name], header)
    taken = well_formed = 0
    for line, fast in zip(lines, by_kernel(first, lines), strict=True):
        slow = first.read(line)
        well_formed += slow is not None
        if fast is not None:
            taken += 1
            assert slow is not None, line
            assert fast == [span if span[1] > span[0] else (0, 0) for span in slow[0]], line
    assert taken > 0.6 * well_formed > 0, others


@pytest.mark.parametrize("name", MINE)
def test_compiled_and_plain_give_the_same_events(name: str, plainly: Callable[[], None]) -> None:
    """Rows and accounts of a damaged sample do not depend on numba."""
    header, lines = damaged(name, seed=32)
    made = {"docker": "docker/combined", "cri": "cri/combined", "journald": "journald/combined"}.get(name, name)
    data = b"".join(line + b"\n" for line in lines)
    fast = events(made, data, header)
    plainly()
    assert events(made, data, header) == fast
    assert 0 < fast[1].parsed < fast[1].lines


def test_the_target_of_a_line_without_its_request_is_its_path() -> None:
    """Two keys may give the path, and lines of one file may have either, both, or a dash for one."""
    one = {"time_local": "20/Nov/2026:00:00:00 +0000", "remote_addr": "192.0.2.1", "status": "200"}
    asked = [
        {"request": "GET /a?utm_source=x HTTP/1.1"},
        {"request_uri": "/b?utm_source=y"},
        {"request": "GET /c HTTP/1.1", "request_uri": "/other"},
        {"request": "-", "request_uri": "\\/d?utm_source=z"},
        {"request": "", "request_uri": "-"},
    ]
    lines = b"".join(json.dumps({**one, **more}).replace("\\\\", "\\").encode() + b"\n" for more in asked)
    found, _ = events("nginx_json", lines)
    assert [row["path"] for row in found] == [b"/a", b"/b", b"/c", b"/d", None]
    assert [row["query"] for row in found] == [b"utm_source=x", b"utm_source=y", None, b"utm_source=z", None]


def test_nginx_with_the_keys_of_elastics_example() -> None:
    """remote_ip, response, bytes, referrer, agent."""
    row = event(
        "nginx_json",
        {
            "time": "20/Nov/2026:00:00:00 +0000", "remote_ip": "192.0.2.1", "request": "GET /a HTTP/1.1", "response": 304,
            "bytes": 12, "referrer": "https://b.example/", "agent": AGENT,
        },
    )  # fmt: skip
    wanted = {"client": b"192.0.2.1", "status": 304, "bytes": 12, "referrer": b"https://b.example/", "path": b"/a"}
    assert {key: row[key] for key in wanted} == wanted and row["agent"] == AGENT.encode()
