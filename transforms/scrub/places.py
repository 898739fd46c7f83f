"""Hosts and referrers as scrub writes them: declared hosts, registrable domains, routes of the own site."""

from __future__ import annotations

import re

from schemas.policy import Policy
from transforms.scrub.targets import Targets
from transforms.treatments import referrer
from transforms.treatments.site import matches_host, plain_host

_URL = re.compile(rb"(https?)://[^/\\?#]*([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)
NOTHING = b"-"


class Hosts:
    """A virtual host → a host that the policy declares, else "-": a Host header is the visitor's text."""

    def __init__(self, policy: Policy) -> None:
        self._patterns = [pattern.lower().rstrip(".") for site in policy.sites for pattern in site.hosts]

    def treat(self, host: bytes | None) -> bytes:
        """The host itself where it is declared; of those below `*.example.com` only that they are."""
        name = plain_host(host or b"")
        if name in self._patterns:
            return name.encode()
        below = next((p for p in self._patterns if p.startswith("*.") and name and matches_host(name, p)), None)
        return NOTHING if below is None else b"any" + below[1:].encode()


class Referrers:
    """referrer and site → scheme and registrable domain, the own site's host and route, or "-"."""

    def __init__(self, policy: Policy, hosts: Hosts, targets: Targets) -> None:
        self._sites = policy.all_sites
        self._treatment, self._hosts, self._targets = referrer.Treatment(policy), hosts, targets

    def treat(self, number: int, text: bytes | None) -> bytes:
        """`https://example.org/`; `https://shop.example/kb/{slug}`; "-" for none and for what has no domain."""
        medium, domain = self._treatment.treat(text, self._sites[number])
        url = _URL.match((text or b"").strip())
        if url is None:
            return NOTHING
        scheme = url[1].lower() + b"://"
        if medium == referrer.INTERNAL:
            host = self._hosts.treat((referrer.host_of(text or b"") or "").encode())
            return scheme + host + b"".join(self._targets.treat(number, url[2] or b"/", url[3]))
        if domain in (referrer.NONE, referrer.OTHER):
            return NOTHING
        return scheme + domain.encode("ascii", "ignore") + b"/"
