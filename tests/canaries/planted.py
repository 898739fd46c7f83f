"""The planted logs: every kind in every encoding in every field; each kind in each field by every crowd."""

from __future__ import annotations

import ipaddress
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from canaries.crowds import CROWDS, DEALT, Neighbourhoods, any_time, ordinary
from canaries.encodings import ENCODINGS, written
from canaries.fields import FIELDS, FIREFOXES, FORMATS, GROUPS, POLICY, formats_of, line
from canaries.kinds import KINDS
from canaries.nonces import Nonces

SEED = 20251121
LARGE = {"over-long"}  # fields that are planted once a kind: 70 kB each
WITHOUT_CLIENT = {"client", "forwarded", "forwarded-last"}  # the value stands where the address would


@dataclass(frozen=True)
class Canary:
    """A planted value: what, where, how and by how many; its text as it is written, and the pieces to hunt."""

    kind: str
    field: str
    encoding: str
    crowd: str
    value: str
    text: str
    pieces: tuple[str, ...]

    @property
    def title(self) -> str:
        """Where it was planted; nothing of the value."""
        return f"{self.kind} in {self.field} ({self.encoding}, {self.crowd})"


@dataclass(frozen=True)
class Planted:
    """The logs in which canaries are, by format; the policy; the canaries; the addresses of those who sent them."""

    logs: Mapping[str, Path]
    policy: Path
    canaries: tuple[Canary, ...]
    clients: frozenset[str]

    def command(self, output: Path, *options: str, logs: tuple[Path, ...] = ()) -> list[str]:
        """The command line of a run over all logs, or some."""
        inputs = [str(log) for log in logs or self.logs.values()]
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


Plan = Iterator[tuple[str, tuple[str, ...], str, str, str]]


def whole() -> Plan:
    """(format, fields of one line, kind, encoding, crowd): all triples of kind, encoding and field, the crowds dealt out."""
    for g, group in enumerate(GROUPS):
        homes = {field: formats_of(field) for field in group}
        for k, kind in enumerate(KINDS):
            for e, encoding in enumerate(ENCODINGS):
                if not LARGE & set(group):
                    yield "wide", group, kind, encoding, DEALT[(g + k + e) % len(DEALT)]
                elif e == (g + k) % len(ENCODINGS):
                    yield "wide", group, kind, encoding, "once"
            for name in FORMATS[1:]:
                if fields := tuple(field for field in group if name in homes[field] and field not in LARGE):
                    yield name, fields, kind, "plain", "once"


def small() -> Plan:
    """Every kind in every field once, crowds and three encodings dealt out: for runs that fail, and without a defence."""
    crowds = list(CROWDS)
    for g, group in enumerate(GROUPS):
        for k, kind in enumerate(KINDS):
            if not LARGE & set(group):
                yield "wide", group, kind, ("plain", "%", "+")[k % 3], crowds[(g + k) % len(crowds)]


def crowded(fields: tuple[str, ...], kinds: Iterable[str] = KINDS, crowd: str = "k+2") -> Plan:
    """Kinds in fields, each on lines of its own, written plainly, by one crowd."""
    for field, kind in itertools.product(fields, kinds):
        yield "wide", (field,), kind, "plain", crowd


def plant(folder: Path, plan: Plan, seed: int = SEED) -> Planted:
    """Write the logs of a plan and its policy into a folder."""
    nonces, chance, neighbourhoods = Nonces(seed), random.Random(seed), Neighbourhoods()
    logs = {name: list(ordinary(name)) for name in FORMATS}
    canaries, clients = [], set()
    for format_, group, kind, encoding, crowd in plan:
        parts: dict[str, str] = {}
        for field in group:
            nonces.needles = []
            value = KINDS[kind].make(nonces)
            url, raw = written(value, encoding)
            parts |= FIELDS[field](KINDS[kind].parameter, url, raw)
            canaries.append(Canary(kind, field, encoding, crowd, value, url, tuple(nonces.needles)))
        when, template = any_time(chance), None
        for i, client in enumerate(neighbourhoods.of(CROWDS[crowd])):
            clients.add(client)
            who = {} if WITHOUT_CLIENT & set(group) else {"client": client}
            if "agent" not in parts:
                who["agent"] = FIREFOXES[i % CROWDS[crowd].agents]
            if template is None:
                template = line(format_, when, {"client": "\0c", **parts, "agent": parts.get("agent", "\0a")})
            logs[format_].append(template.replace("\0c", client).replace("\0a", who.get("agent", "")))
    kept = {name: folder / f"{name}.log" for name, lines in logs.items()}
    for name, file in kept.items():
        file.write_text("\n".join(logs[name]) + "\n", encoding="utf-8")
    policy = folder / "crowdlog.toml"
    policy.write_text(POLICY, encoding="utf-8")
    return Planted(kept, policy, tuple(canaries), frozenset(clients))


def addresses_of(planted: Planted) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every address of a visitor in the logs, those that are canaries included."""
    kinds = {"ipv4", "ipv6", "mapped ipv4"}
    texts = {one.value.removeprefix("::ffff:") for one in planted.canaries if one.kind in kinds}
    return {ipaddress.ip_address(text) for text in planted.clients | texts}
