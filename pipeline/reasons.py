"""Reasons: which rule decided on each part of a field, a path's segments and a query's parameters above all; for explain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.policy import Policy
from schemas.routes import PATH, REST, Kind, is_literal
from schemas.site import READ_ANYWAY, Site
from transforms.canonical import LIMIT, PAIRS, decode, pairs, plain
from transforms.cookies import OTHER, cookie_names, known_cookie, login_cookie
from transforms.declared import Declared, Found
from transforms.detectors import found_in
from transforms.reading import read
from transforms.segments import ANY, judge, template_segments
from transforms.steps import steps
from transforms.telling import parents
from transforms.treatments import referrer as referrers
from transforms.treatments.parameters import campaign_word
from transforms.treatments.route import DEPTH, NONE

Part = dict[str, Any]
"""part: what of the field; gives: what becomes of it, None for nothing; why: the rule that decided."""

WORD = "a word: shown where it has a crowd"
TAKEN = {
    "{n}": "a number",
    "{uuid}": "a UUID",
    "{hex}": "hex digits",
    "{date}": "a date",
    "{token}": "made by a machine",
}
TYPES = {
    "int": "0 to 999",
    "word": "up to 32 of a-z0-9_-, at most three digits, not made by a machine, nothing found in it",
}


def part(name: str, gives: Any, why: str, **more: Any) -> Part:
    """A Part."""
    return {"part": name, "gives": gives, "why": why, **more}


# ---- path -----------------------------------------------------------------------------------------------------------


def of_path(path: bytes, route: str, site: Site) -> Iterator[Part]:
    """Each segment of a path whose route is `route`."""
    page = route.partition("?")[0]
    raw = [piece.partition(b";")[0] for piece in path.split(b"/") if piece]
    segments = [decode(piece) for piece in raw]
    found = Declared(site).match(segments or [""])
    if found is not None:
        yield from _declared(segments, found, page)
    elif page in site.routes:
        yield part("the path", page, "a path behind a front controller of the policy")
    elif page in (NONE, "/", "/" + ANY) and not segments:
        yield part("the path", page, "the root" if page == "/" else "no path that could be read")
    else:
        yield from _undeclared(segments)


def _declared(segments: list[str | None], found: Found, page: str) -> Iterator[Part]:
    """Segments of a path that a declared route takes."""
    if page != found.text:
        yield part("the path", page, f"route {found.text} of the policy says that a parameter holds the path")
        return
    written = [one for one in found.text.split("/") if one]
    for at, segment in enumerate(segments):
        into = written[min(at, len(written) - 1)]
        rule = "a word of" if is_literal(into) else "a slot of" if into != REST else "the rest, in"
        yield part(segment or "(not readable)", into, f"{rule} route {found.text} of the policy")


def _undeclared(segments: list[str | None]) -> Iterator[Part]:
    """Segments by default rules (PRIVACY.md 2.2)."""
    for at, (segment, shown) in enumerate(zip(segments[:DEPTH], template_segments(segments[:DEPTH]), strict=True)):
        before = segments[at - 1] if at else None
        yield part(segment or "(not readable)", shown, _why_segment(segment, shown, before))
    if len(segments) > DEPTH:
        yield part("what is deeper", ANY, f"only {DEPTH} segments are kept")


def _why_segment(segment: str | None, shown: str, before: str | None) -> str:
    if segment is None:
        return "it cannot be decoded"
    template, kinds = judge(segment)
    if shown == ANY and before is not None and before.casefold() in parents():
        return f"it stands behind {before!r}: people, searches or secrets"
    if shown == ANY:
        return f"detectors found {', '.join(sorted(kinds))}" if kinds else "it has a sign that words do not have"
    if shown == segment:
        return WORD
    slots = [text for slot, text in TAKEN.items() if slot in template]
    found = f"; detectors found {', '.join(sorted(kinds))}" if kinds else ""
    return f"{', '.join(slots) or 'by its shape'}{found}"


# ---- query ----------------------------------------------------------------------------------------------------------


def of_query(path: bytes, query: bytes, route: str, site: Site) -> Iterator[Part]:
    """Each parameter of a query, those that are dropped included. Of these no value is given, only what was found in it."""
    asked = Declared(site).match([decode(one.partition(b";")[0]) for one in path.split(b"/") if one] or [""])
    holders = {name for name, kind in (asked.parameters if asked else {}).items() if kind == PATH}
    page, _, kept = route.partition("?")
    shown = dict(one.partition("=")[::2] for one in kept.split("&") if one)
    declared = page if page in site.routes else None
    allowed = site.allowed(declared)
    if len(query) > LIMIT:
        yield part("the query", None, f"longer than {LIMIT} bytes: not looked at")
        return
    seen = Counter[str]()
    for name, value in pairs(query):
        seen[name] += 1
        gives, why = _parameter(name, value, seen[name], shown, allowed, site, declared)
        if name in holders:
            gives, why = None, "it holds the path, and is treated as one"
        layers = read(value.encode("utf-8", "replace"), "value", name).layers
        by = [layer.by for layer in layers[1:]]
        yield part(name, gives, why, found=sorted(found_in(plain(value), name)), wrapped=by)
    pieces = query.count(b"&") + 1
    if missed := min(pieces, PAIRS) - seen.total():
        yield part(f"{missed} more", None, "without a name, or not to be decoded")
    if pieces > PAIRS:
        yield part("what is behind", None, f"only {PAIRS} parameters are looked at")


def _parameter(
    name: str,
    value: str,
    time: int,
    shown: Mapping[str, str],
    allowed: Mapping[str, Kind],
    site: Site,
    route: str | None,
) -> tuple[str | None, str]:
    """(what is given, why) of one parameter."""
    if name in READ_ANYWAY:
        word = campaign_word(value) if value.strip() else None
        return word, "read for campaigns" if word != OTHER else "read for campaigns, but it is not the name of one"
    if why := site.why_denied(name, route):
        return None, f"denied: {why}"
    if name not in allowed:
        return None, f"undeclared: no policy allows it {'on route ' + route if route else 'here'}"
    if time > 1:
        return None, "it stands there twice: the first counts"
    kind = allowed[name]
    if name in shown:
        what = f"one of {'|'.join(kind)}" if isinstance(kind, tuple) else kind
        return f"{name}={shown[name]}", f"allowed as {what}; shown where it has a crowd"
    wanted = f"one of {'|'.join(kind)}" if isinstance(kind, tuple) else TYPES.get(kind, f"what {kind} takes")
    return None, f"not of its type: expected {wanted}"


# ---- other fields ---------------------------------------------------------------------------------------------------


def of_client(client: bytes, forwarded: bytes | None, policy: Policy) -> Iterator[Part]:
    """What is done to the client's address, step by step."""
    for at, step in enumerate(steps(client, forwarded, policy.ip), 1):
        yield part(f"step {at}", None, step)


def of_referrer(referrer: bytes, gives: Mapping[str, Any]) -> Iterator[Part]:
    """Why a referrer became what it became."""
    host = referrers.host_of(referrer)
    if host is None:
        yield part("host", None, "no http or https URL with a host that could be read")
        return
    domain, medium = gives["domain"], gives["medium"]
    if medium == referrers.INTERNAL:
        yield part(host, medium, "a host of the site itself")
    elif domain == referrers.OTHER:
        yield part(host, domain, "an address, a name of no known suffix, or one in which something is found")
    else:
        yield part(host, domain, "registrable domain by the public suffix list; path and query are dropped")


def of_agent(gives: Mapping[str, Any]) -> Iterator[Part]:
    """Why an agent became what it became."""
    if gives["agent_class"] == "bot":
        yield part("the agent", gives["bot"], "a crawler or tool, by lists of them; not counted among people")
    else:
        yield part("the agent", gives["family"], "words of closed lists by ua-parser; nothing of its own text is left")


def of_dropped(value: bytes) -> Iterator[Part]:
    """Of a column that no run builds: that it is there, and nothing of it."""
    if value not in (b"", b"-"):
        yield part("the value", None, "is there, and is left in the log")


def of_cookie(header: bytes) -> Iterator[Part]:
    """Cookies by the names of cookies.toml; no value, and no name that is not in there."""
    for name in cookie_names(header):
        cookie = known_cookie(name.replace("{int}", "1").replace("*", "x").encode())
        why = f"{cookie.privacy}, of {cookie.of}: {cookie.meaning}" if cookie else "a cookie that nobody declared"
        yield part(name, None, why)
    if login_cookie(header):
        yield part("login", None, "somebody was logged in")
