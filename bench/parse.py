"""Lines per CPU second of TextParser.parse on generated combined lines: python -m bench.parse [LINES]."""

from __future__ import annotations

import random
import sys
import time

import numpy as np

from schemas import load
from schemas.stages import Accounts, Chunk
from transforms.kernels import calls, compiled
from transforms.parsers.text import TextParser

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
CHUNK = 16 << 20
ROUNDS = 5


def generate(lines: int) -> bytes:
    """Combined lines of a made-up site: skewed paths and clients, one query in four, time going forward."""
    draw = random.Random(7)
    paths = [f"/{draw.choice(['kb', 'shop', 'blog', 'docs'])}/{draw.getrandbits(40):x}-item.html" for _ in range(8000)]
    engine = "AppleWebKit/537.36 (KHTML, like Gecko)"
    agents = [f"Mozilla/5.0 (X11; Linux x86_64) {engine} Chrome/{100 + n}.0.0.0 Safari/537.36" for n in range(40)]
    clients = [f"198.{18 + draw.randrange(2)}.{draw.randrange(256)}.{draw.randrange(256)}" for _ in range(60000)]
    out = []
    for n in range(lines):
        second = n * 86400 // lines
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        path = paths[int(draw.random() ** 3 * len(paths))]
        query = f"?page={draw.randrange(50)}&q=word{draw.randrange(10**6)}" if draw.random() < 0.25 else ""
        referrer = "-" if draw.random() < 0.5 else f"https://www.example.com{paths[int(draw.random() ** 3 * 300)]}"
        agent = agents[int(draw.random() ** 2 * 40)]
        client = clients[int(draw.random() ** 2 * len(clients))]
        out.append(
            f'{client} - - [20/Nov/2026:{clock} +0000] "GET {path}{query} HTTP/1.1" '
            f'{draw.choice((200, 200, 200, 304, 404))} {draw.randrange(90000)} "{referrer}" "{agent}"\n'
        )
    return "".join(out).encode()


def chunks(data: bytes) -> list[Chunk]:
    """`data` as the reader would give it."""
    made, start = [], 0
    while start < len(data):
        stop = data.rfind(b"\n", start, start + CHUNK) + 1
        buffer = np.frombuffer(data[start:stop] + b"\0" * 64, np.uint8)
        made.append(Chunk(0, COMBINED, buffer, stop - start, Accounts()))
        start = stop
    return made


def main() -> None:
    """Print the best of five rounds."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    parts = chunks(generate(lines))
    parser = TextParser(COMBINED, allowed_parameters=frozenset([b"page", b"utm_source"]), columns=load.fields().kept)
    began = time.perf_counter()
    calls.warm()
    parser.parse(parts[0])
    size = sum(part.size for part in parts) >> 20
    print(f"compiled: {compiled()}; warm in {time.perf_counter() - began:.2f} s; {size} MiB")
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for part in parts:
            parser.parse(part)
        best = min(best, time.process_time() - began)
    print(f"{lines / best / 1e6:.2f} M lines per CPU second, {best / lines * 1e9:.0f} ns a line")


if __name__ == "__main__":
    main()
