"""Proposal: routes, parameters and denies of a site, from what a survey counted; nothing in it that no crowd brought."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.load import DeclarationError
from schemas.routes import REST, Kind, is_literal, read_kind, read_routes, shape
from schemas.site import READ_ANYWAY, Site
from transforms.evidence import Counts, Crowd, Threshold
from transforms.looked_at import HOST, PAGE, PARAMETER, SLOT, Subject
from transforms.segments import ANY
from transforms.treatments.route import NONE
from transforms.verdicts import Verdict, is_choice, is_shown_name, judge_parameter, slots_of

ROUTES = 200
"""Routes that are proposed for a site, the most visited ones."""

ALIKE = 3
"""Routes on which a parameter is of one type from which on it is proposed for all."""

_ASSET = re.compile(r".*\.(?:css|js|mjs|map|png|gif|jpe?g|svg|ico|webp|avif|woff2?|ttf|eot)", re.IGNORECASE)
_SLOTS = {"{n}": "{int}", "{token}": ANY}
_SLOT = re.compile(r"\{[a-z*]+\}")
HERE = "proposed"


@dataclass
class Proposal:
    """What is proposed for a site. Keys of `parameters` are routes, or None for all paths; see Verdict for the reasons.

    `left_out` counts what is not shown: no crowd stands behind it, or a policy could not say it.
    """

    site: Site
    slots: Sequence[Verdict] = ()
    routes: dict[str, Crowd] = field(default_factory=dict)
    parameters: dict[str | None, dict[str, Kind]] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    judged: Sequence[tuple[str | None, Verdict]] = ()
    hosts: dict[str, Crowd] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def propose(counts: Counts, number: int, site: Site, threshold: Threshold) -> Proposal:
    """The proposal for the site of that number in the policy."""
    found = Proposal(site)
    slots = slots_of(counts, number, threshold)
    places = sum(s.site == number and s.kind == SLOT for s in counts.by_subject)
    found.left_out["places in paths without a crowd"] = places - len(slots)
    shown = [one for one in slots.values() if not _is_behind_hidden(one.subject.at, slots)]
    found.left_out["places in paths behind a hidden one"] = len(slots) - len(shown)
    found.slots = sorted(shown, key=_rank)
    of_page = _propose_routes(counts, number, slots, threshold, found)
    _propose_parameters(counts, number, of_page, threshold, found)
    for v in counts.by_subject.get(Subject(number, HOST), ()):
        crowd = counts.crowd([v])
        labels = counts.seen[v].shown.replace(".", "-")
        if crowd.reaches(threshold) and re.fullmatch(r"[a-z0-9.-]+", counts.seen[v].shown) and is_choice(labels):
            found.hosts[counts.seen[v].shown] = crowd
        else:
            found.left_out["hosts without a crowd"] += 1
    return found


def _is_behind_hidden(at: str, slots: Mapping[str, Verdict]) -> bool:
    """Whether what stands before a place has a word of a place whose words are hidden."""
    before = "/"
    for segment in at.strip("/").split("/"):
        if before in slots and slots[before].hidden and not _SLOT.fullmatch(segment):
            return True
        before += segment + "/"
    return False


def _rank(verdict: Verdict) -> tuple[bool, float, int, Subject]:
    evidence = verdict.evidence
    return (evidence.found_hits < 0.05 * evidence.crowd.hits, -evidence.telling, -evidence.distinct, verdict.subject)


# ---- routes ---------------------------------------------------------------------------------------------------------


def _propose_routes(
    counts: Counts, number: int, slots: Mapping[str, Verdict], threshold: Threshold, found: Proposal
) -> dict[str, str | None]:
    """Fill in routes. Returns by page the route that it is, declared or proposed, else None."""
    pages = {counts.seen[v].shown: v for v in counts.by_subject.get(Subject(number, PAGE), ())}
    hits = {page: counts.crowd([v]).hits for page, v in pages.items()}
    folders = _folders_of_assets(hits, slots)
    declared = frozenset(found.site.routes)
    of_page: dict[str, str | None] = {page: page if page in declared else None for page in pages}
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    texts: dict[tuple[str, ...], str] = {}
    for page in sorted(pages, key=lambda one: (-hits[one], one)):
        text = None if of_page[page] or page == NONE else _route_of(page, slots, folders)
        if text is not None:
            groups[shape(text)].append(page)
            texts.setdefault(shape(text), text)
    crowds = {taken: counts.crowd([pages[page] for page in group]) for taken, group in groups.items()}
    good = [taken for taken, crowd in crowds.items() if crowd.reaches(threshold)]
    good.sort(key=lambda taken: (-crowds[taken].hits, taken))
    taken_by_policy = {shape(text) for text in declared}
    sayable = _sayable(
        [texts[taken] for taken in good if taken not in taken_by_policy][:ROUTES], list(found.site.routes)
    )
    found.left_out["routes without a crowd"] = len(groups) - len(good)
    found.left_out["routes beyond the bound or that a policy cannot say"] = len(good) - len(sayable)
    for text in sayable:
        found.routes[text] = crowds[shape(text)]
        of_page.update(dict.fromkeys(groups[shape(text)], text))
    return of_page


def _folders_of_assets(hits: Mapping[str, int], slots: Mapping[str, Verdict]) -> frozenset[str]:
    """First segments, as words with a crowd, behind which nearly everything is a file of a page."""
    all_, assets = Counter[str](), Counter[str]()
    for page, count in hits.items():
        first, _, rest = page.strip("/").partition("/")
        if rest:
            all_[first] += count
            assets[first] += count if _ASSET.fullmatch(page) else 0
    top = slots.get("/")
    words = top.words if top and not top.hidden else frozenset()
    return frozenset(one for one in all_ if one in words and is_literal(one) and assets[one] >= 0.9 * all_[one])


def _route_of(page: str, slots: Mapping[str, Verdict], folders: frozenset[str]) -> str | None:
    """The route that takes a page: its words as far as they have a crowd, slots for the rest; None where none is good."""
    if page == "/":
        return page
    segments = [one for one in page.split("/") if one]
    if segments[0] in folders:
        return f"/{segments[0]}/{REST}" if len(segments) > 1 else None
    if _ASSET.fullmatch(page):
        return None
    route, at = "", "/"
    for segment in segments:
        part = _part(segment, slots.get(at))
        if part is None:
            return None
        route, at = f"{route}/{part}", f"{at}{segment}/"
    if all(_SLOT.fullmatch(part) for part in route.strip("/").split("/")):
        return None  # it would take any path of this depth, also those that are not known yet
    return route + ("/" if page.endswith("/") else "")


def _part(segment: str, verdict: Verdict | None) -> str | None:
    """One segment of a route; None leaves the page to default rules."""
    if verdict is None:
        return None
    if verdict.hidden:
        return ANY
    if _SLOT.fullmatch(segment):
        typed = verdict.slot if verdict.slot not in ("", "{slug}") else ""
        return typed or _SLOTS.get(segment, segment)
    if segment in verdict.words:
        return _SLOT.sub(lambda slot: _SLOTS.get(slot.group(), slot.group()), segment)
    return verdict.slot or None


def _sayable(texts: Sequence[str], declared: Sequence[str]) -> list[str]:
    """Those that a policy takes, one by one and together with what is declared."""
    kept: list[str] = []
    for text in texts:
        try:
            read_routes(HERE, [text])
            kept.append(text)
        except DeclarationError:
            continue
    try:
        read_routes(HERE, [*declared, *kept])
    except DeclarationError:
        return _together(kept, declared)
    return kept


def _together(texts: Sequence[str], declared: Sequence[str]) -> list[str]:
    """The texts without those that are ambiguous with what is declared, or with one before them."""
    kept: list[str] = []
    for text in texts:
        try:
            read_routes(HERE, [*declared, *kept, text])
            kept.append(text)
        except DeclarationError:
            continue
    return kept


# ---- parameters -----------------------------------------------------------------------------------------------------


def _propose_parameters(
    counts: Counts, number: int, of_page: Mapping[str, str | None], threshold: Threshold, found: Proposal
) -> None:
    """Fill in parameters and denies."""
    by_name: dict[str, dict[str | None, list[int]]] = defaultdict(lambda: defaultdict(list))
    for subject, values in counts.by_subject.items():
        if subject.site == number and subject.kind == PARAMETER:
            by_name[subject.name][of_page.get(subject.at)] += values
    judged: list[tuple[str | None, Verdict]] = []
    for name, routes in sorted(by_name.items()):
        everywhere = counts.crowd([v for values in routes.values() for v in values])
        if name in READ_ANYWAY:
            continue
        if not is_shown_name(name) or not everywhere.reaches(threshold):
            found.left_out["parameters without a crowd, or whose name is no word"] += 1
            continue
        mine = list(_judged(counts, Subject(number, PARAMETER, "", name), routes, threshold, found))
        judged += mine
        _place(name, mine, found)
    found.judged = sorted(judged, key=lambda one: (_rank(one[1]), one[0] or ""))


def _judged(
    counts: Counts, subject: Subject, routes: Mapping[str | None, list[int]], threshold: Threshold, found: Proposal
) -> Iterator[tuple[str | None, Verdict]]:
    """Verdicts on one parameter by route; None is every path without a route."""
    for route, values in routes.items():
        if not counts.crowd(values).reaches(threshold):
            found.left_out["parameters by route without a crowd"] += 1
            continue
        one = subject._replace(at=route or "")
        yield route, judge_parameter(counts, one, values, found.site, threshold, route)


def _place(name: str, judged: Sequence[tuple[str | None, Verdict]], found: Proposal) -> None:
    """Propose a parameter where its verdicts allow it: for all paths when they agree, else route by route."""
    site = found.site
    kinds = {route: verdict.kind for route, verdict in judged if verdict.kind is not None and _may(name, verdict.kind)}
    hidden = {route: verdict.why for route, verdict in judged if verdict.hidden and verdict.is_for_ever}
    shared = Counter(kinds.values()).most_common(1)
    doubtful = any(route is None and verdict.hidden for route, verdict in judged)
    if shared and not doubtful and (None in kinds or shared[0][1] >= ALIKE):
        kind = kinds.get(None, shared[0][0])
        if name not in site.parameters:
            found.parameters.setdefault(None, {})[name] = kind
        kinds = {route: other for route, other in kinds.items() if other != kind and route is not None}
    for route, kind in kinds.items():
        if route is not None and name not in site.allowed(route):
            found.parameters.setdefault(route, {})[name] = kind
    if name in site.parameter_names or name in site.denied:
        return  # what the policy says already stays as it is
    if hidden and not any(name in named for named in found.parameters.values()):
        found.denied[name] = next(iter(hidden.values()))
    else:
        found.denied |= {f"{route}?{name}": why for route, why in hidden.items() if route is not None}


def _may(name: str, kind: Kind) -> bool:
    """Whether a policy takes it."""
    try:
        read_kind(HERE, name, list(kind) if isinstance(kind, tuple) else kind)
    except DeclarationError:
        return False
    return True
