"""Whose: the addresses, ids and the span that a request of a data subject is about, from the command line."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from schemas.policy import Ip, Policy
from schemas.trouble import Trouble
from transforms.addresses import canonical
from transforms.tombstones import BEGINNING, Network, Tombstone, Visitor
from transforms.treatments.address import NOBODY

END = 1 << 40  # behind any event, in seconds since the epoch
WIDEST = 56  # bits of an IPv6 network at least: what one connection has (PRIVACY.md 1.2)


@dataclass(frozen=True)
class Whose:
    """Networks and visitors, and the span [start, stop) in seconds since the epoch; `stop` is None where none was asked for."""

    whom: tuple[Network | Visitor, ...]
    start: int
    stop: int | None

    def tombstones(self, key: bytes, stop: int) -> list[Tombstone]:
        """A tombstone for each, until `stop` where no other was asked for."""
        end = stop if self.stop is None else self.stop
        if self.start >= end:
            raise Trouble("E201", "--from is not before --to")
        return [Tombstone(one.mark(key), one.size, one.bits, self.start, end) for one in self.whom]


def whose(
    addresses: Sequence[str],
    start: dt.date | None,
    stop: dt.date | None,
    policy: Policy,
    lines: Iterable[str] = (),
    visitors: Sequence[str] = (),
) -> Whose:
    """Whom a command line means; `lines` are those of standard input, for `-`. Raises Trouble E201, echoing nothing."""
    texts = [text for one in addresses for text in (lines if one == "-" else [one]) if text.strip()]
    names = [os.fsencode(text) for text in visitors]
    if not texts and not names:
        raise Trouble("E201", "neither --address nor --visitor was given")
    if any(not name or name in NOBODY for name in names):
        raise Trouble("E201", "--visitor is what collectors write for visitors that they do not know")
    whom: list[Network | Visitor] = [*(network(text, policy.ip) for text in texts), *map(Visitor, names)]
    return Whose(
        tuple(dict.fromkeys(whom)),
        BEGINNING if start is None else seconds(start, policy.timezone),
        None if stop is None else behind(stop, policy.timezone),
    )


def given(options: argparse.Namespace, policy: Policy) -> Whose:
    """Whom the arguments of a command mean, standard input included."""
    lines = sys.stdin if "-" in options.address else ()
    return whose(options.address, options.start, options.stop, policy, lines, options.visitor)


def network(text: str, ip: Ip) -> Network:
    """An address, or an IPv6 network. Raises Trouble E201."""
    name, slash, length = text.strip().partition("/")
    address = canonical(name.encode(), nat64=ip.nat64, sixrd=ip.sixrd)
    if address is None:
        raise Trouble("E201", "--address is no IPv4 or IPv6 address")
    size = len(address.packed) * 8
    bits = int(length) if length.isascii() and length.isdigit() and len(length) < 4 else size if not slash else 0
    if not (WIDEST <= bits <= 128 if size == 128 else bits == 32):
        raise Trouble("E201", f"--address: a network may have {WIDEST} to 128 bits (IPv6), or all 32 (IPv4)")
    return Network(address.packed, bits)


def seconds(moment: dt.date, zone: str) -> int:
    """When a day or a time begins, in seconds since the epoch."""
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(moment.year, moment.month, moment.day)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp())


def behind(moment: dt.date, zone: str) -> int:
    """The first second behind a day or a time."""
    if isinstance(moment, dt.datetime):
        return seconds(moment, zone) + 1
    return seconds(moment + dt.timedelta(days=1), zone)
