"""Lines of Pound, LogLevel 2, as syslog keeps them: a time without a year and without a zone."""

from __future__ import annotations

import random

from clf import stamp
from visits import Hit

REASONS = {200: "OK", 304: "Not Modified", 404: "Not Found"}


def line(hit: Hit, rng: random.Random) -> str:
    """One request in thirty Pound answers itself: without a protocol, a service and a backend."""
    at = stamp(hit.time)
    head = f"{at[4:7]} {at[1:3].lstrip('0'):>2} {at[13:21]} web1 pound[{rng.randrange(900, 903)}]: {hit.client}"
    request = f"{hit.method} {hit.target} {hit.protocol}"
    answer = f"{hit.status} {REASONS.get(hit.status, 'Other')}"
    if rng.random() < 1 / 30:
        return f"{head} {request} - {answer} ({hit.host}/- -> -) 0.000 sec"
    taken = f"{rng.randrange(2, 900) / 1000:.3f}"
    return f"{head} {request} - HTTP/1.1 {answer} ({hit.host}/shop -> 198.51.100.32:8080) {taken} sec"
