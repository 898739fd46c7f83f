"""What learn looks at in a request: each place of a path and each parameter, as a subject with the value that it had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from transforms.canonical import LIMIT, decode, pairs
from transforms.segments import template_segments
from transforms.treatments.route import DEPTH, NONE
from transforms.treatments.site import plain_host

PAGE, SLOT, PARAMETER, HOST = "page", "slot", "parameter", "host"

LONGEST_VALUE = 256
"""Characters of a value that are kept; longer ones count as one where they begin alike, and none is ever shown."""

LONGEST_NAME = 64


class Subject(NamedTuple):
    """Something that has values. `site` is its number, `kind` one of the above.

    page: what default rules or declared routes make of a path is the value. slot: `at` is what stands before the segment
    ("/kb/"), as slots and words. parameter: `at` is the page, `name` the parameter. host: hosts that no site declares.
    """

    site: int
    kind: str
    at: str = ""
    name: str = ""


class Seen(NamedTuple):
    """A value of a subject: as it was sent, decoded; and what default rules leave of it ("{n}", "{*}", or itself)."""

    subject: Subject
    raw: str
    shown: str


def look(site: int, route: str, declared: bool, path: bytes, query: bytes | None) -> Iterator[Seen]:
    """All that is looked at of one request, whose route by the policy is `route`; each value at most once.

    A path that some declared route takes is a page and no more: its slots have been decided upon.
    """
    page = route.partition("?")[0]
    yield Seen(Subject(site, PAGE), page, page)
    if not declared and page != NONE:
        yield from _slots(site, page, path)
    seen = set()
    for name, value in pairs(query) if query and len(query) <= LIMIT else ():
        one = Seen(
            Subject(site, PARAMETER, page, name[: LONGEST_NAME + 1]), value[:LONGEST_VALUE], value[:LONGEST_VALUE]
        )
        if one not in seen:
            seen.add(one)
            yield one


def _slots(site: int, page: str, path: bytes) -> Iterator[Seen]:
    """The segments of an undeclared path. Where the page came from elsewhere (rp=…), what is shown stands for them."""
    shown = [segment for segment in page.split("/") if segment]
    raw = [decode(piece.partition(b";")[0]) for piece in path.split(b"/") if piece][:DEPTH]
    if [segment for segment in template_segments(raw) if segment] != shown:
        raw = list(shown)
    at = "/"
    for segment, word in zip(raw, shown, strict=True):
        yield Seen(Subject(site, SLOT, at), (segment or "")[:LONGEST_VALUE], word)
        at += word + "/"


def look_at_host(site: int, host: bytes | None) -> Iterator[Seen]:
    """A host that no site declares."""
    if name := plain_host(host or b""):
        yield Seen(Subject(site, HOST), name, name)
