"""Treatment of the visitor's address: a keyed token of its network and the country, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transforms.addresses import NetworkKey, forwarded_client
from transforms.geography import country_named

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("client", "forwarded", "visitor", "country")
GIVES = ("network", "country")

UNKNOWN = "(unknown)"
HOST_NAME = "host_name"
INVALID_ADDRESS = "invalid_address"
NO_VISITOR = "no_visitor"

_LONGEST_NAME = 260
NOBODY = frozenset([b"-", b"0", b"null", b"undefined", b"(not set)", b"00000000-0000-0000-0000-000000000000"])
"""What collectors write for the id of a visitor that they do not know."""

# A host name has a letter in its last label; 0x7f000001 is an address in a form that is not accepted.
_HOST_NAME = re.compile(rb"(?!0[xX])[0-9A-Za-z._-]*[A-Za-z][0-9A-Za-z_-]*\.?(:[0-9]{1,5})?\Z")


def is_host_name(client: bytes) -> bool:
    """Whether a client field that is no address holds a name: what a server that looks names up writes."""
    return len(client) <= _LONGEST_NAME and _HOST_NAME.match(client) is not None


class Treatment:
    """client, X-Forwarded-For and site of an event → (network token, country, note).

    `country` looks up a packed address (4 or 16 bytes) and gives an ISO 3166-1 alpha-2 code or "(unknown)", `countries` those of
    many IPv4 addresses, given as numbers; see transforms.geography.Countries.
    """

    def __init__(
        self,
        policy: Policy,
        key: NetworkKey | bytes,
        country: Callable[[bytes], str],
        countries: Callable[[NDArray[np.int64]], list[str]] | None = None,
    ) -> None:
        self._key = key if isinstance(key, NetworkKey) else NetworkKey(key)
        self._country = country
        self._countries = countries or (lambda quads: [country(quad.to_bytes(4, "big")) for quad in quads.tolist()])
        self._trusted = policy.ip.trusted_proxies
        self._nat64 = policy.ip.nat64
        self._sixrd = policy.ip.sixrd
        # "drop" drops addresses from what scrub writes; counting is the same as for "hash" (PRIVACY.md 1.2).
        self._truncate = policy.ip.treatment == "truncate"

    def treat(
        self, client: bytes | None, forwarded: bytes | None, site: Site | str
    ) -> tuple[bytes | None, str, str | None]:
        """(16-byte token, country, None); for what is no address (None, "(unknown)", HOST_NAME or INVALID_ADDRESS)."""
        client = client or b""
        address = forwarded_client(client, forwarded, self._trusted, nat64=self._nat64, sixrd=self._sixrd)
        if address is None:
            return None, UNKNOWN, HOST_NAME if is_host_name(client) else INVALID_ADDRESS
        name = site if isinstance(site, str) else site.name
        token = self._key.token(name, address.network(self._truncate), address.neighbourhood())
        return token, self._country(address.packed), None

    def quads(self, quads: NDArray[np.int64], site: Site) -> tuple[NDArray[np.uint8], list[str]]:
        """(tokens uint8[n, 16], countries) of clients that are IPv4 addresses and alone, given as numbers."""
        near, exact = self._key.neighbourhoods(site.name, quads), self._key.networks(site.name, quads, self._truncate)
        return np.hstack([near, exact]), self._countries(quads)

    def visitor(self, visitor: bytes | None, country: bytes | None, site: Site) -> tuple[bytes | None, str, str | None]:
        """The same for an event without an address: its visitor's id is network and neighbourhood (PRIVACY.md 1.2)."""
        named = country_named(country)
        if not visitor or visitor in NOBODY:
            return None, named, NO_VISITOR
        # a digest of its own purpose: no id can be written that gives the token of an address
        unit = blake2b(visitor, digest_size=32, person=b"visitor").digest()
        return self._key.token(site.name, unit, unit), named, None
