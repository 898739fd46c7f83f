"""A1: recover addresses, as text, packed, integer, prefix or hashed with every string that lies on the disk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator

from audit.case import Case, Evidence, Tried
from audit.raw import addresses_in
from audit.windows import numbers_of, places_of

ID = "A1"
TITLE = "recover addresses"
NEEDS = ("raw",)

PLAIN = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
KEYED: dict[str, Callable[[bytes, bytes], bytes]] = {
    "salt+md5": lambda key, text: hashlib.md5(key + text).digest(),
    "md5+salt": lambda key, text: hashlib.md5(text + key).digest(),
    "salt+sha1": lambda key, text: hashlib.sha1(key + text).digest(),
    "salt+sha256": lambda key, text: hashlib.sha256(key + text).digest(),
    "sha256+salt": lambda key, text: hashlib.sha256(text + key).digest(),
    "hmac-md5": lambda key, text: hmac.digest(key, text, "md5"),
    "hmac-sha1": lambda key, text: hmac.digest(key, text, "sha1"),
    "hmac-sha256": lambda key, text: hmac.digest(key, text, "sha256"),
    "blake2b keyed": lambda key, text: hashlib.blake2b(text, key=key[:64]).digest(),
    "blake2b-16 keyed": lambda key, text: hashlib.blake2b(text, key=key[:64], digest_size=16).digest(),
}
KEYED_HASHES = 3_000_000  # bound of keyed hashes: where keys times addresses are more, fewer addresses are tried
CHANCE = 1e-6  # four bytes are an address by chance: only more of them than chance allows count
HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}={0,2}")
PREFIX = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}(?![\w.])|(?<![\w.])(?:\d{1,3}\.){2}\d{1,3}(?![\w.])")
STRING = re.compile(rb'"([^"\\\x00-\x1f]{4,128})"')


def attack(case: Case) -> Tried:
    """Hunt every function of an address that can be computed in all bytes and values of the folder."""
    assert case.raw is not None
    addresses = sorted(case.raw.addresses)
    places = [(where, content, _unfolded(content)) for where, content in case.everywhere()]
    keys = _keys(case)
    targets = numbers_of([*_digests(addresses, keys), *_of_written(case.raw.written)])
    evidence = [*_as_text(case, addresses, places), *_as_numbers(case, addresses)]
    for where, content, unfolded in places:
        if found := len(set(places_of(content + b"\0" * 8 + unfolded, targets)[1].tolist())):
            evidence.append(Evidence(where, f"{found:,} hashes or packed forms of addresses"))
    what = (
        f"{len(addresses):,} addresses, {len(targets):,} forms and hashes, {len(keys):,} keys, {len(places):,} places"
    )
    return Tried(what, tuple(evidence))


def _as_text(case: Case, addresses: list[str], places: list[tuple[str, bytes, bytes]]) -> Iterator[Evidence]:
    known = set(addresses)
    for where, content, unfolded in places:
        text = (content + b"\n" + unfolded).decode("latin-1")
        if found := known.intersection(addresses_in(text)):
            yield Evidence(where, f"{len(found):,} addresses as text")
    prefixes = {one.rpartition(".")[0] for one in addresses if "." in one}
    for part in case.parts:
        for name, values in part.columns.items():
            texts = [value for value in values if isinstance(value, str)]
            if found := prefixes.intersection(one.strip(".") for text in texts for one in PREFIX.findall(text)):
                yield Evidence(f"{part.place}: {name}", f"{len(found):,} prefixes of addresses")


def _as_numbers(case: Case, addresses: list[str]) -> Iterator[Evidence]:
    numbers = {int(ipaddress.ip_address(one)) for one in addresses if ":" not in one}
    swapped = {int.from_bytes(one.to_bytes(4, "big"), "little") for one in numbers}
    for part in case.parts:
        for name, values in part.columns.items():
            whole = {number for value in values if (number := _number(value)) is not None}
            found = len(whole & numbers) + len(whole & swapped)
            if found and _by_chance(found, 2 * len(whole) * len(numbers) / 2**32) < CHANCE:
                yield Evidence(f"{part.place}: {name}", f"{found:,} addresses as integers or packed")


def _number(value: object) -> int | None:
    """A value as the integer that an IPv4 address could be."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "big") if len(value) == 4 else None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and 7 <= len(value) <= 10 else None
    return value & 0xFFFFFFFF if isinstance(value, int) and abs(value) >= 1 << 24 else None


def _by_chance(found: int, expected: float) -> float:
    """Probability of at least so many hits by chance (a bound: Chernoff's for Poisson)."""
    if found <= expected:
        return 1.0
    return math.exp(found - expected - found * math.log(found / max(expected, 1e-12)))


def _forms(address: str) -> list[bytes]:
    """How an address is written before it is hashed."""
    ip = ipaddress.ip_address(address)
    prefix = ipaddress.ip_network(f"{address}/{24 if ip.version == 4 else 48}", strict=False)
    return list(
        dict.fromkeys([address.encode(), ip.packed, ip.exploded.encode(), str(int(ip)).encode(), str(prefix).encode(),
                       str(prefix.network_address).encode(), prefix.network_address.packed])
    )  # fmt: skip


def _digests(addresses: list[str], keys: list[bytes]) -> Iterator[bytes]:
    """The first eight bytes of every hash, of IPv6 packed, and of hashes keyed with strings that were found."""
    for address in addresses:
        forms = _forms(address)
        if ":" in address:
            yield forms[1][:8]
        for name, form in itertools.product(PLAIN, forms):
            yield hashlib.new(name, form).digest()[:8]
    each = len(KEYED) * 2 * max(1, len(keys))
    for address in addresses[:: max(1, -(-len(addresses) * each // KEYED_HASHES))]:
        for form, key, made in itertools.product(_forms(address)[:2], keys, KEYED.values()):
            yield made(key, form)[:8]


def _of_written(words: Iterable[str]) -> Iterator[bytes]:
    """The first eight bytes of every hash of an address as the log writes it: with its port, in capitals, in brackets."""
    for word, name in itertools.product(sorted(words), PLAIN):
        yield hashlib.new(name, word.encode()).digest()[:8]


def _keys(case: Case) -> list[bytes]:
    """Every short string on the disk that could be a salt or a key, in hex also decoded; and the key that was given."""
    found: dict[bytes, None] = dict.fromkeys([case.key] if case.key else [])
    for path in case.disk():
        if path.suffix != ".parquet":
            found.update(dict.fromkeys(STRING.findall(path.read_bytes())))
    for part in case.parts:
        found.update(dict.fromkeys(value for pair in part.file.metadata for value in pair if len(value) <= 128))
        found.update(dict.fromkeys([part.site.encode(), part.date.encode()]))
    keys = [key for key in found if key]
    return keys + [bytes.fromhex(key.decode()) for key in keys if HEX.fullmatch(key) and len(key) % 2 == 0]


def _unfolded(content: bytes) -> bytes:
    """What is written in hex or base64 in there, decoded, for any alignment."""
    made = [bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in HEX.findall(content)]
    for run in BASE64.findall(content):
        plain = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        made += [base64.b64decode(plain[i : i + (len(plain) - i) // 4 * 4] + b"") for i in range(4)]
    return b"\0".join(made)
