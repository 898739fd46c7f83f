"""Which of the known formats a few lines of a file are in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from transforms.parsers.directive import DirectiveError
from transforms.parsers.layout import LONGEST_LINE, Layout

_HOST = re.compile(rb"[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*\Z")
_ADDRESS = re.compile(rb"\[([^\]]+)\](?::\d+)?\Z|([\d.]+):\d+\Z")
ENOUGH = 0.5


def detect(lines: Iterable[bytes], candidates: Mapping[str, Layout]) -> tuple[str, float]:
    """Name of the candidate that reads most of the lines, and its share of those that are not blank.

    A line counts for a format that reads it with a plausible client. Of equal formats the one with more columns wins,
    then the one named first. Raises DirectiveError, which names candidates and shares, where no share reaches 0.5.
    """
    filled = [line for line in (line.rstrip(b"\n") for line in lines) if line.strip()]
    if not filled or not candidates:
        raise DirectiveError(
            f"no_format: {len(filled)} lines and {len(candidates)} formats to try, expected some of both"
        )
    shares = {name: sum(fits(layout, line) for line in filled) / len(filled) for name, layout in candidates.items()}
    best = max(candidates, key=lambda name: (shares[name], len(candidates[name].columns)))
    if shares[best] < ENOUGH:
        tried = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        raise DirectiveError(
            f"no_format: no known format reads half of the first lines ({tried}); give the server's own directive"
        )
    return best, shares[best]


def fits(layout: Layout, line: bytes) -> bool:
    """Whether the layout reads the line, and what it takes for the client may be one."""
    read = layout.read(line) if len(line) <= LONGEST_LINE else None
    if read is None:
        return False
    start, stop = read[0][layout.positions["client"]]
    return plausible(line[start:stop])


def plausible(client: bytes) -> bool:
    """An IP address (with brackets or port, or a zone), or a host name with a letter in it."""
    if _HOST.match(client):
        return True
    if match := _ADDRESS.match(client):
        client = match[1] or match[2]
    try:
        ipaddress.ip_address(client.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        return False
    return True
