"""Lines of CloudFront without their header."""

from __future__ import annotations

import random

from visits import Hit
from writers.cloud import cloudfront


def line(hit: Hit, rng: random.Random) -> str:
    """Tabs between all fields, in the order of the standard log."""
    return cloudfront(hit, rng)
