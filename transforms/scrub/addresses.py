"""Addresses as scrub writes them: truncated, dropped, or hashed under a key that lives as long as a day."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import blake2b
from socket import AF_INET6, inet_ntop

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Policy, Site
from transforms.addresses import KEY_BYTES, Address, NetworkKey, canonical, forwarded_client
from transforms.kernels import plain
from transforms.kernels.modes import HASHED, QUAD
from transforms.treatments.address import NOBODY

TREATMENTS = ("truncate", "hash", "drop")
NO_ADDRESS = b"0.0.0.0"
"""What stands for a host name or for what is no address: a line without a client could not be read again."""

DAYS = 4096  # days whose keys are kept at once; a log of more days forgets them all and goes on


class DayKeys:
    """A random key a day, made when the day is first seen, in memory alone. Cannot be pickled or printed."""

    def __init__(self, make: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._make = make
        self._keys: dict[int, NetworkKey] = {}

    def of(self, day: int) -> NetworkKey:
        """The key of a day."""
        if day not in self._keys:
            if len(self._keys) >= DAYS:
                self.forget()
            self._keys[day] = NetworkKey(self._make(KEY_BYTES))
        return self._keys[day]

    def forget(self) -> None:
        """Drop all keys: what comes next is linked to nothing that came before."""
        self._keys.clear()

    def __getstate__(self) -> None:
        raise TypeError("keys never travel")


class Addresses:
    """client and X-Forwarded-For of a line → what is written for each of them."""

    def __init__(self, policy: Policy, treatment: str, keys: DayKeys) -> None:
        if treatment not in TREATMENTS:
            raise ValueError(f"treatment is {treatment!r}, expected one of {', '.join(TREATMENTS)}")
        self._ip, self._keys = policy.ip, keys
        self._mask = 0xFFFFFF00 if treatment == "truncate" else 0
        self.daily = treatment == "hash"
        """Whether it depends on the day and the site what is written."""
        self.form = HASHED if self.daily else QUAD
        """How `quads` are written."""
        self._write = {"truncate": self._truncated, "hash": self._hashed, "drop": self._dropped}[treatment]

    def treat(self, day: int, site: Site, client: bytes | None, forwarded: bytes | None) -> tuple[bytes | None, bytes]:
        """(client, forwarded): both are the one visitor behind the trusted proxies. client is None for what is no address,
        forwarded "-" where there is none or no proxy is trusted.
        """
        ip = self._ip
        address = forwarded_client(client or b"", forwarded, ip.trusted_proxies, nat64=ip.nat64, sixrd=ip.sixrd)
        written = None if address is None else self._write(day, site, address)
        return written, written if written and forwarded and ip.trusted_proxies else b"-"

    def quads(self, day: int, site: Site, quads: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Numbers to write, in `form`, for IPv4 addresses that stand alone, given as numbers: as `treat` writes each."""
        if self.daily:
            return self._keys.of(day).networks(site.name, quads).view(">u8")[:, 0].astype(np.uint64)
        return (quads & self._mask).astype(np.uint64)

    def visitor(self, day: int, site: Site, visitor: bytes) -> bytes:
        """The same for an id that a collector gave a visitor: sixteen digits where addresses are hashed, else "-"."""
        if not self.daily or visitor in NOBODY:
            return b"-"
        unit = blake2b(visitor, digest_size=32, person=b"visitor").digest()
        return self._keys.of(day).token(site.name, unit, unit)[8:].hex().encode()

    def _hashed(self, day: int, site: Site, address: Address) -> bytes:
        """2001:db8::/64 (RFC 3849: documentation, never routed) with 64 bits of the network's keyed hash behind it.

        A reader of addresses takes it, nobody is behind it, and all of them are one neighbourhood to `crowdlog run`, so
        that a run over scrubbed lines withholds all instead of taking one block of addresses for a crowd.
        """
        token = self._keys.of(day).token(site.name, address.network(), address.neighbourhood())
        return plain.address(int.from_bytes(token[8:], "big"), HASHED)

    def _truncated(self, day: int, site: Site, address: Address) -> bytes:
        """The /24 or /48; what is left of an IPv6 address may be an embedding itself, and is unwrapped again."""
        ip = self._ip
        while True:
            packed = address.packed
            if len(packed) == 4:
                return plain.address(int.from_bytes(packed[:3] + b"\0", "big"), QUAD)
            text = inet_ntop(AF_INET6, packed[:6] + bytes(10)).encode()
            again = canonical(text, nat64=ip.nat64, sixrd=ip.sixrd)
            if again is None or len(again.packed) == len(packed):
                return text
            address = again

    def _dropped(self, day: int, site: Site, address: Address) -> bytes:
        return NO_ADDRESS if len(address.packed) == 4 else b"::"
