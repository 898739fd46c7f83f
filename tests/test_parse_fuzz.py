"""The kernel, the layout's regex and a regex written by hand read every line alike, however hostile it is."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import load
from schemas.stages import Accounts, Chunk
from transforms.kernels import calls, compiled
from transforms.kernels.modes import LAZY
from transforms.parsers.directive import compile_layout
from transforms.parsers.layout import LONGEST_USER, Layout
from transforms.parsers.reader import LONGEST_LINE
from transforms.parsers.text import TextParser

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
DIRECTIVES = {
    "combined": COMBINED,
    "nginx": '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent"',
    "vhost": '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i"',
    "common": '%h %l %u %t "%r" %>s %b',
    "timed": '$remote_addr $time_iso8601 "$request" $status rt=$request_time uct="$upstream_connect_time" $host',
    "pipes": "$time_local|$remote_addr|$request|$status|$body_bytes_sent|$http_user_agent",
    "fixed": '<%a> %{%d/%b/%Y:%T %z}t %U%q %>s "%u" %{ms}Tms',
    "epoch": '$msec - $remote_addr - $remote_user - "$request_uri" $http_x_forwarded_for',
    "long": '$remote_addr and then came the time $time_local, behind it "$request" and a status $status .',
}
TIME = "20/Nov/2026:00:00:00 +0000"
VALUES = {
    "client": ["192.0.2.1", "2001:db8::1", "-", "", "host.example"],
    "user": ["-", "jo hn", "a[b", "", "- -", "-x", " ", "john smith [x", "u" * 300],
    "clf": [TIME, "29/Feb/2024:23:59:60 -0930", "29/Feb/2026:00:00:00 +0000", "20/Foo/2026:00:00:00 +0000"],
    "iso8601": [
        "2026-11-20T00:00:00+00:00",
        "2026-11-20T00:00:00.123Z",
        "2026-02-30T00:00:00Z",
        "2026-11-20T00:00:00-0330",
    ],
    "epoch": ["1795132800.123", "1795132800", "-"],
    "request": [
        "GET /a?b=1 HTTP/1.1",
        "",
        "\\x16\\x03",
        'GET /\\"x HTTP/1.0',
        "GET / HTTP/2",
        "-",
        "q\\\\",
        "GET /a|b",
    ],
    "target": ["/a?b=1#c", "/", "-", "http://www.example.com"],
    "status": ["200", "404", "-", "099", "600", "0200"],
    "count": ["0", "123", "-", "9" * 18, "9" * 19],
    "seconds": ["0.001", "12", "-", "1.", "1" * 12 + ".5"],
    "millis": ["12", "0.5", "-"],
    "other": ["-", "https://www.example.com/y z", "", "A/1.0 (x; y)", "q\\\\", "192.0.2.7, 192.0.2.8"],
}
NOISE = [
    b'"',
    b"\\",
    b" ",
    b"[",
    b"]",
    b"-",
    b"\0",
    b"\r",
    b"\xff",
    b"0",
    b" [",
    b'" ',
    b'"\\',
    b'] "',
    b"|",
    b".",
    b"",
    b"",
    b" \r",
    b"\x85",
]
# Written by hand from Apache's documentation, not from a layout.
BY_HAND = re.compile(
    rb"(?!- )([^ ]+) ([^ ]*) (?:(-)|(?!- )(.{0,255}?)) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    rb'"((?:\\.|[^\\"])*)" (-|[1-5][0-9]{2}) (-|[0-9]{1,18}) "((?:\\.|[^\\"])*)" "((?:\\.|[^\\"])*)(?:" ?\r?$(?!\n)|\Z)',
    re.DOTALL,
)


def lines_of(layout: Layout, count: int, seed: int) -> list[bytes]:
    """Lines of a layout with hostile values, four in ten of them damaged."""
    draw, made = random.Random(seed), []
    for _ in range(count):
        line = layout.lead
        for field, literal in zip(layout.fields, layout.literals, strict=True):
            kind = field.column if field.column in VALUES else field.type if field.type in VALUES else "other"
            choice = VALUES[kind][0] if draw.random() < 0.5 else draw.choice(VALUES[kind])
            line += choice.encode("latin-1") + literal
        if draw.random() < 0.4:
            for _ in range(draw.choice((1, 1, 2, 4))):
                at = draw.randrange(len(line) + 1)
                line = line[:at] + draw.choice(NOISE) + line[at + draw.choice((0, 0, 1, 3, 20)) :]
        made.append(line.replace(b"\n", b"") + draw.choice((b"", b"", b"", b"\r", b" ", b" \r")))
    return made


def chunk(data: bytes, ended: bool = True) -> Chunk:
    if ended and not data.endswith(b"\n"):
        data += b"\n"
    return Chunk(0, "x", np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts())


def by_kernel(layout: Layout, lines: list[bytes]) -> list[list[tuple[int, int]] | None]:
    """Spans of what the kernel itself accepts, None where it refuses."""
    block, rows, plan = calls.Block(1 << 20), calls.Rows(len(layout.fields)), layout.plan
    block.fill(np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8))
    rows.scan(block, plan, plan.tables(), LONGEST_LINE, LONGEST_USER)
    good = np.ones(rows.rows, bool)
    good[rows.refused] = False
    rows.starts[:, rows.refused], rows.lens[:, rows.refused] = 0, 0
    for i, field in enumerate(layout.fields):
        if field.typed:
            good &= calls.values(field.type, block, rows.starts[i], rows.lens[i])[0] != calls.WRONG
    assert rows.rows == len(lines)
    assert rows.line_starts.tolist() == np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
    spans = np.stack([rows.starts, rows.starts + rows.lens], 2) - rows.line_starts[:-1, None]
    return [[tuple(span) for span in spans[:, r].tolist()] if good[r] else None for r in range(rows.rows)]


def without_user(layout: Layout, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans but that of a user name: it is never built, so that nothing depends on it."""
    return [span for field, span in zip(layout.fields, spans, strict=True) if field.mode != LAZY]


def parse(directive: str, data: bytes) -> tuple[list[dict[str, object]], Accounts]:
    parser = TextParser(directive, allowed_parameters=frozenset([b"b", b"page", b"q"]), columns=load.fields().kept)
    events = parser.parse(chunk(data))
    return events.batch.to_pylist(), events.accounts


needs_numba = pytest.mark.skipif(not compiled(), reason="nothing is compiled: numba is missing or not wanted")


@needs_numba
@pytest.mark.parametrize("name", DIRECTIVES)
def test_kernel_accepts_nothing_with_other_spans_than_the_regex(name: str) -> None:
    """What the kernel takes, the regex takes with the same spans; and it takes nearly all of what is well formed."""
    layout = compile_layout(DIRECTIVES[name])
    lines = lines_of(layout, 2500, seed=11)
    exact = [layout.read(line) for line in lines]
    taken = 0
    for line, fast, slow in zip(lines, by_kernel(layout, lines), exact, strict=True):
        if fast is not None:
            taken += 1
            assert slow is not None, line
            assert without_user(layout, fast) == without_user(layout, slow[0]), line
    assert taken > 0.8 * sum(read is not None for read in exact) > 0


@needs_numba
@pytest.mark.parametrize("name", DIRECTIVES)
def test_compiled_and_plain_give_the_same_events(name: str, plainly: Callable[[], None]) -> None:
    """Kernel with its fallback, and the regex with plain Python, give equal rows and equal accounts."""
    data = b"\n".join(lines_of(compile_layout(DIRECTIVES[name]), 1200, seed=12))
    fast = parse(DIRECTIVES[name], data)
    plainly()
    assert parse(DIRECTIVES[name], data) == fast
    assert 0 < fast[1].parsed < fast[1].lines


def test_combined_is_what_a_regex_written_by_hand_reads() -> None:
    """The same lines are accepted, with the same client, status, bytes, referrer and agent."""
    lines = lines_of(compile_layout(COMBINED), 4000, seed=13)
    layout = compile_layout(COMBINED)
    real = {b"29/Feb/2026:00:00:00 +0000", b"20/Foo/2026:00:00:00 +0000"}
    accepted = 0
    for line in lines:
        hand, read = BY_HAND.match(line), layout.read(line)
        if hand is not None and hand[5] in (TIME.encode(), *real, b"29/Feb/2024:23:59:60 -0930"):
            assert (read is not None) == (hand[5] not in real), line
        if read is not None:
            accepted += 1
            assert hand is not None, line
            spans = [hand.span(i) for i in (1, 2, 5, 6, 7, 8, 9, 10)]
            assert without_user(layout, read[0]) == spans, line
    assert accepted > 1000


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [b"192.0.2.1", b" ", b"-", b" - ", b"[", b"] ", b'"', b"\\", b"\r", b"200", b"\0", TIME.encode(), b"u"]
        )
    )
)
def test_pieces_in_any_order(pieces: list[bytes]) -> None:
    """Whatever stands in a line, the kernel agrees with the regex or refuses."""
    line = b"".join(pieces)
    for directive in (COMBINED, DIRECTIVES["nginx"], DIRECTIVES["common"]):
        layout = compile_layout(directive)
        fast, slow = by_kernel(layout, [line])[0], layout.read(line)
        assert fast is None or (slow is not None and without_user(layout, fast) == without_user(layout, slow[0]))


@pytest.mark.parametrize(
    ("path", "directive", "share"),
    [
        ("elastic_apache/access.log", COMBINED, 1.0),
        ("basjes/hackers-access.log", COMBINED, 0.99),
        ("advertools/combined_no_errors.log", COMBINED, 1.0),
        ("advertools/combined_latin1_enc.log", COMBINED, 0.84),  # the rest is a gzip file copied into it,
        ("advertools/dreamhost_apache_access.log", COMBINED, 0.99),
        ("advertools/nginx_access.log", DIRECTIVES["nginx"].replace("sent ", 'sent "$http_referer" '), 0.99),
    ],
)
def test_real_logs_are_read_by_all_three_alike(shared: Path, path: str, directive: str, share: float) -> None:
    """Kernel, regex of the layout and regex by hand agree on every line of a real log."""
    layout = compile_layout(directive)
    data = (shared / "logs" / path).read_bytes()
    lines = data.removesuffix(b"\n").split(b"\n")
    read = 0
    for at in range(0, len(lines), 2000):
        part = lines[at : at + 2000]
        for line, fast in zip(part, by_kernel(layout, part), strict=True):
            slow, hand = layout.read(line), BY_HAND.match(line)
            assert (slow is None) == (hand is None), line
            read += slow is not None
            if fast is not None:
                assert slow is not None and without_user(layout, fast) == without_user(layout, slow[0])
            if slow is not None and hand is not None:
                assert slow[0][0] == hand.span(1) and slow[0][-1] == hand.span(10) and slow[0][-2] == hand.span(9)
    assert read >= share * len(lines)
