"""Access lines as Logstash's grok takes them apart, one object a line, without the line itself."""

from __future__ import annotations

import random

from clf import size, stamp
from visits import Hit
from writers.cloud import iso
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """Numbers are texts."""
    return as_json(
        {
            "@timestamp": iso(hit, ".000"), "@version": "1", "host": "web1", "clientip": hit.client, "ident": "-",
            "auth": hit.user, "timestamp": stamp(hit.time)[1:-1], "verb": hit.method, "request": hit.target,
            "httpversion": "1.1", "response": str(hit.status), "bytes": str(size(hit)),
            "referrer": hit.referrer, "agent": hit.agent,
        }
    )  # fmt: skip
