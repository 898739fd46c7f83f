"""Event logs: what trackers, shops and installations report is read, counted for what it is, and kept apart from pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chosen import detected
from pipeline.cut import padded
from pipeline.find import find
from pipeline.options import Wanted
from pipeline.run import run
from schemas import load
from schemas.load import DeclarationError, read_format
from schemas.policy import Policy, make_policy
from schemas.stages import Accounts, Chunk
from transforms.anonymise import Bench
from transforms.collected import collected
from transforms.geography import Countries, country_named
from transforms.kernels import plain
from transforms.kernels.block import Block, Rows
from transforms.kernels.calls import Parameters
from transforms.parse import Parse
from transforms.parsers.json_lines import JsonReader
from transforms.treatments import affiliate, event, features, licence, parameters, server

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
EVENTS = ("ga4", "snowplow", "plausible", "umami", "segment", "clicks", "clicks_csv", "licence_pings")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SITE = make_policy(
    {
        "site": [
            {
                "name": "shop",
                "hosts": ["shop.example"],
                "presets": ["whmcs", {"name": "matomo", "at": "/stats"}],
                "words": {"affiliate": ["acme"], "licence_source": ["Partner 2026"], "feature": ["x1y2z3"]},
            }
        ]
    },
    "test",
)
NOW = 1_800_000_000


def read(policy: Policy, name: str, text: str, site: str | None = None) -> list[dict[str, Any]]:
    """Events and pseudonymous events of lines of a format, joined."""
    buffer, size = padded(text.encode())
    bench = Bench(policy, site, Countries(SAMPLES / "test-country.mmdb"), bytes(32))
    rows: list[dict[str, Any]] = []
    for events in Parse(policy, load.fields(), load.formats()).events(Chunk(0, name, buffer, size, Accounts())):
        raw, out = events.batch.to_pylist(), bench.anonymise(events).batch.to_pylist()
        rows += [{**{f"raw {key}": value for key, value in a.items()}, **b} for a, b in zip(raw, out, strict=True)]
    return rows


def access(target: str, *, agent: str = FIREFOX, referrer: str = "-", n: int = 1) -> str:
    return f'198.18.{n}.1 - - [20/Nov/2026:12:00:00 +0000] "GET {target} HTTP/1.1" 200 5 "{referrer}" "{agent}"\n'


# ---- access lines that tell of something ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "column", "word"),
    [
        ("/aff.php?aff=12", "affiliate", "12"),
        ("/aff.php?x=1&aff=12&pid=3", "affiliate", "12"),
        ("/aff.php?aff=acme", "affiliate", "acme"),
        ("/aff.php?aff=zoe.quux", "affiliate", "(other)"),
        ("/aff.php?aff=1234567", "affiliate", "(other)"),
        ("/aff.php?aff=007", "affiliate", "(other)"),
        ("/aff.php", "affiliate", None),
        ("/link.php?id=7", "link", "7"),
        ("/link.php?id=jo%40example.com", "link", "(other)"),
        ("/viewticket.php?id=7", "link", None),
    ],
)
def test_affiliates_and_links_of_access_lines(target: str, column: str, word: str | None) -> None:
    """The id is a number below a million or what the policy declares; elsewhere the same parameter is none."""
    (row,) = read(SITE, "combined", access(target), "shop")
    assert row[column] == word
    assert row["event"] == "page"


def test_without_the_preset_nothing_is_an_affiliate() -> None:
    """Endpoints are declared: a site that declares none has none."""
    (row,) = read(Policy(), "combined", access("/aff.php?aff=12"))
    assert (row["affiliate"], row["route"]) == (None, "/aff.php")


PING = "/modules/servers/licensing/verify.php?licensekey=Leased-77&domain=zq.example&ip=192.0.2.9&dir=/home/zq&check_token=ab"


def test_a_licence_ping_is_no_page_and_keeps_nothing() -> None:
    """A ping counts as one, by software, and none of its parameters is built."""
    (row,) = read(SITE, "combined", access(PING, agent="PHP/8.3"))
    assert (row["licence_status"], row["licence_source"], row["event"], row["route"]) == (
        "(none)",
        "(none)",
        "other",
        "(none)",
    )
    assert (row["agent_class"], row["raw query"], row["raw path"]) == ("bot", None, None)
    (told,) = read(SITE, "combined", access(PING + "&status=Active&source=shop"))
    assert (told["licence_status"], told["licence_source"]) == ("active", "shop")


def matomo(url: str, more: str = "") -> str:
    from urllib.parse import quote

    return f"/stats/matomo.php?idsite=1&rec=1&_id=0123456789abcdef&uid=zq&url={quote(url, safe='')}{more}"


@pytest.mark.parametrize(
    ("target", "route", "source", "campaign", "kind"),
    [
        (matomo("https://shop.example/kb/dns"), "/kb/dns", None, None, "page"),
        (
            matomo("https://shop.example/a?utm_source=mail&utm_campaign=may&email=jo@zq.example"),
            "/a",
            "mail",
            "may",
            "page",
        ),
        (matomo("https://shop.example/a?mtm_campaign=may"), "/a", "(none)", "may", "page"),
        (matomo("https://shop.example/a?_pk_campaign=may&_pk_source=mail"), "/a", "mail", "may", "page"),
        (matomo("https://shop.example/a?mtm_source=mail"), "/a", "mail", "(none)", "page"),
        (matomo("https://shop.example/u/zq.quux?c=1#t=zq"), "/u/{*}", None, None, "page"),
        (matomo("https://shop.example"), "/", None, None, "page"),
        (matomo("https%3A%2F%2Fshop.example%2Fa"), "/{*}", None, None, "page"),
        (matomo("https://shop.example/a", "&e_c=zq&e_a=zq"), "/a", None, None, "other"),
        (matomo("https://shop.example/a", "&ping=1"), "/a", None, None, "other"),
        (
            matomo("https://shop.example/a", "&download=https%3A%2F%2Fshop.example%2Fcv-zq.pdf"),
            "/a",
            None,
            None,
            "other",
        ),
        ("/stats/matomo.php?idsite=1&rec=1", "(none)", None, None, "other"),
        ("/stats/matomo.php", "(none)", None, None, "other"),
    ],
)
def test_a_hit_on_the_tracker_is_a_view_of_the_page(
    target: str, route: str, source: str | None, campaign: str | None, kind: str
) -> None:
    """The page, its campaign and whether it is a view are those of the nested address; the tracker is no page."""
    (row,) = read(SITE, "combined", access(target, referrer="https://shop.example/self"))
    assert (row["route"], row["source"], row["campaign"], row["event"]) == (route, source, campaign, kind)
    assert not any(b"zq" in (row[f"raw {name}"] or b"") for name in ("query", "referrer"))


def test_the_referrer_of_a_tracked_page_is_urlref() -> None:
    """Not the Referer of the hit, which is the page itself."""
    more = "&urlref=https%3A%2F%2Fwww.google.com%2Fsearch%3Fq%3Dzq"
    (row,) = read(SITE, "combined", access(matomo("https://shop.example/a", more), referrer="https://shop.example/a"))
    assert (row["medium"], row["domain"]) == ("search", "google.com")
    (none,) = read(SITE, "combined", access(matomo("https://shop.example/a"), referrer="https://shop.example/a"))
    assert none["medium"] == "(none)"


def test_the_site_of_a_tracked_page_is_that_of_its_host() -> None:
    """Where the log names virtual hosts: stats.example counts for shop.example."""
    line = access(matomo("https://shop.example:443/a"))
    (row,) = read(SITE, "vhost_combined", f"shop.example {line}")
    assert row["site"] == "shop"
    (stray,) = read(SITE, "vhost_combined", f"shop.example {access(matomo('https://evil.example/a'))}")
    assert stray["site"] == "(other)"


def test_other_lines_are_as_without_endpoints() -> None:
    """Columns of lines that are for no endpoint do not change, in whatever order they come."""
    lines = [
        access(t, n=n) for n, t in enumerate(("/a?utm_source=x", "/aff.php?aff=1", "/b", "/link.php?id=2", "/a", "/"))
    ]
    plain, told = read(Policy(), "combined", "".join(lines)), read(SITE, "combined", "".join(lines))
    for n in (0, 2, 4, 5):
        assert {k: v for k, v in told[n].items() if k in plain[n] and k != "network"} == {
            k: v for k, v in plain[n].items() if k != "network"
        }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"path": "aff.php"}, "a path such as"),
        ({"path": "/a", "columns": {"user": "u"}}, "one of affiliate"),
        ({"path": "/a", "columns": {"licence_source": "email"}}, "may be read"),
        ({"path": "/a", "columns": {"affiliate": "a b"}}, "the name of a parameter"),
        ({"path": "/a", "pages": True}, "unknown key"),
        ({"path": "/a", "page": "no"}, "true or false"),
    ],
)
def test_wrong_endpoints_are_refused(entry: Mapping[str, Any], expected: str) -> None:
    """An endpoint cannot publish what is denied, nor fill a column that is not for it."""
    with pytest.raises(DeclarationError, match=expected):
        make_policy({"site": [{"name": "a", "endpoints": [dict(entry)]}]}, "test")


def test_two_sites_may_not_read_one_path_differently() -> None:
    """Endpoints are found before the site is known."""
    sites = [
        {"name": n, "endpoints": [{"path": "/a", "columns": {column: "x"}}]}
        for n, column in (("a", "link"), ("b", "affiliate"))
    ]
    with pytest.raises(DeclarationError, match="the same on all sites"):
        make_policy({"site": sites}, "test")


@pytest.mark.parametrize("word", ["jo@example.com", "12345", "http://x", "call 03012345678", ""])
def test_words_that_could_be_somebodys_are_refused(word: str) -> None:
    """A policy declares names of its own, not addresses and numbers."""
    with pytest.raises(DeclarationError, match="a word of letters"):
        make_policy({"site": [{"name": "a", "words": {"affiliate": [word]}}]}, "test")


# ---- treatments -----------------------------------------------------------------------------------------------------

SHOP = SITE.site("shop")


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_an_affiliate_is_a_number_or_a_declared_word(value: bytes) -> None:
    """Whatever is written there, nothing but a short number, a declared word or (other) comes out."""
    (word,) = affiliate.Treatment().treat(value, SHOP)
    assert word in ("(other)", "acme") or (word is not None and word.isdigit() and len(word) <= 6)


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_servers_and_licences_have_closed_vocabularies(one: bytes, two: bytes) -> None:
    """Status, system and virtualisation are words of servers.toml, whatever a ping says."""
    table = load.shipped("servers.toml")
    beside = {"(other)", "(none)"}
    status, _ = licence.Treatment().treat(one, None, SHOP)
    system, virtualisation = server.Treatment().treat(one, two)
    assert status in {*table["status"], *beside}
    assert system in {*table["os"], *beside, None}
    assert virtualisation in {*table["virtualisation"], *beside, None}


@pytest.mark.parametrize(
    ("system", "word"),
    [
        (b"Ubuntu 24.04.1 LTS", "Ubuntu"), (b"ubuntu", "Ubuntu"), (b"Rocky Linux 9", "Rocky Linux"), (b"rhel", "Red Hat"),
        (b"Red Hat Enterprise Linux 9", "Red Hat"), (b"Linux zq.example 5.14.0-1", "Linux"), (b"zq", "(other)"),
        (b"Ubuntuzq", "(other)"), (b"Amazon Linux 2023", "Amazon Linux"),
    ],
)  # fmt: skip
def test_systems_of_servers(system: bytes, word: str) -> None:
    """The first words tell the system; what stands behind them, a host name too, is gone."""
    assert server.Treatment().treat(system, None) == (word, "(none)")


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (b'["backup","dns-manager","backup"]', ("backup", "dns-manager")),
        (b"backup, api;reports", ("api", "backup", "reports")),
        (b'["x1y2z3"]', ("x1y2z3",)),
        (b'["jo@example.com","backup"]', ("(other)", "backup")),
        (b"[]", ()), (b"", ()), (None, ()),
        (b'["a\\u0040b"]', ("(other)",)),
    ],
)  # fmt: skip
def test_features_are_words_each_once(listed: bytes | None, words: tuple[str, ...]) -> None:
    """A list as JSON or with commas; what is no word is (other)."""
    assert features.Treatment().treat(listed, SHOP) == words


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((b"Chrome", b"142.0.1", b"Macintosh", b"desktop"), ("Chrome", "142", "Mac OS X", "desktop")),
        ((b"edge-chromium", None, b"Windows 10", b"laptop"), ("Edge", "(none)", "Windows", "desktop")),
        ((b"Safari (in-app)", b"x", b"iOS", b"mobile"), ("Mobile Safari UI/WKWebView", "(none)", "iOS", "mobile")),
        ((b"zq", b"5", b"zq", b"zq"), ("(other)", "(none)", "(other)", "(other)")),
        ((None, None, None, None), ("(none)", "(none)", "(none)", "(none)")),
    ],
)
def test_collectors_names_are_those_of_agents(told: tuple[bytes | None, ...], expected: tuple[str, ...]) -> None:
    """One vocabulary for what an agent says and for what a collector made of it."""
    assert collected(*told) == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"Germany", "DE"), (b"DE", "DE"), (b"de", "DE"), ("Türkiye".encode(), "TR"), (b"Turkey", "TR"),
        ("Côte d\u2019Ivoire".encode(), "CI"), (b"Bosnia and Herzegovina", "BA"), (b"Hong Kong", "HK"),
        (b"(not set)", "(unknown)"), (b"Berlin", "(unknown)"), (b"", "(unknown)"), (None, "(unknown)"),
        (b"\xff\xfe", "(unknown)"),
    ],
)  # fmt: skip
def test_countries_by_name(name: bytes | None, code: str) -> None:
    """English names and codes; anything else is unknown."""
    assert country_named(name) == code


@pytest.mark.parametrize("kind", [b"page_view", b"pageview", b"page", b"1", b"Page_View", None])
def test_page_views(kind: bytes | None) -> None:
    """What the collectors call a view of a page."""
    assert event.Treatment().treat(kind) == ("page",)


@pytest.mark.parametrize("kind", [b"scroll", b"2", b"jo@example.com", b"page_ping", b""])
def test_other_events_are_other(kind: bytes) -> None:
    """Names of events are words that anybody could make up: one word stands for all of them."""
    assert event.Treatment().treat(kind) == ("other",)


@pytest.mark.parametrize("source", [b"(direct)", b"", b"(not set)", None, b"(none)"])
def test_no_campaign_is_none(source: bytes | None) -> None:
    """What collectors write where there was none."""
    assert parameters.Treatment().treat(None, source, b"(none)", b"(not set)") == (None, None, None)


def test_the_pages_own_campaign_goes_before_that_of_the_first_visit() -> None:
    """GA4's traffic_source is of the visitor's first visit."""
    assert parameters.Treatment().treat(b"utm_source=mail", b"google", b"cpc", b"brand") == ("mail", "(none)", "(none)")
    assert parameters.Treatment().treat(b"a=1", b"google", b"cpc", b"jo@zq.example") == ("google", "cpc", "(other)")


# ---- visitors without addresses -------------------------------------------------------------------------------------


def umami(visitor: str | None, path: str = "/a") -> str:
    return (
        json.dumps(
            {
                "created_at": "2026-11-20 12:00:00",
                "event_type": 1,
                "session_id": visitor,
                "url_path": path,
                "country": "DE",
            }
        )
        + "\n"
    )


def test_a_visitor_is_network_and_neighbourhood() -> None:
    """The same id is the same network; another is another, in another neighbourhood; none is none, and is counted."""
    rows = read(Policy(), "umami", umami("a") + umami("b") + umami("a") + umami("-"))
    one, two, again, nobody = (row["network"] for row in rows)
    assert one == again
    assert one[:8] != two[:8]
    assert one[8:] != two[8:]
    assert nobody is None
    assert {row["country"] for row in rows} == {"DE"}


def test_a_visitor_of_one_site_is_another_on_another() -> None:
    """Domain separation by site, as for addresses (PRIVACY.md 1.4)."""
    policy = make_policy({"site": [{"name": n, "hosts": [f"{n}.example"]} for n in ("a", "b")]}, "test")
    record = json.loads(umami("x"))
    text = "".join(json.dumps({**record, "hostname": f"{n}.example"}) + "\n" for n in ("a", "b"))
    one, two = read(policy, "umami", text)
    assert one["network"] != two["network"]


def test_no_visitor_gives_the_token_of_an_address() -> None:
    """An id that has the bytes of an address is no visitor from there."""
    (there,) = read(Policy(), "combined", access("/a", n=48))
    (here,) = read(Policy(), "umami", umami("\u00c6\u0012"))
    assert there["network"][:8] != here["network"][:8]


# ---- JSON that says of its values what they are ----------------------------------------------------------------------

DECLARED = {
    "name": "x", "family": "json", "required": ["time"],
    "columns": {
        "time": "t", "target": "p[key=loc].value.s", "referrer": "p[key=ref].value.s",
        "features": {"from": "f", "type": "list"}, "agent": "a.b",
    },
}  # fmt: skip
READER = JsonReader(read_format(DECLARED, "test"))
SCALARS = st.sampled_from([None, 1, -2.5e7, "x", "loc", True, {}, [], {"a": 1}, ["q", {"key": "loc"}], 'a"b\\'])
ENTRIES = st.fixed_dictionaries({
    "key": st.sampled_from(["loc", "ref", "other", 'l"oc', 5]),
    "value": st.sampled_from([{"s": "/a"}, {"s": "/b\u00e9\\"}, {"i": 3}, {"s": None}, {}, {"s": ["z"]}, "s"]),
})  # fmt: skip
RECORDS = st.fixed_dictionaries({
    "t": st.just("2026-11-20T00:00:00Z"), "p": st.lists(ENTRIES, max_size=4) | SCALARS,
    "f": st.sampled_from([["a", "b"], "a,b", [], None]) | SCALARS, "a": st.sampled_from([{"b": "U"}]) | SCALARS,
})  # fmt: skip


def spans(line: bytes) -> tuple[list[bytes | None] | None, list[bytes] | None]:
    """What the kernel reads of a line (None: refused), and what the exact way does."""
    block, rows = Block(), Rows(len(READER.fields))
    block.fill(np.frombuffer(line + b"\n", np.uint8))
    READER.scan(block, rows)
    fast = None
    if not rows.refused.size:
        pairs = zip(rows.starts[:, 0].tolist(), rows.lens[:, 0].tolist(), strict=True)
        fast = [line[start : start + length] for start, length in pairs]
    read = READER.read(line)
    return fast, None if read is None else [line[start:stop] for start, stop in read[0]]


@settings(deadline=None, max_examples=400)
@given(RECORDS, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_kernel_and_exact_reading_agree(record: dict[str, Any], marks: tuple[str, str], ascii_only: bool) -> None:
    """The kernel may refuse a line, but reads none with other values; Python's own parser says the same."""
    line = json.dumps(record, separators=marks, ensure_ascii=ascii_only).encode()
    fast, exact = spans(line)
    assert exact is None or fast in (None, exact)
    if exact is not None:
        listed = record["p"] if isinstance(record["p"], list) else []
        found = [one["value"] for one in listed if isinstance(one, dict) and one.get("key") == "loc" and "value" in one]
        value = found[0].get("s") if found and isinstance(found[0], dict) else None
        assert json.loads(b'"' + exact[1] + b'"') == (value if isinstance(value, str) else "")


@settings(deadline=None, max_examples=300)
@given(RECORDS, st.integers(0, 400), st.sampled_from([*'"\\{}[],:n\t ', "", "\\u0061"]))
def test_broken_lines_are_read_alike_or_not_at_all(record: dict[str, Any], at: int, sign: str) -> None:
    """A sign put in or taken out anywhere: what the kernel accepts, the exact way reads with the same values."""
    text = json.dumps(record)
    fast, exact = spans((text[: at % len(text)] + sign + text[at % len(text) + (sign == "") :]).encode())
    if fast is not None and fast[0] == b"2026-11-20T00:00:00Z":
        assert fast == exact


@pytest.mark.parametrize(
    "text",
    [
        '"p":[{"key":"loc","value":{"s":"/a"}},{"key":"loc","value":{"s":"/b"}}]',
        '"p":[{"key":"loc","key":"ref","value":{"s":"/a"}}]',
        '"p":[{"key":"loc","value":{"s":"/a"},"value":{"s":"/b"}}]',
        '"p":[],"p":[{"key":"loc","value":{"s":"/a"}}]',
        '"f":["a"],"f":["b"]',
    ],
)
def test_what_two_programs_could_read_differently_is_refused(text: str) -> None:
    """An entry, a key of one or the array itself that stands twice."""
    assert spans(b'{"t":"2026-11-20T00:00:00Z",' + text.encode() + b"}") == (None, None)


def test_the_order_within_an_entry_does_not_matter() -> None:
    """The value may stand before its key."""
    line = b'{"t":"2026-11-20T00:00:00Z","p":[{"value":{"s":"/a"},"key":"loc"}]}'
    fast, exact = spans(line)
    assert fast is not None
    assert fast[1] == b"/a"
    assert fast == exact


# ---- samples and whole runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENTS)
def test_each_sample_is_found_out(name: str) -> None:
    """Detection among all formats gives the sample's own."""
    (file,) = find([str(SAMPLES / name / "input.log")])
    assert detected(file, load.formats()) == name


@pytest.mark.parametrize("name", EVENTS)
def test_nothing_planted_is_expected_to_be_published(name: str) -> None:
    """No planted value of an event is in what its sample publishes or counts."""
    planted = json.loads((SAMPLES / name / "planted.json").read_text(encoding="utf-8"))
    published = "".join((SAMPLES / name / "expected" / file).read_text("utf-8") for file in ("release.tsv", "run.json"))
    assert len(planted) > 50
    assert [one["kind"] for one in planted if one["value"] in published] == []


def published(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    """Rows of a table that a run published."""
    if (folder / "release" / table).exists():
        yield from ds.dataset(folder / "release" / table).to_table().to_pylist()


def ran(folder: Path, name: str, lines: list[str], policy: str = "") -> tuple[dict[str, Any], Path]:
    """The record of a run over lines of a format, and where it published."""
    (folder / "in.log").write_text("".join(lines), encoding="utf-8")
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    out = folder / "out"
    database = SAMPLES / "test-country.mmdb"
    asked = Wanted((str(folder / "in.log"),), out, folder / "policy.toml", geo_db=database, format=name, partial=True)
    return run(asked, now=NOW).record, out


def ping(n: int, **more: Any) -> str:
    record = {
        "time": "2026-11-20T12:00:00Z",
        "server_ip": f"198.18.{n}.1",
        "licence_status": "Active",
        "agent": f"curl/{n % 5}",
        **more,
    }
    return json.dumps(record) + "\n"


def test_an_event_counts_in_the_row_of_each_of_its_features(tmp_path: Path) -> None:
    """12 servers with two features, 11 with one, 12 with none: rows of 23 and 12, and the record says how many were counted
    again. Were there only one with none, it would be known of all others that they have the first feature."""
    lines = [ping(n, features=["backup", "dns"] if n < 12 else ["backup"]) for n in range(23)]
    lines += [ping(200 + n, features=[]) for n in range(12)]
    record, out = ran(tmp_path, "licence_pings", lines)
    rows = {row["feature"]: (row["hits"], row["visitors"]) for row in published(out, "features")}
    counts = record["tables"]["features"]
    assert rows == {"backup": (23, 23), "dns": (12, 12)}
    assert (counts["repeated"], counts["not_applicable"], counts["published"]) == (12, 12, 35)
    assert record["parsed"] + counts["repeated"] == counts["not_applicable"] + counts["eligible"]


def test_one_server_without_a_feature_is_not_told(tmp_path: Path) -> None:
    """23 of 24 servers have the feature: the row would tell of the last that it has not, and so of the others that they do."""
    lines = [ping(n, features=["backup"]) for n in range(23)] + [ping(200, features=[])]
    record, out = ran(tmp_path, "licence_pings", lines)
    assert list(published(out, "features")) == []
    assert record["tables"]["features"]["withheld"] == 23


def test_software_is_counted_where_the_table_is_about_it(tmp_path: Path) -> None:
    """curl is a bot: licences and servers count it, pages and countries, which are people's, do not."""
    said = dict(os="Ubuntu 24.04", virtualisation="kvm", licence_source="shop")
    lines = [ping(n, **said, licence_status="Active" if n < 12 else "Expired") for n in range(24)]
    _, out = ran(tmp_path, "licence_pings", lines)
    assert [(row["status"], row["source"], row["visitors"]) for row in published(out, "licences")] == [
        ("active", "shop", 12), ("expired", "shop", 12)
    ]  # fmt: skip
    assert [(row["os"], row["virtualisation"], row["hits"]) for row in published(out, "servers")] == [
        ("Ubuntu", "kvm", 24)
    ]
    assert list(published(out, "pages")) == list(published(out, "countries")) == []


def click(n: int, affiliate: str, agent: str = FIREFOX) -> str:
    return (
        json.dumps({"time": "2026-11-20T12:00:00Z", "ip": f"198.18.{n}.1", "affiliate": affiliate, "agent": agent})
        + "\n"
    )


def test_an_affiliate_needs_its_crowd_and_three_agents(tmp_path: Path) -> None:
    """12 neighbourhoods with one agent make a declared affiliate public, not one that they could have made up."""
    agents = [FIREFOX.replace("145", str(version)) for version in (143, 144, 145)]
    lines = [click(n, "acme") for n in range(12)] + [click(n, "7") for n in range(12)]
    lines += [click(n, "8", agents[n % 3]) for n in range(12)] + [click(n, "9", agents[n % 3]) for n in range(9)]
    policy = '[[site]]\nname = "default"\nwords = { affiliate = ["acme"] }\n'
    _, out = ran(tmp_path, "clicks", lines, policy)
    rows = {row["affiliate"]: row["hits"] for row in published(out, "affiliates")}
    assert rows == {"acme": 12, "8": 12, "(other)": 21}


def test_only_views_are_pages(tmp_path: Path) -> None:
    """An event that is no view counts as a hit of the site, and as no page."""
    lines = []
    for n in range(12):
        record = json.loads(umami(f"visitor-{n}"))
        described = {"browser": ("chrome", "firefox", "safari")[n % 3], "os": "Windows 10"}
        lines += [json.dumps({**record, **described, "event_type": kind}) + "\n" for kind in (1, 2)]
    record, out = ran(tmp_path, "umami", lines)
    assert [(row["hits"], row["visitors"]) for row in published(out, "sites")] == [(24, 12)]
    assert [(row["route"], row["hits"], row["visitors"]) for row in published(out, "pages")] == [("/a", 12, 12)]
    assert record["tables"]["pages"]["not_applicable"] == 12


PIECES = [b"url", b"e_c", b"aff", b"x", b"ur", b"=", b"&", b";", b"?", b"%3A", b"/", b'"', b"\xff", b"a" * 140]
QUERY = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@settings(deadline=None, max_examples=300)
@given(st.lists(QUERY, min_size=1, max_size=4))
def test_parameters_are_chosen_alike_by_both_ways(queries: list[bytes]) -> None:
    """Whole values, plain ones and bare names: the kernel keeps what plain Python keeps, and no value of a bare one."""
    parameters_ = Parameters([b"url", b"e_c", b"aff"], whole=[b"url"], bare=[b"e_c"])
    block, kept = Block(), Block()
    block.fill(np.frombuffer(b"".join(queries) + b"\n", np.uint8))
    lens = np.array([len(query) for query in queries], np.int32)
    starts, sizes = parameters_.select(block, (np.cumsum(lens) - lens).astype(np.int32), lens, kept)
    for query, start, size in zip(queries, starts.tolist(), sizes.tolist(), strict=True):
        found = kept.text[start : start + size].tobytes()
        assert found == plain.select_parameters(query, [b"url", b"e_c", b"aff"], [b"url"], [b"e_c"])
        assert all(pair == b"e_c=" for pair in found.split(b"&") if pair.startswith(b"e_c="))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('["back\\u0075p","api"]', {"backup", "api"}),
        ('["a\\"b","api"]', {"(other)", "api"}),
        ('["a\\\\","api"]', {"(other)", "api"}),
        ('"b\\u0061ckup,api"', {"backup", "api"}),
    ],
)
def test_escapes_in_an_array_of_features_are_undone(written: str, words: set[str]) -> None:
    """JSON may escape any letter, also in the texts of an array that is taken as a whole; it stops no run."""
    head = '{"time":"2026-11-20T08:30:12Z","server_ip":"198.51.100.7","licence_status":"Active","features":'
    (row,) = read(SITE, "licence_pings", f"{head}{written}}}\n", "shop")
    assert set(row["feature"]) == words
