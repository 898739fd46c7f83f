"""Changes from one policy to another: each with what it newly reveals, newly hides, or alters in another way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from schemas.policy import Policy
from schemas.routes import Kind, is_literal, parts, segments
from schemas.site import Site
from schemas.tables import GRAINS, trends
from transforms.declared import Declared
from transforms.segments import template_segments

REVEALS, HIDES, ALTERS = "reveals", "hides", "alters"
KIND_TEXTS = {"int": "0…999", "word": "any WORD"}
FILLED = {"uuid": "0b5e1d8e-8f0a-4e3b-9c0d-1f2e3a4b5c6d", "date": "2026-11-21", "int": "7", "hex": "0a", "slug": "abc"}


Tell = Callable[[Site, str, Any, Any], Iterator["Change"]]
"""Changes of one field, from its site, its name and both values."""


@dataclass(frozen=True)
class Change:
    """One thing that differs: of which site ("" for all), under which key and name, its effect, and both values.

    `said` is a sentence; `route` the declared route that a parameter stands behind, "" where on all paths.
    """

    site: str
    key: str
    name: str
    effect: str
    said: str
    old: Any = None
    new: Any = None
    route: str = ""


def changes(old: Policy, new: Policy) -> Iterator[Change]:
    """All changes, those of the whole policy first. A field that nobody described below is told as it stands."""
    for field in fields(Policy):
        one, other = getattr(old, field.name), getattr(new, field.name)
        if one != other:
            tell: Tell = _WHOLE.get(field.name, _plain)
            yield from tell(Site(""), field.name, one, other)
    before, after = ({site.name: site for site in policy.all_sites} for policy in (old, new))
    for name in sorted(before.keys() | after.keys()):
        yield from _of_site(before.get(name), after.get(name), old, new)


def _plain(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    yield Change(site.name, key, key, ALTERS, f"{key} is {new!r}, was {old!r}", _data(old), _data(new))


def _data(value: Any) -> Any:
    """A value as JSON takes it."""
    if isinstance(value, (tuple, list)):
        return [_data(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _data(one) for key, one in value.items()}
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


# ---- the whole policy ----------------------------------------------------------------------------------------------------


def _k(site: Site, key: str, old: int, new: int) -> Iterator[Change]:
    effect = REVEALS if new < old else HIDES
    said = f"a row stands for at least {new} neighbourhoods, not {old}"
    yield Change("", "k", "k", effect, said, old, new)


def _ip(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    if (old.treatment == "truncate") != (new.treatment == "truncate"):
        coarse = new.treatment == "truncate"
        said = f"visitors are {'networks (/24, /48)' if coarse else 'addresses (IPv6: /56)'} now"
        yield Change("", "ip.treatment", "treatment", HIDES if coarse else REVEALS, said, old.treatment, new.treatment)
    elif old.treatment != new.treatment:
        said = f"scrub writes addresses by {new.treatment!r}; what is published stays the same"
        yield Change("", "ip.treatment", "treatment", ALTERS, said, old.treatment, new.treatment)
    for name in ("trusted_proxies", "nat64", "sixrd"):
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            said = "other addresses count as visitors, and as neighbourhoods for k"
            yield Change("", f"ip.{name}", name, ALTERS, said, list(one), list(other))


def _formats(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    yield Change("", key, key, ALTERS, "logs are read in other formats, perhaps with other columns")


def _retention(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    for name in ("raw_days", "release_months"):
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            yield Change("", f"retention.{name}", name, ALTERS, f"kept for {other}, not {one}", one, other)


def _profiles(site: Site, key: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    for name in sorted({*old} ^ {*new}):
        effect, said = (REVEALS, "is made too") if name in new else (HIDES, "is not made any more")
        yield Change("", key, name, effect, f"the {name} release {said}", name in old, name in new)


def _dp(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    for name, one, other in (
        ("epsilon", old.epsilon, new.epsilon), ("delta", old.delta, new.delta),
        ("budget.epsilon", old.budget.epsilon, new.budget.epsilon), ("budget.delta", old.budget.delta, new.budget.delta),
    ):  # fmt: skip
        if one != other:
            said = f"--profile dp: {name} is {other:g}, was {one:g}"
            yield Change("", f"dp.{name}", name, REVEALS if other > one else HIDES, said, one, other)


def _elsewhere(*_: Any) -> Iterator[Change]:
    """What is told of each site, or of what it comes to."""
    return iter(())


_WHOLE: dict[str, Tell] = {
    "k": _k, "ip": _ip, "format": _formats, "formats": _formats, "retention": _retention,
    "profiles": _profiles, "dp": _dp, "timezone": _elsewhere, "sites": _elsewhere,
}  # fmt: skip


# ---- one site ------------------------------------------------------------------------------------------------------------


def _of_site(old: Site | None, new: Site | None, before: Policy, after: Policy) -> Iterator[Change]:
    """Changes of a site; one that was not there is compared with one that declares nothing."""
    name = (old or new or Site("")).name
    if old is None:
        yield Change(name, "site", name, REVEALS, "is a site of its own now, with tables of its own")
    if new is None:
        yield Change(name, "site", name, HIDES, "is no site any more: its lines go where no site is declared for them")
    one = old or Site(name, timezone=(new or Site(name)).timezone)
    other = new or Site(name, timezone=one.timezone)
    for field in fields(Site):
        if getattr(one, field.name) != getattr(other, field.name):
            tell: Tell = _SITE.get(field.name, _plain)
            yield from tell(other, field.name, getattr(one, field.name), getattr(other, field.name))
    for host in sorted(set(one.hosts) ^ set(other.hosts)):
        yield _host(name, host, before, after)
    yield from _routes(one, other)
    yield from _parameters(one, other)


def _host(name: str, host: str, before: Policy, after: Policy) -> Change:
    was, now = (_owner(policy, host) for policy in (before, after))
    effect = REVEALS if was == "(other)" else HIDES if now == "(other)" else ALTERS
    return Change(name, "hosts", host, effect, f"lines of {host} are counted under {now}, were under {was}", was, now)


def _owner(policy: Policy, host: str) -> str:
    return next((site.name for site in policy.sites if host in site.hosts), "(other)")


def _timezone(site: Site, key: str, old: str, new: str) -> Iterator[Change]:
    said = f"days begin by the clock of {new}, not {old}; a run is refused where the site was published"
    yield Change(site.name, "timezone", new, ALTERS, said, old, new)


def _grains(site: Site, key: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for table in sorted(old.keys() | new.keys()):
        one, other = old.get(table, "day"), new.get(table, "day")
        if one == other:
            continue
        longer = GRAINS.index(other) > GRAINS.index(one)
        rare, single = f"what reaches k in a {other if longer else one} alone", f"single {one if longer else other}s"
        for effect, said in ((REVEALS, rare if longer else single), (HIDES, single if longer else rare)):
            yield Change(site.name, "tables", table, effect, f"by {other}, not {one}: {said}", one, other)


def _words(site: Site, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for column in sorted(old.keys() | new.keys()):
        one, other = set(old.get(column, ())), set(new.get(column, ()))
        for word in sorted(one ^ other):
            shown = word in other
            said = f"{word!r} is {'' if shown else 'no longer '}shown under k alone"
            yield Change(site.name, f"words.{column}", word, REVEALS if shown else HIDES, said, word in one, shown)


def _endpoints(site: Site, key: str, old: Any, new: Any) -> Iterator[Change]:
    one, other = ({endpoint.path: endpoint for endpoint in listed} for listed in (old, new))
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) == other.get(path):
            continue
        effect = REVEALS if path not in one else HIDES if path not in other else ALTERS
        told = ", ".join(sorted((other.get(path) or one[path]).columns))
        said = f"requests for {path} {'no longer tell' if effect == HIDES else 'tell'} of {told}"
        yield Change(site.name, "endpoints", path, effect, said, _data(one.get(path)), _data(other.get(path)))


_SITE: dict[str, Tell] = {
    "timezone": _timezone, "grains": _grains, "words": _words, "endpoints": _endpoints,
    # told by what they come to: hosts, routes, and parameters behind routes
    "hosts": _elsewhere, "routes": _elsewhere, "parameters": _elsewhere, "route_parameters": _elsewhere,
    "denied": _elsewhere, "presets": _elsewhere,
}  # fmt: skip


# ---- routes and parameters -------------------------------------------------------------------------------------------------


def _routes(old: Site, new: Site) -> Iterator[Change]:
    for text in sorted(set(old.routes) ^ set(new.routes)):
        added = text in new.routes
        rest = Declared(old if added else new).match(_example(text))
        instead = f"the route {rest.text}" if rest else "the default rule"
        hidden = [] if rest else _hidden_by_default(text)
        words = f", {', '.join(map(repr, hidden))} included, which the default rule hides" if hidden else ""
        said = f"{text} is shown as it stands, under k alone{words}" if added else f"{text} goes by {instead}{words}"
        yield Change(new.name, "routes", text, REVEALS if added else HIDES, said, not added, added)
        if rest is None and not all(map(is_literal, segments(text))):
            shown = "not shown" if added else "shown where a crowd saw it"
            said = f"what stands in the slots of {text} is {shown}"
            yield Change(new.name, "routes", text, HIDES if added else REVEALS, said, not added, added)


def _example(text: str) -> list[str]:
    """Segments of a path that the route takes."""
    return [
        "".join(FILLED.get(piece, "abc") if odd % 2 else piece for odd, piece in enumerate(parts(segment)))
        for segment in segments(text)
    ]


def _hidden_by_default(text: str) -> list[str]:
    """Words of a route that the default rule would replace."""
    listed = segments(text)
    shown = template_segments([one if is_literal(one) else None for one in listed])
    return [one for one, default in zip(listed, shown, strict=True) if is_literal(one) and one != default and one]


def _parameters(old: Site, new: Site) -> Iterator[Change]:
    """By route, what is allowed in the end: by presets, by the site, by the route, and not denied."""
    everywhere = {(name, one, other) for name, one, other in _differences(old, new, None)}
    for route in (None, *sorted(set(old.routes) | set(new.routes))):
        for name, one, other in _differences(old, new, route):
            if route is None or (name, one, other) not in everywhere:
                yield from _parameter(new, name, one, other, route or "")


def _differences(old: Site, new: Site, route: str | None) -> Iterator[tuple[str, Kind | None, Kind | None]]:
    one, other = old.allowed(route), new.allowed(route)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            yield name, one.get(name), other.get(name)


def _parameter(site: Site, name: str, old: Kind | None, new: Kind | None, route: str) -> Iterator[Change]:
    where = f"behind {route}" if route else "on all paths"
    shown, was = _shown(new), _shown(old)
    why = site.why_denied(name, route or None) if new is None else None
    said = f"{name} {where} shows {shown}, not {was}" + (f" ({why})" if why else "")
    for effect, more in ((REVEALS, not _within(new, old)), (HIDES, not _within(old, new))):
        if more:
            yield Change(site.name, "parameters", name, effect, said, _data(old), _data(new), route)


def _shown(kind: Kind | None) -> str:
    if kind is None:
        return "nothing"
    return "|".join(kind) if isinstance(kind, tuple) else KIND_TEXTS.get(kind, kind)


def _within(one: Kind | None, other: Kind | None) -> bool:
    """Whether all that the one shows is shown by the other too."""
    if one is None or one == other:
        return True
    if other is None:
        return False
    if other == "word":
        return isinstance(one, tuple) or one == "int"
    return set(_values(one)) <= set(_values(other)) if one != "word" else False


def _values(kind: Kind) -> tuple[str, ...]:
    if isinstance(kind, tuple):
        return kind
    return tuple(map(str, range(1000))) if kind == "int" else (kind,)


def concerned(change: Change) -> tuple[str, ...]:
    """Tables that a change of routes, parameters or words shows up in."""
    column = change.key.partition("words.")[2] or "route"
    return tuple(table.name for table in trends().tables if column in [key.column for key in table.keys])
