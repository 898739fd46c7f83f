"""Steps by which a client field becomes an address and its two units, told one by one; for explain, not for runs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from schemas.policy import Ip
from transforms.addresses import HOPS, Address, canonical
from transforms.treatments.address import is_host_name

_V6 = {
    b"\x20\x02": "6to4 (RFC 3056)",
    b"\x20\x01\x00\x00": "Teredo (RFC 4380)",
    b"\x00\x64\xff\x9b": "NAT64 (RFC 6052)",
}


def steps(client: bytes, forwarded: bytes | None, ip: Ip) -> Iterator[str]:
    """What `forwarded_client` does with the fields, in words; the last says what is counted."""
    address = canonical(client, nat64=ip.nat64, sixrd=ip.sixrd)
    yield from _read("client", client, address)
    if address is None:
        yield "a host name: dropped, the line counts without a network" if is_host_name(client) else "no address"
        return
    if forwarded and forwarded != b"-" and not ip.trusted_proxies:
        yield "X-Forwarded-For is not read: the policy trusts no proxy"
    rest = forwarded if ip.trusted_proxies and forwarded and forwarded != b"-" else None
    for _ in range(HOPS):
        if address is None or rest is None or not _is_trusted(address, ip):
            break
        yield f"{text_of(address)} is a trusted proxy: the next entry of X-Forwarded-For from the right is read"
        left, comma, entry = rest.rpartition(b",")
        rest = left if comma else None
        address = canonical(entry.strip(b" \t"), nat64=ip.nat64, sixrd=ip.sixrd)
        yield from _read("entry", entry.strip(b" \t"), address)
    if address is None:
        yield "no address: the line counts without a network"
        return
    if rest is not None and ip.trusted_proxies:
        yield (
            "the other entries are not read: anybody can write them"
            if not _is_trusted(address, ip)
            else "too many proxies"
        )
    yield f"counted as a visitor by {unit(address.network(ip.treatment == 'truncate'))}, for k by {unit(address.neighbourhood())}"


def _read(what: str, text: bytes, address: Address | None) -> Iterator[str]:
    """How one text was read."""
    if address is None:
        yield f"{what}: cannot be read as an address"
        return
    shown = text.decode("latin-1").strip()
    if shown == text_of(address):
        yield f"{what}: an IPv{4 if len(address.packed) == 4 else 6} address"
        return
    yield f"{what}: {_unwrapped(shown, address)}{text_of(address)}"


def _unwrapped(text: str, address: Address) -> str:
    """What was around the address: brackets, port and zone, or an IPv6 address that carries it."""
    inner = text.removeprefix("[").partition("]")[0].partition("%")[0]
    try:
        packed = ipaddress.IPv6Address(inner).packed
    except ValueError:
        return "without its port or blanks "
    if len(address.packed) == 16:
        return "in its canonical form " if inner == text else "without brackets, port or zone "
    by = next((name for prefix, name in _V6.items() if packed.startswith(prefix)), "IPv4-mapped or translated")
    return f"unwrapped from {by if packed[:8] != bytes(8) else 'IPv4-mapped or translated'}: "


def _is_trusted(address: Address, ip: Ip) -> bool:
    found = ipaddress.ip_address(address.packed)
    return any(found in ipaddress.ip_network(one) for one in ip.trusted_proxies)


def text_of(address: Address) -> str:
    """The address as text (RFC 5952)."""
    return str(ipaddress.ip_address(address.packed))


def unit(tagged: bytes) -> str:
    """A network or neighbourhood (transforms/addresses.py) as CIDR."""
    packed, size = tagged[1:], 4 if tagged[:1] == b"4" else 16
    return str(ipaddress.ip_network((packed.ljust(size, b"\0"), 8 * len(packed))))
