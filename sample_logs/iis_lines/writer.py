"""Lines of IIS without their header, in its default fields."""

from __future__ import annotations

import datetime as dt
import random

from visits import UTC, Hit


def line(hit: Hit, rng: random.Random) -> str:
    """Blanks within a value are +, its own + stays; the path without its query."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    path, _, query = hit.target.partition("?")
    values = (
        f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}", "198.51.100.32", hit.method, path, query or "-", 443, hit.user, hit.client,
        hit.agent, hit.referrer, hit.status, 0, 0, rng.randrange(900),
    )  # fmt: skip
    return " ".join(str(value).replace(" ", "+") for value in values)
