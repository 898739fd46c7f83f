"""Families of named values: the kernel and the exact reading of a line agree on every line, however hostile it is."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import load
from schemas.load import Format, Source
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from transforms.kernels import calls, compiled
from transforms.parse import Parse
from transforms.parsers.delimited import delimited
from transforms.parsers.families import readers
from transforms.parsers.reader import Reader

CSV = Format(
    "shop", "", "", family="delimited", separator=",", names=("t", "ip", "x", "uri", "n"),
    required=("client", "time"),
    sources=(Source("client", "ip", "text"), Source("time", "t", "epoch"), Source("target", "uri", "text"),
             Source("bytes", "n", "count")),
)  # fmt: skip
W3C = b"#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status time-taken cs(User-Agent)"
TIMES = ["1795132800.25", "2026-11-20T00:00:00Z", "20/Nov/2026:00:00:00 +0000", "", "x", "99999999999999"]
TEXTS = ["", "-", "/a?b=1&c=2", 'q"q', "q\\", "\x1f", "é", "\ud83d\ude00", "a\tb", "192.0.2.1", "[", "null"]
NOISE = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\t",
    b" ",
    b"\r",
    b"\0",
    b"\xff",
    b"\\u12",
    b'\\"',
    b"0",
    b"e",
    b"#",
]
NOISE += [b'"ts":1,', b'"request":{},', b"null", b"01", b"-", b"1e5", b'""', b"\\ud800", b"client", b"\xc3\xa9"]


def json_line(draw: random.Random) -> bytes:
    """A line as Caddy might write it, with values of every type in every place."""
    scalar = lambda: draw.choice([*TEXTS, 0, 12, -1, 1.5, True, None, 200, {}, [], ["x"], {"y": [1, {"z": 2}]}])  # noqa: E731
    headers: dict[str, Any] = {
        draw.choice(["User-Agent", "Referer", "Accept", "X.Y"]): draw.choice([[scalar()], scalar(), [scalar(), "b"]])
    }
    request = {
        "client_ip": draw.choice(["192.0.2.1", "2001:db8::1", scalar()]),
        "uri": draw.choice(TEXTS),
        "headers": headers,
        "host": scalar(),
    }
    record: dict[str, Any] = {
        "ts": draw.choice([1795132800.25, 1795132800, *TIMES]), "request": request, "size": draw.choice([1, 0, "7", None, -1]),
        "status": draw.choice([200, 404, 0, 999, "200"]), "extra": scalar(), "duration": draw.choice([0.5, 1, "x"]),
    }  # fmt: skip
    pairs = draw.sample(list(record.items()), draw.randrange(4, len(record) + 1))
    return json.dumps(dict(pairs), ensure_ascii=draw.random() < 0.5, separators=draw.choice([None, (",", ":")])).encode(
        "utf-8", "surrogatepass"
    )


def steady_line(draw: random.Random) -> bytes:
    """A line as one program writes it: the same keys in the same order, but for a header or two; values of all types."""
    headers = {"User-Agent": [draw.choice(TEXTS)], "X.Y": [1, {"z": draw.choice([None, 2])}]}
    if draw.random() < 0.3:
        headers["Referer"] = [draw.choice(TEXTS)]
    record = {
        "level": draw.choice(["info", 'er"r', None]), "ts": draw.choice([1795132800.25, 1795132801, "2026-11-20T00:00:00Z"]),
        "request": {"client_ip": "192.0.2.1", "uri": draw.choice(TEXTS), "headers": headers},
        "size": draw.choice([0, 12, None, True, -1.5e3]), "status": draw.choice([200, 404]), "more": {},
    }  # fmt: skip
    return json.dumps(record, ensure_ascii=draw.random() < 0.5, separators=(",", ":")).encode("utf-8", "surrogatepass")


def ltsv_line(draw: random.Random) -> bytes:
    """Labels of the recommendation, some twice, some not known, some empty."""
    clock = draw.choice(
        ["20/Nov/2026:00:00:00 +0000", "[20/Nov/2026:00:00:00 +0000]", "2026-11-20T00:00:00Z", "x", "", "["]
    )
    pairs = [
        f"time:{clock}",
        "host:192.0.2.1",
        f"req:GET /a?b={draw.randrange(9)} HTTP/1.1",
        f"status:{draw.choice(['200', '-', '', 'x'])}",
    ]
    pairs += [
        f"{draw.choice(['ua', 'size', 'x', '', 'host', 'uri'])}:{draw.choice([*TEXTS, '7'])}"
        for _ in range(draw.randrange(4))
    ]
    draw.shuffle(pairs)
    return "\t".join(pairs).encode("utf-8", "surrogatepass")


def w3c_line(draw: random.Random) -> bytes:
    """The columns of W3C, at times too few or too many, quoted, or with several blanks between."""
    quoted = lambda text: '"' + text.replace('"', '""') + '"' if draw.random() < 0.2 else text.replace(" ", "+") or "-"  # noqa: E731
    values = [
        "2026-11-20",
        draw.choice(["00:00:00", "23:59:59.123", "24:00:00", "-"]),
        "192.0.2.1",
        "GET",
        "/a",
        draw.choice(["-", "b=1"]),
    ]
    values += [draw.choice(["200", "-", "0"]), "15", draw.choice([*TEXTS, "A/1.0+(x;+y)"])]
    values = [quoted(value) for value in values]
    if draw.random() < 0.1:
        values.insert(draw.randrange(9), "x")
    return draw.choice([" ", " ", " ", "  ", "\t"]).join(values).encode("utf-8", "surrogatepass")


def csv_line(draw: random.Random) -> bytes:
    """Five columns, quoted where they have to be, and at times where not."""
    quoted = lambda text: '"' + text.replace('"', '""') + '"' if "," in text or draw.random() < 0.3 else text  # noqa: E731
    values = [
        draw.choice(TIMES),
        "192.0.2.1",
        draw.choice(TEXTS),
        draw.choice([*TEXTS, "/a,b"]),
        draw.choice(["7", "", "-", "x"]),
    ]
    return ",".join(map(quoted, values)).encode("utf-8", "surrogatepass")


def reader_of(name: str) -> Reader:
    if name == "w3c":
        return delimited(load.formats()["w3c"], W3C) or pytest.fail("the header has all required columns")
    return readers(CSV if name == "csv" else load.formats()["caddy" if name == "steady" else name])[0]


LINES: dict[str, Callable[[random.Random], bytes]] = {
    "caddy": json_line, "steady": steady_line, "ltsv": ltsv_line, "w3c": w3c_line, "csv": csv_line,
}  # fmt: skip
needs_numba = pytest.mark.skipif(not compiled(), reason="nothing is compiled: numba is missing or not wanted")


def lines_of(name: str, count: int, seed: int) -> list[bytes]:
    """Lines of a format, four in ten of them damaged."""
    draw, made = random.Random(seed), []
    for _ in range(count):
        line = LINES[name](draw)
        if draw.random() < 0.4:
            for _ in range(draw.choice((1, 1, 2, 4))):
                at = draw.randrange(len(line) + 1)
                line = line[:at] + draw.choice(NOISE) + line[at + draw.choice((0, 0, 1, 3, 20)) :]
        made.append(line.replace(b"\n", b"") + draw.choice((b"", b"", b"", b"\r", b" ")))
    return made


def by_kernel(reader: Reader, lines: Sequence[bytes]) -> list[list[tuple[int, int]] | None]:
    """Spans of what the kernel itself accepts with all values right, None where it refuses."""
    block, rows = calls.Block(4 << 20), calls.Rows(len(reader.fields))
    block.fill(np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8))
    reader.scan(block, rows)
    good = np.ones(rows.rows, bool)
    good[rows.refused] = False
    for i, field in enumerate(reader.fields):
        if field.typed:
            wrong = calls.values(field.type, block, rows.starts[i], rows.lens[i])[0] == calls.WRONG
            good &= ~(wrong & (rows.lens[i] > 0))
    assert rows.rows == len(lines)
    starts = rows.starts - rows.line_starts[:-1]
    found = []
    for r in range(rows.rows):
        spans = zip(starts[:, r].tolist(), rows.lens[:, r].tolist(), strict=True)
        found.append([(start, start + n) if n else (0, 0) for start, n in spans] if good[r] else None)
    return found


@needs_numba
@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("together", [1, 400], ids=["alone", "in blocks"])
def test_kernel_accepts_nothing_with_other_spans_than_the_exact_reading(name: str, together: int) -> None:
    """What the kernel takes has the same spans by the exact way; it takes nearly all of what is well formed."""
    reader = reader_of(name)
    lines = lines_of(name, 400 if together == 1 else 4000, seed=21)
    taken = well_formed = 0
    for at in range(0, len(lines), together):
        part = lines[at : at + together]
        for line, fast in zip(part, by_kernel(reader, part), strict=True):
            slow = reader.read(line)
            well_formed += slow is not None
            if fast is not None:
                taken += 1
                assert slow is not None, line
                assert fast == [span if span[1] > span[0] else (0, 0) for span in slow[0]], line
    assert taken > 0.7 * well_formed > 0


@needs_numba
@pytest.mark.parametrize("name", LINES)
def test_compiled_and_plain_give_the_same_events(name: str, plainly: Callable[[], None]) -> None:
    """Kernel with its fallback, and the exact reading with plain Python, give equal rows and equal accounts."""
    data = b"\n".join(lines_of(name, 1500, seed=22)) + b"\n"
    fast = events_of(name, data)
    plainly()
    assert events_of(name, data) == fast
    assert 0 < fast[1].parsed < fast[1].lines


def events_of(name: str, data: bytes) -> tuple[list[dict[str, Any]], Accounts]:
    """Rows and account of lines behind the header that their format may need."""
    known = {**load.formats(), "csv": CSV, "steady": load.formats()["caddy"]}
    parse = Parse(Policy(), load.fields(), known)
    chunk = Chunk(
        0, name, np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts(), W3C if name == "w3c" else b""
    )
    (events,) = parse.events(chunk)
    return events.batch.to_pylist(), events.accounts


def walked(record: Any, path: str) -> Any:
    """The value at a.b[0] of a parsed object, None where there is none: for the test alone."""
    for step in path.replace("[0]", ".0").split("."):
        if isinstance(record, dict):
            record = record.get(step)
        elif isinstance(record, list) and step == "0" and record:
            record = record[0]
        else:
            return None
    return record


def test_json_is_read_as_the_json_module_reads_it() -> None:
    """Undamaged lines: each text is what json.loads gives at the path; damaged ones that it refuses are refused."""
    reader = reader_of("caddy")
    compared = refused = 0
    for line in lines_of("caddy", 4000, seed=23):
        read = reader.read(line)
        try:
            record = json.loads(line.decode())
        except ValueError:
            assert read is None, line
            refused += 1
            continue
        if read is None:
            continue
        for field, (start, stop) in zip(reader.fields, read[0], strict=True):
            truth = walked(record, field.variable)
            if isinstance(truth, str):
                assert json.loads(b'"' + line[start:stop] + b'"') == truth, line
                compared += 1
            elif truth is None or isinstance(truth, dict | list):
                assert start == stop, line
    assert compared > 1000 and refused > 100


def test_csv_is_read_as_the_csv_module_reads_it() -> None:
    """Each accepted line has the values that a strict reader of the standard library gives."""
    reader = reader_of("csv")
    compared = 0
    for line in lines_of("csv", 8000, seed=24):
        read = reader.read(line)
        if read is None or b"\r" in line or b"\0" in line:
            continue
        (row,) = csv.reader([line.decode("latin-1")], strict=True)
        for place, (start, stop) in zip((1, 0, 3, 4), read[0], strict=True):
            assert line[start:stop].replace(b'""', b'"').decode("latin-1") == row[place].replace('""', '"'), line
        compared += 1
    assert compared > 300


@needs_numba
@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*NOISE, b'{"ts":1,"request":{"client_ip":"1","uri":"/"', b"}}", b'"uri":"/"']), max_size=12
    )
)
def test_json_pieces_in_any_order(pieces: list[bytes]) -> None:
    """No arrangement of JSON's marks makes the kernel accept what the exact reading does not."""
    reader, line = reader_of("caddy"), b"".join(pieces)
    (fast,), slow = by_kernel(reader, [line]), reader.read(line)
    assert fast is None or (slow is not None and fast == [span if span[1] > span[0] else (0, 0) for span in slow[0]])


@pytest.mark.parametrize(
    "line",
    [
        b'{"ts":1795132800,"ts":1795132801,"request":{"client_ip":"192.0.2.1","uri":"/"}}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/"},"request":{"uri":"/x"}}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/"},"\\u0074s":1}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/\xff"}}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/\\x"}}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/"}} {}',
        b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1"}}',
        b'{"ts":1795132800,"x":' + b"[" * 70 + b"]" * 70 + b',"request":{"client_ip":"192.0.2.1","uri":"/"}}',
        b'{"ts":NaN,"request":{"client_ip":"192.0.2.1","uri":"/"}}',
        b'[{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"/"}}]',
    ],
    ids=["key twice", "object twice", "escaped key twice", "no UTF-8", "no escape", "two values", "no path", "deep", "NaN",
         "array"],
)  # fmt: skip
def test_doubtful_json_is_refused(line: bytes) -> None:
    """What two parsers could read differently is rejected, and counted."""
    rows, accounts = events_of("caddy", line + b"\n")
    assert rows == [] and accounts.rejected == {"no_format": 1} and accounts.lines == 1


def test_escaped_marks_do_not_hide_a_query() -> None:
    """A ? or & that JSON escaped splits the target as a plain one does; nothing of a parameter stays in the path."""
    uri = b"/a\\u003femail=jo%40example.com\\u0026utm_source=x"
    rows, _ = events_of("caddy", b'{"ts":1795132800,"request":{"client_ip":"192.0.2.1","uri":"' + uri + b'"}}\n')
    assert [(row["path"], row["query"]) for row in rows] == [(b"/a", b"utm_source=x")]


@needs_numba
def test_remembered_lines_forget_nothing() -> None:
    """What stands twice, is not closed or goes on, is refused too where lines like it were read before."""
    good = b'{"ts":1795132800,"x":"y","request":{"client_ip":"192.0.2.1","uri":"/a"},"size":null}'
    bad = [
        good[:-1], good + b"x", good + b"}", good.replace(b'"y"', b'"y'), good.replace(b'"/a"', b"/a"),
        good.replace(b'"x":"y"', b'"x":"y","ts":1'), good.replace(b"null", b"nul"), good.replace(b"1795132800", b"01"),
        good.replace(b'"y"', b'"\\x"'), good.replace(b"null", b"nullx"), good.replace(b'"x":"y"', b'"x":"y""z"'),
    ]  # fmt: skip
    fine = [
        good,
        good.replace(b'"y"', b'"\\"z\\\\"'),
        good.replace(b"null", b"15"),
        good.replace(b'"/a"', b'""'),
        good + b"\r",
    ]
    lines = [line for one in bad for line in (*fine, one)]
    reader = reader_of("caddy")
    found = by_kernel(reader, lines)
    assert (
        [fast is None for fast in found]
        == [reader.read(line) is None for line in lines]
        == [line in bad for line in lines]
    )


@needs_numba
def test_lines_that_are_all_different_are_read_too() -> None:
    """More ways to write a line than are remembered, and literals longer than there is room for, change nothing."""
    lines = []
    for n in range(3000):
        extra = {f"key{n}": n, "long": {"k" * (n % 700): n}}
        lines.append(
            json.dumps({"ts": 1795132800, **extra, "request": {"client_ip": "192.0.2.1", "uri": "/a"}}).encode()
        )
    reader = reader_of("caddy")
    for line, fast in zip(lines, by_kernel(reader, lines), strict=True):
        assert fast is not None
        (read, _) = reader.read(line) or pytest.fail("a line that is one")
        assert fast == [span if span[1] > span[0] else (0, 0) for span in read]
