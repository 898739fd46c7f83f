"""Lines of the W3C draft as Java servers write them: seconds with a fraction, texts in quotes."""

from __future__ import annotations

import datetime as dt
import random

from clf import size
from visits import UTC, Hit

HEADER = (
    "#Version: 1.0",
    "#Fields: date time c-ip cs-method cs-uri sc-status bytes time-taken cs(Host) cs(Referer) cs(User-Agent)",
)


def quoted(text: str) -> str:
    """A quote is doubled; what is not there is a dash."""
    return "-" if text == "-" else '"' + text.replace('"', '""') + '"'


def line(hit: Hit, rng: random.Random) -> str:
    """Path and query together."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    return (
        f"{at:%Y-%m-%d %H:%M:%S} {hit.client} {hit.method} {hit.target} {hit.status} {size(hit)} "
        f"{rng.randrange(2, 900) / 1000:.3f} {quoted(hit.host)} {quoted(hit.referrer)} {quoted(hit.agent)}"
    )
