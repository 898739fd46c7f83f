"""Canaries: unique personal values planted in every field of real-looking logs, hunted in every byte that a run writes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import ipaddress
import itertools
import json
import logging
import os
import random
import re
import secrets
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
FIREFOXES = tuple(FIREFOX.replace("145", str(major)) for major in (143, 144, 145))
PROXY = "198.51.100.1"
TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer"'
    ' "$http_user_agent" $request_time "$http_x_forwarded_for" "$http_cookie"'
)
POLICY = f"""
[ip]
trusted_proxies = ["198.51.100.0/28"]
[[site]]
name = "shop"
hosts = ["shop.example"]
presets = ["whmcs", "wordpress"]
routes = ["/kb/{{slug}}", "/order/{{int}}"]
parameters = {{ lang = "word", page = "int", tab = ["one", "two"] }}
[[format]]
name = "timed"
directive = '{TIMED}'
"""


@pytest.fixture(autouse=True)
def engines_may_log_again() -> Iterator[None]:
    """A command silences logging for its whole process; here the process goes on."""
    yield
    logging.disable(logging.NOTSET)


# ---- what is planted ------------------------------------------------------------------------------------------------

numbers = itertools.count()
chance = random.Random(20251121)


def unique_word() -> str:
    """Letters that stand nowhere else: zq, and four more."""
    n = next(numbers)
    return "zq" + "".join(string.ascii_lowercase[n // 26**i % 26] for i in range(4))


def unique_address() -> str:
    """An IPv4 address of 198.19.0.0/16, which nobody else has."""
    n = next(numbers)
    return f"198.19.{n // 250}.{n % 250 + 1}"


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Made = tuple[str, tuple[str, ...]]  # a value, and the parts of it to hunt


def email() -> Made:
    word, host = unique_word(), unique_word()
    return f"{word}.quux@{host}.example", (word, host)


def token() -> Made:
    text = "".join(chance.choices(string.ascii_letters + string.digits, k=21)) + "7aZ"
    return text, (text, text[:12])


def session() -> Made:
    text = chance.randbytes(16).hex()
    return text, (text, text[:12])


def name() -> Made:
    first, last = unique_word(), unique_word()
    return f"{first.title()} {last.title()}", (first, last)


def phone() -> Made:
    n = next(numbers)
    return f"+49 30 {9_000_000 + n}", (f"{9_000_000 + n}",)


def card() -> Made:
    text = f"4539{chance.randrange(10**12):012d}"
    return text, (text,)


def ipv4() -> Made:
    text = unique_address()
    return text, (text, str(int(ipaddress.ip_address(text))))


def ipv6() -> Made:
    n = next(numbers)
    text = f"2001:db8:ca:{n:x}::{n:x}"
    return text, (text, ipaddress.ip_address(text).exploded)


def mapped() -> Made:
    text, needles = ipv4()
    return f"::ffff:{text}", needles


def host_name() -> Made:
    word = unique_word()
    return f"pc-{word}.isp.example", (word,)


def user_name() -> Made:
    word = unique_word()
    return f"{word}_73", (word,)


def cookie() -> Made:
    text = "".join(chance.choices(string.ascii_lowercase + string.digits, k=26)) + "q9z8"
    return f"SESSID={text}", (text, text[:14])


# kinds that no crowd makes public: with @, made by machines, or numbers; the others are words, which at this stage are
# published once k neighbourhoods saw them in a path or a campaign (PRIVACY.md 2.2), and are planted with fewer alone
NEVER: tuple[Callable[[], Made], ...] = (email, token, session, phone, card, ipv4, ipv6, mapped, cookie)
WORDS: tuple[Callable[[], Made], ...] = (name, host_name, user_name)

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text.replace(" ", "+"),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "twice": lambda text: "".join(f"%25{byte:02X}" for byte in text.encode()),
    "upper": lambda text: text.upper().replace(" ", "%20"),
}

Parts = dict[str, str]
# field -> the parts of a line that hold the value, where it is written encoded, and where as it is
FIELDS: dict[str, Callable[[str, str], Parts]] = {
    "client": lambda value, raw: {"client": raw.replace(" ", "_")},
    "ident": lambda value, raw: {"ident": raw.replace(" ", "_")},
    "user": lambda value, raw: {"user": raw},
    "path": lambda value, raw: {"target": f"/docs/{value}"},
    "path-first": lambda value, raw: {"target": f"/{value}/index.html"},
    "path-file": lambda value, raw: {"target": f"/files/cv-{value}.pdf"},
    "path-author": lambda value, raw: {"target": f"/author/{value}/"},
    "path-matrix": lambda value, raw: {"target": f"/docs;jsessionid={value}"},
    "path-absolute": lambda value, raw: {"target": f"http://{value}@shop.example/docs"},
    "query-value": lambda value, raw: {"target": f"/docs?ref={value}"},
    "query-name": lambda value, raw: {"target": f"/docs?{value}=1"},
    "query-nested": lambda value, raw: {"target": f"/docs?u=https%3A%2F%2Fshop.example%2F%3Fm%3D{value}"},
    "query-allowed-word": lambda value, raw: {"target": f"/docs?lang={value}&page={value}&tab={value}"},
    "query-campaign": lambda value, raw: {
        "target": f"/docs?utm_source={value}&utm_medium={value}&utm_campaign={value}"
    },
    "credentials": lambda value, raw: {"target": f"/docs?username={value}&password={value}&user={value}&pass={value}"},
    "domain-search": lambda value, raw: {
        "target": f"/cart.php?a=add&domain=register&sld={value}&tld=.com&search={value}"
    },
    "whois": lambda value, raw: {"target": f"/whois/{value}"},
    "fragment": lambda value, raw: {"target": f"/docs#{value}"},
    "method": lambda value, raw: {"method": raw.replace(" ", "_")},
    "request": lambda value, raw: {"request": raw},
    "referrer-user": lambda value, raw: {"referrer": f"https://{value}@blog.example.com/"},
    "referrer-host": lambda value, raw: {"referrer": f"https://{value}.example.com/"},
    "referrer-path": lambda value, raw: {"referrer": f"https://shop.example/docs/{value}"},
    "referrer-query": lambda value, raw: {"referrer": f"https://www.google.com/search?q={value}#{value}"},
    "agent": lambda value, raw: {"agent": f"{FIREFOX} {raw}"},
    "agent-bot": lambda value, raw: {"agent": f"WordPress/6.6; https://{value}.example ({raw})"},
    "agent-product": lambda value, raw: {"agent": f"{raw}/145.0 ({raw}; {raw})"},
    "host": lambda value, raw: {"host": raw.replace(" ", "_")},
    "forwarded": lambda value, raw: {"forwarded": f"{raw}, 198.18.1.1, {raw}, {PROXY}"},
    "forwarded-last": lambda value, raw: {"forwarded": f"198.18.1.1, {raw}"},
    "cookie-value": lambda value, raw: {
        "cookie": f"PHPSESSID={raw}; WHMCSAffiliateID={value}; wordpress_logged_in_a={raw}"
    },
    "cookie-name": lambda value, raw: {"cookie": f"wp-settings-{value}=a; wp-auth-{raw}=b"},
    "malformed": lambda value, raw: {"malformed": f"{raw} {value}"},
    "over-long": lambda value, raw: {
        "target": f"/docs/{value * 1}?x=" + f"{value}&" * (70_000 // (len(value) + 1) + 1)
    },
    "binary": lambda value, raw: {"request": r"\x16\x03\x01" + raw},
}
HOME = {"host": "vhost"} | dict.fromkeys(
    ("forwarded", "forwarded-last", "cookie-value", "cookie-name"), "timed"
)  # where it is not the combined format
SMALL = {"over-long"}  # fields that are planted once a value, for they are large


def line(format_: str, when: str, parts: Parts) -> str:
    """A line of a format with these parts; all others are those of ordinary traffic."""
    given = {
        "client": "198.18.1.1", "ident": "-", "user": "-", "method": "GET", "target": "/docs", "referrer": "-",
        "agent": FIREFOX, "host": "shop.example", "forwarded": "198.18.1.1", "cookie": "-", **parts,
    }  # fmt: skip
    if "agent" not in parts:  # a crowd has several
        given["agent"] = FIREFOXES[sum(given["client"].encode()) % len(FIREFOXES)]
    if "malformed" in parts:
        return f'{given["client"]} - [{when}] {parts["malformed"]} "GET'
    request = parts.get("request", f"{given['method']} {given['target']} HTTP/1.1")
    rest = f'"{request}" 200 512 "{given["referrer"]}" "{given["agent"]}"'
    if format_ == "timed":
        forwarded = given["forwarded"] if "client" not in parts or "forwarded" in parts else given["client"]
        return f'{PROXY} - {given["user"]} [{when}] {rest} 0.020 "{forwarded}" "{given["cookie"]}"'
    who = f"{given['client']} {given['ident']} {given['user']} [{when}]"
    return f"{given['host']} {who} {rest}" if format_ == "vhost" else f"{who} {rest}"


@dataclass(frozen=True)
class Canary:
    """A planted value: where and how, and what to hunt."""

    kind: str
    field: str
    encoding: str
    repetition: str
    needles: tuple[bytes, ...]

    @property
    def title(self) -> str:
        return f"{self.kind} in {self.field} ({self.encoding}, {self.repetition})"


def clients(repetition: str) -> list[str]:
    """Who has the value: one visitor, some in one /24 (or /48), or a crowd of twelve neighbourhoods."""
    if repetition == "once":
        return [unique_address()]
    if repetition == "hundred":
        return [unique_address()] * 100
    if repetition.startswith("crowd"):
        return [f"198.18.{200 + i}.77" for i in range(12)]
    count, n = int(repetition), next(numbers)
    if n % 2:
        return [f"2001:db8:{n:x}:{i:x}::1" for i in range(count)]
    return [f"198.18.{n % 200}.{i + 100}" for i in range(count)]


def plan() -> Iterator[tuple[str, Callable[[], Made], str, str, str]]:
    """(format, kind, field, encoding, repetition) of all that is planted."""
    for field, kind in itertools.product(FIELDS, (*NEVER, *WORDS)):
        home = HOME.get(field, "combined")
        for encoding in ENCODINGS:
            yield home, kind, field, encoding, "once"
        if field in SMALL:
            continue
        for format_ in {"combined", "vhost", "timed"} - {home}:
            if field not in HOME and (field, format_) != ("ident", "timed"):
                yield format_, kind, field, "plain", "once"
        for repetition in ("hundred", "9", "10", "12"):
            yield home, kind, field, "plain", repetition
        if kind in NEVER:
            for encoding in ENCODINGS:
                yield home, kind, field, encoding, "crowd"


def time_of(i: int, number: int) -> str:
    """Three days of November 2025, evenly."""
    minute = i * 3 * 1440 // number
    return f"{18 + minute // 1440}/Nov/2025:{minute // 60 % 24:02d}:{minute % 60:02d}:00 +0000"


def crowd(format_: str) -> Iterator[str]:
    """Ordinary traffic: 150 neighbourhoods, a few pages, so that rows are published."""
    pages = ("/", "/docs", "/pricing", "/kb/setup", "/blog/welcome", "/missing")
    for i in range(1800):
        client = f"198.18.{i % 150}.{i % 7 + 1}" if i % 5 else f"2001:db8:{i % 150:x}:1::{i % 7 + 1}"
        yield line(format_, time_of(i, 1800), {"client": client, "target": pages[i * 7 % 6]})


@dataclass(frozen=True)
class Field:
    """The logs in which canaries are, and the list of them."""

    logs: tuple[Path, ...]
    policy: Path
    canaries: tuple[Canary, ...]
    clients: frozenset[str]

    def command(self, output: Path, *options: str) -> list[str]:
        """The command line of a run over all logs."""
        inputs = [str(log) for log in self.logs]
        return [
            "run",
            *inputs,
            "--policy",
            str(self.policy),
            "--output",
            str(output),
            "--max-reject-rate",
            "1",
            *options,
        ]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Field:
    """Logs of three formats with all canaries in them."""
    folder = tmp_path_factory.mktemp("planted")
    logs = {format_: list(crowd(format_)) for format_ in ("combined", "vhost", "timed")}
    canaries, seen = [], set()
    for format_, kind, field, encoding, repetition in plan():
        value, needles = kind()
        parts = FIELDS[field](ENCODINGS[encoding](value), value.upper() if encoding == "upper" else value)
        when = time_of(chance.randrange(1000), 1000)  # one for all: a crowd is one of the same day
        for client in clients(repetition):
            seen.add(client)
            logs[format_].append(line(format_, when, {"client": client, **parts}))
        hunted = tuple(needle.lower().encode() for needle in needles)
        canaries.append(Canary(kind.__name__, field, encoding, repetition, hunted))
    for format_, lines in logs.items():
        (folder / f"{format_}.log").write_text("\n".join(lines) + "\n")
    (folder / "crowdlog.toml").write_text(POLICY)
    files = tuple(folder / f"{format_}.log" for format_ in logs)
    return Field(files, folder / "crowdlog.toml", tuple(canaries), frozenset(seen))


# ---- the hunt -------------------------------------------------------------------------------------------------------


def everything(*folders: Path) -> bytes:
    """All names and bytes below some folders, and all that is in their Parquet files, in lower case."""
    found = []
    for path in sorted(file for folder in folders for file in [folder, *folder.rglob("*")]):
        found.append(os.fsencode(path))
        if not path.is_file():
            continue
        found.append(path.read_bytes())
        if path.suffix == ".parquet":
            found.append(decoded(path))
    return b"\0".join(found).lower()


def decoded(path: Path) -> bytes:
    """Values, dictionaries, statistics and metadata of a Parquet file."""
    metadata = pq.read_metadata(path)
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    table = pq.read_table(path, partitioning=None, read_dictionary=names)
    columns = [chunk for column in table.columns for chunk in column.chunks]
    dictionaries = [chunk.dictionary.to_pylist() for chunk in columns if hasattr(chunk, "dictionary")]
    return "\0".join(map(str, [table.to_pylist(), dictionaries, metadata.to_dict(), metadata.metadata])).encode()


def survivors(content: bytes, planted: Field) -> list[Canary]:
    """All canaries of which something is in there."""
    return [one for one in planted.canaries if any(needle in content for needle in one.needles)]


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its status and all that it has written."""

    status: int
    out: bytes
    err: bytes
    output: Path
    temporary: Path

    @property
    def written(self) -> bytes:
        return b"\0".join([everything(self.output, self.temporary), self.out.lower(), self.err.lower()])


def run_apart(folder: Path, command: list[str], program: str = "", **environment: str) -> Ran:
    """A run in a process of its own, with a temporary folder of its own; `program` goes before it."""
    output, temporary = Path(command[command.index("--output") + 1]), folder / "t"
    temporary.mkdir(parents=True)
    inherited = {key: value for key, value in os.environ.items() if key not in ("CROWDLOG_DEBUG", "XDG_RUNTIME_DIR")}
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nfrom pipeline.cli import main\nsys.exit(main(sys.argv[1:]))", *command],
        cwd=ROOT, env={**inherited, "TMPDIR": str(temporary), **environment}, capture_output=True, timeout=120,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, output, temporary)


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-worker", "two-workers"])
def ran(request: pytest.FixtureRequest, planted: Field, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A whole run over the planted logs."""
    folder = tmp_path_factory.mktemp("ran")
    return run_apart(folder, planted.command(folder / "out", "--workers", request.param, "--json"))


# ---- a run that goes well -------------------------------------------------------------------------------------------


def test_enough_is_planted(planted: Field) -> None:
    """Every kind is in every field, in every encoding, and every needle is in the logs as it is written."""
    assert {(one.kind, one.field) for one in planted.canaries} == {
        (kind.__name__, field) for kind in (*NEVER, *WORDS) for field in FIELDS
    }
    logged = everything(planted.logs[0].parent)
    plain = [one for one in planted.canaries if one.encoding == "plain"][::9]
    assert [one.title for one in plain if one.needles[0] not in logged] == []


def test_planted_logs_are_published(ran: Ran) -> None:
    """The run is a real one: rows of pages, campaigns, referrers and browsers came out of it."""
    assert ran.status == 0, ran.err
    tables = {path.name for path in (ran.output / "release").iterdir()}
    assert {"pages", "browsers", "referrers", "campaigns", "latency", "statuses"} <= tables
    record = json.loads(ran.out)
    assert record["rejected"]["too_long"] > 0
    assert record["rejected"]["no_format"] > 0
    assert record["shapes"]


def test_no_canary_survives(ran: Ran, planted: Field) -> None:
    """No planted value, nor a part of one, is in any byte that the run has written anywhere."""
    assert survivors(ran.written, planted) == []


def test_no_client_address_survives(ran: Ran, planted: Field) -> None:
    """No address of any visitor is in what was written: as text, as its number, or in the bytes of an IPv6 address."""
    assert addresses_in(ran.written) & {ipaddress.ip_address(client) for client in planted.clients} == set()


def addresses_in(content: bytes) -> set[Address]:
    """All addresses in some bytes: dotted, with colons, as whole numbers, and the 16 bytes of one of 2001:db8::/32."""
    texts = re.findall(rb"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f:]{6,39}", content)
    wholes = [int(digits) for digits in re.findall(rb"(?<![0-9])[0-9]{9,10}(?![0-9])", content)]
    found: set[Address] = {ipaddress.ip_address(whole) for whole in wholes if whole < 1 << 32}
    found |= {
        ipaddress.ip_address(match[1]) for match in re.finditer(rb"(?=(\x20\x01\x0d\xb8.{12}))", content, re.DOTALL)
    }
    for text in texts:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.ip_address(text.decode()))
    return found


@pytest.mark.parametrize("form", ["str", "exploded", "number", "packed"])
def test_hunt_finds_addresses(planted: Field, form: str) -> None:
    """An address is found in each of its forms."""
    wanted = (
        {ipaddress.ip_address("2001:db8:1:2::3")}
        if form == "packed"
        else set(map(ipaddress.ip_address, planted.clients))
    )
    if form == "number":
        wanted = {one for one in wanted if one.version == 4}
    forms = {"str": str, "exploded": lambda one: one.exploded, "number": lambda one: str(int(one))}
    written = [one.packed if form == "packed" else forms[form](one).encode() for one in wanted]
    assert addresses_in(b" and ".join(written)) >= wanted


def test_nothing_is_left_in_the_temporary_folder(ran: Ran) -> None:
    """A run cleans up behind itself: no socket, no spilled shuffle."""
    assert list(ran.temporary.rglob("*")) == []


# ---- the same hunt when a defence is off ----------------------------------------------------------------------------


def run_here(planted: Field, folder: Path, capfd: pytest.CaptureFixture[str], *options: str) -> Ran:
    """A run in this process, where defences can be taken off."""
    folder.joinpath("t").mkdir(exist_ok=True)
    status = main(planted.command(folder / "out", *options))
    out, err = capfd.readouterr()
    return Ran(status, out.encode(), err.encode(), folder / "out", folder / "t")


def no_guard(patch: pytest.MonkeyPatch) -> None:
    """k = 1, and one agent is enough: every row is published as it is."""
    from pipeline import run

    no_roaming_rule(patch)
    real = run.chosen_policy
    patch.setattr(run, "chosen_policy", lambda wanted: replace(real(wanted), k=1))


def no_roaming_rule(patch: pytest.MonkeyPatch) -> None:
    """A word needs no agents."""
    patch.setattr("transforms.guard.roaming.Roaming.allows", lambda self, label, agents: True)


def identity(module: str, width: int, taken: int = 0) -> Callable[[pytest.MonkeyPatch], None]:
    """A treatment that gives what it takes."""

    def turn_off(patch: pytest.MonkeyPatch) -> None:
        def treat(self: Any, *values: bytes | None, site: Any = None) -> tuple[str, ...]:
            return ((values[taken] or b"").decode("utf-8", "replace"),) * width

        def treat_with_site(self: Any, path: bytes | None, query: bytes | None, site: Any) -> tuple[str, ...]:
            return treat(self, path, query)

        chosen = treat_with_site if module == "route" else treat
        patch.setattr(f"transforms.treatments.{module}.Treatment.treat", chosen)

    return turn_off


def open_parameters(patch: pytest.MonkeyPatch) -> None:
    """Campaign words are whatever a visitor sends."""
    patch.setattr("transforms.treatments.parameters.campaign_word", lambda value: value)


def open_shapes(patch: pytest.MonkeyPatch) -> None:
    """The shape of a rejected line is the line."""
    patch.setattr("transforms.parsers.blocks.shape", lambda text: text.decode("utf-8", "replace"))


def open_referrers(patch: pytest.MonkeyPatch) -> None:
    """A referrer is published whole."""

    def treat(self: Any, referrer: bytes | None, site: Any) -> tuple[str, str]:
        return "referral", (referrer or b"").decode("utf-8", "replace")

    patch.setattr("transforms.treatments.referrer.Treatment.treat", treat)


def open_agents(patch: pytest.MonkeyPatch) -> None:
    """Every agent is a person whose browser is called what it says."""

    def treat(self: Any, agent: bytes | None) -> tuple[str, ...]:
        return ("human", (agent or b"").decode("utf-8", "replace"), "1", "(other)", "(other)", "(none)")

    patch.setattr("transforms.treatments.agent.Treatment.treat", treat)


# defence -> (how to turn it off, (field, repetition) of canaries that are found then)
DEFENCES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], set[tuple[str, str]]]] = {
    "guard": (no_guard, {("path", "once"), ("path-file", "hundred"), ("query-campaign", "9"), ("path", "12")}),
    "route": (identity("route", 1), {("path", "crowd"), ("path-file", "crowd"), ("path-matrix", "crowd")}),
    "parameters": (open_parameters, {("query-campaign", "crowd")}),
    "referrer": (open_referrers, {("referrer-query", "crowd"), ("referrer-path", "crowd"), ("referrer-user", "crowd")}),
    "agent": (open_agents, {("agent", "crowd"), ("agent-bot", "crowd"), ("agent-product", "crowd")}),
    "shape": (open_shapes, {("malformed", "once")}),
}


@pytest.mark.parametrize(("turn_off", "expected"), DEFENCES.values(), ids=DEFENCES)
def test_hunt_succeeds_without_the_defence(
    planted: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    turn_off: Callable[[pytest.MonkeyPatch], None], expected: set[tuple[str, str]],
) -> None:  # fmt: skip
    """With one defence off the same hunt finds canaries: it is this defence that keeps them."""
    turn_off(monkeypatch)
    ran = run_here(replace(planted, logs=planted.logs[:1]), tmp_path, capfd, "--json")
    assert ran.status == 0, ran.err
    found = {(one.field, one.repetition) for one in survivors(ran.written, planted)}
    assert expected - found == set()


def test_key_is_on_no_disk(
    planted: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run under a known key: neither the key nor its hex or base64 is in a file, in a name or on the terminal."""
    key, real = bytes(range(200, 232)), secrets.token_bytes
    given: list[int] = []

    def known(size: int) -> bytes:
        given.append(size)
        return key if size == len(key) else real(size)

    monkeypatch.setattr(secrets, "token_bytes", known)
    ran = run_here(replace(planted, logs=planted.logs[1:2]), tmp_path, capfd, "--json")
    assert (ran.status, given.count(len(key))) == (0, 1)
    forms = [key, key.hex().encode(), base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key).rstrip(b"=")]
    assert [form for form in forms if form.lower() in ran.written] == []


# ---- runs that fail -------------------------------------------------------------------------------------------------

RAISING = """
def treat(self, agent):
    raise ValueError(agent)


from transforms.treatments import agent
agent.Treatment.treat = treat
"""
WITHOUT_CODES = """
import contextlib
import transforms.fused
transforms.fused.only_codes = contextlib.nullcontext
"""


def check_failed(ran: Ran, planted: Field, status: int, code: str) -> None:
    """A failed run: one line, nothing published, and no canary anywhere."""
    assert (ran.status, ran.err.decode().split(": ")[1], ran.err.count(b"\n")) == (status, code, 1)
    assert not (ran.output / "release").exists()
    assert not list(ran.output.glob("internal/ledger/*"))
    assert survivors(ran.written, planted) == []


def test_truncated_log_tells_nothing(planted: Field, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A .gz that ends too early, full of canaries: exit 3, and none of them is told."""
    packed = tmp_path / "cut.log.gz"
    packed.write_bytes(gzip.compress(planted.logs[0].read_bytes())[:-9])
    cut = replace(planted, logs=(packed,))
    check_failed(run_here(cut, tmp_path, capfd), planted, 3, "E303")


def test_rejected_lines_tell_nothing(planted: Field, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """More rejects than allowed, each with a canary: exit 3, and none of them is told."""
    check_failed(run_here(planted, tmp_path, capfd, "--max-reject-rate", "0.001"), planted, 3, "E305")


def test_log_of_no_format_tells_nothing(planted: Field, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No format reads the log: exit 3, and the message has the names of formats alone."""
    bad = tmp_path / "bad.log"
    bad.write_text(
        "".join(f'{{"note": "{text}"\n' for text in planted.logs[0].read_text().splitlines() if "zq" in text)
    )
    check_failed(run_here(replace(planted, logs=(bad,)), tmp_path, capfd), planted, 3, "E304")


@pytest.mark.parametrize("treatment", ["route", "parameters", "referrer", "agent", "address", "site"])
def test_internal_error_tells_nothing(
    planted: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], treatment: str
) -> None:
    """A treatment that fails and says on which value: exit 1 with the place in the code, and no value."""

    def treat(self: Any, *values: Any, site: Any = None) -> None:
        raise ValueError(*values)

    def treat_with_site(self: Any, one: Any, other: Any, site: Any) -> None:
        raise ValueError(one, other)

    def treat_one_with_site(self: Any, one: Any, site: Any) -> None:
        raise ValueError(one)

    shaped = {"route": treat_with_site, "address": treat_with_site, "referrer": treat_one_with_site}.get(
        treatment, treat
    )
    monkeypatch.setattr(f"transforms.treatments.{treatment}.Treatment.treat", shaped)
    check_failed(run_here(planted, tmp_path, capfd), planted, 1, "E101")


def test_internal_error_in_a_worker_tells_nothing(planted: Field, tmp_path: Path) -> None:
    """The same in one of two worker processes, which have a stderr of their own."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    ran = run_apart(tmp_path, planted.command(tmp_path / "out", "--workers", "2"), PYTHONPATH=paths, RAISING=RAISING)
    check_failed(ran, planted, 1, "E101")


# what the interpreter of a worker runs at its start: the treatment is replaced as soon as it is imported
HOOK = """
import importlib.abc, importlib.util, os, sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "transforms.anonymise":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda loaded: (load(loaded), exec(os.environ["RAISING"], {}))
        return spec


sys.meta_path.insert(0, Finder())
"""


def test_debugging_tells_nothing_of_values(planted: Field, tmp_path: Path) -> None:
    """CROWDLOG_DEBUG=1 shows tracebacks and what engines log, and still no value."""
    ran = run_apart(tmp_path, planted.command(tmp_path / "out"), RAISING, CROWDLOG_DEBUG="1")
    assert ran.status == 1
    assert b"Traceback" in ran.err
    assert survivors(ran.written, planted) == []


def test_hunt_in_tracebacks_succeeds_without_codes(planted: Field, tmp_path: Path) -> None:
    """Where errors leave the stage as they are, the traceback has the value: it is the codes that keep it."""
    ran = run_apart(tmp_path, planted.command(tmp_path / "out"), RAISING + WITHOUT_CODES, CROWDLOG_DEBUG="1")
    assert ran.status == 1
    assert any(agent.lower().encode() in ran.written for agent in FIREFOXES)


# ---- the sample logs ------------------------------------------------------------------------------------------------

SHOP = {
    "combined": ("--site", "shop"),
    "common": ("--site", "shop"),
    "nginx_timed": ("--site", "shop", "--format", "nginx_timed"),
    "vhost_combined": (),
}


def found_in_sample(sample: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """(kind, value) of what was planted in a sample log and is in a byte that its preview writes."""
    listed = json.loads((SAMPLES / "planted.json").read_text(encoding="utf-8"))
    log = f"{sample}/input.log"
    command = ["run", str(SAMPLES / log), "--policy", str(SAMPLES / "crowdlog.toml"), "--geo-db"]
    command += [str(SAMPLES / "test-country.mmdb"), "--preview", "--json", "--output", str(tmp_path / "out")]
    assert main([*command, *SHOP[sample]]) == 0
    said = capfd.readouterr()
    written = everything(tmp_path / "out") + f"\0{said.out}\0{said.err}".lower().encode()
    assert b"part-0.parquet" in written
    values = {
        (one["kind"], text)
        for one in listed["planted"]
        if one["file"] == log
        for text in (one["value"], one["written"])
    }
    values |= {("address", text) for text in [*listed["addresses"][log], *listed["written_otherwise"][log]]}
    values |= {("address", text) for text in [*listed["proxies"], *listed["claimed"], listed["stray"]]}
    assert len(values) > 20
    return [(kind, text) for kind, text in sorted(values) if text.lower().encode() in written]


@pytest.mark.parametrize("sample", SHOP)
def test_nothing_planted_in_the_samples_survives(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], sample: str
) -> None:
    """A preview of each sample log, with its policy: no planted value and no client address is in any byte."""
    assert found_in_sample(sample, tmp_path, capfd) == []


def test_one_person_who_roams_is_published_without_the_roaming_rule(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign that names a person, followed from 14 neighbourhoods by one browser: only the count of agents keeps it."""
    no_roaming_rule(monkeypatch)
    assert [text.lower() for _, text in found_in_sample("vhost_combined", tmp_path, capfd)] == ["henriette-stiffel"]


def test_defences_are_restored() -> None:
    """What these tests turn off is on again: the codes are no null context."""
    from transforms import fused

    assert fused.only_codes is not nullcontext
