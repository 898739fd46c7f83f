"""Crowds: by how many, and from where, a value is sent; and the crowd of ordinary visitors around them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from canaries.fields import line

K = 10
DAYS = 3


@dataclass(frozen=True)
class Crowd:
    """Addresses, hits of each, whether each is a neighbourhood of its own, and how many agents they have."""

    addresses: int = 1
    hits: int = 1
    apart: bool = True
    agents: int = 3

    @property
    def is_enough(self) -> bool:
        """Whether what they send may be published where it is a word (PRIVACY.md 4.1, 4.5)."""
        return self.apart and self.addresses >= K and self.agents >= 3


CROWDS: Mapping[str, Crowd] = {
    "once": Crowd(),
    "hundred": Crowd(hits=100),
    "k-1": Crowd(K - 1),
    "k": Crowd(K),
    "k+2": Crowd(K + 2),
    "one block": Crowd(K + 2, apart=False),
    "one roams": Crowd(K + 2, agents=2),
}
# how often each is among as many values as there are encodings: the large ones seldom, for their lines cost time
DEALT = ("k+2", "once", "k", "one block", "k-1", "hundred", "one roams", "once", "k+2", "once")


class Neighbourhoods:
    """Gives addresses: one that nobody else has, or some of the 180 blocks that all crowds share."""

    def __init__(self) -> None:
        self._given = 0

    def of(self, crowd: Crowd) -> list[str]:
        """The addresses of a crowd, IPv4 and IPv6 in turn."""
        n = self._given = self._given + 1
        if crowd.addresses == 1:
            return [f"198.19.{n // 250 % 250}.{n % 250 + 1}"] * crowd.hits
        if not crowd.apart:
            return [
                f"2001:db8:{n % 180:x}:{i:x}::1" if n % 2 else f"198.18.{n % 180}.{i + 100}"
                for i in range(crowd.addresses)
            ]
        return [
            f"2001:db8:{(n + i) % 180:x}:77::1" if n % 2 else f"198.18.{(n + i) % 180}.77"
            for i in range(crowd.addresses)
        ]


def time_of(i: int, number: int) -> str:
    """Three days of November 2025, evenly."""
    minute = i * DAYS * 1440 // number
    return f"{18 + minute // 1440}/Nov/2025:{minute // 60 % 24:02d}:{minute % 60:02d}:00 +0000"


def any_time(chance: random.Random) -> str:
    """One of them: a crowd has one for all, for a row is a day's."""
    return time_of(chance.randrange(1000), 1000)


def ordinary(format_: str) -> Iterator[str]:
    """Ordinary traffic: 150 neighbourhoods, a few pages, so that rows are published."""
    pages = ("/", "/docs", "/pricing", "/kb/setup", "/blog/welcome", "/missing")
    for i in range(1800):
        client = f"198.18.{i % 150}.{i % 7 + 1}" if i % 5 else f"2001:db8:{i % 150:x}:1::{i % 7 + 1}"
        yield line(format_, time_of(i, 1800), {"client": client, "target": pages[i * 7 % 6]})
