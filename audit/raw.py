"""The raw logs as an insider reads them: tolerant, by regular expressions, and by no code of the pipeline."""

from __future__ import annotations

import datetime as dt
import glob
import ipaddress
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from schemas.trouble import Trouble

LONGEST = 1 << 16  # bytes of a line; what is longer is cut
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}:[0-9A-Fa-f:.]*(?![\w:])")
TIME = re.compile(r"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\]")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|$)')
ANSWER = re.compile(r" (\d{3}) (\d+|-)")
MONTHS = {
    name: i
    for i, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as far as it could be read: address and neighbourhood ("" if none), seconds since 1970, fields ("" if none)."""

    address: str
    neighbourhood: str
    time: int
    head: str
    path: str
    query: str
    status: int
    bytes: str
    referrer: str
    agent: str
    text: str


@dataclass(frozen=True)
class Raw:
    """All lines, every address that stands anywhere in them, and the words of lines' heads that hold one, as written."""

    lines: tuple[Line, ...]
    addresses: frozenset[str]
    written: frozenset[str] = frozenset()


def files(inputs: Sequence[str]) -> list[Path]:
    """Files, folders and globs as files. Raises Trouble E301 when one of them names nothing."""
    found: list[Path] = []
    for number, name in enumerate(inputs, 1):
        path = Path(name)
        below = [Path(one) for one in sorted(glob.glob(name, recursive=True))]
        mine = [one for one in (sorted(path.iterdir()) if path.is_dir() else below) if one.is_file()]
        if not mine:
            raise Trouble("E301", f"--raw: input {number} matches no file")
        found += mine
    return list(dict.fromkeys(found))


def read(inputs: Sequence[str]) -> Raw:
    """Read logs, packed ones too. Raises Trouble E301, E302 or E304; what is no log line is read as far as it goes."""
    lines: list[Line] = []
    addresses: set[str] = set()
    for path in files(inputs):
        mine = [_line(text, addresses) for text in _texts(path)]
        lines += _behind_proxies(mine)
    if not addresses:
        raise Trouble("E304", "--raw: there is not one address in it, so that nothing could be looked for")
    words = {word for line in lines for word in line.head.split() if addresses_in(word)}
    return Raw(tuple(lines), frozenset(addresses), frozenset(words))


def _texts(path: Path) -> Iterator[str]:
    rest = b""
    try:
        with pa.input_stream(os.fspath(path), compression="detect") as stream:
            while block := stream.read(1 << 20):
                *whole, rest = (rest + block).split(b"\n")
                yield from (one[:LONGEST].decode("utf-8", "replace") for one in whole if one.strip())
                rest = rest[-LONGEST:]
    except (OSError, pa.ArrowException):
        raise Trouble("E302", "--raw: an input cannot be read to its end") from None
    if rest.strip():
        yield rest.decode("utf-8", "replace")


@cache
def canonical(text: str) -> str:
    """An address in its shortest form, IPv4 inside of IPv6 unwrapped; "" for what is none."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return str(ip)


@cache
def neighbourhood(address: str) -> str:
    """IPv4 /24, IPv6 /48 of a canonical address."""
    return str(ipaddress.ip_network(f"{address}/{48 if ':' in address else 24}", strict=False)) if address else ""


def addresses_in(text: str) -> list[str]:
    """All addresses in a text, in canonical form, in their order."""
    found = sorted((one.start(), one[0].strip(".")) for pattern in (IPV4, IPV6) for one in pattern.finditer(text))
    return [address for _, one in found if (address := canonical(one))]


def _line(text: str, addresses: set[str]) -> Line:
    found = addresses_in(text)
    addresses.update(found)
    if text.startswith("{") and (event := _event(text, found[0] if found else "")):
        return event
    moment = TIME.search(text)
    head = text[: moment.start()] if moment else text
    in_head = addresses_in(head)
    quoted = list(QUOTED.finditer(text, moment.end() if moment else 0))
    target = [*quoted[0][1].split(" "), "", ""][1] if quoted and moment else ""
    answer = ANSWER.match(text, quoted[0].end()) if quoted and moment else None
    path, _, query = re.sub(r"^https?://[^/]*", "", target).partition("?")
    rest = [one[1] for one in quoted[1:]] + ["", ""]
    peer = in_head[0] if in_head else ""
    return Line(
        peer, neighbourhood(peer), _seconds(moment) if moment else 0, head, unquote(unquote(path.partition("#")[0])),
        unquote(unquote(query)), int(answer[1]) if answer else 0, answer[2] if answer else "", rest[0], rest[1],
        unquote(unquote(text)).lower(),
    )  # fmt: skip


def _event(text: str, address: str) -> Line | None:
    """A JSON object as far as it tells a time, and by what it was sent; None for what is none."""
    try:
        told = json.loads(text)
        moment = dt.datetime.fromisoformat(str(told["time"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    time = int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    words = unquote(unquote(text)).lower()
    # a server says by itself what it is: that tells apart who sends, as an agent does
    agent = " ".join(str(told.get(name, "")) for name in ("agent", "os", "virtualisation"))
    return Line(address, neighbourhood(address), time, text, "", "", 0, "", "", agent, words)


def _seconds(moment: re.Match[str]) -> int:
    day, month, year, hour, minute, second, sign, hours, minutes = moment.groups()
    try:
        at = dt.datetime(int(year), MONTHS.get(month, 0), int(day), int(hour), int(minute), min(int(second), 59))
    except ValueError:
        return 0
    offset = (int(hours) * 60 + int(minutes)) * 60 * (-1 if sign == "-" else 1)
    return int(at.replace(tzinfo=dt.UTC).timestamp()) - offset


def _behind_proxies(lines: list[Line]) -> list[Line]:
    """Where a handful of peers hand in everything and lines end in addresses, the last that is no neighbour of a peer."""
    peers = {line.address for line in lines if line.address}
    forwarded = [addresses_in(one) for line in lines for one in QUOTED.findall(line.text)[3:][-1:]]
    if len(peers) > 5 or len([one for one in forwarded if one]) * 2 < len(lines):
        return lines
    return [_client(line, {neighbourhood(peer) for peer in peers}) for line in lines]


def _client(line: Line, proxies: set[str]) -> Line:
    last = [one for one in addresses_in((QUOTED.findall(line.text) or [""])[-1]) if neighbourhood(one) not in proxies]
    address = last[-1] if last else ""
    return Line(address, neighbourhood(address), line.time, line.head, line.path, line.query, line.status, line.bytes,
                line.referrer, line.agent, line.text)  # fmt: skip
