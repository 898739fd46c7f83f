"""The format of a file is found from its first lines, or said not to be known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from schemas import load
from transforms.parsers import detect as detecting
from transforms.parsers.detect import detect, plausible
from transforms.parsers.directive import DirectiveError, compile_layout
from transforms.parsers.families import readers

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
KNOWN = {
    name: compile_layout(directive)
    for name, directive in {
        "common": '%h %l %u %t "%r" %>s %b',
        "combined": COMBINED,
        "vhost_combined": '%v %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
        "nginx": '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent',
    }.items()
}
REST = b' [20/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "A"'


@pytest.mark.parametrize(
    ("heads", "name"),
    [
        pytest.param([b"192.0.2.1 - -"], "combined", id="combined"),
        pytest.param([b"www.example.com 192.0.2.1 - -"], "vhost_combined", id="vhost"),
        pytest.param([b"www.example.com:443 2001:db8::1 - jo"], "vhost_combined", id="vhost with port"),
        pytest.param([b"www.example.com 192.0.2.1 - jo hn"], "vhost_combined", id="vhost, user with a space"),
        pytest.param([b"192.0.2.1 - john smith"], "combined", id="combined, user with a space"),
        pytest.param([b"192.0.2.1 - john r smith"], "combined", id="combined, user with two spaces"),
        pytest.param([b"host.example - -"], "combined", id="host name as client"),
        pytest.param(
            [b"192.0.2.1 - -"] * 2 + [b"a.example 192.0.2.1 - -", b"junk"], "combined+vhost_combined", id="mixed"
        ),
    ],
)  # fmt: skip
def test_format_is_found(heads: list[bytes], name: str) -> None:
    """Combined and its form with a virtual host are told apart, whatever the user is called."""
    found, share = detect([head + REST for head in heads], KNOWN)
    assert found == name
    assert share == sum(head != b"junk" for head in heads) / len(heads)


@pytest.mark.parametrize("wrong", ["combined", "vhost_combined"])
def test_combined_and_vhost_combined_do_not_read_each_other(wrong: str) -> None:
    """A line with one field more or less in front is no line of the format, not one with its columns swapped."""
    heads = (
        [b"192.0.2.1 - -", b"192.0.2.1 - jo hn"]
        if wrong == "vhost_combined"
        else [b"a.example 192.0.2.1 - -", b"a.example 192.0.2.1 - jo"]
    )
    assert [KNOWN[wrong].read(head + REST) for head in heads] == [None, None]  # fmt: skip


def test_of_equal_formats_the_one_with_more_columns_wins() -> None:
    """A format that ignores a field loses to one that knows it."""
    less = compile_layout('%h %l %u %t "%r" %>s %b "%{X}i" "%{Y}i"')
    assert detect([b"192.0.2.1 - -" + REST], {"less": less, "combined": KNOWN["combined"]})[0] == "combined"


def test_blank_lines_do_not_count() -> None:
    """The share is of the lines that hold something."""
    assert detect([b"", b" \r\n", b"192.0.2.1 - -" + REST + b"\n"], KNOWN) == ("combined", 1.0)


W3C = (
    b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    b"sc-status sc-substatus sc-win32-status time-taken"
)
SERVED = b"2026-11-20 00:00:00 198.51.100.9 GET / - 443 - 192.0.2.1 A/1.0 - 200 0 0 12"


@pytest.mark.parametrize(("lines", "name"), [([W3C, SERVED], "iis"), ([SERVED], "iis_lines")])
def test_a_header_line_says_what_the_columns_are(lines: list[bytes], name: str) -> None:
    """The same line is read by its header where there is one, by its shape where there is none."""
    assert detect(lines, load.formats())[0] == name


@pytest.mark.parametrize("head", [b"web.0 nginx: 192.0.2.1 - -", b"a.example 192.0.2.7, 192.0.2.1 10.0.0.9 - -"])
def test_a_tag_is_no_host_and_a_list_no_identity(head: bytes) -> None:
    """What stands in front of the client is not taken for the client, and the client for a user."""
    with pytest.raises(DirectiveError, match=r"^no_format: "):
        detect([head + REST], load.formats())


def test_the_error_names_those_that_read_some() -> None:
    """At most five formats with their shares, best first; the lines inside an envelope too."""
    lines = [b"192.0.2.1 - -" + REST, b"junk", b"junk", b"junk"]
    with pytest.raises(DirectiveError, match=r"\(combined 25%, [a-z_]+ 25%, .*\); give the server's own directive"):
        detect(lines, load.formats())
    wrapped = [b'{"log":"%s"}' % line.replace(b'"', b'\\"') for line in lines]
    with pytest.raises(DirectiveError, match=r"\(docker/combined 25%, "):
        detect(wrapped, load.formats())


def test_the_error_says_which_columns_a_header_lacks() -> None:
    """Local dates need a zone, which no format that is shipped can know."""
    lines = [b"#Fields: date-local time-local c-ip cs-uri-stem sc-status", b"2026-11-20 00:00:00 192.0.2.1 / 200"]
    with pytest.raises(DirectiveError, match="#Fields line must have date, time, c-ip and cs-uri-stem") as raised:
        detect(lines, load.formats())
    assert "date-local" not in str(raised.value) and "192.0.2.1" not in str(raised.value)


@pytest.mark.parametrize("lines", [[b"junk"], [], [b""], [b"192.0.2.1 - -" + REST, b"junk", b"junk"]])
def test_unknown_format_is_an_error_without_content(lines: list[bytes]) -> None:
    """Less than half of the lines is no match; the message names formats and shares only."""
    with pytest.raises(DirectiveError, match=r"^no_format: ") as raised:
        detect(lines, KNOWN)
    assert "junk" not in str(raised.value) and "192.0.2.1" not in str(raised.value)


@pytest.mark.parametrize(
    ("client", "may_be"),
    [
        (b"192.0.2.1", True),
        (b"192.0.2.1:5678", True),
        (b"2001:db8::1", True),
        (b"[2001:db8::1]:443", True),
        (b"fe80::1%eth0", True),
        (b"host-1.example", True),
        (b"www.example.com:443", False),
        (b"-", False),
        (b"", False),
        (b"12345", False),
        (b"unix:", False),
        (b"\xff", False),
    ],
)
def test_plausible_clients(client: bytes, may_be: bool) -> None:
    """Addresses in all their spellings and host names; no virtual host with a port."""
    assert plausible(client) is may_be


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("elastic_apache/access.log", "combined"),
        ("basjes/hackers-access.log", "combined"),
        ("advertools/dreamhost_apache_access.log", "combined"),
    ],
)
def test_real_logs(shared: Path, path: str, name: str) -> None:
    """The first hundred lines of real logs."""
    with (shared / "logs" / path).open("rb") as file:
        found, share = detect([line for line, _ in zip(file, range(100), strict=False)], KNOWN)
    assert found == name
    assert share > 0.98


# ---- what is left out to be quick ------------------------------------------------------------------------------------


def samples(root: Path, count: int) -> list[list[bytes]]:
    """The first lines of each sample, and the same lines cut short, and of two samples in turn."""
    heads = [file.read_bytes().split(b"\n")[:count] for file in sorted((root / "sample_logs").glob("*/input.log"))]
    cut = [[line[: len(line) * 3 // 4] for line in lines] for lines in heads]
    mixed = [[*one, *other] for one, other in pairwise(heads)]
    return [*heads, *cut, *mixed]


def told(lines: list[bytes]) -> object:
    """What is found, or what is said instead."""
    try:
        return detect(lines, load.formats())
    except DirectiveError as error:
        return str(error)


def test_formats_that_are_not_tried_decide_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With each format tried on all lines, the same is found in every sample."""
    cases = samples(root, 4)
    quick = [told(lines) for lines in cases]
    tried: list[object] = []
    real = detecting.fit
    monkeypatch.setattr(detecting, "fit", lambda one, lines: tried.append(one) or real(one, lines))
    assert [told(lines) for lines in cases] == quick
    few, _ = len(tried), tried.clear()
    monkeypatch.setattr(detecting, "most_columns", lambda _: 1 << 20)
    assert [told(lines) for lines in cases] == quick
    assert few < len(tried)


def test_line_that_is_read_may_be_read(root: Path) -> None:
    """What is seen at once is never wrong: no reader of any format reads a line of which it says that it does not."""
    tried = [reader for format in load.formats().values() for reader in readers(format)]
    lines = {line for lines in samples(root, 12) for line in lines}
    wrong = [line for line in lines for reader in tried if not reader.may_read(line) and reader.read(line) is not None]
    seen = sum(not reader.may_read(line) for line in lines for reader in tried)
    assert (len(wrong), seen > len(lines) * len(tried) / 2) == (0, True)
