"""The sample logs: they can be made again byte by byte, name nobody real, and hold what planted.json says."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import maxminddb
import pytest
from faker import VERSION

from schemas.policy import read_policy

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
sys.path.append(str(SAMPLES))
import small  # noqa: E402
import tracked  # noqa: E402

LOGS = ("combined/input.log", "vhost_combined/input.log", "common/input.log", "nginx_timed/input.log")
SMALL = sorted(f"{name}/input.log" for name in small.writers())
EVENTS = sorted(f"{name}/input.log" for name in tracked.WRITERS)
PLANTED = sorted(f"{name}/planted.json" for name in tracked.WRITERS)
MADE = (*LOGS, *SMALL, *EVENTS, *PLANTED, "planted.json", "planted_small.json", "test-country.mmdb")
# RFC 5737, RFC 2544, RFC 3849
ALLOWED = [
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")
]
# Whose names stand in the agents of well-known robots, and where people come from.
WELL_KNOWN = {
    "ahrefs.com", "bing.com", "duckduckgo.com", "facebook.com", "google.com", "google.de", "semrush.com", "t.co",
    "com.google.android.gm", "uptimerobot.com",
}  # fmt: skip
OWN = re.compile(r"(^|\.)example(\.(com|net|org))?$")  # RFC 2606
# A dotted quad that is not the version of a product (Chrome/142.0.0.0) nor a part of a longer one.
QUAD = re.compile(r"(?<![\w.])(?<![A-Za-z]/)\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
SIX = re.compile(r"(?<![\w:./])(?:[0-9A-Fa-f]{1,4}:|::)(?:[0-9A-Fa-f]{0,4}:){1,7}[0-9A-Fa-f.]*(?![\w:])")
HOST = re.compile(r"(?:://(?:[^/@\s\"]*@)?|[\w+-]@)([\w-]+(?:\.[\w-]+)+)")
CLIENT = re.compile(r"(?:(?P<host>[a-z.-]+\.example\S*) )?(?P<client>\S+) - \S+ \[(?P<day>\d\d)/Nov/2026:(?P<hour>\d\d):(?P<minute>\d\d):\d\d \+0(?P<zone>\d)00\]")  # fmt: skip # noqa: E501


def text(log: str) -> str:
    """A whole sample log; those of servers are all ASCII, as they escape the rest."""
    return (SAMPLES / log).read_bytes().decode("utf-8" if log in EVENTS else "ascii")


def decoded(log: str) -> str:
    """A whole sample log with percent-encoding undone, twice."""
    return unquote(unquote(text(log)))


def is_allowed(address: str) -> bool:
    """Whether an address, or the one that it embeds, is from documentation or benchmark space."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return any(ip in net for net in ALLOWED if net.version == ip.version)


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    """What the generator says it planted."""
    listed: dict[str, Any] = json.loads((SAMPLES / "planted.json").read_text(encoding="utf-8"))
    return listed


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory, planted: dict[str, Any]) -> Path:
    """A folder that the generator has just written, in a hostile time zone and with other string hashes."""
    if planted["faker"] != VERSION:
        pytest.skip(f"the samples were made with faker {planted['faker']}, this is {VERSION}: its names differ")
    folder = tmp_path_factory.mktemp("samples")
    environment = {"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    subprocess.run([sys.executable, str(SAMPLES / "generate.py"), "--output", str(folder)], check=True, env=environment)
    return folder


@pytest.mark.parametrize("name", MADE)
def test_generator_gives_the_same_bytes(made_again: Path, name: str) -> None:
    """What is in the repository is what the generator writes."""
    assert (made_again / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_generator_writes_nothing_else(made_again: Path) -> None:
    """All files that the generator writes are compared above."""
    assert sorted(str(file.relative_to(made_again)) for file in made_again.rglob("*") if file.is_file()) == sorted(MADE)


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    """The seed decides the content."""
    subprocess.run([sys.executable, str(SAMPLES / "generate.py"), "--seed", "1", "--output", str(tmp_path)], check=True)
    assert (tmp_path / LOGS[2]).read_bytes() != (SAMPLES / LOGS[2]).read_bytes()


def test_samples_stay_small() -> None:
    """What the generator writes takes less than 4 MB, and a small sample less than 100 kB."""
    few = {*SMALL, *EVENTS, *PLANTED}
    assert sum((SAMPLES / name).stat().st_size for name in MADE if name not in few) < 4_000_000
    assert [name for name in few if (SAMPLES / name).stat().st_size > 100_000] == []


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("pattern", [QUAD, SIX], ids=["ipv4", "ipv6"])
def test_only_addresses_that_are_nobodys(log: str, pattern: re.Pattern[str]) -> None:
    """Every address in a log is from space reserved for documentation or benchmarks."""
    found = {match.rstrip(":") for match in pattern.findall(decoded(log))}
    assert len(found) > 10
    assert [address for address in found if not is_allowed(address)] == []


@pytest.mark.parametrize("log", [*SMALL, *EVENTS])
def test_small_samples_name_nobody(log: str) -> None:
    """IPv4 addresses in a small sample are nobody's; others stand in many forms there, but come from its hits alone."""
    assert [address for address in QUAD.findall(decoded(log)) if not is_allowed(address)] == []


def test_visitors_of_small_samples_are_nobody() -> None:
    """All clients of the hits of which the small samples are made are nobody's, of both kinds and many places."""
    clients = {hit.client for hit in small.requests(tomllib.loads((SAMPLES / "cast.toml").read_text("utf-8")), 1).hits}
    assert all(map(is_allowed, clients))
    assert len({client for client in clients if "." in client}) > 14
    assert len({client for client in clients if ":" in client}) > 2


@pytest.mark.parametrize(
    "log", [*LOGS, *SMALL, *(log for log in EVENTS if "pings" not in log)]
)  # pings hold no address of a page
def test_only_domains_that_are_nobodys(log: str) -> None:
    """Every host in a URL or mail address is an example domain, a search engine's or a well-known robot's."""
    hosts = {host.lower() for host in HOST.findall(decoded(log))}
    assert hosts
    foreign = {
        host
        for host in hosts
        if not OWN.search(host) and not any(f".{host}".endswith(f".{name}") for name in WELL_KNOWN)
    }
    assert foreign == set()


@pytest.mark.parametrize("log", LOGS)
def test_planted_values_are_there(planted: dict[str, Any], log: str) -> None:
    """Every planted value stands in its file, as often as from so many neighbourhoods."""
    written = text(log)
    mine = [entry for entry in planted["planted"] if entry["file"] == log]
    assert mine
    assert [entry for entry in mine if written.count(entry["written"]) < entry["neighbourhoods"]] == []


def test_planted_values_are_long_enough_to_hunt(planted: dict[str, Any]) -> None:
    """A planted value found in an output is no accident: it has at least eight characters."""
    assert [entry for entry in planted["planted"] if min(len(entry["value"]), len(entry["written"])) < 8] == []


@pytest.mark.parametrize(
    "kind",
    [
        "email",
        "name",
        "phone",
        "user",
        "ticket",
        "secret",
        "key",
        "session",
        "licence",
        "password",
        "domain",
        "search",
        "number",
    ],
)
def test_each_kind_of_leak_is_planted(planted: dict[str, Any], kind: str) -> None:
    """The kinds of personal data that a hosting shop leaks are all there, from more than one person."""
    assert len({entry["value"] for entry in planted["planted"] if entry["kind"] == kind}) > 2


def test_a_crowd_shares_some_secrets(planted: dict[str, Any]) -> None:
    """Some values come from 10 neighbourhoods and more, so that k alone does not stop them."""
    assert {entry["kind"] for entry in planted["planted"] if entry["neighbourhoods"] >= 10} >= {
        "email",
        "name",
        "user",
        "number",
    }


@pytest.mark.parametrize("log", LOGS)
def test_addresses_are_listed(planted: dict[str, Any], log: str) -> None:
    """planted.json lists exactly the addresses that the log holds as clients."""
    other = planted["written_otherwise"][log]
    as_logged = set(planted["addresses"][log]) - set(other.values()) | set(other)
    clients = {match["client"] for match in map(CLIENT.match, text(log).splitlines()) if match}
    if log == "nginx_timed/input.log":
        clients = {
            entry
            for line in text(log).splitlines()
            for entry in re.findall(r'[^\s",]+(?=[",])', line.rpartition(' "')[2])
        }
    known_otherwise = {*planted["proxies"], *planted["claimed"], planted["stray"], *other.values(), "-", "unknown"}
    hosts = {entry["value"] for entry in planted["planted"] if entry["kind"] == "peer"}
    assert clients - hosts - known_otherwise <= as_logged
    assert as_logged <= clients


def visits(log: str) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """Neighbourhoods by (host, day), and minutes from midnight with them: {(host, day): {(client, minute)}}."""
    seen = defaultdict(set)
    for line in text(log).splitlines():
        if match := CLIENT.match(line):
            shift = dt.timedelta(hours=int(match["zone"]))
            time = dt.datetime(2026, 11, int(match["day"]), int(match["hour"]), int(match["minute"])) - shift
            seen[(match["host"] or "").split(":")[0], time.day].add((match["client"], time.hour * 60 + time.minute))
    return seen


@pytest.mark.parametrize("log", LOGS)
def test_days_are_covered_at_both_edges(log: str) -> None:
    """Each site has events within the hour before and after each midnight, so that three days can be published."""
    seen = visits(log)
    for host in {host for host, _ in seen}:
        for day in (18, 19, 20, 21):
            assert any(minute >= 23 * 60 for _, minute in seen[host, day - 1])
            assert any(minute < 60 for _, minute in seen[host, day])


@pytest.mark.parametrize(
    ("log", "host"), [(LOGS[0], ""), (LOGS[1], "shop.example"), (LOGS[1], "blog.example"), (LOGS[1], "docs.example")]
)
def test_crowds_are_large_enough(log: str, host: str) -> None:
    """At least 120 different /24 or /48 come to each declared site each day."""
    seen = visits(log)
    for day in (18, 19, 20):
        # two words of an IPv6 address after the first are its /48; three numbers of an IPv4 address its /24
        found = {re.sub(r"^\[?((?:\d+\.){3}|(?:\w+:){3}).*", r"\1", client.lower()) for client, _ in seen[host, day]}
        assert len(found) >= 120


def test_broken_lines_are_there() -> None:
    """Blank, CRLF and over-long lines, a request that is TLS, and a file without a last newline."""
    lines = text(LOGS[1]).split("\n")
    assert "" in lines[:-1]
    assert any(line.endswith("\r") for line in lines)
    assert max(map(len, lines)) > 64 * 1024
    assert any(r'"\x16\x03\x01' in line for line in lines)
    assert not text(LOGS[2]).endswith("\n")


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("198.18.0.1", "DE"),
        ("198.18.16.1", "US"),
        ("198.19.255.254", "AU"),
        ("192.0.2.1", "CH"),
        ("2001:db8::1", "DE"),
        ("2001:db8:ffff::1", "PL"),
    ],
)
def test_database_knows_the_countries(address: str, country: str) -> None:
    """The test database gives the flat record that a real one gives."""
    with maxminddb.open_database(SAMPLES / "test-country.mmdb") as database:
        assert database.get(address) == {"country_code": country}


def test_database_knows_all_visitors(planted: dict[str, Any]) -> None:
    """Every client address of the samples has a country, and they come from at least ten."""
    with maxminddb.open_database(SAMPLES / "test-country.mmdb") as database:
        records = [database.get(address) for clients in planted["addresses"].values() for address in clients]
    assert None not in records
    assert len({record["country_code"] for record in records if isinstance(record, dict)}) >= 10


def test_policy_is_one_that_can_be_read() -> None:
    """The sample policy declares the three sites and the custom format."""
    policy = read_policy(SAMPLES / "crowdlog.toml")
    assert (policy.k, [site.name for site in policy.sites], list(policy.formats)) == (
        10,
        ["shop", "blog", "docs"],
        ["nginx_timed"],
    )
    assert policy.site("blog").timezone == "Europe/Berlin"
