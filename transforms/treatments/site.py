"""Treatment of the virtual host: the name of a declared site, never what the visitor sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("host",)
GIVES = ("site",)

DEFAULT = "default"
OTHER = "(other)"

_LONGEST = 260
_PORT = re.compile(r":[0-9]{0,5}\Z")


def matches_host(host: str, pattern: str) -> bool:
    """Whether a lower-case host is the declared one, or below it where that is `*.example.com`."""
    pattern = pattern.lower().rstrip(".")
    return host.endswith(pattern[1:]) and len(host) >= len(pattern) if pattern.startswith("*.") else host == pattern


def plain_host(host: bytes) -> str:
    """A Host header in lower case without port and the dot of the root; "" where it is no text."""
    if len(host) > _LONGEST or not host.isascii():
        return ""
    text = host.decode("ascii").strip().lower()
    return _PORT.sub("", text).removesuffix(".")


class Treatment:
    """host of an event → the name of its site (DESIGN.md 4.2).

    `forced` is the name that --site gave; `has_host` says whether the log has a virtual host at all.
    """

    def __init__(self, policy: Policy, forced: str | None = None, has_host: bool = True) -> None:
        self._fixed = forced if forced is not None else None if has_host else DEFAULT
        pairs = [(pattern.lower().rstrip("."), site.name) for site in policy.sites for pattern in site.hosts]
        self._exact = {pattern: name for pattern, name in reversed(pairs) if not pattern.startswith("*.")}
        self._wild = [(pattern, name) for pattern, name in pairs if pattern.startswith("*.")]

    def treat(self, host: bytes | None) -> str:
        """The forced name, a declared site, "default" without a host column, or "(other)". An exact host wins."""
        if self._fixed is not None:
            return self._fixed
        name = plain_host(host or b"")
        if not name:
            return OTHER
        if name in self._exact:
            return self._exact[name]
        return next((site for pattern, site in self._wild if matches_host(name, pattern)), OTHER)
