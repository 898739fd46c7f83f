"""Lines of GitLab's api_json.log."""

from __future__ import annotations

import random

from visits import Hit
from writers.cloud import given, iso, token
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """The parameters stand beside the path, by name and value."""
    path, _, query = hit.target.partition("?")
    params = [dict(zip(("key", "value"), one.partition("=")[::2], strict=True)) for one in query.split("&") if one]
    return as_json(
        {
            "time": iso(hit, f".{rng.randrange(1000):03}"), "severity": "INFO", "duration_s": rng.randrange(90000) / 100000,
            "db_duration_s": 0.01, "view_duration_s": 0.02, "status": hit.status, "method": hit.method, "path": path,
            "params": params, "host": hit.host, "remote_ip": hit.client, "ua": hit.agent, "route": "/api/:version/pages",
            "username": given(hit.user), "correlation_id": token(rng, 26),
        }
    )  # fmt: skip
