"""Combined, as Filebeat sends it on."""

from __future__ import annotations

import random

from clf import combined
from visits import Hit
from writers.cloud import iso
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """The line under message, beside it where it came from."""
    return as_json(
        {
            "@timestamp": iso(hit, f".{rng.randrange(1000):03}"), "@metadata": {"beat": "filebeat", "type": "_doc"},
            "log": {"offset": rng.randrange(10**6), "file": {"path": "/var/log/nginx/access.log"}},
            "message": combined(hit), "host": {"name": "web1"}, "agent": {"type": "filebeat"}, "ecs": {"version": "8.0.0"},
        }
    )  # fmt: skip
