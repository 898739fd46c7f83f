"""Lines per CPU second of parsing generated lines: python -m bench.parse [LINES] [combined, caddy, w3c or ltsv]."""

from __future__ import annotations

import json
import random
import re
import sys
import time

import numpy as np

from schemas import load
from schemas.stages import Accounts, Chunk
from transforms.kernels import calls, compiled
from transforms.parsers.families import readers_behind
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


LINE = re.compile(r'(\S+) - - \[(\S+ \S+)\] "GET ([^ ?]+)(\??)(\S*) HTTP/1.1" (\d+) (\d+) "(.*)" "(.*)"')
HEADER = b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) cs(Referer) sc-status sc-bytes"


def written(line: str, name: str) -> str:
    """A combined line in another format."""
    match = LINE.fullmatch(line)
    if match is None or name == "combined":
        return line
    client, time_, path, mark, query, status, size, referrer, agent = match.groups()
    at = f"2026-11-20 {time_[12:20]}"
    if name == "w3c":
        names = agent.replace(" ", "+")
        return f"{at} 192.0.2.80 GET {path} {query or '-'} 443 {client} {names} {referrer} {status} {size}"
    if name == "ltsv":
        pairs = {
            "time": time_,
            "host": client,
            "req": f"GET {path}{mark}{query} HTTP/1.1",
            "status": status,
            "size": size,
        }
        return "\t".join(f"{label}:{value}" for label, value in {**pairs, "referer": referrer, "ua": agent}.items())
    headers = {"User-Agent": [agent], "Referer": [referrer], "Accept": ["*/*"]}
    request = {
        "remote_ip": client,
        "client_ip": client,
        "proto": "HTTP/2.0",
        "method": "GET",
        "uri": path + mark + query,
    }
    record = {"level": "info", "ts": 1795132800.25 + int(time_[18:20]), "request": {**request, "headers": headers}}
    record |= {"duration": 0.012, "size": int(size), "status": int(status), "resp_headers": {"Server": ["Caddy"]}}
    return json.dumps(record, separators=(",", ":"))


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
    name = sys.argv[2] if len(sys.argv) > 2 else "combined"
    parts = chunks("".join(written(line, name) + "\n" for line in generate(lines).decode().splitlines()).encode())
    (reader,) = readers_behind(load.formats()[name], HEADER)
    parser = TextParser(reader, allowed_parameters=frozenset([b"page", b"utm_source"]), columns=load.fields().kept)
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
