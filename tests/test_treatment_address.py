"""The address treatment: token, country, note."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from schemas.policy import Ip, Policy, Site
from transforms.addresses import NetworkKey
from transforms.treatments import address

KEY = NetworkKey(bytes(range(32)))
ASKED = {b"\xc0\x00\x02\x85": "DE"}


def treatment(**ip: object) -> address.Treatment:
    return address.Treatment(Policy(ip=Ip(**ip)), KEY, lambda packed: ASKED.get(packed, "(unknown)"))  # type: ignore[arg-type]


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["address"]
    assert (declared.takes, declared.gives) == (address.TAKES, address.GIVES)


def test_token_country_and_no_note() -> None:
    """An address gives the token of its network and neighbourhood, and its country."""
    expected = KEY.token("shop", b"4\xc0\x00\x02\x85", b"4\xc0\x00\x02")
    assert treatment().treat(b"192.0.2.133", None, Site("shop")) == (expected, "DE", None)


def test_site_can_be_a_name() -> None:
    """A site and its name are the same."""
    assert treatment().treat(b"192.0.2.133", None, "shop") == treatment().treat(b"192.0.2.133", None, Site("shop"))


NOTES = {
    "host_name": (b"host.example.com", "host_name"),
    "address_in_host_name": (b"192-0-2-133.dsl.example.net", "host_name"),
    "host_name_and_port": (b"host.example.com:80", "host_name"),
    "single_label": (b"localhost", "host_name"),
    "empty": (b"", "invalid_address"),
    "null": (None, "invalid_address"),
    "dash": (b"-", "invalid_address"),
    "leading_zero": (b"010.1.2.3", "invalid_address"),
    "short": (b"1.2.3", "invalid_address"),
    "hex": (b"0x7f000001", "invalid_address"),
    "ipv6_like": (b"2001:zz::1", "invalid_address"),
    "bytes": (b"\xff\x00", "invalid_address"),
    "ptr_of_a_dial_in": (b"p4fd9a1b2.dip0.t-ipconnect.example", "host_name"),
    "ptr_zone": (b"133.2.0.192.in-addr.arpa", "host_name"),
    "ptr_zone_v6": (b"1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "host_name"),
    "ptr_dashes_v6": (b"2001-db8--1.customers.isp.example", "host_name"),
    "punycode": (b"xn--bcher-kva.example", "host_name"),
    "underscore": (b"pc_7.isp.example", "host_name"),
    "octal_host": (b"0300.0.02.0205", "invalid_address"),
    "integer": (b"3221225989", "invalid_address"),
    "port_too_big": (b"192.0.2.133:65536", "invalid_address"),
    "with_space": (b"host example", "invalid_address"),
    "longer_than_a_name": (b"a" * 300, "invalid_address"),
}


@pytest.mark.parametrize(("client", "note"), NOTES.values(), ids=NOTES.keys())
def test_no_address(client: bytes | None, note: str) -> None:
    """What is no address has no token and no country, and is counted by kind."""
    assert treatment().treat(client, None, "shop") == (None, "(unknown)", note)


@pytest.mark.parametrize(
    ("kind", "same"), [("hash", False), ("drop", False), ("truncate", True)], ids=["hash", "drop", "truncate"]
)
def test_ip_treatments(kind: str, same: bool) -> None:
    """Truncated networks are one per /24; otherwise two addresses of it are two networks of one neighbourhood."""
    one, other = (treatment(treatment=kind).treat(client, None, "shop")[0] for client in (b"192.0.2.1", b"192.0.2.2"))
    assert one is not None and other is not None
    assert (one == other) is same
    assert one[:8] == other[:8]


def test_ipv6_privacy_addresses_are_one_network() -> None:
    """Addresses that differ behind the first 56 bits are one visitor."""
    tokens = {treatment().treat(b"2001:db8:1:2%02x::%x" % (n, n + 1), None, "shop")[0] for n in range(20)}
    assert len(tokens) == 1


def test_forwarded_behind_a_trusted_proxy() -> None:
    """Behind a declared proxy the forwarded address is the visitor's; without one it is not read."""
    forwarded = b"203.0.113.9, 192.0.2.133"
    direct = treatment().treat(b"192.0.2.133", None, "shop")
    assert treatment(trusted_proxies=("198.51.100.0/24",)).treat(b"198.51.100.7", forwarded, "shop") == direct
    assert treatment().treat(b"192.0.2.133", b"203.0.113.9", "shop") == direct


def test_hostile_client_fields_are_bounded() -> None:
    """A field as long as a line may be is told from a host name at once: the pattern is quadratic, so it is not asked."""
    began = time.process_time()
    for client in (b"a" * 65_000 + b"!", b"a." * 32_000 + b"!", b"-" * 65_000):
        assert treatment().treat(client, client, "shop")[2] == "invalid_address"
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_total(client: bytes, forwarded: bytes | None) -> None:
    """No bytes raise; a token has 16 bytes; there is a note exactly where there is no token."""
    token, country, note = treatment(trusted_proxies=("0.0.0.0/0",)).treat(client, forwarded, "shop")
    assert (token is None) == (note is not None)
    assert token is None or len(token) == 16
    assert country in ("DE", "(unknown)")
