"""False flags on what presets declare themselves: their routes, and the parameters that may be shown behind them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from schemas.policy import make_policy
from schemas.site import Preset, Site, read_preset
from transforms.detectors import found, kinds
from transforms.reading import read
from transforms.treatments import route

PRESETS = ("whmcs", "wordpress", "matomo")
FILLER = "guide"
"""What stands in a slot. A flag on it is no false one: there somebody's word may stand, and the route does not show it."""

_SLOT = re.compile(r"\{[^{}]*\}")
_FILLERS = {"{int}": "7", "{date}": "2026-11-18"}


class Flags(NamedTuple):
    """Routes, those that are flagged, those that are not published as they are declared; parameters with each of their
    values, those that are flagged; and flags by kind."""

    routes: int
    flagged: int
    hidden: int
    parameters: int
    flagged_parameters: int
    kinds: Counter[str]


def filled(text: str) -> str:
    """An address that a route takes."""
    return _SLOT.sub(lambda slot: _FILLERS.get(slot[0], FILLER), text)


def flags(target: str) -> frozenset[str]:
    """Kinds that detectors find in what of an address is declared."""
    words = {FILLER, *_FILLERS.values()}
    layers = read(target.encode(), "target").layers
    return frozenset().union(*(kinds(layer.text, layer.name) for layer in layers if layer.text not in words))


def declared(preset: Preset, site: Site) -> Iterable[tuple[str, set[str]]]:
    """(route, its parameters that may be shown, a "name=value" for each value); endpoints' names without a value."""
    for one in preset.routes:
        yield (
            one.text,
            {
                f"{name}={value}"
                for name, kind in {**preset.parameters, **one.parameters}.items()
                if name in site.allowed(one.text)
                for value in (kind if isinstance(kind, tuple) else ["7" if "int" in kind else FILLER])
            },
        )
    for endpoint in preset.endpoints:
        yield endpoint.path, {f"{name}=" for name in (*endpoint.columns.values(), *endpoint.other)}


def measured(name: str) -> Flags:
    """What is flagged of a preset."""
    site = make_policy({"site": [{"name": "a", "presets": [name]}]}, name).sites[0]
    shown, treatment, by_kind = [*declared(read_preset(name, name), site)], route.Treatment(), Counter[str]()
    fired = {text: flags(filled(text)) for text, _ in shown}
    asked = {query for _, queries in shown for query in queries}
    wrong = {query: found(read(f"/?{query}".encode(), "target")) for query in asked}
    for one in (*fired.values(), *wrong.values()):
        by_kind.update(one)
    hidden = [
        text
        for text in site.routes
        if "{path}" not in text and treatment.treat(filled(text).encode(), None, site)[0] != text
    ]
    return Flags(
        len(fired), sum(map(bool, fired.values())), len(hidden), len(asked), sum(map(bool, wrong.values())), by_kind
    )


def table() -> Iterable[str]:
    """A Markdown table, a row a preset."""
    yield "\n## Flags on the presets' own routes\n"
    yield (
        "Each declared route, with a plain word in its slots, and each parameter that may be shown, with each of its values."
        " A flag on what stands in a slot is none: the slot is shown, not the word.\n"
    )
    yield "| preset | routes | flagged | not published as declared | parameters and values | flagged | by kind |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for name in PRESETS:
        one = measured(name)
        by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(one.kinds.items())) or "none"
        yield (
            f"| {name} | {one.routes} | {one.flagged} ({one.flagged / one.routes:.1%}) | {one.hidden} | {one.parameters}"
            f" | {one.flagged_parameters} | {by_kind} |"
        )
