"""Lines of Heroku's router, as `heroku logs` prints them."""

from __future__ import annotations

import random

from clf import size
from visits import Hit
from writers.cloud import iso, token
from writers.text import behind


def line(hit: Hit, rng: random.Random) -> str:
    """The router adds the address that it saw to X-Forwarded-For."""
    asked = f'method={hit.method} path="{hit.target}" host={hit.host} request_id={token(rng, 32)}'
    came = f'fwd="{behind(hit, rng).replace(", ", ",")}" dyno=web.{rng.randrange(1, 4)} connect={rng.randrange(3)}ms'
    start = f"{iso(hit, f'.{rng.randrange(10**6):06}')[:-1]}+00:00 heroku[router]: at=info"
    return (
        f"{start} {asked} {came} service={rng.randrange(2, 900)}ms status={hit.status} bytes={size(hit)} protocol=https"
    )
