"""The script that makes the sample logs: three days of a hosting shop that never was, the same bytes each time."""

from __future__ import annotations

import argparse
import datetime as dt
import ipaddress
import json
import random
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import faker
import mmdb_writer
import netaddr  # type: ignore[import-untyped]
import small
import tracked
from clf import combined, common
from visits import Hit, Traffic

HERE = Path(__file__).resolve().parent
SEED = 20261121
PROXIES = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
CLAIMED = ("192.0.2.7", "198.18.255.254")  # what visitors put into X-Forwarded-For themselves
STRAY = "203.0.113.77"  # sends the requests that are none
DATABASE_BUILT = int(dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp())


def vhost_combined(hit: Hit) -> str:
    """Combined with the virtual host in front, as Apache writes it; %O counts the header too."""
    return f'{hit.host} {common(hit, "HTTP/1.1")} "{hit.referrer}" "{hit.agent}"'


def nginx_timed(hit: Hit, rng: random.Random) -> str:
    """Combined behind a proxy: the visitor is in X-Forwarded-For, at times behind what it claims itself."""
    base = 2 if hit.target.startswith(("/assets/", "/templates/")) else rng.choice((8, 15, 30, 60, 120, 240, 700))
    milliseconds = base + rng.randrange(base) + (5000 if rng.random() < 0.004 else 0)
    claims = (*CLAIMED, "unknown") if rng.random() < 0.2 else ()
    chain = [rng.choice(claims)] if claims else []
    chain += [hit.client, PROXIES[2]] if rng.random() < 0.25 else [hit.client]
    line = combined(replace(hit, client=rng.choice(PROXIES[:2])))
    return f'{line} {milliseconds // 1000}.{milliseconds % 1000:03} "{", ".join(chain)}"'


def broken(lines: list[str], name: str, rng: random.Random) -> list[str]:
    """The lines with what real logs have between them: cut and blank lines, CRLF, no request, TLS on a plain port."""
    host = "old-shop.example " if name == "vhost_combined" else ""
    rest = "" if name == "common" else ' "-" "-"' + (' 0.000 "-"' if name == "nginx_timed" else "")
    start = f"{host}{PROXIES[0] if name == 'nginx_timed' else STRAY} - - [then]"
    odd = [line[: line.index("[") + rng.randrange(5, 36)] for line in rng.sample(lines, 3)] + ["", "", " "]
    odd += [f'{start} "\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03" 400 150{rest}'] * 2
    odd += [f'{start} "" 400 0{rest}', f'{start} "-" 408 -{rest}', f'{start} "GET" 400 226{rest}']
    if name == "vhost_combined":
        odd.append(f'{start} "GET /{"A" * 70 * 1024} HTTP/1.1" 414 0{rest}')
    whole = [line + "\r" if rng.random() < 5 / len(lines) else line for line in lines]
    for at, line in zip(sorted(rng.sample(range(10, len(lines)), len(odd)), reverse=True), odd, strict=True):
        when = lines[at][lines[at].index("[") : lines[at].index("]") + 1]  # that of the line behind it
        whole.insert(at, line.replace("[then]", when))
    return whole


def write_log(cast: dict[str, Any], name: str, seed: int, folder: Path) -> Traffic:
    """Write one log file; gives what is in it."""
    traffic = Traffic(cast, name, seed)
    formats: dict[str, Callable[[Hit], str]] = {
        "combined": combined,
        "vhost_combined": vhost_combined,
        "common": lambda hit: common(hit, hours=1, nothing="-"),
        "nginx_timed": lambda hit: nginx_timed(hit, traffic.rng),
    }
    lines = broken([formats[name](hit) for hit in traffic.hits()], name, traffic.rng)
    # the old server was stopped while it wrote: no last newline
    text = "\n".join(lines) + ("" if name == "common" else "\n")
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "input.log").write_bytes(text.encode())
    return traffic


def write_planted(all_traffic: list[Traffic], seed: int, file: Path) -> None:
    """Write the list of all planted values and all addresses: one entry a line, so that a diff can be read."""
    found: dict[str, Any] = {
        "seed": seed,
        "faker": faker.VERSION,
        "proxies": PROXIES,
        "claimed": CLAIMED,
        "stray": STRAY,
    }
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()]
    planted = ",\n".join(json.dumps(entry, ensure_ascii=False) for traffic in all_traffic for entry in traffic.planted)
    parts.append(f'"planted": [\n{planted}\n]')
    for key, odd in (("addresses", False), ("written_otherwise", True)):
        files = [f'"{traffic.name}/input.log": {json.dumps(listed(traffic, odd), indent=0)}' for traffic in all_traffic]
        parts.append(f'"{key}": {{\n{",".join(files)}\n}}')
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def listed(traffic: Traffic, odd: bool) -> list[str] | dict[str, str]:
    """All client addresses in canonical form, or those that the log writes in another form with that form."""
    if odd:
        return {written: address for written, address in sorted(traffic.addresses.items()) if written != address}
    return sorted(set(traffic.addresses.values()))


def write_database(cast: dict[str, Any], file: Path) -> None:
    """Write a MaxMind database with {"country_code": …} for the address space of the samples."""
    tree = mmdb_writer.MMDBWriter(ip_version=6, ipv4_compatible=True)
    for network, countries in cast["countries"].items():
        step = (len(countries) - 1).bit_length()
        blocks = ipaddress.ip_network(network).subnets(prefixlen_diff=step)
        for block, country in zip(blocks, countries, strict=True):
            tree.insert_network(netaddr.IPSet([str(block)]), {"country_code": country})
    meta = {
        "ip_version": 6, "database_type": "crowdlog-test-country", "languages": ["en"],
        "binary_format_major_version": 2, "binary_format_minor_version": 0,
        "description": {"en": "Invented countries for documentation and benchmark addresses"},
        "build_epoch": DATABASE_BUILT,  # MMDBWriter.to_db_file would take the clock
    }  # fmt: skip
    mmdb_writer.TreeWriter(tree.tree, meta).write(str(file))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write everything that a seed decides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, another shop")
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write to (default: beside this script)")
    parser.add_argument("--small", nargs="+", metavar="FORMAT", help="write the small samples of these formats alone")
    options = parser.parse_args(arguments)
    cast = tomllib.loads((HERE / "cast.toml").read_text(encoding="utf-8"))
    options.output.mkdir(parents=True, exist_ok=True)
    small.write_all(cast, options.seed, options.output, options.small or ())
    tracked.write_all(cast, options.seed, options.output, options.small or ())
    if options.small:
        return
    all_traffic = [write_log(cast, name, options.seed, options.output) for name in cast["file"]]
    write_planted(all_traffic, options.seed, options.output / "planted.json")
    write_database(cast, options.output / "test-country.mmdb")


if __name__ == "__main__":
    main()
