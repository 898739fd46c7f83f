"""Request lines, targets and URLs of one line as scrub writes them: split by the plain way, each part treated."""

from __future__ import annotations

import re
from typing import NamedTuple

from transforms.kernels import plain
from transforms.kernels.calls import Parameters
from transforms.scrub.places import Hosts
from transforms.scrub.targets import Targets, before_path, behind_target

NO_HOST = b"host.invalid"
"""What stands for a host that the policy does not declare where there must be one (RFC 2606)."""

_SCHEME = re.compile(rb"(https?|wss?)://", re.IGNORECASE)


class Parts(NamedTuple):
    """A text that holds a target: what is before the path, the path, the query, and what is behind."""

    front: bytes
    path: bytes | None
    query: bytes | None
    rest: bytes


def parts(column: str, text: bytes | None) -> Parts:
    """Parts of the text of a request, target, url, location or path. The path is None where there is none."""
    if not text:
        return Parts(b"", None, None, b"")
    begin, stop, query, end = plain.split_request(text, column == "request", column == "location")
    if begin == stop:
        return Parts(b"", None, None, b"")
    return Parts(text[:begin], text[begin:stop], text[query:end] or None, text[max(stop, end) :])


class Wholes:
    """Writes such texts anew. `treat(site, column, text)` is asked once for each."""

    def __init__(self, targets: Targets, hosts: Hosts, allowed: Parameters) -> None:
        self._targets, self._hosts, self._allowed = targets, hosts, allowed

    def target(self, site: int, path: bytes | None, query: bytes | None) -> tuple[bytes, bytes]:
        """(path, "?" and parameters or nothing), of those that some site allows."""
        known = self._allowed
        kept = plain.select_parameters(query, known.names, known.whole, known.bare) if query else b""
        return self._targets.treat(site, path, kept or None)

    def treat(self, site: int, column: str, text: bytes | None) -> bytes:
        """METHOD path?query PROTOCOL of a request, scheme://host/path?query of a url, host/path?query of a location."""
        found = parts(column, text)
        written = b"".join(self.target(site, found.path, found.query))
        if found.path is None or not text:
            return written
        if column == "request":
            return before_path(found.front) + written + behind_target(found.rest)
        begin, end = plain.authority(text) if column == "url" else (0, 0)
        if end:
            scheme = _SCHEME.match(text)
            return (scheme[1].lower() if scheme else b"https") + b"://" + self.host(text[begin:end]) + written
        if column == "location" and found.front:
            return self.host(found.front) + written
        return written

    def host(self, text: bytes) -> bytes:
        """The host, where there must be one."""
        known = self._hosts.treat(text)
        return NO_HOST if known == b"-" else known
