"""TextParser gives the events of a chunk and an account of every line."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas import load
from schemas.stages import Accounts, Chunk, Events
from transforms.parsers.escapes import unescape
from transforms.parsers.families import readers
from transforms.parsers.text import TextParser

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
NGINX = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent"'
TIME = b"[20/Nov/2026:10:00:00 +0200]"
GOOD = b"192.0.2.1 - - " + TIME + b' "GET /a?page=1 HTTP/1.1" 200 12 "-" "UA one"'
ALLOWED = frozenset([b"page", b"lang"])


@pytest.fixture(autouse=True, params=["compiled", "plain"])
def way(request: pytest.FixtureRequest, plainly: Callable[[], None]) -> Iterator[None]:
    """Each test runs on both ways."""
    if request.param == "plain":
        plainly()
    yield


def chunk(data: bytes, accounts: Accounts | None = None) -> Chunk:
    data += b"" if data.endswith(b"\n") or not data else b"\n"
    return Chunk(3, "x", np.frombuffer(data + b"\0" * 64, np.uint8), len(data), accounts or Accounts())


def parse(data: bytes, directive: str = COMBINED, columns: frozenset[str] | None = None) -> Events:
    kept = load.fields().kept if columns is None else columns
    return TextParser(directive, allowed_parameters=ALLOWED, columns=kept).parse(chunk(data))


def one(line: bytes, directive: str = COMBINED) -> dict[str, object]:
    (row,) = parse(line, directive).batch.to_pylist()
    return row


def test_a_combined_line_by_columns() -> None:
    """All columns of one line; time in UTC, absent texts null."""
    when = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC).timestamp()
    assert one(GOOD) == {
        "time": int(when),
        "client": b"192.0.2.1",
        "path": b"/a",
        "query": b"page=1",
        "status": 200,
        "bytes": 12,
        "referrer": None,
        "agent": b"UA one",
    }


def test_types_are_those_of_the_fields() -> None:
    """Text is dictionary<int32, binary>, numbers are the integers of fields.toml."""
    schema = parse(GOOD).batch.schema
    assert {name: str(schema.field(name).type) for name in ("time", "status", "bytes")} == {
        "time": "int64",
        "status": "int16",
        "bytes": "int64",
    }
    assert schema.field("agent").type == pa.dictionary(pa.int32(), pa.binary())


def test_only_wanted_columns_are_built() -> None:
    """A column that is not asked for, or that fields.toml drops, is not there."""
    names = frozenset({"time", "agent", "user", "ident", "method", "ignored", "duration"})
    assert parse(GOOD, columns=names).batch.schema.names == ["time", "agent"]


def test_dictionaries_hold_what_occurs_once() -> None:
    """Distinct values only: none of a rejected line, none that stands for nothing."""
    other = GOOD.replace(b"UA one", b"secret") + b" x"  # a field too many
    batch = parse(b"\n".join([GOOD, other, GOOD, GOOD.replace(b"UA one", b"-")])).batch
    assert batch["agent"].dictionary.to_pylist() == [b"UA one"]
    assert batch["referrer"].dictionary.to_pylist() == []
    assert batch["agent"].indices.to_pylist() == [0, 0, None]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (b"UA \\x22q\\x22", b'UA "q"'),
        (b'UA \\"q\\"', b'UA "q"'),
        (b"back\\\\slash", b"back\\slash"),
        (b"a\\tb\\n\\xe9\\xC3", b"a\tb\n\xe9\xc3"),
        (b"\\\\x41", b"\\x41"),
        (b"odd \\q \\x4", b"odd \\q \\x4"),
        (b"\\x2d", None),
        (b"U\0A\xff", b"U\0A\xff"),
    ],
)
def test_escapes_of_the_server_are_undone(written: bytes, sent: bytes | None) -> None:
    """What Apache and nginx wrote for quotes, backslashes and control bytes is what the visitor sent again."""
    assert one(GOOD.replace(b"UA one", written))["agent"] == sent
    assert sent is None or unescape(written) == sent


def test_values_that_are_equal_once_unescaped_share_a_code() -> None:
    """The dictionary stays distinct when two spellings are one value."""
    batch = parse(GOOD.replace(b"UA one", b'\\"') + b"\n" + GOOD.replace(b"UA one", b"\\x22")).batch
    assert batch["agent"].dictionary.to_pylist() == [b'"']
    assert batch["agent"].to_pylist() == [b'"', b'"']


@pytest.mark.parametrize(
    ("request_line", "path", "query"),
    [
        pytest.param(b"GET /a HTTP/1.1", b"/a", None, id="plain"),
        pytest.param(b"GET /a", b"/a", None, id="HTTP/0.9"),
        pytest.param(b"GET /a HTTP/2", b"/a", None, id="HTTP/2"),
        pytest.param(b"GET /a#b?page=1 HTTP/1.1", b"/a", None, id="fragment first"),
        pytest.param(b"GET /a?page=1#lang=en HTTP/1.1", b"/a", b"page=1", id="fragment behind query"),
        pytest.param(b"GET http://u:p@www.example.com/a?lang=en HTTP/1.1", b"/a", b"lang=en", id="absolute form"),
        pytest.param(b"GET http://www.example.com HTTP/1.1", b"/", None, id="absolute form without path"),
        pytest.param(b"GET http://www.example.com?page=2 HTTP/1.1", b"/", b"page=2", id="absolute form, query only"),
        pytest.param(b"GET //a//b HTTP/1.1", b"//a//b", None, id="double slash is no authority"),
        pytest.param(b"OPTIONS * HTTP/1.1", b"*", None, id="asterisk"),
        pytest.param(b"CONNECT www.example.com:443 HTTP/1.1", None, None, id="CONNECT has a host, no path"),
        pytest.param(b"", None, None, id="empty"),
        pytest.param(b"-", None, None, id="dash"),
        pytest.param(b"GET", None, None, id="method alone"),
        pytest.param(b"GET ", None, None, id="no target"),
        pytest.param(b"GET /a b HTTP/1.1", None, None, id="space in the target"),
        pytest.param(b"GET /a HTTP/1.10", None, None, id="version of three digits"),
        pytest.param(b"GET /a?page=1 HTTP/x", None, None, id="no version"),
        pytest.param(b"\\x16\\x03\\x01 /a HTTP/1.1", None, None, id="TLS handshake"),
        pytest.param(b"\x16\x03\x01\xff \xfe", None, None, id="raw bytes"),
        pytest.param(b"GET /\\x22\xff HTTP/1.1", b'/"\xff', None, id="escaped and raw bytes"),
    ],
)
def test_requests(request_line: bytes, path: bytes | None, query: bytes | None) -> None:
    """Path and query of what may stand in a request line; anything else has none, and is no reject."""
    row = one(GOOD.replace(b"GET /a?page=1 HTTP/1.1", request_line))
    assert (row["path"], row["query"]) == (path, query)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"page=1&secret=x&lang=en", b"page=1&lang=en"),
        (b"page=1;lang=en", b"page=1&lang=en"),
        (b"Page=1&page&page=&lang==", None),
        (b"page=" + b"1" * 128, b"page=" + b"1" * 128),
        (b"page=" + b"1" * 129, None),
        (b"page=a@b&lang=%41", b"lang=%41"),
        (b"&&;page=2&", b"page=2"),
        (b"xpage=1&pagex=1", None),
    ],
)
def test_only_allowed_parameters_are_left(query: bytes, left: bytes | None) -> None:
    """Other parameters go with their names, and so do values that are not plain."""
    assert one(GOOD.replace(b"page=1 ", query + b" "))["query"] == left


@pytest.mark.parametrize(
    ("directive", "line", "expected"),
    [
        pytest.param(
            '$remote_addr [$time_local] "$request" $status $request_time $host "$proxy_add_x_forwarded_for"',
            b"192.0.2.1 " + TIME + b' "GET / HTTP/1.1" 200 0.0015 www.example.com "192.0.2.7, 192.0.2.8"',
            {"duration": 1500, "host": b"www.example.com", "forwarded": b"192.0.2.7, 192.0.2.8"},
            id="nginx timing",
        ),
        pytest.param('%a %t "%r" %D', b"192.0.2.1 " + TIME + b' "GET / HTTP/1.1" 99', {"duration": 99}, id="micros"),
        pytest.param('%a %t "%r" %T', b"192.0.2.1 " + TIME + b' "GET / HTTP/1.1" 2', {"duration": 2_000_000}, id="s"),
        pytest.param('%a %t "%r" %{ms}Tms', b"192.0.2.1 " + TIME + b' "-" 7ms', {"duration": 7000}, id="millis"),
        pytest.param('%a %t "%r" %D', b"192.0.2.1 " + TIME + b' "-" -', {"duration": -1}, id="no duration"),
        pytest.param('%a %t "%r" %>s %b', b"192.0.2.1 " + TIME + b' "-" - -', {"status": -1, "bytes": -1}, id="none"),
        pytest.param("%a %{msec}t %U %q", b"192.0.2.1 1795132800999 /a ?page=3",
                     {"time": 1795132800, "query": b"page=3"}, id="%q"),
        pytest.param("$remote_addr $msec $uri $args", b"192.0.2.1 1.5 /a -",
                     {"time": 1, "path": b"/a", "query": None}, id="$args"),
        pytest.param("$remote_addr $time_iso8601 $request_uri", b"192.0.2.1 1970-01-01T01:00:01+01:00 /a?lang=x",
                     {"time": 1, "query": b"lang=x"}, id="iso8601"),
    ],
)  # fmt: skip
def test_other_variables(directive: str, line: bytes, expected: dict[str, object]) -> None:
    """Durations in microseconds, times in seconds, hosts and forwarded addresses as they stand."""
    row = one(line, directive)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(GOOD + b"\r", id="CRLF"),
        pytest.param(GOOD + b" ", id="space at the end"),
        pytest.param(GOOD + b" \r", id="both"),
        pytest.param(GOOD.replace(b"- - [", b"- jo hn  smith ["), id="user with spaces"),
        pytest.param(GOOD.replace(b"- - [", b"- a [b ["), id="user with a bracket"),
        pytest.param(GOOD.replace(b"- - [", b"-  ["), id="empty user"),
    ],
)
def test_variants_that_are_the_same_event(line: bytes) -> None:
    """Line ends and user names change nothing."""
    assert one(line) == one(GOOD)


def test_nginx_line_without_user_and_its_space() -> None:
    """Where the user is empty nginx's own layout may also lack its space."""
    line = b"192.0.2.1 - " + TIME + b' "GET / HTTP/1.1" 200 1 "UA"'
    assert one(line, NGINX)["client"] == b"192.0.2.1"
    assert parse(b"- - " + TIME + b' "GET / HTTP/1.1" 200 1 "UA"', NGINX).accounts.parsed == 0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(GOOD + b' "192.0.2.9"', id="a field more"),
        pytest.param(GOOD[: GOOD.rindex(b' "')], id="a field less"),
        pytest.param(GOOD[:-1].replace(b'HTTP/1.1"', b"HTTP/1.1"), id="open quote in the middle"),
        pytest.param(GOOD[:-1] + b"\\", id="cut within an escape"),
        pytest.param(GOOD + b"  ", id="two spaces at the end"),
        pytest.param(GOOD.replace(b"UA one", b'UA "x" y'), id="bare quotes in a quoted field"),
        pytest.param(GOOD.replace(b"20/Nov", b"31/Feb"), id="a day that is none"),
        pytest.param(GOOD.replace(b"20/Nov", b"20/Nop"), id="a month that is none"),
        pytest.param(GOOD.replace(b":10:00", b":24:00"), id="hour 24"),
        pytest.param(GOOD.replace(b" 200 ", b" 99 "), id="status of two digits"),
        pytest.param(GOOD.replace(b" 12 ", b" " + b"9" * 19 + b" "), id="too many bytes"),
        pytest.param(b"www.example.com " + GOOD, id="a virtual host in front"),
        pytest.param(b"-" + GOOD.removeprefix(b"192.0.2.1"), id="no client"),
        pytest.param(b"a b c d e f g h i j", id="words"),
    ],
)
def test_what_is_none_of_the_format_is_rejected(line: bytes) -> None:
    """The neighbours of a bad line are read, and it is counted with its shape, not its bytes."""
    events = parse(b"\n".join([GOOD, line, GOOD]))
    assert events.batch.num_rows == 2
    assert (events.accounts.lines, events.accounts.parsed) == (3, 2)
    assert events.accounts.rejected == Counter(no_format=1)
    assert [reason for reason, _ in events.accounts.shapes] == ["no_format"]


def test_a_line_cannot_swallow_its_neighbour() -> None:
    """Neither an open quote nor a backslash at the end reaches over the newline."""
    for end in (b"\\", b'"\\', b' "UA \\'):
        bad = GOOD[: GOOD.rindex(b'"UA')] + end
        assert parse(b"\n".join([bad, GOOD, bad, GOOD])).accounts.parsed == 2


@pytest.mark.parametrize("end", [b"", b"UA", b'UA\\"', b"UA \xff"])
def test_a_line_that_was_cut_in_its_last_quotes_is_read_as_far_as_it_goes(end: bytes) -> None:
    """Servers cut long lines: what stands in front of the cut is whole, and the line after it is not touched."""
    cut = GOOD[: GOOD.rindex(b'"UA') + 1] + end
    batch = parse(b"\n".join([cut, GOOD])).batch
    assert batch["path"].to_pylist() == [b"/a", b"/a"]
    assert batch["agent"].to_pylist() == [end.replace(b'\\"', b'"') or None, b"UA one"]


def test_every_line_is_accounted_for() -> None:
    """lines = skipped + parsed + rejected, on top of what the reader has counted."""
    read_before = Accounts(lines=2, rejected=Counter(too_long=2))
    data = b"\n".join(
        [GOOD, b"", b" \t\r", b"junk", GOOD.replace(b"UA one", b"u" * 70_000), GOOD.replace(b":00 +", b":59 +")]
    )
    parser = TextParser(COMBINED, allowed_parameters=ALLOWED, columns=load.fields().kept)
    events = parser.parse(chunk(data, read_before))
    accounts = events.accounts
    assert (accounts.lines, accounts.parsed, events.batch.num_rows, events.file) == (8, 2, 2, 3)
    assert accounts.skipped == Counter(blank=2)
    assert accounts.rejected == Counter(too_long=3, no_format=1)
    first = int(dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC).timestamp())
    assert accounts.edges == {3: (first, first + 59)}
    assert read_before == Accounts(lines=2, rejected=Counter(too_long=2))


def test_line_of_64_kib_is_read_and_one_byte_more_is_not() -> None:
    """The cap counts the bytes in front of the newline."""
    longest = GOOD.replace(b"UA one", b"u" * (65536 - len(GOOD) + 6))
    assert parse(longest).accounts.parsed == 1
    assert parse(longest.replace(b"uuu", b"uuuu", 1)).accounts.rejected == Counter(too_long=1)


def test_lines_of_ten_megabytes_are_counted_and_passed_over() -> None:
    """A line longer than a block of the kernel costs its neighbours nothing."""
    huge = b"x" * 10_000_000
    events = parse(b"\n".join([huge, GOOD, huge, GOOD]))
    assert (events.accounts.parsed, events.accounts.rejected) == (2, Counter(too_long=2))


def test_shapes_are_few() -> None:
    """At most twenty rejected lines of a chunk leave their shape."""
    accounts = parse(b"\n".join(b"." * n for n in range(1, 100))).accounts
    assert accounts.rejected == Counter(no_format=99)
    assert accounts.shapes.total() == 20


def test_empty_chunk_gives_no_rows_and_all_columns() -> None:
    """A file without lines is not an error."""
    batch = parse(b"").batch
    assert batch.num_rows == 0
    assert batch.schema == parse(GOOD).batch.schema


def test_order_survives_the_exact_path() -> None:
    """Lines that the regex has to read stay where they were, over many blocks."""
    lines = []
    for n in range(12_000):
        user = b"a [b" if n % 3 == 0 else b"-"  # its bracket is not the time's: refused by the kernel
        request = b'"GET /%d HTTP/1.1" 200 %d' % (n, n)
        lines.append(b'192.0.2.1 - %b %b %b "-" "%b"' % (user, TIME, request, b"u" * (n % 90)))
    batch = parse(b"\n".join(lines)).batch
    assert batch["bytes"].to_pylist() == list(range(12_000))
    assert batch["path"].to_pylist() == [b"/%d" % n for n in range(12_000)]
    assert len(batch["path"].dictionary) == 12_000


def test_parser_can_be_pickled() -> None:
    """A worker gets it with the graph."""
    parser = TextParser(COMBINED, allowed_parameters=ALLOWED, columns=load.fields().kept)
    copied = pickle.loads(pickle.dumps(parser))
    assert copied.parse(chunk(GOOD)).batch.equals(parser.parse(chunk(GOOD)).batch)


def test_errors_between_lines_change_no_event(shared: Path) -> None:
    """advertools' file with broken lines gives exactly the events of the one without."""
    folder = shared / "logs" / "advertools"
    clean = parse((folder / "combined_no_errors.log").read_bytes())
    broken = parse((folder / "combined_with_errors.log").read_bytes())
    assert broken.batch.equals(clean.batch)
    assert clean.accounts.rejected == Counter()
    assert broken.accounts.rejected == Counter(no_format=broken.accounts.lines - clean.accounts.lines)


@pytest.mark.parametrize("is_compiled", [True, False], ids=["kernel", "plain"])
def test_lines_inside_an_envelope_are_taken_out_whole(is_compiled: bool, plainly: Callable[[], None]) -> None:
    """What JSON escaped is undone once, newlines become blanks or, at the end, nothing; other lines are counted."""
    if not is_compiled:
        plainly()
    source = load.Source("message", "log", "text")
    envelope = load.Format("box", "", "", family="json", sources=(source,), required=("message",))
    (reader,) = readers(envelope)
    parser = TextParser(reader, allowed_parameters=frozenset(), columns=load.fields().kept)
    texts = ["a", 'b "\\x22" c\n', "d\ne\r\n", "", "é😀", "\\"]
    data = b"".join(json.dumps({"log": text, "x": 1}).encode() + b"\n" for text in texts) + b'{"x":1}\nno\n'
    chunk = Chunk(0, "box", np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts())
    lines, accounts = parser.inside(chunk)
    assert lines.decode() == 'a\nb "\\x22" c\nd e\n\né😀\n\\\n'
    assert (accounts.lines, accounts.rejected) == (2, {"no_format": 2})
