"""Lines of Amazon API Gateway: the JSON of its own template, with more of its variables."""

from __future__ import annotations

import random

from clf import size, stamp
from visits import Hit
from writers.cloud import line as as_json
from writers.cloud import token


def line(hit: Hit, rng: random.Random) -> str:
    """All values are texts; the query is no part of them."""
    return as_json(
        {
            "requestId": token(rng, 32), "ip": hit.client, "caller": "-", "user": hit.user,
            "requestTime": stamp(hit.time)[1:-1], "httpMethod": hit.method, "path": hit.target.partition("?")[0],
            "resourcePath": "/{proxy+}", "status": str(hit.status), "protocol": "HTTP/1.1",
            "responseLength": str(size(hit)), "domainName": hit.host, "responseLatency": str(rng.randrange(900)),
            "userAgent": hit.agent,
        }
    )  # fmt: skip
