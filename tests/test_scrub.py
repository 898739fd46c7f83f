"""Scrubbed lines: read again by their own format, with the same facts and without what was personal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.cut import padded
from pipeline.scrubber import Scrubber
from schemas import load
from schemas.policy import Policy, make_policy, read_policy
from schemas.stages import Accounts, Chunk
from transforms.parsers.directive import compile_layout

COMBINED = load.formats()["combined"].directive
NGINX = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
    ' "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time'
)
BARE = (
    "$remote_addr|$msec|$request_method|$uri|$args|$status|$bytes_sent"
    "|$http_host|$http_user_agent|$http_cookie|$connection"
)
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; SM-G991B) "
    "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7123.88 Mobile Safari/537.36"
)
SHOP = make_policy(
    {
        "ip": {"trusted_proxies": ["10.0.0.0/8"]},
        "site": [
            {
                "name": "shop",
                "hosts": ["shop.example", "*.shop.example"],
                "routes": ["/kb/{slug}"],
                "parameters": {"page": "int"},
            }
        ],
    },
    "test",
)


def scrubbed(
    lines: bytes,
    directive: str = COMBINED,
    treatment: str = "truncate",
    policy: Policy | None = None,
    site: str | None = None,
) -> tuple[bytes, Accounts]:
    """What scrub makes of lines, and its counts."""
    scrubber = Scrubber(policy or Policy(), site, treatment, directive)
    chunk = Chunk(0, "(given)" if directive not in load.formats() else directive, *padded(lines), Accounts())
    return b"".join(map(bytes, scrubber.rewrite(chunk))), chunk.accounts


def one(
    request: str, referrer: str = "-", agent: str = CHROME, client: str = "198.51.100.77", user: str = "-"
) -> bytes:
    """A combined line."""
    return f'{client} - {user} [18/Nov/2026:10:20:30 +0000] "{request}" 200 512 "{referrer}" "{agent}"\n'.encode()


def fields(line: bytes, directive: str = COMBINED) -> dict[str, bytes]:
    """The fields of a line by the exact way of its format, by column; unread ones by variable."""
    layout = compile_layout(directive)
    read = layout.read(line.rstrip(b"\n"))
    assert read is not None
    return {
        field.column if field.column != "ignored" else field.variable: line[start:stop]
        for field, (start, stop) in zip(layout.fields, read[0], strict=True)
    }


# ---- one field ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "truncated", "dropped"),
    [
        ("198.51.100.77", b"198.51.100.0", b"0.0.0.0"),
        ("2001:db8:1:2:3:4:5:6", b"2001:db8:1::", b"::"),
        ("::ffff:198.51.100.77", b"198.51.100.0", b"0.0.0.0"),
        ("2002:c633:644d::1", b"198.51.100.0", b"0.0.0.0"),
        ("fe80::1%eth0", b"fe80::", b"::"),
        ("[2001:db8::1]:443", b"2001:db8::", b"::"),
        ("maxine-laptop.example.net", b"0.0.0.0", b"0.0.0.0"),
        ("010.1.2.3", b"0.0.0.0", b"0.0.0.0"),
    ],
)
def test_address(client: str, truncated: bytes, dropped: bytes) -> None:
    """Addresses are cut to /24 and /48 or dropped; embeddings are unwrapped; what is none is 0.0.0.0."""
    for treatment, expected in (("truncate", truncated), ("drop", dropped)):
        out, _ = scrubbed(one("GET / HTTP/1.1", client=client), treatment=treatment)
        assert fields(out)["client"] == expected


def test_no_address_is_counted() -> None:
    """Host names as clients are counted, the line is kept."""
    out, accounts = scrubbed(one("GET / HTTP/1.1", client="maxine.example.net") + one("GET / HTTP/1.1"))
    assert out.count(b"\n") == accounts.parsed == 2
    assert accounts.noted == {"no_address": 1}


def test_hash_is_an_address_of_documentation_and_keyed() -> None:
    """Equal within a scrub, different between two (keys differ) and between addresses; always in 2001:db8::/64."""
    lines = one("GET /a HTTP/1.1") + one("GET /b HTTP/1.1") + one("GET /a HTTP/1.1", client="198.51.100.78")
    first, second = (
        [fields(line)["client"] for line in scrubbed(lines, treatment="hash")[0].splitlines()] for _ in range(2)
    )
    assert first[0] == first[1] != first[2]
    assert first[0] not in second
    assert all(re.fullmatch(rb"2001:db8:0:0(:[0-9a-f]{4}){4}", client) for client in (*first, *second))


def test_two_days_are_unlinkable() -> None:
    """One address has another token on each of the log's days, and the same all day."""
    day = one("GET / HTTP/1.1")
    lines = day + day.replace(b"18/Nov", b"19/Nov") + day.replace(b"10:20:30", b"23:59:59")
    clients = [fields(line)["client"] for line in scrubbed(lines, treatment="hash")[0].splitlines()]
    assert clients[0] == clients[2] != clients[1]


def test_user_is_gone() -> None:
    """The authenticated user is a dash."""
    assert fields(scrubbed(one("GET / HTTP/1.1", user="maxine mustermann"))[0])["user"] == b"-"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("GET /invoice/4711 HTTP/1.1", b"GET /invoice/{n} HTTP/1.1"),
        ("GET /user/maxine HTTP/1.1", b"GET /user/{*} HTTP/1.1"),
        ("GET /kb/a?mail=maxine%40customer.example HTTP/2.0", b"GET /kb/a HTTP/2.0"),
        ("GET /maxine%2540customer.example/x HTTP/1.1", b"GET /{*}/x HTTP/1.1"),
        ("GET /?utm_source=news&utm_campaign=spring+sale&gclid=abc#maxine HTTP/1.1",
         b"GET /?utm_source=news&utm_campaign=spring%20sale HTTP/1.1"),
        ("GET http://maxine@other.example/docs HTTP/1.1", b"GET /docs HTTP/1.1"),
        ("MAXINE /docs MAXINE/1.1", b"-"),
        ("MAXINE /docs HTTP/1.1", b"- /docs HTTP/1.1"),
        ("CONNECT maxine.example:443 HTTP/1.1", b"-"),
        ("maxine@customer.example", b"-"),
        ("\\x16\\x03\\x01maxine", b"-"),
        ("GET /caf%C3%A9/x HTTP/1.1", b"GET /caf%C3%A9/x HTTP/1.1"),
        ("GET /a%20b%22 HTTP/1.1", b"GET /{*} HTTP/1.1"),
    ],
)  # fmt: skip
def test_request(request_: str, expected: bytes) -> None:
    """Known method, templated path, allowed parameters, known protocol."""
    (line,) = scrubbed(one(request_))[0].splitlines()
    assert b'] "' + expected + b'" 200 ' in line


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.google.com/search?q=maxine", b"https://google.com/"),
        ("http://maxine.blog.example.co.uk:8080/maxine", b"http://example.co.uk/"),
        (
            "https://www.shop.example/kb/who-is-maxine?page=2&mail=m@x.example",
            b"https://any.shop.example/kb/{slug}?page=2",
        ),
        ("https://198.51.100.7/maxine", b"-"),
        ("android-app://maxine", b"-"),
        ("maxine@customer.example", b"-"),
    ],
)
def test_referrer(referrer: str, expected: bytes) -> None:
    """The registrable domain of others, the route of the own site."""
    out, _ = scrubbed(one("GET / HTTP/1.1", referrer), policy=SHOP, site="shop")
    assert fields(out)["referrer"] == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            CHROME,
            b"Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        ),
        ("WordPress/6.6; https://maxine.example", b"WordPress/6.6"),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            b"Mozilla/5.0 (compatible; Googlebot/2.1)",
        ),
        ("Mozilla/5.0 (Windows NT 6.1; maxine@customer.example) Gecko/20100101 Firefox/27.0", None),
        ("maxine@customer.example", b"Mozilla/5.0 (compatible; bot)"),
        ("maxine", b"-"),
        ("-", b"-"),
    ],
)
def test_agent(agent: str, expected: bytes | None) -> None:
    """Known words and short versions; device models, addresses and names are gone."""
    found = fields(scrubbed(one("GET / HTTP/1.1", agent=agent))[0])["agent"]
    assert b"maxine" not in found
    assert expected is None or found == expected


def test_forwarded_is_the_one_client() -> None:
    """Behind a trusted proxy both address fields are the visitor's; forged entries to the left of it are gone."""
    line = b'10.1.2.3 - - [18/Nov/2026:10:20:30 +0000] "GET / HTTP/1.1" 200 5 "-" "-" "192.0.2.9, 203.0.113.9, 10.9.9.9" 0.125\n'
    found = fields(scrubbed(line, NGINX, policy=SHOP)[0], NGINX)
    assert (found["client"], found["forwarded"]) == (b"203.0.113.0", b"203.0.113.0")
    found = fields(scrubbed(line, NGINX)[0], NGINX)
    assert (found["client"], found["forwarded"]) == (b"10.1.2.0", b"-")


def test_bare_fields_of_a_pasted_format() -> None:
    """Milliseconds are cut, unknown variables and cookies are dashes, and nothing holds the byte that ends its field."""
    line = (
        b"198.51.100.7|1763461230.123|GET|/a%7Cb|page=2&id=7|200|512|www.shop.example|"
        + CHROME.encode()
        + b"|sid=maxine|42\n"
    )
    out, _ = scrubbed(line, BARE, policy=SHOP)
    found = fields(out, BARE)
    assert found["time"] == b"1763461230.000"
    assert (found["query"], found["host"], found["cookie"], found["connection"]) == (
        b"page=2",
        b"any.shop.example",
        b"-",
        b"-",
    )
    assert b"|" not in found["path"]


def test_hashed_address_where_a_colon_ends_it() -> None:
    """A token does not break a format whose address ends at a colon: there the address is dropped."""
    directive = '$remote_addr:$remote_port [$time_local] "$request" $status'
    line = b'198.51.100.7:4711 [18/Nov/2026:10:20:30 +0000] "GET / HTTP/1.1" 200\n'
    out, _ = scrubbed(line, directive, "hash")
    assert out == b'0.0.0.0:- [18/Nov/2026:10:20:30 +0000] "GET / HTTP/1.1" 200\n'


def test_unreadable_lines_are_dropped_and_counted() -> None:
    """What no format reads is never passed through; the shape alone is kept."""
    good = one("GET / HTTP/1.1")
    out, accounts = scrubbed(good + b"maxine was here\n\n" + b"x" * 70_000 + b"\n" + good)
    assert out.count(b"\n") == 2 and b"maxine" not in out and b"x" * 100 not in out
    assert accounts.rejected == {"no_format": 1, "too_long": 1} and accounts.skipped == {"blank": 1}
    assert accounts.lines == 5


def test_a_cut_line_is_closed() -> None:
    """A line cut within its last quotes is read by its format, and written whole."""
    out, accounts = scrubbed(one("GET / HTTP/1.1").rstrip(b'"\n') + b"\n")
    assert accounts.parsed == 1 and out.endswith(b'"\n')


# ---- all of it ------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=40)
PATHS = st.lists(
    st.one_of(
        TEXT,
        st.sampled_from(["kb", "user", "{n}", "{*}", "{token}", "abc12345", "a1b2c3d4e5f6", "%7Bn%7D", "2026-11-18"]),
    ),
    max_size=5,
).map("/".join)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["page", "utm_source", "utm_medium", "q", "utm_campaign"]), TEXT).map("=".join),
    max_size=4,
).map("&".join)
AGENTS = st.lists(st.sampled_from([*CHROME.split(" "), "(x11;", "maxine@x.example", "Opera", "bot)"]), max_size=8).map(
    " ".join
)


def escaped(text: str) -> str:
    """As Apache writes what would end a field."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


LINES = st.builds(
    one,
    st.tuples(PATHS, QUERIES).map(lambda t: escaped("GET " + f"/{t[0]}?{t[1]}".replace(" ", "%20") + " HTTP/1.1")),
    st.one_of(TEXT.map(escaped), st.tuples(PATHS, QUERIES).map(lambda t: escaped(f"https://www.shop.example/{t[0]}?{t[1]}"))),
    st.one_of(TEXT.map(escaped), AGENTS),
    st.one_of(st.ip_addresses().map(str), st.sampled_from(["::ffff:1.2.3.4", "2002:102:304::", "64:ff9b::1.2.3.4"])),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["truncate", "drop", "hash"]))
def test_scrubbed_lines_are_read_again(lines: list[bytes], treatment: str) -> None:
    """As many lines as were read, each with its time, status and bytes; and scrubbing again changes nothing."""
    layout = compile_layout(COMBINED)
    out, accounts = scrubbed(b"".join(lines), treatment=treatment, policy=SHOP, site="shop")
    found = out.splitlines()
    assert len(found) == accounts.parsed
    whole = [line for line in lines if layout.read(line[:-1])]
    for before, after in zip(whole, found, strict=True):
        assert layout.read(after) is not None
        assert [fields(before)[name] for name in ("time", "status", "bytes")] == [
            fields(after)[name] for name in ("time", "status", "bytes")
        ]
        assert after.isascii() and b"\\" not in after
    if treatment != "hash":
        assert scrubbed(out, treatment=treatment, policy=SHOP, site="shop")[0] == out


def test_no_planted_value_survives(root: Path) -> None:
    """Of the values planted in the samples nothing is left but names in words of a path, which only k could tell apart."""
    samples = root / "sample_logs"
    planted = json.loads((samples / "planted.json").read_text())["planted"]
    policy = read_policy(samples / "crowdlog.toml")
    left, raw = set(), 0
    for name in sorted({one["file"] for one in planted}):
        lines = (samples / name).read_bytes()
        scrubber = Scrubber(policy, None, "hash", "auto")
        chunk = Chunk(0, scrubber.format_of(lines.split(b"\n")[:500]), *padded(lines), Accounts())
        out = b"".join(map(bytes, scrubber.rewrite(chunk)))
        assert out.count(b"\n") == chunk.accounts.parsed > 100
        for value in (value for value in planted if value["file"] == name):
            raw += value["written"].encode() in lines
            if any(value[form].encode() in out for form in ("value", "written")):
                left.add((value["kind"], value["value"]))
    assert raw > 500, "the samples hold what is looked for"
    assert {kind for kind, _ in left} <= {"name"} and len(left) <= 2


@pytest.mark.parametrize("treatment", ["truncate", "drop"])
@pytest.mark.parametrize("name", ["combined", "common", "vhost_combined"])
def test_compiled_and_plain_write_the_same(
    root: Path, name: str, treatment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With numba and without it the bytes are equal, on the samples."""
    from transforms.kernels import compiled

    lines = b"".join((root / "sample_logs" / name / "input.log").read_bytes().splitlines(keepends=True)[:400])
    results = []
    for kernel in ("", "regex"):
        monkeypatch.setenv("CROWDLOG_KERNEL", kernel)
        compiled.cache_clear()
        results.append(scrubbed(lines, name, treatment)[0])
    monkeypatch.undo()
    compiled.cache_clear()
    assert results[0] == results[1] != b""
