"""Canaries in every field of what trackers, shops and installations report, hunted in every byte that a run writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from canaries.encodings import written
from canaries.hunt import Hunt, addresses_in, files_below
from canaries.kinds import KINDS
from canaries.known import SHORT_IDS
from canaries.nonces import Nonces
from canaries.planted import Canary

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
CROWD = 12
# kinds that now and then look like a word by accident (tests/canaries/known.py): a test of fields is no test of these
SHAPED_LIKE_WORDS = SHORT_IDS | {"what3words"}
MATOMO = (
    "_id", "uid", "cid", "cip", "urlref", "url", "token_auth", "cvar", "_cvar", "action_name", "e_c", "e_n", "search",
    "dimension1", "rand", "res", "lat", "city", "gclid", "link", "download", "_rcn",
)  # fmt: skip
PING = ("licensekey", "domain", "ip", "dir", "check_token", "status", "source", "email")


NEVER = [name for name, kind in KINDS.items() if not kind.is_word and name not in SHAPED_LIKE_WORDS]
EACH = 3  # kinds in a field; the next field has the next ones


# ---- what is planted ------------------------------------------------------------------------------------------------


class Planting:
    """Deals out kinds and encodings over fields: to each so many kinds by a crowd, and a word by one."""

    def __init__(self) -> None:
        self.nonces, self.turn = Nonces(20261126), 0
        self.canaries: list[Canary] = []

    def of(self, field: str) -> Iterator[tuple[str, str, int]]:
        """(value, its text, how many send it) for the field, each planted from now on."""
        for n in range(EACH + 1):
            self.turn += n < EACH
            kind = NEVER[self.turn % len(NEVER)] if n < EACH else "user name"
            encoding = (
                ("plain", "%", "plain", "upper", "NFKC", "base64url")[self.turn // 7 % 6] if n < EACH else "plain"
            )
            self.nonces.needles = []
            value = KINDS[kind].make(self.nonces)
            url, text = written(value, encoding)
            crowd = CROWD if n < EACH else 1
            self.canaries.append(Canary(kind, field, encoding, str(crowd), value, url, tuple(self.nonces.needles)))
            yield url, text, crowd


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


def records(name: str, planting: Planting) -> list[str]:
    """Lines of a JSON format: a crowd for each kind of value in each field."""
    rows = (SAMPLES / name / "input.log").read_text("utf-8").splitlines()
    # one without a campaign in its page: that of the collector would not be looked at
    base = json.loads(next(row for row in rows if not any(sign in row for sign in ("utm_source=", "scroll", "link"))))
    lines = []
    more = (("event_params", 1, "value", "string_value"),) if name == "ga4" else ()
    for path in (*leaves(base), *more):
        for url, text, crowd in planting.of(f"{name}: {'/'.join(map(str, path))}"):
            if path[-1] in ("url", "string_value", "page_location"):
                text = f"https://shop.example/u/{url}?email={url}&utm_campaign=x#{url}"
            elif path[-1] in ("url_path", "pathname"):
                text = f"/u/{url}"
            lines += [json.dumps(changed(member(base, name, n), path, text)) for n in range(crowd)]
    return lines


def columns(name: str, separator: str, planting: Planting) -> list[str]:
    """The same for lines of values by place."""
    rows = (SAMPLES / name / "input.log").read_text("utf-8").splitlines()
    header = [rows[0]] if name == "clicks_csv" else []
    names = header[0].split(",") if header else load.formats()[name].names
    base = rows[1].split(separator)
    lines = list(header)
    for place, column in enumerate(names):
        for _, text, crowd in planting.of(f"{name}: {column}"):
            for n in range(crowd):
                cells = list(base)
                for named in {"ip", "user_ipaddress"} & set(names):
                    cells[names.index(named)] = f"198.18.{n}.9"
                for named in {"agent", "useragent"} & set(names):
                    cells[names.index(named)] = AGENTS[n % 3]
                cells[place] = text.replace(separator, "_")
                lines.append(separator.join(cells))
    return lines


def access(planting: Planting) -> list[str]:
    """Hits on the tracker, on the licence check and on links, with a value in each parameter."""
    lines = []
    asked = [("/matomo.php", name) for name in MATOMO] + [
        ("/modules/servers/licensing/verify.php", name) for name in PING
    ]
    asked += [("/aff.php", "aff"), ("/link.php", "id"), ("/aff.php", "gid"), ("/piwik.php", "url")]
    for path, name in asked:
        for url, _, crowd in planting.of(f"{path}?{name}"):
            page = f"https://shop.example/u/{url}?mtm_campaign={url}#{url}"
            text = quote(page, safe="") if name in ("url", "urlref") else url
            more = "" if name == "url" else "&url=https%3A%2F%2Fshop.example%2Fdocs"
            for n in range(crowd):
                when = f"20/Nov/2026:{n:02}:00:00 +0000"
                target = f"{path}?{name}={text}{more if 'php' in path and 'mo' in path else ''}"
                cookie = f"https://shop.example/?WHMCSAffiliateID={url}"
                lines.append(f'198.18.{n}.9 - - [{when}] "GET {target} HTTP/1.1" 200 5 "{cookie}" "{AGENTS[n % 3]}"')
    return lines


@dataclass(frozen=True)
class Field:
    """The logs, and what is in them."""

    folder: Path
    canaries: tuple[Canary, ...]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Field:
    """A log of each format of events, and an access log."""
    folder, planting = tmp_path_factory.mktemp("events"), Planting()
    for name in EVENTS:
        separator = {"snowplow": "\t", "clicks_csv": ","}.get(name)
        lines = columns(name, separator, planting) if separator else records(name, planting)
        (folder / f"{name}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "combined.log").write_text("\n".join(access(planting)) + "\n", encoding="utf-8")
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    return Field(folder, tuple(planting.canaries))


def hunt(
    planted: Field, output: Path, capfd: pytest.CaptureFixture[str], names: Iterable[str] = (*EVENTS, "combined")
) -> tuple[list[str], bytes]:
    """Fields of canaries that runs over the logs let out, and all that they have written."""
    content = b""
    for name in names:
        command = ["run", str(planted.folder / f"{name}.log"), "--policy", str(planted.folder / "policy.toml")]
        command += ["--output", str(output / name), "--format", name, "--preview", "--json", "--max-reject-rate", "1"]
        if name in ("clicks", "clicks_csv", "licence_pings", "combined"):
            command += ["--site", "shop"]
        status = main([*command, "--geo-db", str(SAMPLES / "test-country.mmdb")])
        said = capfd.readouterr()
        assert status == 0, said.err
        content += b"\0".join([*files_below(output / name), said.out.encode(), said.err.encode()])
    return sorted({one.field for one in Hunt(planted.canaries).survivors(content)}), content.lower()


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
    """Any id and any word are the operator's own. Sources that show one status alone would be merged: that rule is off too."""
    patch.setattr("transforms.guard.closure.diversify", lambda climb: False)
    patch.setattr("transforms.guard.release.diversify", lambda climb: False)
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
    logs = {field.partition(": ")[0] if ": " in field else "combined" for field in expected}
    found, _ = hunt(planted, tmp_path, capfd, sorted(logs))
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
