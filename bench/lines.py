"""Makes access logs of any size for measurements: `python bench/lines.py 1000000 --output big.log`."""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BufferedWriter
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 20261121
BLOCK = 50_000  # lines rendered at once: about 12 MB
CROWD_PER_MILLION = 75_000
PATHS = 8_000
TAIL_AGENTS = 1_500
AGES = 6  # versions of each browser that are still about
DAY = "21/Nov/2026"
Column = NDArray[np.object_]

KIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0"
BROWSERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 10; K) {KIT} Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.{minor} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT} Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Safari/537.36 Edg/{{major}}.0.0.0",
)
ROBOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "curl/8.9.1",
)
WORDS = [
    "hosting", "domain", "server", "backup", "mail", "ssl", "wordpress", "reseller", "panel", "invoice", "cloud",
    "storage", "transfer", "nameserver", "firewall", "database", "module", "licence", "support", "update", "theme",
    "plugin", "cron", "quota", "mirror", "staging",
]  # fmt: skip
PARAMETERS = (
    "a=add&pid={n}",
    "page={n}",
    "language=german",
    "tid={n}&c={hex}",
    "utm_source=news&ref={hex}",
)
STATUSES = ((200, 820), (304, 70), (302, 45), (404, 42), (301, 10), (403, 7), (500, 4), (206, 2))


def texts(values: Sequence[str]) -> Column:
    """The strings as bytes in an array of objects, so that numpy can index them."""
    column = np.empty(len(values), dtype=object)
    column[:] = [value.encode() for value in values]
    return column


def zipf(count: int, flat: float = 1.0) -> NDArray[np.float64]:
    """Cumulated Zipf probabilities of so many ranks (float64); `flat` ranks at the head are about equal."""
    cumulated = np.cumsum(1 / (np.arange(count) + flat))
    return np.asarray(cumulated / cumulated[-1], dtype=np.float64)


def paths(rng: random.Random) -> list[str]:
    """8,000 targets, the popular ones first; one in three has parameters."""
    found = ["/", "/cart.php", "/clientarea.php", "/assets/css/all.min.css", "/favicon.ico", "/login.php"]
    while len(found) < PATHS:
        slug = "-".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 4)))
        target = (
            f"/{rng.choice(('knowledgebase', 'announcements', 'store', 'blog/2026'))}/{rng.randrange(1000)}/{slug}.html"
        )
        if rng.random() < 1 / 3:
            target += "?" + rng.choice(PARAMETERS).format(n=rng.randrange(10_000), hex=f"{rng.getrandbits(64):016x}")
        found.append(target)
    return found


def agents(rng: random.Random) -> list[str]:
    """About 40 popular agents, then a long tail of builds that few have."""
    popular = [shape.format(major=142 - age, minor=6 - age) for age in range(AGES) for shape in BROWSERS]
    tail = []
    for _ in range(TAIL_AGENTS):
        device = f"Android {rng.randrange(8, 15)}; SM-{rng.choice('AGMS')}{rng.randrange(100, 999)}{rng.choice('BFU')}"
        kit = KIT.format(major=rng.randrange(70, 142)).replace(
            ".0.0.0", f".0.{rng.randrange(7000)}.{rng.randrange(200)}"
        )
        tail.append(f"Mozilla/5.0 (Linux; {device}) {kit} Mobile Safari/537.36")
    return [*popular[:6], *ROBOTS, *popular[6:], *dict.fromkeys(tail)]


def referrers(targets: Sequence[str], rng: random.Random) -> list[str]:
    """No referrer, search engines, the shop's own pages, and pages of example domains."""
    outside = [
        "https://www.google.com/",
        "https://www.bing.com/",
        "https://www.facebook.com/",
        "https://duckduckgo.com/",
    ]
    own = [f"https://shop.example{target}" for target in targets[:800]]
    others = [f"https://site{number}.example.org/{rng.choice(WORDS)}/{rng.randrange(1000)}" for number in range(400)]
    return ["-", outside[0], *own[:4], *outside[1:], *own[4:], *others]


def crowd(count: int, chance: np.random.Generator) -> Column:
    """So many client addresses.

    Drawn from all of 1.0.0.0 to 223.255.255.255: the ranges reserved for documentation and benchmarks have too few
    neighbourhoods for a crowd of this size. The addresses are synthetic and mean nobody.
    """
    drawn = chance.integers(1 << 24, 224 << 24, count)
    return texts([f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}" for value in drawn.tolist()])


class Log:
    """The pieces that lines are made of, rendered once, and what is drawn for each line."""

    def __init__(self, lines: int, people: int, seed: int) -> None:
        rng = random.Random(seed)
        self.lines = lines
        self.chance = np.random.default_rng(seed)
        targets = paths(rng)
        self.clients = crowd(people, self.chance)
        self.requests = texts([f'"GET {target} HTTP/1.1" ' for target in targets])
        self.sizes = np.array([600 + zlib.crc32(target.encode()) % 60_000 for target in targets])
        pages, browsers, popular = referrers(targets, rng), agents(rng), len(ROBOTS) + AGES * len(BROWSERS)
        self.referrers = texts([f'"{referrer}" ' for referrer in pages])
        self.agents = texts([f'"{agent}"\n' for agent in browsers])
        self.statuses = texts([f"{status} " for status, _ in STATUSES])
        weights = list(accumulate(weight for _, weight in STATUSES))
        self.popularity = {
            "client": zipf(people, people / 15),
            "path": zipf(len(targets)),
            "referrer": np.concatenate(([0.45], 0.45 + 0.55 * zipf(len(pages) - 1))),  # the first is none
            "agent": np.concatenate((0.88 * zipf(popular, 2), 0.88 + 0.12 * zipf(len(browsers) - popular))),
            "status": np.array(weights) / weights[-1],
        }
        self.seconds = texts(
            [f" - - [{DAY}:{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02} +0000] " for at in range(86_400)]
        )

    def draw(self, what: str, count: int) -> NDArray[np.int64]:
        """Ranks of so many things (int64[count])."""
        return np.searchsorted(self.popularity[what], self.chance.random(count), side="right")

    def blocks(self) -> Iterator[bytes]:
        """The log, block by block; each block is whole lines, their times never go back."""
        for start in range(0, self.lines, BLOCK):
            count = min(BLOCK, self.lines - start)
            path, status = self.draw("path", count), self.draw("status", count)
            at = np.arange(start, start + count) * 86_400 // self.lines
            sizes = texts([f"{size} " for size in (self.sizes[path] + path % 13).tolist()])
            pieces = np.empty((count, 7), dtype=object)  # a row is a line
            pieces[:, 0] = self.clients[self.draw("client", count)]
            pieces[:, 1] = self.seconds[at]
            pieces[:, 2] = self.requests[path]
            pieces[:, 3] = self.statuses[status]
            pieces[:, 4] = sizes
            pieces[:, 5] = self.referrers[self.draw("referrer", count)]
            pieces[:, 6] = self.agents[self.draw("agent", count)]
            yield b"".join(pieces.ravel().tolist())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a log and say how large it became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=int, help="how many lines")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--crowd", type=int, help="how many addresses; default: 75,000 for each million lines")
    parser.add_argument("--gzip", action="store_true", help="compress (level 6, no time and no name in the header)")
    parser.add_argument("--json", action="store_true", help="print what was written as one JSON object")
    options = parser.parse_args(arguments)
    people = options.crowd or max(1, options.lines * CROWD_PER_MILLION // 1_000_000)
    began = time.perf_counter()
    log = Log(options.lines, people, options.seed)
    with ExitStack() as stack:
        file = stack.enter_context(options.output.open("wb"))
        stream: BufferedWriter | gzip.GzipFile = file
        if options.gzip:
            stream = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))
        size = sum(stream.write(block) for block in log.blocks())
    mean, seconds = size / max(1, options.lines), time.perf_counter() - began
    print(f"{options.lines} lines of {people} addresses: {mean:.0f} bytes a line, {seconds:.1f} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"lines": options.lines, "crowd": people, "bytes": size, "seconds": round(seconds, 3)}))


if __name__ == "__main__":
    main()
