"""Addresses: canonical form, units, proxies and the keyed token."""

from __future__ import annotations

import hashlib
import ipaddress
import pickle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.addresses import Address, NetworkKey, canonical, forwarded_client

V4 = bytes([192, 0, 2, 133])
V6 = ipaddress.IPv6Address("2001:db8:1:2:3:4:5:6").packed

SAME_V4 = {
    "plain": "192.0.2.133",
    "port": "192.0.2.133:5678",
    "blanks": " 192.0.2.133\t",
    "brackets": "[192.0.2.133]",
    "mapped": "::ffff:192.0.2.133",
    "mapped_upper": "::FFFF:192.0.2.133",
    "mapped_hex": "::ffff:c000:285",
    "mapped_port": "[::ffff:192.0.2.133]:443",
    "compatible": "::192.0.2.133",
    "6to4": "2002:c000:285::1",
    "teredo": "2001:0:4136:e378:8000:63bf:3fff:fd7a",
    "nat64": "64:ff9b::192.0.2.133",
    "nat64_hex": "64:ff9b::c000:285",
    "nat64_upper": "64:FF9B::C000:285",
    "translated": "::ffff:0:192.0.2.133",
    "mapped_long": "0:0:0:0:0:ffff:c000:285",
    "mapped_longest": "0000:0000:0000:0000:0000:FFFF:C000:0285",
    "mapped_mixed": "::fFfF:C000:285",
    "mapped_zone": "::ffff:192.0.2.133%eth0",
    "mapped_brackets": "[::ffff:c000:285]",
    "6to4_upper": "2002:C000:285:1:2:3:4:5",
    "6to4_isatap": "2002:c000:285::5efe:203.0.113.9",
    "teredo_port": "[2001:0:4136:e378:8000:63bf:3fff:fd7a]:51820",
    "port_zero": "192.0.2.133:0",
    "port_last": "192.0.2.133:65535",
}
SAME_V6 = {
    "plain": "2001:db8:1:2:3:4:5:6",
    "upper": "2001:DB8:1:2:3:4:5:6",
    "zeros": "2001:0db8:0001:0002:0003:0004:0005:0006",
    "brackets": "[2001:db8:1:2:3:4:5:6]",
    "port": "[2001:db8:1:2:3:4:5:6]:443",
    "zone": "2001:db8:1:2:3:4:5:6%eth0",
    "zone_encoded": "2001:db8:1:2:3:4:5:6%25eth0",
    "zone_brackets": "[2001:db8:1:2:3:4:5:6%eth0]:443",
    "dotted_tail": "2001:db8:1:2:3:4:0.5.0.6",
    "port_last": "[2001:db8:1:2:3:4:5:6]:65535",
    "zone_number": "2001:db8:1:2:3:4:5:6%4",
}
INVALID = {
    "empty": "",
    "dash": "-",
    "leading_zero": "010.1.2.3",
    "leading_zero_mapped": "::ffff:010.1.2.3",
    "short": "1.2.3",
    "integer": "3221225989",
    "hex": "0xc0000285",
    "hex_parts": "0xc0.0.2.133",
    "too_big": "192.0.2.256",
    "five": "192.0.2.1.1",
    "host": "host.example.com",
    "no_port": "192.0.2.1:",
    "long_port": "192.0.2.1:123456",
    "letter_port": "192.0.2.1:http",
    "no_bracket": "[2001:db8::1",
    "after_bracket": "[2001:db8::1]443",
    "two_gaps": "2001::db8::1",
    "zone_only": "%eth0",
    "zone_empty": "fe80::1%",
    "zone_on_v4": "192.0.2.1%eth0",
    "network": "192.0.2.0/24",
    "list": "192.0.2.1, 192.0.2.2",
    "nul": "192.0.2.1\0",
    "newline": "192.0.2.1\n",
    "digits_of_another_script": "١٩٢.0.2.1",
    "unix": "unix:",
    "endless": "1" * 100_000,
    "octal": "0300.0.02.0205",
    "short_two": "192.517",
    "short_one_dot": "127.1",
    "trailing_dot": "192.0.2.1.",
    "plus": "+192.0.2.1",
    "port_too_big": "192.0.2.1:65536",
    "port_big_v6": "[2001:db8::1]:99999",
    "port_negative": "192.0.2.1:-1",
    "port_dot": "192.0.2.1.443",
    "port_hash": "192.0.2.1#53",
    "port_after_v6": "2001:db8:1:2:3:4:5:6:443",
    "brackets_twice": "[[2001:db8::1]]",
    "brackets_empty": "[]",
    "quoted": '"192.0.2.1"',
    "forwarded": "for=192.0.2.1",
    "mapped_short": "::ffff:192.0.2",
    "mapped_big": "::ffff:192.0.2.256",
    "group_too_long": "2001:0db80::1",
    "url": "http://192.0.2.1/",
    "zone_path": "fe80::1%../../etc",
    "hyphens": "192-0-2-1",
    "full_width": "\uff11\uff19\uff12.0.2.1",
    "unknown": "unknown",
    "obfuscated": "_hidden",
}


@pytest.mark.parametrize("text", SAME_V4.values(), ids=SAME_V4.keys())
def test_writings_of_one_ipv4_address_are_one(text: str) -> None:
    """Every way to write or wrap an IPv4 address gives its four bytes."""
    assert canonical(text.encode()) == Address(V4)


@pytest.mark.parametrize("text", SAME_V6.values(), ids=SAME_V6.keys())
def test_writings_of_one_ipv6_address_are_one(text: str) -> None:
    """Every way to write an IPv6 address gives its sixteen bytes."""
    assert canonical(text.encode()) == Address(V6)


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_address_is_none(text: str) -> None:
    """Anything that a strict reader refuses is no address."""
    assert canonical(text.encode()) is None


ISATAP = ["2001:db8:1:2::5efe:192.0.2.1", "2001:db8:1:2:0:5EFE:c000:202", "2001:db8:1:2:200:5efe:203.0.113.9"]
EUI_64 = ["2001:db8:1:2:211:22ff:fe33:4455", "2001:db8:1:2:a8bb:ccff:fedd:eeff"]


def test_the_last_half_of_an_address_makes_no_crowd() -> None:
    """ISATAP, EUI-64 and privacy addresses of one link are one network: whoever has a /64 writes there what he likes."""
    found = [canonical(text.encode()) for text in [*ISATAP, *EUI_64, "2001:db8:1:2:8c3e:11:fa:9", "2001:db8:1:2::1"]]
    assert {one.network() for one in found if one} == {bytes.fromhex("3620010db8000100")}
    assert all(one is not None and len(one.packed) == 16 for one in found)


@given(st.binary(min_size=8, max_size=8))
@settings(max_examples=100, deadline=None)
def test_no_device_is_in_a_unit(interface: bytes) -> None:
    """Whatever the last 64 bits hold, network and neighbourhood are those of the first 56 and 48."""
    address = canonical(str(ipaddress.IPv6Address(bytes.fromhex("20010db8abcd1234") + interface)).encode())
    assert address is not None
    assert (address.network(), address.neighbourhood()) == (
        b"6" + bytes.fromhex("20010db8abcd12"),
        b"6" + bytes.fromhex("20010db8abcd"),
    )


@given(st.ip_addresses(v=4), st.integers(0, 65535), st.sampled_from(["eth0", "1", "en-0.5", "25wlan0"]))
@settings(max_examples=100, deadline=None)
def test_every_writing_of_an_address_is_one(address: ipaddress.IPv4Address, port: int, zone: str) -> None:
    """Mapped, compatible, translated, 6to4, Teredo and NAT64, with port, brackets and zone, are the IPv4 address."""
    number, text = int(address), str(address)
    high, low = number >> 16, number & 0xFFFF
    flipped = number ^ 0xFFFFFFFF
    inner = [
        f"::ffff:{text}",
        f"::FFFF:{high:x}:{low:X}",
        f"::ffff:0:{text}",
        f"2002:{high:x}:{low:x}::{port:x}",
        f"64:ff9b::{text}",
    ]
    inner.append(f"2001:0:1234:5678:8000:{port:x}:{flipped >> 16:x}:{flipped & 0xFFFF:x}")
    inner += [f"::{text}"] if number > 1 else []
    written = [text, f"{text}:{port}", *inner, *(f"[{one}]" for one in inner), *(f"[{one}]:{port}" for one in inner)]
    written += [f"{one}%{zone}" for one in inner]
    assert {canonical(one.encode()) for one in written} == {Address(address.packed)}


@pytest.mark.parametrize("text", ["::", "::1", "fe80::1%eth0"], ids=["unspecified", "loopback", "link_local"])
def test_special_addresses_stay_ipv6(text: str) -> None:
    """The unspecified and loopback addresses are not IPv4-compatible ones."""
    assert canonical(text.encode()) == Address(ipaddress.IPv6Address(text.partition("%")[0]).packed)


# RFC 6052, section 2.4: the text representations of 192.0.2.33.
RFC_6052 = {
    "2001:db8::/32": "2001:db8:c000:221::",
    "2001:db8:100::/40": "2001:db8:1c0:2:21::",
    "2001:db8:122::/48": "2001:db8:122:c000:2:2100::",
    "2001:db8:122:300::/56": "2001:db8:122:3c0:0:221::",
    "2001:db8:122:344::/64": "2001:db8:122:344:c0:2:2100::",
    "2001:db8:122:344::/96": "2001:db8:122:344::192.0.2.33",
}


@pytest.mark.parametrize(("prefix", "text"), RFC_6052.items(), ids=RFC_6052.keys())
def test_configured_nat64_prefixes_are_unwrapped(prefix: str, text: str) -> None:
    """The examples of RFC 6052 give their IPv4 address where the prefix is configured, and only there."""
    assert canonical(text.encode(), nat64=(prefix,)) == Address(bytes([192, 0, 2, 33]))
    assert canonical(text.encode()) == Address(ipaddress.IPv6Address(text).packed)


def test_local_nat64_prefix_only_where_configured() -> None:
    """RFC 8215 leaves 64:ff9b:1::/48 to each network: which part of it is used is for the policy to say."""
    text = b"64:ff9b:1::192.0.2.33"
    assert canonical(text, nat64=("64:ff9b:1::/96",)) == Address(bytes([192, 0, 2, 33]))
    assert canonical(text) == Address(ipaddress.IPv6Address(text.decode()).packed)


def test_configured_sixrd_prefix_is_unwrapped() -> None:
    """A 6rd prefix is followed by the customer's IPv4 address."""
    assert canonical(b"2001:db8:c000:221:1::9", sixrd=("2001:db8::/32",)) == Address(bytes([192, 0, 2, 33]))
    assert canonical(b"2001:db80:c:0:2210::9", sixrd=("2001:db80::/28",)) == canonical(b"0.0.192.0")


@pytest.mark.parametrize(
    ("nat64", "sixrd"), [(("2001:db8::/44",), ()), ((), ("2001:db8::/80",))], ids=["nat64", "sixrd"]
)
def test_prefix_lengths_that_cannot_be_are_refused(nat64: tuple[str, ...], sixrd: tuple[str, ...]) -> None:
    """A prefix of a length that its RFC does not know is an error of the policy."""
    with pytest.raises(ValueError, match="expected"):
        canonical(b"2001:db8::1", nat64=nat64, sixrd=sixrd)


@given(st.binary(max_size=80))
@example(b"[")
@example(b"[]:1")
@example(b"\xff\xfe")
@settings(max_examples=200, deadline=None)
def test_canonical_is_total(text: bytes) -> None:
    """No bytes raise, and what comes out is 4 or 16 bytes."""
    found = canonical(text)
    assert found is None or len(found.packed) in (4, 16)


@given(st.ip_addresses(v=4))
@settings(max_examples=50, deadline=None)
def test_ipv4_agrees_with_ipaddress(address: ipaddress.IPv4Address) -> None:
    """The fast path agrees with the standard library."""
    assert canonical(str(address).encode()) == Address(address.packed)


@given(st.ip_addresses(v=6))
@settings(max_examples=100, deadline=None)
def test_ipv6_agrees_with_ipaddress(address: ipaddress.IPv6Address) -> None:
    """Unwrapping agrees with the standard library's own properties."""
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    for prefix, plain in (("64:ff9b::/96", False), ("::/96", int(address) < 2)):
        if not inner and not plain and address in ipaddress.IPv6Network(prefix):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    assert canonical(str(address).encode()) == Address((inner or address).packed)


@pytest.mark.parametrize(
    ("text", "network", "truncated"),
    [
        ("192.0.2.133", b"4\xc0\x00\x02\x85", b"4\xc0\x00\x02"),
        ("2001:db8:1:2ff:3:4:5:6", bytes.fromhex("3620010db8000102"), bytes.fromhex("3620010db80001")),
    ],
    ids=["ipv4", "ipv6"],
)
def test_units(text: str, network: bytes, truncated: bytes) -> None:
    """A network is a /32 or /56, a neighbourhood and a truncated network a /24 or /48, tagged by version."""
    address = canonical(text.encode())
    assert address is not None
    assert address.network() == network
    assert address.network(truncate=True) == address.neighbourhood() == truncated


TRUSTED = ("198.51.100.0/24", "2001:db8:ffff::/48")
FORWARDED = {
    "no_proxies": ("192.0.2.1", "203.0.113.9", (), "192.0.2.1"),
    "peer_not_trusted": ("192.0.2.1", "203.0.113.9", TRUSTED, "192.0.2.1"),
    "one_proxy": ("198.51.100.1", "203.0.113.9", TRUSTED, "203.0.113.9"),
    "forged_left": ("198.51.100.1", "192.0.2.66, 203.0.113.9", TRUSTED, "203.0.113.9"),
    "garbage_left": ("198.51.100.1", "<script>, 203.0.113.9", TRUSTED, "203.0.113.9"),
    "two_proxies": ("198.51.100.1", "203.0.113.9 , 198.51.100.2", TRUSTED, "203.0.113.9"),
    "ipv6_proxy": ("2001:db8:ffff::1", "[2001:db8::9]:1234", TRUSTED, "2001:db8::9"),
    "mapped_proxy": ("::ffff:198.51.100.1", "203.0.113.9", TRUSTED, "203.0.113.9"),
    "all_trusted": ("198.51.100.1", "198.51.100.3,198.51.100.2", TRUSTED, "198.51.100.3"),
    "absent": ("198.51.100.1", "-", TRUSTED, "198.51.100.1"),
    "empty": ("198.51.100.1", "", TRUSTED, "198.51.100.1"),
    "malformed": ("198.51.100.1", "203.0.113.9, unknown", TRUSTED, None),
    "empty_entry": ("198.51.100.1", "203.0.113.9,", TRUSTED, None),
    "peer_malformed": ("host.example", "203.0.113.9", TRUSTED, None),
    "endless": ("198.51.100.1", ",".join(["198.51.100.2"] * 5000), TRUSTED, None),
    "claims_to_be_a_proxy": ("198.51.100.1", "192.0.2.66, 198.51.100.9, 203.0.113.9", TRUSTED, "203.0.113.9"),
    "claims_to_be_the_peer": ("203.0.113.9", "198.51.100.1", TRUSTED, "203.0.113.9"),
    "port": ("198.51.100.1:443", "203.0.113.9:5678", TRUSTED, "203.0.113.9"),
    "nat64_proxy": ("64:ff9b::198.51.100.1", "203.0.113.9", TRUSTED, "203.0.113.9"),
    "6to4_client": ("198.51.100.1", "2002:cb00:7109::1", TRUSTED, "203.0.113.9"),
    "host_name": ("198.51.100.1", "203.0.113.9, pc.isp.example", TRUSTED, None),
    "octal": ("198.51.100.1", "203.0.113.009", TRUSTED, None),
    "semicolons": ("198.51.100.1", "203.0.113.9; 192.0.2.1", TRUSTED, None),
}


@pytest.mark.parametrize(("client", "forwarded", "trusted", "expected"), FORWARDED.values(), ids=FORWARDED.keys())
def test_forwarded_client(client: str, forwarded: str, trusted: tuple[str, ...], expected: str | None) -> None:
    """The first address from the right that is no trusted proxy is the client; the rest plays no part."""
    found = forwarded_client(client.encode(), forwarded.encode(), trusted)
    assert found == (None if expected is None else Address(ipaddress.ip_address(expected).packed))


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=150, deadline=None)
def test_nothing_left_of_the_visitor_plays_a_part(left: bytes, comma: bool) -> None:
    """Whatever a visitor writes into X-Forwarded-For, the entry that the trusted proxy added counts."""
    forwarded = left + (b"," if comma else b", ") + b"203.0.113.9"
    assert forwarded_client(b"198.51.100.1", forwarded, TRUSTED) == Address(bytes([203, 0, 113, 9]))


def test_token_is_keyed_blake2b() -> None:
    """A token is what hashlib gives for each half, domain-separated by purpose and site."""
    key = bytes(range(32))
    salt = hashlib.blake2b(b"a-site-with-a-long-name", digest_size=16).digest()
    near = hashlib.blake2b(b"4abc", digest_size=8, key=key, salt=salt, person=b"neighbourhood").digest()
    exact = hashlib.blake2b(b"4abcd", digest_size=8, key=key, salt=salt, person=b"network").digest()
    assert NetworkKey(key).token("a-site-with-a-long-name", b"4abcd", b"4abc") == near + exact


def test_tokens_differ_by_key_site_and_network() -> None:
    """Another key, site or network gives another token; the same neighbourhood gives the same first half."""
    one, other = NetworkKey(bytes(32)), NetworkKey(bytes(31) + b"x")
    tokens = [one.token("a", b"4abcd", b"4abc"), one.token("b", b"4abcd", b"4abc"), other.token("a", b"4abcd", b"4abc")]
    neighbour = one.token("a", b"4abce", b"4abc")
    assert len({*tokens, neighbour}) == 4
    assert neighbour[:8] == tokens[0][:8]


def test_key_never_travels() -> None:
    """A key can be neither pickled nor printed."""
    key = NetworkKey(b"k" * 32)
    with pytest.raises(TypeError, match="never travels"):
        pickle.dumps(key)
    assert "kkkk" not in repr(key) + str(key)


def test_short_key_is_refused() -> None:
    """A key of another length is an error that does not show it."""
    with pytest.raises(ValueError, match="5 bytes, expected 32") as caught:
        NetworkKey(b"short")
    assert "short" not in str(caught.value)
