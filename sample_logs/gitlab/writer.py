"""Lines of GitLab's production_json.log."""

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
            "method": hit.method, "path": path, "format": "html", "controller": "PagesController", "action": "show",
            "status": hit.status, "time": iso(hit, f".{rng.randrange(1000):03}"), "params": params,
            "remote_ip": hit.client, "username": given(hit.user), "ua": hit.agent, "correlation_id": token(rng, 26),
            "queue_duration_s": 0.0, "db_duration_s": 0.01, "duration_s": rng.randrange(90000) / 100000,
        }
    )  # fmt: skip
