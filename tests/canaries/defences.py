"""Defences, each with a way to take it off and with what is found then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

Off = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Defence:
    """`found`: (field, crowd) of canaries of the small plan that survive without it."""

    off: Off
    found: frozenset[tuple[str, str]]


def no_guard(patch: pytest.MonkeyPatch) -> None:
    """k = 1, one agent is enough, and one network may make all hits: every row is published as it is."""
    from pipeline import prepare

    no_roaming_rule(patch)
    patch.setattr("transforms.guard.generalise.Climb.not_of_one", lambda self, rows: rows)
    real = prepare.terms_of
    patch.setattr(prepare, "terms_of", lambda *given: replace(real(*given), k=1))


def no_roaming_rule(patch: pytest.MonkeyPatch) -> None:
    """A word needs no agents."""
    patch.setattr("transforms.guard.roaming.Roaming.allows", lambda self, label, agents: True)


def no_neighbourhoods(patch: pytest.MonkeyPatch) -> None:
    """k counts addresses: whoever has a block is a crowd."""
    patch.setattr("transforms.addresses.Address.neighbourhood", lambda self: self.packed)


def no_templates(patch: pytest.MonkeyPatch) -> None:
    """Every segment of a path is a word."""
    patch.setattr("transforms.segments.judge", lambda segment: (segment, frozenset()))


def no_detectors(patch: pytest.MonkeyPatch) -> None:
    """The shape of words alone says what may be one."""
    from transforms import segments

    segments.judge.cache_clear()
    for module in ("segments", "treatments.route", "treatments.parameters", "treatments.referrer"):
        patch.setattr(f"transforms.{module}.found_in", lambda text: frozenset())


def open_route(patch: pytest.MonkeyPatch) -> None:
    """A route is the path as it was asked for."""

    def treat(self: Any, path: bytes | None, query: bytes | None, site: Any) -> tuple[str]:
        return ((path or b"").decode("utf-8", "replace"),)

    patch.setattr("transforms.treatments.route.Treatment.treat", treat)


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


def _of(crowd: str, *fields: str) -> frozenset[tuple[str, str]]:
    return frozenset((field, crowd) for field in fields)


DEFENCES: Mapping[str, Defence] = {
    "guard": Defence(
        no_guard,
        frozenset([("path", "once"), ("path-file", "hundred"), ("query-campaign", "k-1"), ("path", "one block")]),
    ),
    "roaming": Defence(no_roaming_rule, _of("one roams", "path", "path-first", "query-campaign")),
    "neighbourhoods": Defence(no_neighbourhoods, _of("one block", "path", "path-first", "query-campaign")),
    "templates": Defence(no_templates, _of("k+2", "path", "path-file", "path-first", "path-within")),
    "route": Defence(open_route, _of("k+2", "path", "path-file", "path-matrix", "path-author", "path-slot")),
    "parameters": Defence(open_parameters, _of("k", "query-campaign")),
    "referrer": Defence(open_referrers, _of("k", "referrer-query", "referrer-path", "referrer-user", "referrer-host")),
    "agent": Defence(open_agents, _of("k+2", "agent", "agent-bot", "agent-product")),
}
