"""Lines of bunny.net, as its documentation describes them."""

from __future__ import annotations

import random

from clf import size
from visits import Hit


def line(hit: Hit, rng: random.Random) -> str:
    """Twelve values with bars between; milliseconds since 1970."""
    values = (
        rng.choice(("HIT", "HIT", "MISS")), hit.status, f"{hit.time}{rng.randrange(1000):03}", size(hit), 390, hit.client,
        hit.referrer, f"https://{hit.host}{hit.target}", rng.choice(("DE", "UK", "FR")), hit.agent,
        f"{rng.getrandbits(128):032x}", "DE",
    )  # fmt: skip
    return "|".join(map(str, values))
