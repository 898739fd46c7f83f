"""The site treatment: names that the operator declared, never the visitor's text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from schemas.policy import Policy, Site
from transforms.treatments import site

POLICY = Policy(
    sites=(
        Site("shop", hosts=("shop.example", "www.shop.example")),
        Site("blogs", hosts=("*.blogs.example",)),
        Site("one-blog", hosts=("one.blogs.example",)),
    )
)
HOSTS = {
    "declared": (b"shop.example", "shop"),
    "upper": (b"WWW.Shop.Example", "shop"),
    "port": (b"shop.example:8443", "shop"),
    "dot": (b"shop.example.", "shop"),
    "dot_and_port": (b"shop.example.:80", "shop"),
    "wildcard": (b"a.b.blogs.example", "blogs"),
    "exact_wins": (b"one.blogs.example", "one-blog"),
    "apex_is_not_wild": (b"blogs.example", "(other)"),
    "suffix_only": (b"evilshop.example", "(other)"),
    "wild_suffix_only": (b"evilblogs.example", "(other)"),
    "undeclared": (b"visitor-name.example", "(other)"),
    "site_name": (b"shop", "(other)"),
    "empty": (b"", "(other)"),
    "null": (None, "(other)"),
    "dash": (b"-", "(other)"),
    "bytes": (b"\xff\x00", "(other)"),
    "ipv6": (b"[2001:db8::1]:80", "(other)"),
    "long": (b"a." * 500 + b"blogs.example", "(other)"),
}


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["site"]
    assert (declared.takes, declared.gives) == (site.TAKES, site.GIVES)


@pytest.mark.parametrize(("host", "expected"), HOSTS.values(), ids=HOSTS.keys())
def test_hosts(host: bytes | None, expected: str) -> None:
    """A host belongs to the site that declares it, or to (other)."""
    assert site.Treatment(POLICY).treat(host) == expected


def test_forced_name_wins() -> None:
    """What --site says holds for every line."""
    assert site.Treatment(POLICY, forced="mine").treat(b"shop.example") == "mine"


def test_log_without_hosts_is_the_default_site() -> None:
    """Without a host column all lines are of the default site."""
    assert site.Treatment(POLICY, has_host=False).treat(None) == "default"


@given(
    st.binary(max_size=60)
    | st.from_regex(r"[a-z]{1,5}\.(shop|blogs)\.example(:[0-9]{1,3})?", fullmatch=True).map(str.encode)
)
@settings(max_examples=100, deadline=None)
def test_names_are_a_closed_vocabulary(host: bytes) -> None:
    """Nothing of a host becomes a name."""
    assert site.Treatment(POLICY).treat(host) in {"shop", "blogs", "one-blog", "(other)"}
