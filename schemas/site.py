"""One site of a policy: its hosts, its clock, and which routes and parameters may be shown of it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import families
from schemas.denied import denied
from schemas.endpoints import Endpoint, read_endpoints
from schemas.load import DeclarationError, entries, expect, only_keys, shipped, subtable
from schemas.routes import Kind, Route, is_literal, merged, read_kind, read_routes, shape
from schemas.tables import GRAINS, trends

SITE_NAME = re.compile(r"[a-z0-9-]+")
WORDED = ("affiliate", "link", "licence_source", "feature")
"""Pseudonymous columns of which a site may declare the words."""

WORD = re.compile(r"(?!.*[0-9]{5})[A-Za-z0-9][A-Za-z0-9 _.-]{0,47}")
BY_POLICY = "denied by the policy"
_STARTS = ("utm_", "mtm_", "_pk_", "pk_", "piwik_")  # the last four are Matomo's (matomo.org: Tracking Campaigns)
READ_ANYWAY = tuple(f"{start}{part}" for start in _STARTS for part in ("source", "medium", "campaign"))
"""Parameters that `campaigns` is made of; they cannot be denied one site at a time."""

_DENIED = re.compile(r"(?:(?P<route>/[^?]*)\?)?(?P<name>[A-Za-z0-9_.\[\]-]{1,64}\*?|\*)")


@dataclass(frozen=True)
class Site:
    """One site of the operator: what is its own and how its time is counted.

    `parameters` are those of all its routes, `route_parameters` those of one route by its text; `denied` says which may
    not be shown all the same, and why: "name", "nam*", or "/route?name". `words` are the site's own names of affiliates,
    links, sources of licences and features, by pseudonymous column.
    """

    name: str
    hosts: tuple[str, ...] = ()
    timezone: str = "UTC"
    routes: tuple[str, ...] = ()
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    grains: Mapping[str, str] = field(default_factory=dict)
    route_parameters: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    presets: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()

    def grain(self, table: str) -> str:
        """day, week or month: how long a period of this table is."""
        return self.grains.get(table, "day")

    def allowed(self, route: str | None = None) -> Mapping[str, Kind]:
        """Parameters that may be shown behind a declared route, or behind any other path: a deny beats an allow."""
        given = {**self.parameters, **self.route_parameters.get(route or "", {})}
        return {name: kind for name, kind in given.items() if self.why_denied(name, route) is None}

    def why_denied(self, name: str, route: str | None = None) -> str | None:
        """Why a parameter is never shown behind that route; None where the policy may allow it."""
        never = denied(name)
        for key, why in self.denied.items():
            on, _, pattern = key.rpartition("?")
            begins = pattern.endswith("*") and name.startswith(pattern[:-1])
            if (not on or on == route) and (begins or name == pattern):
                return why
        return never.why if never is not None else None

    @property
    def parameter_names(self) -> frozenset[str]:
        """Names of all parameters that are read on some route."""
        return frozenset(name for route in (None, *self.route_parameters) for name in self.allowed(route))


@dataclass(frozen=True)
class Preset:
    """What is known of a piece of software: its routes, its parameters, and which of them are secret."""

    name: str
    title: str
    routes: tuple[Route, ...]
    parameters: Mapping[str, Kind]
    secrets: Mapping[str, str]
    endpoints: tuple[Endpoint, ...] = ()


def read_site(where: str, data: Mapping[str, Any], timezone: str) -> Site:
    """A Site from parsed TOML; what it says itself wins over its presets, but not over what these say is secret."""
    only_keys(
        where,
        data,
        ("name", "hosts", "presets", "routes", "parameters", "deny", "timezone", "tables", "words", "endpoints"),
    )
    name = data.get("name", "")
    wanted = "letters a-z, digits and hyphens"
    expect(where, "name", name, wanted, isinstance(name, str) and bool(SITE_NAME.fullmatch(name)))
    presets = tuple(_presets(where, data.get("presets", [])))
    shared = merged(where, [route for preset in presets for route in preset.routes])
    routes = merged(where, list(read_routes(where, data.get("routes", []))), shared)
    own = subtable(where, data, "parameters")
    parameters = {key: read_kind(where, key, kind) for key, kind in own.items()}
    for preset in reversed(presets):
        parameters = {**preset.parameters, **parameters}
    return Site(
        name,
        tuple(host.lower() for host in entries(where, data, "hosts")),
        read_zone(where, "timezone", data.get("timezone", timezone)),
        tuple(route.text for route in routes),
        parameters,
        _grains(where, subtable(where, data, "tables")),
        {route.text: route.parameters for route in routes if route.parameters},
        {**_secrets(presets, routes), **_denied(where, data, routes)},
        tuple(preset.name for preset in presets),
        _words(where, data),
        (*read_endpoints(where, data), *(endpoint for preset in presets for endpoint in preset.endpoints)),
    )


def read_zone(where: str, key: str, name: Any) -> str:
    """The name of a time zone that the system knows."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise DeclarationError(f"{where}: {key} is {name!r}, expected a time zone such as 'Europe/Berlin'") from None
    return str(name)


def _secrets(presets: Sequence[Preset], routes: Sequence[Route]) -> dict[str, str]:
    """What presets say is secret, on the texts that the site publishes for their routes."""
    published = {shape(route.text): route.text for route in routes}
    secrets = {}
    for preset in presets:
        for key, why in preset.secrets.items():
            on, mark, name = key.rpartition("?")
            secrets[(published.get(shape(on), on) if on else "") + mark + name] = why
    return secrets


def _denied(where: str, data: Mapping[str, Any], routes: Sequence[Route]) -> dict[str, str]:
    names, texts = entries(where, data, "deny"), [route.text for route in routes]
    for one in names:
        found = _DENIED.fullmatch(one)
        expect(where, "deny", one, "'name', 'nam*' or '/route?name'", found is not None)
        on, _, name = one.rpartition("?")
        expect(where, "deny", one, "a declared route before '?', as it is written there", not on or on in texts)
        wanted = f"another name: {', '.join(READ_ANYWAY)} are read for campaigns"
        expect(where, "deny", one, wanted, name not in READ_ANYWAY)
    return dict.fromkeys(names, BY_POLICY)


def _presets(where: str, found: Any) -> Iterator[Preset]:
    wanted = "a list of names, or of { name = …, at = '/folder' }"
    expect(where, "presets", found, wanted, isinstance(found, list))
    for entry in found:
        data = {"name": entry} if isinstance(entry, str) else entry
        expect(where, "presets", entry, wanted, isinstance(data, dict) and isinstance(data.get("name"), str))
        only_keys(f"{where}: presets", data, ("name", "at"))
        at = data.get("at", "/")
        holds = isinstance(at, str) and bool(re.fullmatch(r"(/[A-Za-z0-9_.-]+)+/?|/", at)) and is_literal(at)
        expect(f"{where}: presets", "at", at, "a folder such as '/billing'", holds)
        yield read_preset(where, data["name"], at.rstrip("/"))


def read_preset(where: str, name: str, at: str = "") -> Preset:
    """A shipped preset, for software that is installed in the folder `at`. Raises DeclarationError."""
    try:
        data = shipped("presets", f"{name}.toml")
    except (FileNotFoundError, OSError, ValueError):
        raise DeclarationError(f"{where}: presets names {name!r}, which is not shipped") from None
    here = f"schemas/presets/{name}.toml"
    only_keys(here, data, ("title", "sources", "routes", "parameters", "secrets", "endpoints"))
    parameters = {key: read_kind(here, key, kind) for key, kind in subtable(here, data, "parameters").items()}
    secrets = subtable(here, data, "secrets")
    for key, why in secrets.items():
        known = isinstance(why, str) and _DENIED.fullmatch(key) is not None
        expect(here, f"secrets.{key}", why, "a reason for 'name', 'nam*' or '/route?name'", known)
    return Preset(
        name if not at else f"{name} at {at}",
        str(data.get("title", name)),
        read_routes(here, data.get("routes", []), at),
        parameters,
        {at + key if key.startswith("/") else key: why for key, why in secrets.items()},
        read_endpoints(here, data, at),
    )


def _words(where: str, data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The site's own words by column. One that could be somebody's address, number or key is refused."""
    found = {}
    for column, listed in subtable(where, data, "words").items():
        expect(where, "words", column, f"one of {', '.join(WORDED)}", column in WORDED)
        found[column] = entries(f"{where}: words", {column: listed}, column)
        for word in found[column]:
            holds = WORD.fullmatch(word) is not None and not word.isdigit()
            expect(where, f"words.{column}", word, "a word of letters, digits, blanks and .-_", holds)
    return found


def _grains(where: str, data: Mapping[str, Any]) -> dict[str, str]:
    known = [table.name for table in trends().tables]
    grains = {}
    for table in data:
        expect(where, "tables", table, f"one of {', '.join(known)}", table in known)
        entry = subtable(f"{where}: tables", data, table)
        only_keys(f"{where}: tables.{table}", entry, ("grain",))
        grain = entry.get("grain", "day")
        expect(where, f"tables.{table}.grain", grain, "day, week or month", grain in GRAINS)
        grains[table] = grain
    lengths = {name: GRAINS.index(grains.get(name, "day")) for name in known}
    shortest = GRAINS[min(lengths.values())]
    for whole in families.wholes(
        trends().tables
    ):  # a week of all less the days of another table is what these withheld
        grain = grains.get(whole.name, "day")
        expect(where, f"tables.{whole.name}.grain", grain, f"{shortest}, as the shortest of them", grain == shortest)
    _refuse_longer(where, lengths)
    return grains


def _refuse_longer(where: str, lengths: Mapping[str, int]) -> None:
    """A month of a table less the days of one whose events it all has is what those days withheld: nobody compares the two."""
    for inner, outer, is_same in families.held(trends().tables):
        found, most = GRAINS[lengths[outer]], GRAINS[lengths[inner]]
        holds = found == most if is_same else lengths[outer] <= lengths[inner]
        expected = f"{most}, as {inner} has" if is_same else f"{most} or shorter, for {inner} is part of it"
        expect(where, f"tables.{outer}.grain", found, expected, holds)
