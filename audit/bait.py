"""A log of the audit's own: three days of a site with a crowd, and in every line values that stand nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20241118
LINES = 900
PAGES = ("docs/start", "pricing", "blog/welcome")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
)


def words(seed: int) -> Iterator[str]:
    """Words of fourteen letters that nobody knows."""
    draw = random.Random(seed)
    while True:
        yield "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(7))


def write(file: Path, lines: int = LINES) -> list[str]:
    """Write the log in combined format; gives what must never be found: addresses, users, paths, queries, referrers, agents."""
    made, canaries, new = [], [], words(SEED)
    for i in range(lines):
        when = f"{18 + i * 3 // lines}/Nov/2024:{i * 72 // lines % 24:02d}:{i % 60:02d}:00 +0000"
        address = f"198.18.{i % 60 + 100}.{i // 60 % 250 + 3}"
        mine = [next(new) for _ in range(5)]
        page = f"pages/{mine[4]}" if i % 9 == 0 else PAGES[i % 3]
        made.append(
            line(when, address, f"/{page}?u={mine[1]}", mine[0], f"https://{mine[2]}.example/{mine[2]}", mine[3], i)
        )
        canaries += [address, *mine[: 5 if i % 9 == 0 else 4]]
    file.write_text("\n".join(made) + "\n", encoding="ascii")
    return sorted(set(canaries))


def line(
    when: str, address: str, target: str, user: str = "-", referrer: str = "-", behind: str = "", number: int = 0
) -> str:
    """A line in combined format."""
    agent = f"{AGENTS[number % len(AGENTS)]} {behind}".strip()
    return f'{address} - {user} [{when}] "GET {target} HTTP/1.1" 200 {5000 + number} "{referrer}" "{agent}"'
