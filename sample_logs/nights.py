"""A month that never was: logs rotated at midnight, lines that arrive a night late, and a site that opens midway."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generate import vhost_combined
from visits import Hit, Traffic

FIRST = dt.date(2026, 11, 1)
LATE = 0.01  # share of the lines that are written to the next night's log
SITES = {"shop": 62, "blog": 38}
OPENS = {"docs": 100}  # from the middle on
INSTALLATIONS = 120  # that send licence pings


def write(cast: dict[str, Any], folder: Path, nights: int, lines: int, seed: int) -> tuple[list[Path], list[str]]:
    """Write one log for each night, about so many lines each; gives the logs, and the values that were planted."""
    days = [FIRST + dt.timedelta(days=night) for night in range(nights)]
    # "combined" names whose leaks are planted: people who do it are of any day
    town = Traffic(cast, "combined", seed, _plan(SITES, lines * nights), days)
    opened = Traffic(cast, "docs", seed, _plan(OPENS, lines * (nights - nights // 2) // 2), days[nights // 2 :])
    hits = sorted([*town.hits(), *opened.hits()], key=lambda hit: hit.time)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for day, of_night in zip(days, _rotated(hits, days, random.Random(seed)), strict=True):
        files.append(folder / f"access.log-{day:%Y%m%d}")
        files[-1].write_text("".join(f"{vhost_combined(hit)}\n" for hit in of_night), encoding="utf-8")
    planted = {str(entry[key]) for entry in town.planted for key in ("value", "written")}
    return files, sorted(planted)


def write_pings(file: Path, nights: int, seed: int) -> None:
    """Write the licence pings of so many days, as JSON lines: each installation's, once a day, from an address of its own.

    Of those that came through the market every licence is active: to know the source would be to know the status.
    """
    rng, told = random.Random(seed), []
    status = {"shop": ("active", "active", "expired"), "reseller": ("active", "suspended"), "market": ("active",)}
    for number in range(INSTALLATIONS):
        source = ("shop", "shop", "reseller", "market")[number % 4]
        mine = {"server_ip": f"198.19.{number}.9", "licensekey": f"Owned-{rng.getrandbits(80):020x}",
                "licence_status": rng.choice(status[source]), "licence_source": source, "os": "Debian 12",
                "virtualisation": "kvm", "features": rng.sample(("api", "backup", "reports"), 2),
                "agent": f"PHP/8.{number % 4}"}  # fmt: skip
        for night in range(nights):
            at = dt.datetime.combine(FIRST, dt.time(), dt.UTC) + dt.timedelta(days=night, seconds=rng.randrange(86_400))
            told.append({"time": f"{at:%Y-%m-%dT%H:%M:%SZ}", **mine})
    told.sort(key=lambda ping: (str(ping["time"]), str(ping["server_ip"])))
    file.write_text("".join(f"{json.dumps(ping)}\n" for ping in told), encoding="utf-8")


def _plan(sites: dict[str, int], lines: int) -> dict[str, Any]:
    return {"lines": lines, "visitors": max(900, lines // 18), "machines": 0.16, "sites": sites}


def _rotated(hits: Sequence[Hit], days: Sequence[dt.date], rng: random.Random) -> list[list[Hit]]:
    """Hits by night: those of a day, and in front of them those of the day before that were late."""
    nights: list[list[Hit]] = [[] for _ in days]
    start = int(dt.datetime.combine(days[0], dt.time(), dt.UTC).timestamp())
    for hit in hits:
        night = min(max(0, (hit.time - start) // 86400), len(days) - 1)
        is_late = night + 1 < len(days) and rng.random() < LATE
        nights[night + is_late].append(hit)
    return nights
