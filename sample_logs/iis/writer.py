"""Lines of IIS 10 with the columns that it has by default, host and sizes."""

from __future__ import annotations

import datetime as dt
import random

from clf import size
from visits import UTC, Hit

HEADER = (
    "#Software: Microsoft Internet Information Services 10.0", "#Version: 1.0", "#Date: 2026-11-18 23:40:05",
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) cs-host "
    "sc-status sc-substatus sc-win32-status sc-bytes time-taken",
)  # fmt: skip


def line(hit: Hit, rng: random.Random) -> str:
    """Spaces are written as +, times taken in milliseconds."""
    path, _, query = hit.target.partition("?")
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    agent = hit.agent.replace(" ", "+")
    return (
        f"{at:%Y-%m-%d %H:%M:%S} 198.51.100.32 {hit.method} {path} {query or '-'} 443 {hit.user} {hit.client} {agent} "
        f"{hit.referrer} {hit.host} {hit.status} 0 {2 if hit.status == 404 else 0} {size(hit)} {rng.randrange(900)}"
    )
