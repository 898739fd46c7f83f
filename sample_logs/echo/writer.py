"""Lines of Echo's request logger, its default template."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import given, iso
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """The template with the referrer added; the latency is nanoseconds."""
    took = rng.randrange(10**5, 9 * 10**8)
    return as_json(
        {
            "time": iso(hit, f".{rng.randrange(10**9):09}"), "id": "", "remote_ip": hit.client, "host": hit.host,
            "method": hit.method, "uri": hit.target, "referer": given(hit.referrer), "user_agent": hit.agent,
            "status": hit.status, "error": "",
            "latency": took, "latency_human": f"{took / 10**6}ms", "bytes_in": 0, "bytes_out": size(hit),
        }
    )  # fmt: skip
