"""The operator's policy (crowdlog.toml) as frozen dataclasses: every key has a default that is safe."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from schemas import endpoints, profiles
from schemas.endpoints import Endpoint
from schemas.load import DeclarationError, Format, entries, expect, only_keys, parse, read_format, subtable
from schemas.noise import Dp, read_dp
from schemas.site import SITE_NAME, Site, read_site, read_zone

__all__ = ["Geo", "Ip", "Policy", "Retention", "Site", "make_policy", "read_policy"]

K_FLOOR = 5
K_DEFAULT = 10
NAT64_LENGTHS = (32, 40, 48, 56, 64, 96)


@dataclass(frozen=True)
class Ip:
    """How addresses become networks (PRIVACY.md 1)."""

    treatment: str = "hash"
    trusted_proxies: tuple[str, ...] = ()
    nat64: tuple[str, ...] = ()
    sixrd: tuple[str, ...] = ()


@dataclass(frozen=True)
class Geo:
    """How coarse geography is."""

    level: str = "country"


@dataclass(frozen=True)
class Retention:
    """How long raw logs and releases are kept; enforced by `crowdlog retention`."""

    raw_days: int = 35
    release_months: int = 25


@dataclass(frozen=True)
class Policy:
    """A whole policy. `sites` are the declared ones; `default` and `(other)` are always there behind them."""

    k: int = K_DEFAULT
    timezone: str = "UTC"
    format: str = "auto"
    ip: Ip = Ip()
    geo: Geo = Geo()
    sites: tuple[Site, ...] = ()
    formats: Mapping[str, Format] = field(default_factory=dict)
    retention: Retention = Retention()
    profiles: tuple[str, ...] = ("internal",)
    dp: Dp = field(default_factory=Dp)

    @property
    def all_sites(self) -> tuple[Site, ...]:
        """Declared sites, then `default` (log without virtual hosts), then `(other)` (a host nobody declared)."""
        declared = {site.name for site in self.sites}
        rest = (Site(name, timezone=self.timezone) for name in ("default", "(other)") if name not in declared)
        return (*self.sites, *rest)

    def site(self, name: str) -> Site:
        """The site of that name."""
        return next(site for site in self.all_sites if site.name == name)

    def with_site(self, name: str) -> Policy:
        """This policy with a site of that name, which --site asks for; declared ones keep what was declared."""
        expect("--site", "NAME", name, "letters a-z, digits and hyphens", bool(SITE_NAME.fullmatch(name)))
        if name in {site.name for site in self.all_sites}:
            return self
        return replace(self, sites=(*self.sites, Site(name, timezone=self.timezone)))

    @property
    def parameter_names(self) -> frozenset[str]:
        """Names of all parameters that some site reads; every other one is gone after parsing."""
        return frozenset(name for site in self.sites for name in site.parameter_names)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of all sites."""
        return endpoints.known("policy", [site.endpoints for site in self.sites])

    @property
    def digest(self) -> str:
        """sha256 of everything the policy says of a release, for ledger and manifest; not of which ones are made."""
        said = {key: value for key, value in asdict(self).items() if key != "profiles"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_policy(file: Path | None) -> Policy:
    """The policy in a file, or the default one. Raises DeclarationError: wrong key, wrong value, not readable."""
    if file is None:
        return Policy()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise DeclarationError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeclarationError(f"{file}: not UTF-8") from None
    return make_policy(parse(text, str(file)), str(file))


def make_policy(data: Mapping[str, Any], where: str) -> Policy:
    """A Policy from parsed TOML."""
    only_keys(where, data, ("k", "timezone", "format", "ip", "geo", "site", "retention", "profiles", "dp"))
    k = data.get("k", K_DEFAULT)
    expect(where, "k", k, f"a whole number of at least {K_FLOOR}", type(k) is int and k >= K_FLOOR)
    timezone = read_zone(where, "timezone", data.get("timezone", "UTC"))
    known, chosen = _formats(where, data)
    sites = tuple(
        read_site(f"{where}: site[{i}]", entry, timezone) for i, entry in enumerate(entries(where, data, "site", dict))
    )
    names = [site.name for site in sites]
    for name in names:
        expect(where, f"the site {name!r} is declared", names.count(name), "1 time", names.count(name) == 1)
    hosts = [host for site in sites for host in site.hosts]
    for host in hosts:
        expect(where, f"the host {host!r} is declared", hosts.count(host), "1 time", hosts.count(host) == 1)
    endpoints.known(where, [site.endpoints for site in sites])
    return Policy(
        k, timezone, chosen, _ip(where, subtable(where, data, "ip")), _geo(where, subtable(where, data, "geo")), sites,
        known, _retention(where, subtable(where, data, "retention")), _profiles(where, data),
        read_dp(where, subtable(where, data, "dp")),
    )  # fmt: skip


def _profiles(where: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """For whom a run publishes when it is not told."""
    if "profiles" not in data:
        return Policy.profiles
    named = entries(where, data, "profiles")
    known = named and len(set(named)) == len(named) and set(named) <= set(profiles.NAMES)
    expect(where, "profiles", list(named), f"some of {', '.join(profiles.NAMES)}, each once", bool(known))
    return tuple(name for name in profiles.NAMES if name in named)


def _formats(where: str, data: Mapping[str, Any]) -> tuple[dict[str, Format], str]:
    """`format = "NAME or directive"` chooses; `[[format]] name = … directive = …` declares the operator's own."""
    entry = data.get("format", "auto")
    if isinstance(entry, str):
        return {}, entry
    own = [read_format(one, f"{where}: format[{i}]") for i, one in enumerate(entries(where, data, "format", dict))]
    return {one.name: one for one in own}, "auto"


def _ip(where: str, data: Mapping[str, Any]) -> Ip:
    only_keys(f"{where}: ip", data, ("treatment", "trusted_proxies", "nat64", "sixrd"))
    treatment = data.get("treatment", "hash")
    expect(where, "ip.treatment", treatment, "hash, truncate or drop", treatment in ("hash", "truncate", "drop"))
    networks = {key: entries(f"{where}: ip", data, key) for key in ("trusted_proxies", "nat64", "sixrd")}
    for key, listed in networks.items():
        for network in listed:
            try:
                length = ipaddress.ip_network(network).prefixlen
            except (ValueError, TypeError):
                raise DeclarationError(
                    f"{where}: ip.{key} is {network!r}, expected a network such as '10.0.0.0/8'"
                ) from None
            if key != "trusted_proxies":
                expect(
                    where, f"ip.{key}", network, "an IPv6 prefix of at most 96 bits", ":" in network and length <= 96
                )
            if key == "nat64":
                expect(
                    where, "ip.nat64", network, f"a prefix of {NAT64_LENGTHS} bits (RFC 6052)", length in NAT64_LENGTHS
                )
    return Ip(treatment, **networks)


def _geo(where: str, data: Mapping[str, Any]) -> Geo:
    only_keys(f"{where}: geo", data, ("level",))
    level = data.get("level", "country")
    expect(where, "geo.level", level, "'country': nothing finer can be published yet", level == "country")
    return Geo(level)


def _retention(where: str, data: Mapping[str, Any]) -> Retention:
    only_keys(f"{where}: retention", data, ("raw_days", "release_months"))
    for key, value in data.items():
        expect(where, f"retention.{key}", value, "a whole number of at least 1", type(value) is int and value >= 1)
    return Retention(**data)
