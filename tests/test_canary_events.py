"""Canaries in every field of what trackers, shops and installations report, hunted in every byte that a run writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from test_canary import Made, addresses_in, email, everything, session, token, unique_word

from pipeline.cli import main
from schemas import load

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
EVENTS = ("ga4", "snowplow", "plausible", "umami", "segment", "clicks", "clicks_csv", "licence_pings")
AGENTS = tuple(f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in (143, 144, 145))
POLICY = """
[[site]]
name = "shop"
hosts = ["shop.example"]
presets = ["whmcs", "matomo"]
"""
KINDS: tuple[Callable[[], Made], ...] = (email, token, session)
CROWD = 12
MATOMO = (
    "_id", "uid", "cid", "cip", "urlref", "url", "token_auth", "cvar", "_cvar", "action_name", "e_c", "e_n", "search",
    "dimension1", "rand", "res", "lat", "city", "gclid", "link", "download", "_rcn",
)  # fmt: skip
PING = ("licensekey", "domain", "ip", "dir", "check_token", "status", "source", "email")


@dataclass(frozen=True)
class Canary:
    """A planted value: in which field, from how many, and what to hunt."""

    field: str
    crowd: int
    needles: tuple[bytes, ...]


def word() -> Made:
    text = unique_word()
    return text, (text,)


# ---- what is planted ------------------------------------------------------------------------------------------------


def leaves(record: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a record that are no object and no array."""
    pairs = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, below in pairs:
        yield from leaves(below, (*path, key)) if isinstance(below, dict | list) else [(*path, key)]


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the record with another value at the path."""
    copy = json.loads(json.dumps(record))
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return copy


# where each format has who it is, and what it browses with: the crowd differs in these
WHO = {
    "ga4": (("user_pseudo_id",), ("device", "web_info", "browser_version")),
    "plausible": (("user_id",), ("browser_version",)), "umami": (("session_id",), ("browser",)),
    "segment": (("context", "ip"), ("context", "userAgent")), "clicks": (("ip",), ("agent",)),
    "licence_pings": (("server_ip",), ("agent",)),
}  # fmt: skip


def member(record: Any, name: str, n: int) -> Any:
    """The record of the n-th of a crowd."""
    who, agent = WHO[name]
    is_address = name in ("segment", "clicks", "licence_pings")
    record = changed(record, who, f"198.18.{100 + n}.7" if is_address else f"visitor-{n}")
    agents = (
        AGENTS if is_address else ("143.0", "144.0", "145.0") if name != "umami" else ("chrome", "firefox", "safari")
    )
    return changed(record, agent, agents[n % 3])


def records(name: str) -> tuple[list[str], list[Canary]]:
    """Lines of a JSON format: a crowd for each kind of value in each field."""
    rows = (SAMPLES / name / "input.log").read_text("utf-8").splitlines()
    # one without a campaign in its page: that of the collector would not be looked at
    base = json.loads(next(row for row in rows if not any(sign in row for sign in ("utm_source=", "scroll", "link"))))
    lines, canaries = [], []
    more = (("event_params", 1, "value", "string_value"),) if name == "ga4" else ()
    for path in (*leaves(base), *more):
        for kind, crowd in (*((kind, CROWD) for kind in KINDS), (word, 1)):
            value, needles = kind()
            values = {"/".join(map(str, path)): value}
            if path[-1] in ("url", "string_value", "url_path", "pathname", "page_location"):
                page = f"https://shop.example/u/{value}?email={quote(value)}&utm_campaign=x#{value}"
                values = {"page": page if "path" not in str(path[-1]) else f"/u/{value}"}
            for text in values.values():
                lines += [json.dumps(changed(member(base, name, n), path, text)) for n in range(crowd)]
            canaries.append(
                Canary(f"{name}: {'/'.join(map(str, path))}", crowd, tuple(one.lower().encode() for one in needles))
            )
    return lines, canaries


def columns(name: str, separator: str) -> tuple[list[str], list[Canary]]:
    """The same for lines of values by place."""
    rows = (SAMPLES / name / "input.log").read_text("utf-8").splitlines()
    header = [rows[0]] if name == "clicks_csv" else []
    names = header[0].split(",") if header else load.formats()[name].names
    base = rows[1].split(separator)
    lines, canaries = list(header), []
    for place, column in enumerate(names):
        for kind, crowd in (*((kind, CROWD) for kind in KINDS), (word, 1)):
            value, needles = kind()
            for n in range(crowd):
                cells = list(base)
                for named, text in (("ip", f"198.18.{n}.9"), ("user_ipaddress", f"198.18.{n}.9")):
                    if named in names:
                        cells[names.index(named)] = text
                for named in {"agent", "useragent"} & set(names):
                    cells[names.index(named)] = AGENTS[n % 3]
                cells[place] = value
                lines.append(separator.join(cells))
            canaries.append(Canary(f"{name}: {column}", crowd, tuple(one.lower().encode() for one in needles)))
    return lines, canaries


def access() -> tuple[list[str], list[Canary]]:
    """Hits on the tracker, on the licence check and on links, with a value in each parameter."""
    lines, canaries = [], []
    asked = [("/matomo.php", name) for name in MATOMO] + [
        ("/modules/servers/licensing/verify.php", name) for name in PING
    ]
    asked += [("/aff.php", "aff"), ("/link.php", "id"), ("/aff.php", "gid"), ("/piwik.php", "url")]
    for path, name in asked:
        for kind, crowd in (*((kind, CROWD) for kind in KINDS), (word, 1)):
            value, needles = kind()
            text = (
                f"https://shop.example/u/{value}?mtm_campaign={value}#{value}" if name in ("url", "urlref") else value
            )
            page = "" if name == "url" else "&url=https%3A%2F%2Fshop.example%2Fdocs"
            for n in range(crowd):
                when = f"20/Nov/2026:{n:02}:00:00 +0000"
                target = f"{path}?{name}={quote(text, safe='')}{page if 'php' in path and 'mo' in path else ''}"
                cookie = f"https://shop.example/?WHMCSAffiliateID={value}"
                lines.append(f'198.18.{n}.9 - - [{when}] "GET {target} HTTP/1.1" 200 5 "{cookie}" "{AGENTS[n % 3]}"')
            canaries.append(Canary(f"{path}?{name}", crowd, tuple(one.lower().encode() for one in needles)))
    return lines, canaries


@dataclass(frozen=True)
class Field:
    """The logs, and what is in them."""

    folder: Path
    canaries: tuple[Canary, ...]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Field:
    """A log of each format of events, and an access log."""
    folder = tmp_path_factory.mktemp("events")
    canaries: list[Canary] = []
    for name in EVENTS:
        separator = {"snowplow": "\t", "clicks_csv": ","}.get(name)
        lines, more = columns(name, separator) if separator else records(name)
        (folder / f"{name}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
        canaries += more
    lines, more = access()
    (folder / "combined.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    return Field(folder, (*canaries, *more))


def hunt(planted: Field, output: Path, capfd: pytest.CaptureFixture[str]) -> tuple[list[str], bytes]:
    """Fields of canaries that a run over all logs lets out, and all that it has written."""
    written, survivors = b"", set()
    for name in (*EVENTS, "combined"):
        command = ["run", str(planted.folder / f"{name}.log"), "--policy", str(planted.folder / "policy.toml")]
        command += ["--output", str(output / name), "--format", name, "--preview", "--json", "--max-reject-rate", "1"]
        if name in ("clicks", "clicks_csv", "licence_pings", "combined"):
            command += ["--site", "shop"]
        status = main([*command, "--geo-db", str(SAMPLES / "test-country.mmdb")])
        said = capfd.readouterr()
        assert status == 0, said.err
        written += everything(output / name) + said.out.lower().encode() + said.err.lower().encode()
    survivors = {one.field for one in planted.canaries if any(needle in written for needle in one.needles)}
    return sorted(survivors), written


def test_no_canary_of_an_event_survives(planted: Field, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever reports it, and from however many: no value is in a byte that is written, and no address of a server."""
    found, written = hunt(planted, tmp_path, capfd)
    assert len(planted.canaries) > 500
    assert found == []
    assert {table for table in ("affiliates", "licences", "servers", "features", "pages") if table.encode() in written} == {
        "affiliates", "licences", "servers", "features", "pages"
    }  # fmt: skip
    assert not any(str(address).startswith("198.18.") for address in addresses_in(written))


def open_words(patch: pytest.MonkeyPatch) -> None:
    """Any id and any word are the operator's own."""
    patch.setattr("transforms.own_words.number", lambda value, declared: value.decode("utf-8", "replace"))
    patch.setattr("transforms.own_words.word", lambda value, declared: value.decode("utf-8", "replace"))


def open_servers(patch: pytest.MonkeyPatch) -> None:
    """What a server says of itself is published as it is."""
    patch.setattr("transforms.servers.named", lambda kind, value: value.decode("utf-8", "replace"))
    patch.setattr("transforms.servers.begun", lambda kind, value: value.decode("utf-8", "replace"))


def open_collectors(patch: pytest.MonkeyPatch) -> None:
    """So is what a collector names."""

    def told(*named: bytes | None) -> tuple[str, ...]:
        return tuple((text or b"").decode("utf-8", "replace") for text in named)

    patch.setattr("transforms.treatments.agent.collected", told)


def open_events(patch: pytest.MonkeyPatch) -> None:
    """A campaign is whatever the collector says."""
    patch.setattr("transforms.treatments.parameters.campaign_word", lambda value: value)


DEFENCES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], set[str]]] = {
    "words": (open_words, {"/aff.php?aff", "/link.php?id", "clicks: affiliate", "licence_pings: licence_source"}),
    "servers": (open_servers, {"licence_pings: os", "licence_pings: virtualisation", "licence_pings: licence_status"}),
    "collectors": (open_collectors, {"ga4: device/web_info/browser", "umami: device", "plausible: operating_system"}),
    "campaigns": (open_events, {"ga4: traffic_source/source", "snowplow: mkt_source", "/piwik.php?url"}),
}


@pytest.mark.parametrize(("turn_off", "expected"), DEFENCES.values(), ids=DEFENCES)
def test_the_hunt_succeeds_without_the_defence(
    planted: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    turn_off: Callable[[pytest.MonkeyPatch], None], expected: set[str],
) -> None:  # fmt: skip
    """With one defence off the same hunt finds values: it is this defence that keeps them."""
    turn_off(monkeypatch)
    found, _ = hunt(planted, tmp_path, capfd)
    assert expected - set(found) == set()


def test_identities_are_not_even_built(planted: Field) -> None:
    """Ids, keys and addresses of installations are dropped by declaration: no parser builds their columns."""
    fields = load.fields()
    assert {fields.columns[name].treatment for name in ("user", "cookie", "licence_key", "installation")} == {"drop"}
    sources = {(one.column, one.name) for name in EVENTS for one in load.formats()[name].sources}
    assert {
        ("user", "user_id"),
        ("licence_key", "licensekey"),
        ("installation", "domain"),
        ("cookie", "visitor"),
    } <= sources
