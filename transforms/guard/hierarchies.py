"""Hierarchies: how each key is generalised, step by step, up to (other)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from transforms.geography import continents
from transforms.treatments import route

OTHER = "(other)"


def of_country(country: str) -> list[str]:
    """Its continent, in brackets so that it is never taken for a country."""
    return [f"({continents()[country]})"] if country in continents() else []


def of_status(status: str) -> list[str]:
    return [f"{status[0]}xx"] if status.isdigit() else []


def of_hour(hour: str) -> list[str]:
    """Quarters of the day: 00-05, 06-11, 12-17, 18-23."""
    if not hour.isdigit():
        return []
    start = int(hour) // 6 * 6
    return [f"{start:02d}-{start + 5:02d}"]


def flat(_: str) -> list[str]:
    return []


# by pseudonymous column; a column that is not named has no step between a value and (other)
HIERARCHIES: Mapping[str, Callable[[str], list[str]]] = {
    "route": route.parents,
    "country": of_country,
    "status": of_status,
    "hour": of_hour,
}


@lru_cache(1 << 14)  # tables of one family ask for the same values, in several ways
def ancestors(column: str, value: str) -> tuple[str, ...]:
    """What a value is generalised to, step by step; the last is (other). Empty for (other) itself."""
    if value == OTHER:
        return ()
    return *[step for step in HIERARCHIES.get(column, flat)(value) if step != value], OTHER
