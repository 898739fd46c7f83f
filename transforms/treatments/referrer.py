"""Treatment of the referrer: what kind of place sent the visitor, and its registrable domain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from publicsuffixlist import PublicSuffixList

from schemas.load import shipped
from transforms.canonical import decode
from transforms.detectors import found_in
from transforms.segments import is_token
from transforms.treatments.site import matches_host

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("referrer", "referrer_host")
GIVES = ("medium", "domain")

NONE = "(none)"
OTHER = "(other)"
INTERNAL = "internal"
REFERRAL = "referral"
MEDIA = (NONE, INTERNAL, "search", "social", "email", REFERRAL, OTHER)

_LIMIT = 8192
_ABSENT = (b"", b"-")
_URL = re.compile(rb"https?://([^/\\?#]*)", re.IGNORECASE)
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://|//")  # some collectors keep it, most do not
_PORT = re.compile(rb":[0-9]{0,5}\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_DIGITS = 6
_COUNTRY_SUFFIX = re.compile(r"com|(?:com?\.)?[a-z]{2}")


@cache
def _suffixes() -> PublicSuffixList:
    """The bundled public suffix list (publicsuffix.org), ICANN section: under github.io a name is a person's."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


@cache
def _facts() -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]]:
    """Host → medium, domain → medium, label → medium, from schemas/referrers.toml."""
    table = shipped("referrers.toml")
    hosts, domains, labels = (
        {name: medium for medium, entry in table.items() for name in entry[kind]}
        for kind in ("hosts", "domains", "labels")
    )
    return hosts, domains, labels


def host_of(referrer: bytes) -> str | None:
    """The host of an http or https URL, lower case, IDN as punycode (RFC 3490), without userinfo, port and last dot.

    "[" for an IPv6 literal; None where there is none or it is malformed.
    """
    url = _URL.match(referrer.strip()[:_LIMIT])
    if url is None:
        return None
    authority = _PORT.sub(b"", url[1].rpartition(b"@")[2])
    if authority.startswith(b"["):
        return "["
    text = decode(authority)
    if text is None:
        return None
    host = text.lower().removesuffix(".")
    if not host.isascii():
        if len(host) > 253:  # The IDNA codec takes time that grows with the square of the length.
            return None
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if _HOST.fullmatch(host) else None


def _medium(host: str, domain: str) -> str:
    hosts, domains, labels = _facts()
    parts = host.split(".")
    for start in range(len(parts)):
        if medium := hosts.get(".".join(parts[start:])):
            return medium
    label, _, suffix = domain.partition(".")
    if label in labels and _COUNTRY_SUFFIX.fullmatch(suffix):
        return labels[label]
    return domains.get(domain, REFERRAL)


class Treatment:
    """referrer and site of an event → (medium, registrable domain)."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def treat(self, referrer: bytes | None, site: Site, referrer_host: bytes | None = None) -> tuple[str, str]:
        """(one of MEDIA, domain): "(none)" without a referrer or from the own site, "(other)" where none is known."""
        if referrer is None or referrer.strip() in _ABSENT:
            if referrer_host is None or referrer_host.strip() in _ABSENT:
                return NONE, NONE
            referrer = b"https://" + _SCHEME.sub(b"", referrer_host.strip())
        host = host_of(referrer)
        if host is None:
            return OTHER, OTHER
        key = (host, site.hosts)
        known = self._known.get(key)
        if known is None:
            # Few hosts, many pages: the list is asked once a host. Bounded, because hosts are the visitor's text.
            if len(self._known) >= 65_536:
                self._known.clear()
            known = self._known[key] = _classify(host, site.hosts)
        return known


def _classify(host: str, own: tuple[str, ...]) -> tuple[str, str]:
    if any(matches_host(host, pattern) for pattern in own):
        return INTERNAL, NONE
    if host == "[" or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return REFERRAL, OTHER
    domain = _suffixes().privatesuffix(host)
    if not domain:
        return REFERRAL, OTHER
    return _medium(host, domain), domain if _is_harmless(domain.partition(".")[0]) else OTHER


def _is_harmless(label: str) -> bool:
    """Whether the name that somebody registered is one: no number that could be a telephone's, no token, nothing found."""
    if label.startswith("xn--"):
        try:
            label = label.encode("ascii").decode("idna")
        except UnicodeError:
            return False
    digits = sum(character.isdigit() for character in label)
    made = digits and any(map(is_token, label.split("-")))
    return digits < _DIGITS and not made and not found_in(label)
