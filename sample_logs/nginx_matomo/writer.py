"""Lines of nginx in the JSON that Matomo's log importer wants."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import iso
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """The key of the time taken says milliseconds; its value is nginx's $request_time, in seconds."""
    return as_json(
        {
            "idsite": 1, "ip": hit.client, "host": hit.host, "path": hit.target, "status": str(hit.status),
            "referrer": hit.referrer, "user_agent": hit.agent, "length": size(hit),
            "generation_time_milli": rng.randrange(1, 900) / 1000, "date": iso(hit).replace("Z", "+00:00"),
        }
    )  # fmt: skip
