"""Lines of Python's own web server."""

from __future__ import annotations

import datetime as dt
import random

from clf import MONTHS, size
from visits import UTC, Hit


def line(hit: Hit, rng: random.Random) -> str:
    """On the clock of the machine, which is UTC here; a file has its size, other answers have none."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    time = f"{at:%d}/{MONTHS[at.month - 1]}/{at:%Y %H:%M:%S}"
    sent = size(hit) if rng.random() < 0.5 else "-"
    return f'{hit.client} - - [{time}] "{hit.method} {hit.target} HTTP/1.1" {hit.status} {sent}'
