"""Lines of pino-http."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import line as as_json
from writers.cloud import token


def line(hit: Hit, rng: random.Random) -> str:
    """The time stands when the answer was sent; here that is the same second."""
    headers = {"host": hit.host, "user-agent": hit.agent, "cookie": f"sid={token(rng, 24)}", "accept": "*/*"}
    if hit.referrer != "-":
        headers["referer"] = hit.referrer
    return as_json(
        {
            "level": 30, "time": hit.time * 1000 + rng.randrange(1000), "pid": rng.randrange(900, 910), "hostname": "web1",
            "req": {
                "id": rng.randrange(1, 999), "method": hit.method, "url": hit.target, "headers": headers,
                "remoteAddress": hit.client, "remotePort": rng.randrange(1024, 65536),
            },
            "res": {"statusCode": hit.status, "headers": {"content-length": str(size(hit))}},
            "responseTime": rng.randrange(900), "msg": "request completed",
        }
    )  # fmt: skip
