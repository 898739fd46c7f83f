"""Requests as scrub writes them: a known method, the path as a route, allowed parameters, a known protocol."""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.policy import Policy, Site
from transforms.scrub.quoting import quote_path, quote_query
from transforms.treatments import parameters, route

# RFC 9110 section 9, PATCH (RFC 5789) and WebDAV (RFC 4918, 3253, 5323); anything else is the visitor's text.
METHODS = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH".split()
)
PROTOCOLS = frozenset(b"HTTP/0.9 HTTP/1.0 HTTP/1.1 HTTP/2.0 HTTP/2 HTTP/3.0 HTTP/3".split())
ROUNDS = 4  # times that a target is treated before it counts as one that never settles

# Slots that a first pass wrote are letters to the treatment of paths (Vai, U+A500 on), so that a second pass keeps them.
_SLOTS = ("n", "hex", "uuid", "date", "token", "*", "int", "slug")
_LETTERS = {slot: chr(0xA500 + i) for i, slot in enumerate(_SLOTS)}
_SLOT = re.compile(rb"(?:\{|%7[Bb])(n|hex|uuid|date|token|\*|int|slug)(?:\}|%7[Dd])")
_LETTER = re.compile("[" + "".join(_LETTERS.values()) + "]")


def method(text: bytes | None) -> bytes:
    """A known method, else "-"."""
    return text if text in METHODS else b"-"


def protocol(text: bytes | None) -> bytes:
    """A known protocol, else "-"."""
    return text if text in PROTOCOLS else b"-"


def before_path(text: bytes | None) -> bytes:
    """What stands in a request line in front of the path: the method and a space; scheme and host are gone."""
    return b"" if text is None else method(text.partition(b" ")[0]) + b" "


def behind_target(text: bytes | None) -> bytes:
    """What stands behind path and query: a space and the protocol, or nothing; a fragment is gone."""
    found = protocol((text or b"").rpartition(b" ")[2])
    return b"" if found == b"-" else b" " + found


class Targets:
    """path, query and site → path and query to write, by the treatments of route and parameters."""

    def __init__(self, policy: Policy) -> None:
        self._sites = policy.all_sites
        self._route, self._parameters = route.Treatment(policy), parameters.Treatment(policy)
        self._declared = {site.name: frozenset(map(quote_path, site.routes)) for site in self._sites}
        # Many targets become one: what was written is looked at once.
        self._settle = lru_cache(maxsize=1 << 14)(self._settled)

    def treat(self, number: int, path: bytes | None, query: bytes | None) -> tuple[bytes, bytes]:
        """(path, "?" and the parameters that are left, or nothing): what comes of treating it again is the same."""
        if path is None:
            return b"-", b""
        target = path, query or b""
        found = self._once(self._sites[number], *target)
        path, query = found if found == target else self._settle(number, *found)
        return path, b"?" * bool(query) + query

    def _settled(self, number: int, path: bytes, query: bytes) -> tuple[bytes, bytes]:
        target = path, query
        for _ in range(ROUNDS):
            before, target = target, self._once(self._sites[number], *target)
            if before == target:
                return target
        return b"/{*}", b""

    def _once(self, site: Site, path: bytes, query: bytes) -> tuple[bytes, bytes]:
        if path in self._declared[site.name] and not query:
            return path, b""
        has_slots = b"{" in path or b"%7" in path
        masked = _SLOT.sub(lambda match: _LETTERS[match[1].decode()].encode(), path) if has_slots else path
        (found,) = self._route.treat(masked, query, site)
        words, _, kept = found.partition("?")
        words = words if words.startswith("/") else "/"
        shown = _LETTER.sub(lambda match: "{" + _SLOTS[ord(match[0]) - 0xA500] + "}", words) if has_slots else words
        pairs = [quote_query(kept)] if kept else []
        return quote_path(shown), b"&".join([*pairs, *self._campaign(query)])

    def _campaign(self, query: bytes) -> list[bytes]:
        """utm_source, utm_medium and utm_campaign that are words; without a source none of them means anything."""
        if not query:
            return []
        words = self._parameters.treat(query)
        if words[0] in (None, parameters.NONE, parameters.OTHER):
            return []
        named = zip(("utm_source", "utm_medium", "utm_campaign"), words, strict=True)
        return [
            f"{name}=".encode() + quote_query(word)
            for name, word in named
            if word not in (parameters.NONE, parameters.OTHER, None)
        ]
