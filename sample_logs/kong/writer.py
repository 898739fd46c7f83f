"""Lines of Kong's file-log plugin."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import line as as_json
from writers.cloud import token


def line(hit: Hit, rng: random.Random) -> str:
    """The query stands in the URI and taken apart beside it."""
    headers = {"host": hit.host, "user-agent": hit.agent, "cookie": f"sid={token(rng, 24)}"}
    if hit.referrer != "-":
        headers["referer"] = hit.referrer
    took = rng.randrange(2, 900)
    pairs = (one.partition("=")[::2] for one in hit.target.partition("?")[2].split("&") if one)
    return as_json(
        {
            "response": {"size": size(hit), "headers": {"content-type": "text/html"}, "status": hit.status},
            "request": {
                "id": token(rng, 32), "headers": headers, "uri": hit.target, "size": 412, "method": hit.method,
                "querystring": dict(pairs), "url": f"https://{hit.host}:8443{hit.target}",
            },
            "client_ip": hit.client, "latencies": {"request": took, "kong": 1, "proxy": took - 1},
            "started_at": hit.time * 1000 + rng.randrange(1000), "upstream_uri": hit.target, "workspace": token(rng, 32),
        }
    )  # fmt: skip
