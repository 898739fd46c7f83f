"""Labels as ltsv.org recommends them."""

from __future__ import annotations

import random

from clf import size, stamp
from visits import Hit


def line(hit: Hit, rng: random.Random) -> str:
    """Time as in the Common Log Format, seconds taken."""
    values = {
        "time": stamp(hit.time), "host": hit.client, "forwardedfor": "-", "req": f"{hit.method} {hit.target} {hit.protocol}",
        "status": hit.status, "size": size(hit), "referer": hit.referrer, "ua": hit.agent, "vhost": hit.host,
        "user": hit.user, "reqtime": f"{rng.randrange(2, 900) / 1000:.3f}", "cache": "-",
    }  # fmt: skip
    return "\t".join(f"{label}:{value}" for label, value in values.items())
