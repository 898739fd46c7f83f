"""Lines of AWS WAF, without the rules that it tried."""

from __future__ import annotations

import random

from visits import Hit
from writers.cloud import line as as_json
from writers.cloud import token


def line(hit: Hit, rng: random.Random) -> str:
    """Headers as name and value, in capitals or in small letters; no status, for what it lets through others answer."""
    path, _, query = hit.target.partition("?")
    given = {"Host": hit.host, "User-Agent": hit.agent, "Accept": "*/*", "Cookie": f"sid={token(rng, 24)}"}
    if hit.referrer != "-":
        given["Referer"] = hit.referrer
    is_small = rng.random() < 0.5
    headers = [{"name": name.lower() if is_small else name, "value": value} for name, value in given.items()]
    return as_json(
        {
            "timestamp": hit.time * 1000 + rng.randrange(1000), "formatVersion": 1, "terminatingRuleId": "Default_Action",
            "terminatingRuleType": "REGULAR", "action": "ALLOW", "httpSourceName": "ALB", "ruleGroupList": [],
            "httpRequest": {
                "clientIp": hit.client, "country": "DE", "headers": headers, "uri": path, "args": query,
                "httpVersion": "HTTP/1.1", "httpMethod": hit.method, "requestId": token(rng, 32),
            },
        }
    )  # fmt: skip
