"""A2: join every published row with the raw log, on every subset of up to 4 columns, and count who is behind it."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from audit.case import MEASURES, Case, Evidence, Part, Tried
from audit.raw import Line, Raw

ID = "A2"
TITLE = "join with the raw log"
NEEDS = ("raw",)

MOST = 4  # columns
TOKENS = {"Firefox": "Firefox/", "Chrome": "Chrome/"}  # families whose version stands behind a word of the agent


def attack(case: Case) -> Tried:
    """A row is singled out when the lines that it can stand for come from fewer than k neighbourhoods.

    The lines must be at least as many as its hits: else they are not all that it stands for, and prove nothing.
    """
    assert case.raw is not None
    evidence, joined, rows = [], 0, 0
    for part in case.parts:
        lines = of_period(case, case.raw, part)
        if not lines:
            continue
        crowds = np.unique([line.neighbourhood for line in lines], return_inverse=True)
        names = [name for name in [*part.keys(), "bytes"] if name in part.columns and name in MATCHES]
        masks = _Masks(lines, case, part)
        for row in range(part.rows):
            rows += 1
            masks.is_joined = False
            isolating = [subset for subset in _subsets(names, part, row) if _isolates(subset, part, row, masks, crowds)]
            joined += masks.is_joined
            if isolating:
                evidence.append(
                    Evidence(f"{part.place}: row {row}", f"{len(isolating)} joins give fewer than {part.k}")
                )
    if not joined:
        return Tried(
            "",
            why_not="no row could be joined: the raw logs are of other days, or of a format that the audit cannot read",
        )
    return Tried(f"{rows:,} rows, of which {joined:,} could be joined on a key", tuple(evidence))


def of_period(case: Case, raw: Raw, part: Part) -> list[Line]:
    """Lines that can be behind a file: of its days on the site's own clock, and of no other site's virtual host."""
    zone = case.zones.get(part.site, dt.UTC)
    start, stop = (int(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) for day in part.span())
    sites = frozenset(one.site for one in case.parts)
    return [line for line in raw.lines if start <= line.time < stop and _may_be_of(part.site, sites, line)]


def _may_be_of(site: str, sites: frozenset[str], line: Line) -> bool:
    named = _named(line.head.split(" ", 1)[0].lower(), sites)
    return len(named) != 1 or site in named


@cache
def _named(word: str, sites: frozenset[str]) -> frozenset[str]:
    """Sites whose name is a label of a virtual host."""
    return frozenset(sites.intersection(word.split(":")[0].split("."))) if not word[:1].isdigit() else frozenset()


def _subsets(names: list[str], part: Part, row: int) -> Iterator[tuple[str, ...]]:
    single = part.columns.get("hits", [1] * part.rows)[row] == 1  # only then are its bytes those of one line
    usable = [name for name in names if name not in MEASURES or single]
    for size in range(1, MOST + 1):
        yield from itertools.combinations(usable, size)


class _Masks:
    """Which lines a value of a column can stand for: bool arrays over lines, remembered; None where nobody can say."""

    def __init__(self, lines: list[Line], case: Case, part: Part) -> None:
        self.lines, self.is_joined = lines, False
        zone = case.zones.get(part.site, dt.UTC)
        self.hours = [dt.datetime.fromtimestamp(line.time, zone).hour for line in lines]
        self.known: dict[tuple[str, str], np.ndarray | None] = {}

    def of(self, name: str, value: object) -> np.ndarray | None:
        at = (name, str(value))
        if at not in self.known:
            match = MATCHES[name](str(value))
            pairs = zip(self.lines, self.hours, strict=True)
            self.known[at] = None if match is None else np.array([match(line, hour) for line, hour in pairs])
        return self.known[at]


def _isolates(
    subset: tuple[str, ...], part: Part, row: int, masks: _Masks, crowds: tuple[np.ndarray, np.ndarray]
) -> bool:
    if "major" in subset and part.columns["family"][row] not in TOKENS:
        return False  # of another family nobody can say which word of the agent is its version
    made = [masks.of(name, part.columns[name][row]) for name in subset]
    usable = [mask for mask in made if mask is not None]
    masks.is_joined = masks.is_joined or bool(usable)
    if len(usable) < len(subset):
        return False
    behind = np.logical_and.reduce(usable)
    hits = part.columns.get("hits", [1] * part.rows)[row] or 1
    names, numbers = crowds
    return behind.sum() >= hits and 0 < sum(bool(names[i]) for i in np.unique(numbers[behind])) < part.k


# ---- what a value says of a line: given the value, a predicate on (line, hour), or None where nobody can say ----------

Predicate = Callable[[Line, int], bool]


def of_status(value: str) -> Predicate | None:
    if re.fullmatch(r"[1-5]xx", value):
        return lambda line, hour: line.status // 100 == int(value[0])
    return (lambda line, hour: line.status == int(value)) if value.isdigit() else None


def of_hour(value: str) -> Predicate | None:
    found = re.fullmatch(r"(\d\d)(?:-(\d\d))?", value)
    return (lambda line, hour: int(found[1]) <= hour <= int(found[2] or found[1])) if found else None


def of_route(value: str) -> Predicate | None:
    """A route as a pattern: what stands in braces is anything; a trailing one, anything below."""
    path, _, query = value.partition("?")
    if not path.startswith("/"):
        return None
    pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]*", re.escape(path.removesuffix("{*}")))
    made = re.compile(pattern + (".*" if path.endswith("{*}") else "/?(?:;.*)?"), re.IGNORECASE | re.DOTALL)
    return lambda line, hour: bool(made.fullmatch(line.path)) and (not query or "=" in line.query)


def of_domain(value: str) -> Predicate | None:
    return (lambda line, hour: value in line.referrer.lower()) if "." in value else None


def of_family(value: str) -> Predicate | None:
    return (lambda line, hour: TOKENS[value] in line.agent) if value in TOKENS else None


def of_major(value: str) -> Predicate | None:
    version = re.compile(rf"(?:Firefox|Chrome)/{re.escape(value)}\b")
    return (lambda line, hour: version.search(line.agent) is not None) if value.isdigit() else None


def of_campaign(value: str) -> Predicate | None:
    return (lambda line, hour: value in line.query.lower()) if value.isascii() and value[:1].isalnum() else None


def of_bytes(value: str) -> Predicate | None:
    return lambda line, hour: line.bytes == value


def of_text(value: str) -> Predicate | None:
    return (lambda line, hour: value.lower() in line.text) if len(value) > 3 else None


MATCHES: dict[str, Callable[[str], Predicate | None]] = {
    "status": of_status, "hour": of_hour, "route": of_route, "path": of_route, "domain": of_domain, "family": of_family,
    "major": of_major, "campaign": of_campaign, "source": of_campaign, "bytes": of_bytes, "user": of_text,
}  # fmt: skip
