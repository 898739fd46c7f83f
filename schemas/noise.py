"""Noise: what bounds contributions in a release with differential privacy, what it may cost, and by what it was made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from schemas.load import DeclarationError, expect, only_keys, subtable

UNIT = "all that one neighbourhood (IPv4 /24, IPv6 /48) does on one site in one period"


@dataclass(frozen=True)
class Bounds:
    """What a neighbourhood counts for in one period of a table: in so many `cells` at most (L0), with so many `hits` in each
    at most (L∞). `weight` is the table's share of what a period of a site may cost."""

    cells: int
    hits: int
    weight: int


@dataclass(frozen=True)
class Cost:
    """A privacy loss of approximate differential privacy: (epsilon, delta)."""

    epsilon: float
    delta: float


@dataclass(frozen=True)
class Dp:
    """What a policy lets noise cost: a period of a site with all its tables, and a site for ever."""

    epsilon: float = 1.0
    delta: float = 1e-9
    budget: Cost = Cost(365.0, 1e-6)


@dataclass(frozen=True)
class Mechanism:
    """Discrete Laplace noise of one column: L1 sensitivity, scale, and the loss that the library states for it."""

    sensitivity: int
    scale: float
    epsilon: float
    delta: float


@dataclass(frozen=True)
class Noise:
    """By which noise a period of a table was made, for ledger and manifest.

    `cells`, `hits`: as in Bounds; `visitors_each`: neighbourhoods count once, whatever networks they have; `k`: exact;
    `least`: the least `visitors` that a row can have; `epsilon`, `delta`: the sums over both mechanisms.
    """

    unit: str
    cells: int
    hits: int
    visitors_each: int
    k: int
    least: int
    mechanisms: Mapping[str, Mechanism]
    epsilon: float
    delta: float
    library: str

    @property
    def cost(self) -> Cost:
        return Cost(self.epsilon, self.delta)


def noise_from(data: Mapping[str, Any]) -> Noise:
    """The Noise of which this is the JSON. Raises KeyError, TypeError."""
    made = {name: Mechanism(**one) for name, one in data["mechanisms"].items()}
    return Noise(**{**data, "mechanisms": made})


def total(costs: Iterable[Cost]) -> tuple[Fraction, Fraction]:
    """Basic composition, exactly: the sums of epsilons and of deltas."""
    epsilon = delta = Fraction(0)
    for cost in costs:
        epsilon, delta = epsilon + Fraction(cost.epsilon), delta + Fraction(cost.delta)
    return epsilon, delta


def shares(bounds: Mapping[str, Bounds], dp: Dp) -> dict[str, Cost]:
    """What a period of each table may cost, by weight; rounded down, so that all together are never above the whole."""
    weights = sum(one.weight for one in bounds.values())
    return {
        name: Cost(*(down(Fraction(whole) * one.weight / weights) for whole in (dp.epsilon, dp.delta)))
        for name, one in bounds.items()
    }


def down(exact: Fraction) -> float:
    """The largest float that is not above a number."""
    near = float(exact)
    return near if Fraction(near) <= exact else math.nextafter(near, -math.inf)


def read_bounds(where: str, data: Mapping[str, Any]) -> dict[str, Bounds]:
    """Bounds by table, from parsed TOML. Raises DeclarationError."""
    found = {}
    for name in data:
        here, entry = f"{where}.{name}", subtable(where, data, name)
        only_keys(here, entry, ("cells", "hits", "weight"))
        for key in ("cells", "hits", "weight"):
            value = entry.get(key)
            expect(here, key, value, "a whole number of at least 1", type(value) is int and value >= 1)
        found[name] = Bounds(**entry)
    return found


def read_dp(where: str, data: Mapping[str, Any]) -> Dp:
    """`[dp]` of a policy. Raises DeclarationError."""
    here = f"{where}: dp"
    only_keys(here, data, ("epsilon", "delta", "budget"))
    default, given = Dp(), subtable(here, data, "budget")
    only_keys(f"{here}.budget", given, ("epsilon", "delta"))
    epsilon = _number(here, "epsilon", data.get("epsilon", default.epsilon), 1e-6, 100)
    delta = _number(here, "delta", data.get("delta", default.delta), 1e-12, 1e-5)
    budget = Cost(
        _number(f"{here}.budget", "epsilon", given.get("epsilon", default.budget.epsilon), 1e-6, 1e6),
        _number(f"{here}.budget", "delta", given.get("delta", default.budget.delta), 1e-12, 1e-3),
    )
    return Dp(epsilon, delta, budget)


def _number(where: str, key: str, value: object, least: float, most: float) -> float:
    if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
        raise DeclarationError(f"{where}: {key} is {value!r}, expected a number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]
