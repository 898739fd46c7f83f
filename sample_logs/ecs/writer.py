"""Events of a web server in the Elastic Common Schema, one object a line."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import iso
from writers.cloud import line as as_json


def line(hit: Hit, rng: random.Random) -> str:
    """Objects within objects; now and then the keys hold dots. The duration is nanoseconds."""
    path, _, query = hit.target.partition("?")
    flat = {
        "@timestamp": iso(hit, f".{rng.randrange(1000):03}"), "event.duration": rng.randrange(10**6, 9 * 10**8),
        "event.category": "web", "source.address": hit.client, "source.ip": hit.client, "url.domain": hit.host,
        "url.original": hit.target, "url.path": path, "url.query": query, "http.request.method": hit.method,
        "http.response.status_code": hit.status, "http.response.body.bytes": size(hit), "http.version": "1.1",
        "user_agent.original": hit.agent, "user.name": hit.user,
    }  # fmt: skip
    if hit.referrer != "-":
        flat["http.request.referrer"] = hit.referrer
    return as_json(flat if rng.random() < 0.2 else nested(flat))


def nested(flat: dict[str, object]) -> dict[str, object]:
    """Keys with dots as objects within objects."""
    root: dict[str, object] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        node = root
        for step in above:
            node = node.setdefault(step, {})  # type: ignore[assignment]
        node[last] = value
    return root
