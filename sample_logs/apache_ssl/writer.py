"""Lines of Apache's ssl_request_log, as its default configuration has them."""

from __future__ import annotations

import random

from clf import size, stamp
from visits import Hit


def line(hit: Hit, rng: random.Random) -> str:
    """No status; a dash where nothing was sent."""
    tls = rng.choice(("TLSv1.3 TLS_AES_256_GCM_SHA384", "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"))
    return f'{stamp(hit.time)} {hit.client} {tls} "{hit.method} {hit.target} {hit.protocol}" {size(hit) or "-"}'
