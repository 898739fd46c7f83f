"""One day of a shop with what each layer of privacy is there to hold back, planted once for each."""

from __future__ import annotations

import datetime as dt
import json
import random
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "sample_logs")]

from clf import combined  # noqa: E402
from visits import Hit, Traffic, Visitor  # noqa: E402

SEED = 20261121
DAY = dt.date(2026, 11, 18)
PLAN = {"lines": 1500, "visitors": 240, "machines": 0.15, "sites": {"shop": 100}}
CROWD = 14  # neighbourhoods that send one and the same value: more than k, so that no crowd hides it

# what must never leave; words without a reason to be suspicious are held by one layer each
ALONE = "merrynboscawen"  # one visitor's word
FOUND = "jory-at-example-dot-com"  # an e-mail address in words
NUMBER = "48151623"  # a customer's number
PARAMETER, BEHIND_USER, REFERRER, AGENT = "elspethmarlowe", "elowenpascoe", "tamsinroskilly", "kerensatrevail"
UNREAD = "lowenna.retallick@example.org"  # in a line that nobody can read
PLANTED = (ALONE, FOUND, NUMBER, PARAMETER, BEHIND_USER, REFERRER, AGENT, UNREAD)
BLOCK, ROAMER = "brackenbury", "quillfeather"  # words that one /24, or one agent, wants to see published
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


def write(file: Path) -> None:
    """Write the log, in combined format."""
    cast = tomllib.loads((ROOT / "sample_logs" / "cast.toml").read_text(encoding="utf-8"))
    traffic = Traffic(cast, "ablation", SEED, PLAN, [DAY])
    hits = sorted([*traffic.hits(), *_planted(traffic)], key=lambda hit: hit.time)
    lines = [combined(hit) for hit in hits]
    lines.insert(len(lines) // 2, f"192.0.2.201 said {UNREAD} and was cut off")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_pings(file: Path) -> None:
    """Write a log of licence pings: of all who have theirs from the shop the licence is active, resellers' differ."""
    noon = dt.datetime.combine(DAY, dt.time(12), dt.UTC)
    pings = [("active", "shop", i) for i in range(CROWD)]
    pings += [(status, "reseller", i) for status in ("active", "expired") for i in range(CROWD)]
    told = [{"time": f"{noon:%Y-%m-%dT%H}:{i:02d}:00Z", "server_ip": f"198.19.{i}.9", "licence_status": status,
             "licence_source": source, "os": "Debian 12", "agent": f"PHP/8.{i % 4}"} for status, source, i in pings]  # fmt: skip
    file.write_text("".join(f"{json.dumps(one)}\n" for one in told), encoding="utf-8")


def _planted(traffic: Traffic) -> Iterator[Hit]:
    crowd = [one for one in traffic.town.crowd(2 * CROWD) if "." in one.address][:CROWD]
    noon = int(dt.datetime.combine(DAY, dt.time(12), dt.UTC).timestamp())
    rng = random.Random(SEED)

    def sent(visitors: Iterable[Visitor], target: str, agent: str = "", referrer: str = "-") -> Iterator[Hit]:
        for visitor in visitors:
            time = noon + rng.randrange(-20_000, 20_000)
            yield Hit(time, "shop.example", visitor.address, agent or visitor.agent, target, referrer=referrer)

    yield from sent(crowd[:1], f"/pages/{ALONE}")
    yield from sent(crowd, f"/?utm_source=letter&utm_campaign={FOUND}")
    yield from sent(crowd, f"/orders/{NUMBER}")
    yield from sent(crowd, f"/feedback.php?from={PARAMETER}")
    yield from sent(crowd, f"/user/{BEHIND_USER}")
    yield from sent(crowd, "/", referrer=f"https://mail.example.net/inbox/{REFERRER}")
    yield from sent(crowd, "/", agent=f"{CHROME} {AGENT}")
    yield from sent(crowd, f"/pages/{ROAMER}", agent=CHROME)
    block = [replace(crowd[i % 6], address=f"203.0.113.{40 + i}") for i in range(CROWD)]
    yield from sent(block, f"/pages/{BLOCK}")
