"""Combined with the virtual host in front, X-Forwarded-For in place of the client."""

from __future__ import annotations

import random

from clf import combined
from visits import Hit
from writers.text import behind


def line(hit: Hit, rng: random.Random) -> str:
    """Now and then the visitor's own claim stands in front of the address."""
    return f"{hit.host} {behind(hit, rng)}{combined(hit)[len(hit.client) :]}"
