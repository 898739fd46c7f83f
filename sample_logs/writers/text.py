"""Lines of text formats, as their servers write them."""

from __future__ import annotations

import random

from clf import combined, size, stamp
from visits import Hit


def haproxy(hit: Hit, rng: random.Random) -> str:
    """The HTTP log with two captured request headers; an IPv6 address stands without brackets in front of its port."""
    timers = f"0/0/{rng.randrange(3)}/{rng.randrange(2, 90)}/{rng.randrange(90, 200)}"
    time = f"{stamp(hit.time)[1:21]}.{rng.randrange(1000):03}"
    return (
        f"{hit.client}:{rng.randrange(1024, 65536)} [{time}] https~ web/web{rng.randrange(1, 3)} {timers} {hit.status} "
        f"{size(hit)} - - ---- 12/12/3/1/0 0/0 {{{hit.host}|{hit.agent[:40]}}} "
        f'"{hit.method} {hit.target} {hit.protocol}"'
    )


def syslog(hit: Hit, rng: random.Random) -> str:
    """Combined behind the header of RFC 3164, which knows no year and no zone."""
    at = stamp(hit.time)
    return f"<190>{at[4:7]} {at[1:3].lstrip('0'):>2} {at[13:21]} web1 nginx[{rng.randrange(900, 910)}]: {combined(hit)}"


WRITERS = {"haproxy": haproxy, "syslog": syslog}
