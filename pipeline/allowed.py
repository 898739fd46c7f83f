"""What a policy, or a preset, allows to be published, in words; nothing is read but declarations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from schemas import load
from schemas.load import DeclarationError, Format
from schemas.noise import Dp
from schemas.policy import Policy, Site, read_policy
from schemas.profiles import profiles
from schemas.routes import PATH, Kind
from schemas.site import Preset, read_preset
from schemas.tables import GRAINS, trends
from schemas.trouble import Trouble
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import atoms, check, readers

ELSEWHERE = (
    "any other path: words that a crowd saw; numbers, ids, dates, keys and people as slots ({n}, {uuid}, {*}, …)"
)
CAMPAIGNS = "campaigns: utm_source, utm_medium, utm_campaign, where they are words"


def told(file: Path | None, preset: str | None, as_json: bool) -> str:
    """The text, or the JSON, that `crowdlog policy` prints. Raises Trouble E201, E202."""
    if (file is None) == (preset is None):
        raise Trouble("E201", f"give a policy FILE, or --preset NAME: one of {', '.join(presets())}")
    try:
        if preset is not None:
            known = read_preset("--preset", preset)
            return json.dumps(preset_record(known)) if as_json else "\n".join(preset_lines(known))
        policy = read_policy(file)
    except DeclarationError as error:
        raise Trouble("E202", str(error)) from None
    check_formats(policy, str(file))
    record = policy_record(policy)
    return json.dumps(record) if as_json else "\n".join(policy_lines(record))


def presets() -> list[str]:
    """Names of the shipped presets."""
    folder = resources.files("schemas").joinpath("presets")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def check_formats(policy: Policy, where: str) -> None:
    """Refuse formats of a policy that a run would refuse. Raises Trouble E202."""
    known, asked = {**load.formats(), **policy.formats}, policy.format
    if asked != "auto" and not set(atoms(asked)) <= set(known):
        known, asked = {**known, "(given)": Format("(given)", "", "", asked)}, "(given)"
    key = ""
    try:
        for name, one in policy.formats.items():
            key = f"format {name!r}"
            readers(one)
        key = "format"
        if asked != "auto":
            check(asked, known)
    except DirectiveError as error:
        raise Trouble("E202", f"{where}: {key}: {error}") from None


# ---- records -----------------------------------------------------------------------------------------------------------


def policy_record(policy: Policy) -> dict[str, Any]:
    """What may be published by site, as data: k, tables by grain, routes with their parameters, what is denied and why."""
    return {
        "k": policy.k,
        "profiles": {name: max(policy.k, profiles()[name].k) for name in policy.profiles},
        "dp": asdict(policy.dp),
        "digest": policy.digest,
        "geo": policy.geo.level,
        "visitors": policy.ip.treatment,
        "sites": [site_record(site) for site in policy.all_sites],
    }


def site_record(site: Site) -> dict[str, Any]:
    """One site."""
    return {
        "name": site.name,
        "hosts": list(site.hosts),
        "timezone": site.timezone,
        "presets": list(site.presets),
        "tables": {table.name: site.grain(table.name) for table in trends().tables},
        "parameters": shown(site.allowed()),
        "routes": {text: shown(site.allowed(text)) for text in sorted(site.routes)},
        "denied": dict(site.denied),
    }


def preset_record(preset: Preset) -> dict[str, Any]:
    """A preset as data."""
    site = Site(
        preset.name,
        parameters=preset.parameters,
        routes=tuple(route.text for route in preset.routes),
        route_parameters={route.text: route.parameters for route in preset.routes},
        denied=preset.secrets,
    )
    record = site_record(site)
    return {"preset": preset.name, "title": preset.title} | {
        key: record[key] for key in ("parameters", "routes", "denied")
    }


def shown(parameters: Mapping[str, Kind]) -> dict[str, str]:
    """What each parameter may show: words to choose from, 0…999, WORD, or a slot."""
    texts = {"int": "0…999", "word": "WORD"}
    return {
        name: "|".join(kind) if isinstance(kind, tuple) else texts.get(kind, kind)
        for name, kind in sorted(parameters.items())
    }


# ---- words ---------------------------------------------------------------------------------------------------------------


def policy_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """The record of a policy as lines for a person."""
    yield f"Every row stands for at least {record['k']} neighbourhoods (IPv4 /24, IPv6 /48); places are countries."
    yield f"Releases: {', '.join(f'{name} (k = {k})' for name, k in record['profiles'].items())}."
    yield from dp_lines(record)
    yield "What stands in a slot ({int}, {slug}, {*}, …) is never published; a parameter that is not named is gone, name and all."
    bare = [site for site in record["sites"] if not (site["routes"] or site["parameters"] or site["denied"])]
    for site in record["sites"]:
        if site not in bare or site["hosts"]:
            yield from ["", *site_lines(site)]
    rest = [site["name"] for site in bare if not site["hosts"]]
    if rest:
        yield from ["", f"site {', '.join(rest)}: default rules", f"  {ELSEWHERE}; no parameters", f"  {CAMPAIGNS}"]


def dp_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """What noise may cost, where it is asked for or the policy speaks of it."""
    dp, budget = record["dp"], record["dp"]["budget"]
    if any(profiles()[name].noise for name in record["profiles"]) or dp != asdict(Dp()):
        yield (
            f"With --profile dp a period of a site may cost epsilon {dp['epsilon']:g}, delta {dp['delta']:g}, and a site for"
            f" ever epsilon {budget['epsilon']:g}, delta {budget['delta']:g}."
        )


def site_lines(site: Mapping[str, Any]) -> Iterator[str]:
    """One site as lines."""
    presets = f"; presets: {', '.join(site['presets'])}" if site["presets"] else ""
    yield f"site {site['name']} ({', '.join(site['hosts']) or 'no hosts'}; {site['timezone']}{presets})"
    for grain in GRAINS:
        if tables := [name for name, one in site["tables"].items() if one == grain]:
            yield f"  tables by {grain}: {', '.join(tables)}"
    yield from route_lines(site)
    yield f"  {CAMPAIGNS}"


def route_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Routes, parameters and what is denied, of a site or a preset, as lines."""
    shared = record["parameters"]
    if record["routes"]:
        yield f"  routes ({len(record['routes'])}):"
    for text, parameters in record["routes"].items():
        own = {name: kind for name, kind in parameters.items() if shared.get(name) != kind}
        yield "    " + " ".join([text, *described(own), *without(shared, parameters)])
    if shared:
        yield "  parameters on every route:"
        yield "    " + " ".join(described(shared))
    yield f"  {ELSEWHERE}"
    if record["denied"]:
        yield "  never shown:"
    for name, why in record["denied"].items():
        yield f"    {name}: {why}"


def described(parameters: Mapping[str, str]) -> Iterator[str]:
    """Parameters as they stand behind a route."""
    for name, kind in parameters.items():
        yield f"[{name}: a path, seen as one]" if kind == PATH else f"[{name}={kind}]"


def without(shared: Mapping[str, str], parameters: Mapping[str, str]) -> Iterator[str]:
    """Parameters of every route that are denied on this one."""
    if missing := sorted(set(shared) - set(parameters)):
        yield f"(without {', '.join(missing)})"


def preset_lines(preset: Preset) -> Iterator[str]:
    """A preset as lines."""
    yield f"preset {preset.name}: {preset.title}"
    yield from route_lines(preset_record(preset))
