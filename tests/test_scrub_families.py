"""Scrubbed lines of every family: still lines of their format, with the same facts, and nothing that was planted."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from expected import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.chosen import HEAD
from pipeline.cut import padded
from pipeline.scrubber import Scrubber
from schemas import load
from schemas.policy import Policy, make_policy, read_policy
from schemas.stages import Accounts, Chunk
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.example import example
from transforms.scrub.by_line import LineRewriter
from transforms.scrub.words import Words

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
FORMATS = load.formats()
SMALL = sorted(folder.parent.name for folder in SAMPLES.glob("*/input.log"))
OTHERS = sorted(name for name, one in FORMATS.items() if one.family != "directive" and not one.envelope)
BY_FAMILY = [
    "nginx_json",
    "ga4",
    "clicks_csv",
    "google_storage",
    "cloudfront",
    "w3c",
    "ltsv",
    "haproxy",
    "combined_timed",
]


@cache
def policy() -> Policy:
    """The policy of the samples."""
    return read_policy(SAMPLES / "crowdlog.toml")


def scrubbed(
    lines: bytes, made: str, treatment: str = "truncate", chunks: int = 1, by: Policy | None = None
) -> tuple[bytes, Accounts]:
    """What scrub makes of lines, given in so many chunks, and its counts."""
    scrubber = Scrubber(by or policy(), None, treatment, made)
    pieces, out, total = lines.splitlines(keepends=True), b"", Accounts()
    step = -(-len(pieces) // chunks) if pieces else 1
    for start in range(0, len(pieces), step):
        chunk = Chunk(0, made, *padded(b"".join(pieces[start : start + step])), total)
        out += b"".join(map(bytes, scrubber.rewrite(chunk)))
    return out, total


def events(lines: bytes, made: str) -> list[dict[str, Any]]:
    """What a run reads of lines: canonical columns by row."""
    formats = {**FORMATS, **policy().formats}
    parse = Parse(policy(), load.fields(), formats, NOW)  # some say no year
    batches = parse.events(Chunk(0, made, *padded(lines), Accounts()))
    return [row for batch in batches for row in batch.batch.to_pylist()]


@cache
def sample(name: str) -> tuple[bytes, str]:
    """The first lines of a sample, and the format that they are in."""
    lines = b"".join((SAMPLES / name / "input.log").read_bytes().splitlines(keepends=True)[:400])
    if name in FORMATS and not FORMATS[name].envelope:
        return lines, name
    return lines, detect(lines.split(b"\n")[:HEAD], {**FORMATS, **policy().formats})[0]


# ---- samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_samples_are_read_again(name: str) -> None:
    """A run reads as many events, in their order, with the same times, statuses, sizes and durations; a second scrub
    changes nothing."""
    lines, made = sample(name)
    out, accounts = scrubbed(lines, made)
    before, after = events(lines, made), events(out, made)
    assert len(before) == len(after) == accounts.parsed > 50
    for column in ("time", "status", "bytes", "duration"):
        assert sorted(map(str, (row.get(column) for row in before))) == sorted(
            map(str, (row.get(column) for row in after))
        )
    if "+" not in made:  # of a mixture, a run gives the events format by format
        assert [row["time"] for row in before] == [row["time"] for row in after]
    assert scrubbed(out, made)[0] == out


@pytest.mark.parametrize("treatment", ["truncate", "hash", "drop"])
@pytest.mark.parametrize("name", ["caddy", "haproxy", "cloudfront", "cri", "segment"])
def test_no_address_is_left(name: str, treatment: str) -> None:
    """Whatever looks like an address is one that scrub writes: cut, keyed or none."""
    lines, made = sample(name)
    out, _ = scrubbed(lines, made, treatment)
    quads = set(
        re.findall(
            rb"(?<![\d./])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", re.sub(rb"(?:Chrome|Edg|rv|Version)[/:][\d.]+", b"", out)
        )
    )
    assert quads <= {b"0.0.0.0"} if treatment != "truncate" else all(quad.endswith(b".0") for quad in quads)
    shown = {
        "truncate": rb"(?:192\.0\.2|198\.\d+\.\d+)\.0",
        "hash": rb"2001:db8:0:0(?::[0-9a-f]{4}){4}",
        "drop": rb"0\.0\.0\.0",
    }
    assert re.search(shown[treatment], out)


@pytest.mark.parametrize("name", SMALL)
def test_planted_values_are_gone(name: str) -> None:
    """Nothing of what was planted is left, but names in words of a path that nobody declared, and page counts ask for k."""
    lines, made = sample(name)
    out, _ = scrubbed(lines, made, "hash")
    own = SAMPLES / name / "planted.json"
    if own.exists():
        planted = json.loads(own.read_text())
    elif name in ("combined", "common", "nginx_timed", "vhost_combined"):
        planted = [
            one for one in json.loads((SAMPLES / "planted.json").read_text())["planted"] if one["file"].startswith(name)
        ]
    else:
        planted = json.loads((SAMPLES / "planted_small.json").read_text())
    there = [one for one in planted if one["written"].encode() in lines]
    left = {one["kind"] for one in there if one["written"].encode() in out or one["value"].encode() in out}
    assert there and left <= {"name"}


@pytest.mark.parametrize("treatment", ["truncate", "drop"])
@pytest.mark.parametrize("name", ["combined", "common", "vhost_combined", "nginx_timed"])
def test_line_by_line_and_by_columns_write_the_same(name: str, treatment: str) -> None:
    """The fast way and the slow one are two writers with one output."""
    lines, _ = sample(name)
    fast, counted = scrubbed(lines, name, treatment)
    scrubber = Scrubber(policy(), None, treatment, name)
    slow = LineRewriter(name, scrubber.formats, scrubber.treatments)
    chunk = Chunk(0, name, *padded(lines), Accounts())
    assert b"".join(map(bytes, slow.rewrite(chunk))) == fast != b""
    assert (chunk.accounts.lines, chunk.accounts.parsed, chunk.accounts.rejected, chunk.accounts.noted) == (
        counted.lines, counted.parsed, counted.rejected, counted.noted,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "key", "value", "time", "days"),
    [
        ("clicks", "ip", "198.51.100.7", "time", ["2026-11-18T10:20:30Z", "2026-11-18T23:59:59Z", "2026-11-19T00:00:00Z"]),
        ("umami", "session_id", "6f1c2d", "created_at", ["2026-11-18 10:20:30", "2026-11-18 23:59:59", "2026-11-19 00:00:00"]),
    ],
)  # fmt: skip
def test_two_days_are_unlinkable(name: str, key: str, value: str, time: str, days: list[str]) -> None:
    """Addresses, and visitors where there are none, have a token that is another each day, in each scrub, and not theirs."""
    more = {"clicks": {"link": "7"}, "umami": {"event_type": 1, "url_path": "/"}}[name]
    lines = b"".join(json.dumps({key: value, time: day, **more}).encode() + b"\n" for day in days)
    first, second = (
        [json.loads(line)[key] for line in scrubbed(lines, name, "hash")[0].splitlines()] for _ in range(2)
    )
    assert first[0] == first[1] != first[2] and not set(first) & {*second, value}
    shown = {json.loads(line)[key] for line in scrubbed(lines, name, "truncate")[0].splitlines()}
    assert shown == {"198.51.100.0" if name == "clicks" else "-"}


# ---- by other readers than ours -------------------------------------------------------------------------------------


def declared_keys(name: str) -> set[str]:
    """First keys of what a JSON format declares, from its TOML alone."""
    columns = tomllib.loads((ROOT / "schemas" / "formats" / f"{name}.toml").read_text())["columns"]
    entries = [one for value in columns.values() for one in (value if isinstance(value, list) else [value])]
    paths = [one["from"] if isinstance(one, dict) else one for one in entries]
    return {re.match(r'"([^"]+)|([^.\[]+)', path).expand(r"\1\2") for path in paths}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name", [one for one in SMALL if one in FORMATS and FORMATS[one].family == "json" and not FORMATS[one].envelope]
)
def test_json_lines_are_json_with_their_keys_in_order(name: str) -> None:
    """Python's json reads each line; its keys are those that are declared, in the order and of the types that they had."""
    lines, made = sample(name)
    out, _ = scrubbed(lines, made)
    wanted = declared_keys(name)
    for before, after in zip(map(json.loads, lines.splitlines()), map(json.loads, out.splitlines()), strict=True):
        assert list(after) == [key for key in before if key in wanted]
        for key, value in after.items():
            assert value is None or type(value) is type(before[key]), key


@pytest.mark.parametrize("name", ["clicks_csv", "google_storage"])
def test_csv_is_read_by_the_csv_module(name: str) -> None:
    """As many columns in each row, under names that are declared or tell nothing, the times as they were."""
    lines, made = sample(name)
    before, after = ([*csv.reader(text.decode().splitlines())] for text in (lines, scrubbed(lines, made)[0]))
    assert len(before) == len(after) and {len(row) for row in after} == {len(before[0])}
    sources = {source.name for source in FORMATS[name].sources}
    assert [
        now == was if was in sources else now == f"x-dropped-{at}"
        for at, (was, now) in enumerate(zip(before[0], after[0], strict=True), 1)
    ]
    assert all(name in sources or re.fullmatch(r"x-dropped-\d+", name) for name in after[0])
    assert [row[0][:10] for row in after] == [row[0][:10] for row in before]


def test_ltsv_is_pairs_with_tabs_between() -> None:
    """A plain split reads the line; labels that are not declared are gone, the brackets of the time are not."""
    line = (
        b"host:198.51.100.7\ttime:[18/Nov/2026:10:20:30 +0000]\treq:GET /kb/setup?q=maxine HTTP/1.1\tstatus:200\tsize:5"
        b"\tx-maxine:maxine@customer.example\tuser:maxine\treferer:-\tua:\n"
    )
    out, accounts = scrubbed(line, "ltsv")
    assert dict(pair.split(b":", 1) for pair in out.rstrip(b"\n").split(b"\t")) == {
        b"host": b"198.51.100.0", b"time": b"[18/Nov/2026:10:20:30 +0000]", b"req": b"GET /kb/setup HTTP/1.1",
        b"status": b"200", b"size": b"5", b"user": b"-", b"referer": b"-", b"ua": b"",
    }  # fmt: skip
    assert accounts.noted == {"undeclared": 1}


# ---- canaries -------------------------------------------------------------------------------------------------------

CANARY = "canary7q{}@customer.example"


def planted_line(name: str) -> bytes:
    """The example of a format with a canary in every text, and in keys, labels and columns that it does not declare."""
    made = FORMATS[name]
    texts = [field.variable for field in _fields(name) if not field.typed]
    *above, line = example(made)
    match made.family:
        case "json":
            tree = json.loads(line)
            return json.dumps(_with_canaries(tree)).encode() + b"\n"
        case "labelled":
            pairs = [pair.split(b":", 1) for pair in line.split(b"\t")]
            known = [label + b":" + (_canary(label) if label.decode() in texts else text) for label, text in pairs]
            return b"\t".join([*known, b"canary7qlabel:" + _canary(b"label")]) + b"\n"
        case "delimited":
            between = made.separator.encode()
            names = above[0].removeprefix(b"#Fields: ").split(between) if above else [n.encode() for n in made.names]
            cells = next(csv.reader([line.decode()], delimiter=made.separator))
            shown = [
                _canary(column)
                if column.decode() in texts or column.decode() not in known_names(name)
                else cell.encode()
                for column, cell in zip(names, cells, strict=True)
            ]
            if not above:
                return between.join(shown) + b"\n"
            return above[0] + between + b"canary7qcolumn\n" + between.join([*shown, _canary(b"column")]) + b"\n"
    return _laid_out(name) + b"\n"


def known_names(name: str) -> set[str]:
    """Names of the sources of a format."""
    return {source.name for source in FORMATS[name].sources}


def _fields(name: str) -> Any:
    from transforms.parsers.families import readers, readers_behind

    made = FORMATS[name]
    return (readers_behind(made, example(made)[0]) if made.header else readers(made))[0].fields


def _canary(name: bytes) -> bytes:
    return CANARY.format(re.sub(r"\W", "", name.decode())).encode()


def _with_canaries(tree: Any) -> Any:
    """Texts become canaries, and each object gets a key that nobody declared; what is a time or an address stays."""
    if isinstance(tree, dict):
        held = {key: value if key == "key" else _with_canaries(value) for key, value in tree.items()}
        return {
            **held,
            "canary7qkey@customer.example": CANARY.format("undeclared"),
            "canary7qtree": {"canary7qdeep": ["canary7qentry"]},
        }
    if isinstance(tree, list):
        return [*map(_with_canaries, tree), "canary7qlast"]
    is_text = isinstance(tree, str) and not re.match(r"\d|-$|DE$", tree)
    return CANARY.format("value") if is_text else tree


def _laid_out(name: str) -> bytes:
    """The example of a pattern, each of its texts a canary that is one word."""
    from transforms.parsers.example import value
    from transforms.parsers.families import readers

    layout: Any = readers(FORMATS[name])[0]
    out = layout.lead
    for field, literal in zip(layout.fields, layout.literals, strict=True):
        kept = field.typed or field.column in ("client",)
        out += (value(field).encode() if kept else _canary(field.variable.encode())) + literal
    return bytes(out)


@pytest.mark.parametrize("name", OTHERS)
def test_no_canary_comes_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in every text, key, label and column, none comes out; where texts are copied, they do."""
    line = planted_line(name)
    for treatment in ("truncate", "hash"):
        out, accounts = scrubbed(line, name, treatment)
        assert accounts.parsed == 1 and b"canary7q" not in out.lower(), name
    monkeypatch.setattr(Words, "_word", lambda self, field, raw, seen: raw)
    out, _ = scrubbed(line, name)
    assert b"canary7q" in out


@pytest.mark.parametrize("name", [name for name in OTHERS if FORMATS[name].family != "pattern"])
def test_undeclared_values_are_counted(name: str) -> None:
    """What is left out is counted; without the defence, which is that only declared places are written, it would be there."""
    line = planted_line(name)
    _, accounts = scrubbed(line, name)
    texts = {field.variable for field in _fields(name)}
    assert accounts.noted["undeclared"] > 0 or (FORMATS[name].names and set(FORMATS[name].names) <= texts)
    assert line.count(b"canary7q") > 1


@pytest.mark.parametrize("name", ["nginx_json", "ltsv", "clicks_csv"])
def test_a_leak_of_the_writers_would_be_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that copies the line instead of building it lets the undeclared canary through, and the hunt sees it."""
    from transforms.scrub.delimited import DelimitedLine
    from transforms.scrub.json_lines import JsonLine
    from transforms.scrub.labelled import LabelledLine

    for one in (DelimitedLine, JsonLine, LabelledLine):
        monkeypatch.setattr(one, "put", lambda self, line, read, words, accounts: line)
    assert b"canary7q" in scrubbed(planted_line(name), name)[0]


def test_numbers_and_truths_that_may_name_somebody() -> None:
    """An id that is a number becomes 0, true and false become false, null stays; all keep the type that they had."""
    given_ = {"remote_addr": "198.51.100.7", "msec": 1763461230.125, "request_uri": "/kb", "remote_user": 4711001}
    out, _ = scrubbed(
        json.dumps({**given_, "host": True, "http_referer": None, "bytes_sent": 512}).encode(), "nginx_json"
    )
    assert out == (
        b'{"remote_addr":"198.51.100.0","msec":1763461230.000,"request_uri":"/kb","remote_user":0,"host":false,'
        b'"http_referer":null,"bytes_sent":512}\n'
    )


# ---- headers, envelopes, mixtures -----------------------------------------------------------------------------------

W3C = b"""#Software: maxine's server
#Version: 1.0
#Date: 2026-11-18 10:20:00
#Fields: date time c-ip cs-username s-maxine cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)
2026-11-18 10:20:30 198.51.100.7 maxine 192.0.2.1 GET /kb/setup q=maxine 200 curl/8.5.0+(maxine)
#Fields: date time cs-method cs-uri-stem c-ip sc-status
2026-11-18 10:20:31 GET /user/maxine 198.51.100.8 404
#Fields: date sc-status
2026-11-18 200
"""
W3C_OUT = b"""#Version: 1.0
#Fields: date time c-ip cs-username x-dropped-5 cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)
2026-11-18 10:20:30 198.51.100.0 - - GET /kb/setup - 200 curl/8.5.0
#Fields: date time cs-method cs-uri-stem c-ip sc-status
2026-11-18 10:20:31 GET /user/{*} 198.51.100.0 404
"""


@pytest.mark.parametrize("chunks", [1, 3, 9])
def test_header_lines_go_with_their_lines(chunks: int) -> None:
    """#Fields lines count for what is behind them, also in the next chunk; remarks and names that are unknown are gone."""
    out, accounts = scrubbed(W3C, "w3c", chunks=chunks)
    assert out == W3C_OUT
    assert accounts.skipped == {"directive": 6} and accounts.rejected == {"no_format": 1} and accounts.lines == 9


def test_a_header_row_is_written_once() -> None:
    """The first line names the columns, in quotes where it did; the lines of the next chunk are read by it."""
    rows = (
        b"time,ip,affiliate,maxine\n2026-11-18T10:20:30Z,198.51.100.7,13,maxine\n"
        b'2026-11-18T10:20:31Z,198.51.100.8,"maxine, x",\n'
    )
    for chunks in (1, 3):
        out, accounts = scrubbed(rows, "clicks_csv", chunks=chunks)
        assert out == (
            b'time,ip,affiliate,x-dropped-4\n2026-11-18T10:20:30Z,198.51.100.0,13,\n2026-11-18T10:20:31Z,198.51.100.0,"other",\n'
        )
        assert accounts.noted == {"undeclared": 2}


INSIDE = b'198.51.100.77 - maxine [18/Nov/2026:10:20:30 +0000] "GET /user/maxine HTTP/1.1" 200 5 "-" "maxine"'
INSIDE_OUT = b'198.51.100.0 - - [18/Nov/2026:10:20:30 +0000] "GET /user/{*} HTTP/1.1" 200 5 "-" "-"'


def packed(tree: object) -> bytes:
    """JSON without blanks."""
    return json.dumps(tree, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("made", "line", "expected"),
    [
        ("syslog/combined", b"<190>Nov 18 10:20:30 maxine maxine[9]: " + INSIDE, b"<0>Nov 18 10:20:30 - -: " + INSIDE_OUT),
        ("cri/combined", b"2026-11-18T10:20:30.125Z stdout F " + INSIDE, b"2026-11-18T10:20:30.000Z stdout F " + INSIDE_OUT),
        ("docker/combined", packed({"log": INSIDE.decode() + "\n", "maxine": 1}), packed({"log": INSIDE_OUT.decode() + "\n"})),
        ("journald/combined", packed({"MESSAGE": [*INSIDE], "_PID": "maxine"}), packed({"MESSAGE": INSIDE_OUT.decode()})),
    ],
)  # fmt: skip
def test_envelopes(made: str, line: bytes, expected: bytes) -> None:
    """The line inside is written anew, and of the envelope only what says when; what is inside and not read is dropped."""
    bad = (
        line.replace(b"[18/Nov/2026:10:20:30", b"[maxine")
        if b"MESSAGE" not in line
        else b'{"MESSAGE":[109,97,120,105,110,101]}'
    )
    out, accounts = scrubbed(line + b"\n" + bad + b"\nmaxine\n", made)
    assert out == expected + b"\n"
    assert (accounts.lines, accounts.parsed, accounts.rejected) == (3, 1, {"no_format": 2})


def test_mixtures_keep_their_order() -> None:
    """Lines of two formats come out as they went in."""
    common = INSIDE[: INSIDE.index(b' "-"')]
    out, accounts = scrubbed(b"\n".join([INSIDE, common, INSIDE, common, b""]), "combined+common")
    first, second = INSIDE_OUT, INSIDE_OUT[: INSIDE_OUT.index(b' "-"')]
    assert out.splitlines() == [first, second, first, second] and accounts.parsed == 4


def test_what_would_be_read_otherwise_is_dropped() -> None:
    """A line that an earlier pattern of its format would take, once it is written, is counted and not written."""
    by = make_policy(
        {"format": [{"name": "odd", "family": "pattern", "patterns": [
            '{client} [{time:clf}] "{request}" -', '{client} [{time:clf}] "{request}" {ignored}',
        ]}]}, "test",
    )  # fmt: skip
    out, accounts = scrubbed(b'198.51.100.7 [18/Nov/2026:10:20:30 +0000] "GET / HTTP/1.1" maxine\n', "odd", by=by)
    assert out == b"" and accounts.rejected == {"unwritable": 1} and accounts.parsed == 0


# ---- damage ---------------------------------------------------------------------------------------------------------

BYTES = st.sampled_from(
    [
        b'"',
        b"\\",
        b",",
        b"\t",
        b" ",
        b"-",
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b"#",
        b"%",
        b"\x00",
        b"\xff",
        b"maxine",
        b"\\u0022",
        b"",
    ]
)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), BYTES), max_size=4)


def damaged(line: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """The line with some bytes replaced."""
    for at, length, text in edits:
        at %= len(line) + 1
        line = line[:at] + text + line[at + length :]
    return line.replace(b"\n", b"")


def lines_of(name: str) -> tuple[list[bytes], list[bytes]]:
    """(header lines, lines) of a sample, or of the format's own example."""
    found = SAMPLES / name / "input.log"
    lines = found.read_bytes().splitlines()[:8] if found.exists() else example(FORMATS[name])
    count = {"fields": max((i for i, line in enumerate(lines, 1) if line.startswith(b"#")), default=0), "row": 1, "": 0}
    return lines[: count[FORMATS[name].header]], lines[count[FORMATS[name].header] :]


@pytest.mark.parametrize("name", BY_FAMILY)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_lines(name: str, data: st.DataObject) -> None:
    """As many lines come out as a run reads, but for those that are counted as unwritable; they are read again with the
    same times; scrubbing again changes nothing."""
    header, lines = lines_of(name)
    broken = [damaged(data.draw(st.sampled_from(lines)), data.draw(EDITS)) for _ in range(3)]
    text = b"".join(line + b"\n" for line in (*header, *broken))
    out, accounts = scrubbed(text, name)
    before, after = events(text, name), events(out, name)
    assert len(before) == accounts.parsed + accounts.rejected["unwritable"]
    assert len(after) == accounts.parsed
    if not accounts.rejected["unwritable"]:
        assert sorted(row["time"] for row in before) == sorted(row["time"] for row in after)
    assert scrubbed(out, name)[0] == out
    assert accounts.lines == accounts.parsed + accounts.skipped.total() + accounts.rejected.total()


WHOLE = [
    "/kb/a b",
    'a"b',
    "https://www.shop.example/kb/x?page=2",
    "maxine@customer.example",
    "::1",
    "GET /x HTTP/1.1",
]
PIECES = ["/", "?", "&", "=", "%40", "kb", "{*}", "utm_source", "a b", ",", "\t", "//", ":"]
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(WHOLE),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
ROW = ("time", "ip", "affiliate", "link", "referrer", "agent", "visitor", "maxine")


def as_json(values: list[str]) -> bytes:
    """nginx_json, by Python's json."""
    names = (
        "remote_addr",
        "host",
        "request",
        "request_uri",
        "http_referer",
        "http_user_agent",
        "remote_user",
        "maxine",
    )
    return json.dumps({"msec": 1763461230.123, "status": 200, **dict(zip(names, values, strict=True))}).encode()


def as_csv(values: list[str]) -> bytes:
    """clicks_csv, by Python's csv, with its header row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([ROW, ["2026-11-18T10:20:30Z", *(re.sub(r"[\r\n]", "", value) for value in values[1:])]])
    return out.getvalue().rstrip("\n").encode()


def as_ltsv(values: list[str]) -> bytes:
    """ltsv, joined by tabs."""
    labels = ("host", "vhost", "req", "uri", "referer", "ua", "user", "maxine")
    pairs = [f"{label}:{re.sub(chr(9), '', value)}" for label, value in zip(labels, values, strict=True)]
    return re.sub(r"[\r\n]", "", "\t".join(["time:[18/Nov/2026:10:20:30 +0000]", "status:200", *pairs])).encode()


@pytest.mark.parametrize(("name", "write"), [("nginx_json", as_json), ("clicks_csv", as_csv), ("ltsv", as_ltsv)])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(TEXTS, min_size=8, max_size=8), treatment=st.sampled_from(["truncate", "drop", "hash"]))
def test_any_text_in_any_value(
    name: str, write: Callable[[list[str]], bytes], values: list[str], treatment: str
) -> None:
    """Whatever stands in the values, the line comes out in plain ASCII, is read again, and a second scrub changes nothing."""
    line = write(values) + b"\n"
    out, accounts = scrubbed(line, name, treatment)
    assert accounts.parsed == len(events(line, name)) == len(events(out, name))
    assert out.isascii() and b"maxine" not in out
    assert treatment == "hash" or scrubbed(out, name, treatment)[0] == out
