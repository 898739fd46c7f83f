"""Addresses: their canonical form, the two units that are counted (network, neighbourhood), and the run's key."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
TOKEN_BYTES = 16
HOPS = 64
"""Entries of X-Forwarded-For that are looked at, at most."""

_TEXT_LIMIT = 128
_PORT = re.compile(r"(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])\Z")
_ZONE = re.compile(r"[0-9A-Za-z._~%-]{1,64}\Z")
_BLANKS = b" \t"


class Address(NamedTuple):
    """A canonical address: 4 bytes (IPv4) or 16 (IPv6), in network order."""

    packed: bytes

    def network(self, truncate: bool = False) -> bytes:
        """What `visitors` counts, tagged: b"4" + /32 or b"6" + /56; b"4" + /24 or b"6" + /48 when truncated."""
        if truncate:
            return self.neighbourhood()
        packed = self.packed
        return b"4" + packed if len(packed) == 4 else b"6" + packed[:7]

    def neighbourhood(self) -> bytes:
        """What k counts, tagged: b"4" + /24 or b"6" + /48."""
        packed = self.packed
        return b"4" + packed[:3] if len(packed) == 4 else b"6" + packed[:6]


def canonical(text: bytes, *, nat64: tuple[str, ...] = (), sixrd: tuple[str, ...] = ()) -> Address | None:
    """The address that a client field holds, None where it holds none. Never raises on any `text`, never echoes it.

    Strips brackets, port and zone id; unwraps IPv4-mapped and IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765),
    6to4 (RFC 3056), Teredo (RFC 4380: the client), NAT64 (RFC 6052: the well-known prefix and those in `nat64`) and the
    6rd prefixes (RFC 5969) in `sixrd`. The last 64 bits of any other address are in no unit, and so EUI-64 (a device) and
    ISATAP (RFC 5214: an IPv4 address) are gone: whoever has a /64 writes there what he likes, and with ISATAP unwrapped
    he would be as many neighbourhoods as he liked. Raises ValueError where `nat64` or `sixrd` are not prefixes.
    """
    try:
        # The fast path: nearly every line. inet_pton takes four decimal numbers without leading zeros and nothing else.
        return Address(inet_pton(AF_INET, text.decode("ascii")))
    except (OSError, ValueError):
        return _canonical_exactly(text, nat64, sixrd)


def _canonical_exactly(text: bytes, nat64: tuple[str, ...], sixrd: tuple[str, ...]) -> Address | None:
    inner = _inner(text)
    if inner is None:
        return None
    try:
        if ":" not in inner:
            return Address(inet_pton(AF_INET, inner))
        packed = inet_pton(AF_INET6, inner)
    except (OSError, ValueError):
        return None
    return Address(_unwrap(packed, _embeddings(nat64, sixrd)))


def _inner(text: bytes) -> str | None:
    """`text` without blanks around it, brackets, port and zone id; None where these are malformed."""
    if len(text) > _TEXT_LIMIT or not text.isascii():
        return None
    inner = text.strip(_BLANKS).decode("ascii")
    if inner.startswith("["):
        inner, bracket, rest = inner[1:].partition("]")
        if not bracket or (rest and not (rest[0] == ":" and _PORT.match(rest[1:]))):
            return None
    elif inner.count(":") == 1:
        inner, _, port = inner.partition(":")
        if not _PORT.match(port):
            return None
    inner, percent, zone = inner.partition("%")
    if percent and not (":" in inner and _ZONE.match(zone)):
        return None
    return inner


class _Embedding(NamedTuple):
    """Where an IPv6 prefix carries an IPv4 address: RFC 6052 skips the bits 64 to 71, 6rd does not."""

    network: int
    length: int
    sixrd: bool

    def client(self, number: int) -> bytes | None:
        if number >> (128 - self.length) != self.network:
            return None
        if not self.sixrd and self.length < 96:
            if (number >> 56) & 0xFF:
                return None
            number = (number >> 64 << 64) | ((number & ((1 << 56) - 1)) << 8)
        return (number >> (96 - self.length) & 0xFFFFFFFF).to_bytes(4, "big")


@lru_cache(maxsize=64)
def _embeddings(nat64: tuple[str, ...], sixrd: tuple[str, ...]) -> tuple[_Embedding, ...]:
    found = []
    for text, is_sixrd in [(text, False) for text in nat64] + [(text, True) for text in sixrd]:
        prefix = ipaddress.IPv6Network(text)
        allowed = range(0, 65) if is_sixrd else (32, 40, 48, 56, 64, 96)
        if prefix.prefixlen not in allowed:
            kind, wanted = ("6rd", "at most 64") if is_sixrd else ("NAT64", "32, 40, 48, 56, 64 or 96")
            raise ValueError(f"{kind} prefix {text!r} has length {prefix.prefixlen}, expected {wanted}")
        shift = 128 - prefix.prefixlen
        found.append(_Embedding(int(prefix.network_address) >> shift, prefix.prefixlen, is_sixrd))
    return tuple(found)


_ZEROS = bytes(10)
_TRANSLATED = bytes(8) + b"\xff\xff\0\0"
_WELL_KNOWN_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
_TEREDO = bytes.fromhex("20010000")


def _unwrap(packed: bytes, embeddings: tuple[_Embedding, ...]) -> bytes:
    """The IPv4 address inside an IPv6 one, or the latter."""
    if packed[:12] == _TRANSLATED:
        return packed[12:]
    if packed[:10] == _ZEROS:
        mapped = packed[10:12] == b"\xff\xff"
        compatible = packed[10:12] == b"\0\0" and int.from_bytes(packed[12:], "big") > 1
        return packed[12:] if mapped or compatible else packed
    if packed[:2] == b"\x20\x02":
        return packed[2:6]
    if packed[:4] == _TEREDO:
        return bytes(byte ^ 0xFF for byte in packed[12:])
    if packed[:12] == _WELL_KNOWN_NAT64:
        return packed[12:]
    if embeddings:
        number = int.from_bytes(packed, "big")
        for embedding in embeddings:
            if (client := embedding.client(number)) is not None:
                return client
    return packed


# ---- proxies --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _trusted_networks(trusted: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    """(bytes of an address, shift, number of the network) for every trusted network."""
    networks = [ipaddress.ip_network(text) for text in trusted]
    shifts = [network.max_prefixlen - network.prefixlen for network in networks]
    return tuple(
        (network.max_prefixlen // 8, shift, int(network.network_address) >> shift)
        for network, shift in zip(networks, shifts, strict=True)
    )


def _is_trusted(address: Address, trusted: tuple[str, ...]) -> bool:
    number, size = int.from_bytes(address.packed, "big"), len(address.packed)
    return any(size == n and number >> shift == network for n, shift, network in _trusted_networks(trusted))


def forwarded_client(
    client: bytes,
    forwarded: bytes | None,
    trusted: tuple[str, ...] = (),
    *,
    nat64: tuple[str, ...] = (),
    sixrd: tuple[str, ...] = (),
) -> Address | None:
    """The address of the visitor behind the trusted proxies (networks in CIDR form), None where it is malformed.

    Walks X-Forwarded-For from the right while proxies are trusted and takes the first address that is not; what is
    left of it can be forged and is not read. Without trusted proxies the field is not read at all. If all entries are
    trusted, the last one that was read is the client. Where a log has that field instead of a client, its last entry is
    that of the nearest proxy, and what is left of it is the field.
    """
    if b"," in client:
        forwarded, _, client = client.rpartition(b",")
        client = client.strip(_BLANKS)
    address = canonical(client, nat64=nat64, sixrd=sixrd)
    if not trusted or address is None or not forwarded or forwarded == b"-":
        return address
    rest: bytes | None = forwarded
    for _ in range(HOPS):
        if rest is None or not _is_trusted(address, trusted):
            return address
        left, comma, entry = rest.rpartition(b",")
        rest = left if comma else None
        address = canonical(entry.strip(_BLANKS), nat64=nat64, sixrd=sixrd)
        if address is None:
            return None
    return None


# ---- the key --------------------------------------------------------------------------------------------------------


def _digest(state: blake2b, message: bytes) -> bytes:
    state = state.copy()
    state.update(message)
    return state.digest()


def _digests(state: blake2b, quads: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """uint8[n, 8]: digests of the first `size` bytes of IPv4 addresses, tagged as a unit is."""
    tagged, found = state.copy(), []
    tagged.update(b"4")
    for unit in quads.astype(">u4").view(np.uint8).reshape(-1, 4)[:, :size].copy().view(f"V{size}")[:, 0].tolist():
        one = tagged.copy()
        one.update(unit)
        found.append(one.digest())
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, TOKEN_BYTES // 2)


class NetworkKey:
    """The run's secret: turns networks into tokens that mean nothing once it is gone. Cannot be pickled or printed."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the network key has {len(key)} bytes, expected {KEY_BYTES}")
        self._key = key
        self._states: dict[str, tuple[blake2b, blake2b]] = {}

    def token(self, site: str, network: bytes, neighbourhood: bytes) -> bytes:
        """16 bytes: keyed BLAKE2b (RFC 7693) of the neighbourhood (8) and of the network (8), per site and purpose."""
        near, exact = self._of(site)
        return _digest(near, neighbourhood) + _digest(exact, network)

    def neighbourhoods(self, site: str, quads: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8[n, 8]: the first halves of the tokens of IPv4 addresses, given as numbers; each /24 is hashed once."""
        found, where = np.unique(quads >> 8, return_inverse=True)
        return _digests(self._of(site)[0], found << 8, 3)[where]

    def networks(self, site: str, quads: NDArray[np.int64], truncate: bool = False) -> NDArray[np.uint8]:
        """uint8[n, 8]: the second halves, see Address.network."""
        return _digests(self._of(site)[1], quads, 3 if truncate else 4)

    def _of(self, site: str) -> tuple[blake2b, blake2b]:
        states = self._states.get(site)
        if states is None:
            states = self._states[site] = (self._state(site, b"neighbourhood"), self._state(site, b"network"))
        return states

    def _state(self, site: str, purpose: bytes) -> blake2b:
        # A site's name can be longer than the 16 bytes of a salt: its hash is not.
        salt = blake2b(site.encode("utf-8"), digest_size=16).digest()
        return blake2b(digest_size=TOKEN_BYTES // 2, key=self._key, salt=salt, person=purpose)

    def __repr__(self) -> str:
        return "NetworkKey(secret)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a NetworkKey never travels with data or a job graph")
