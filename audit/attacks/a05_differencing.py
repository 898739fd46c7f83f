"""A5: differencing: bounds, by linear programming, of what was not published, from all that was."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from audit.attacks.a02_join import of_period, of_route
from audit.bounds import NOBODY, REST, Bounds, Cells, Leaf, bounds_of
from audit.case import NOISY, ROUNDED, Case, Evidence, Part, Tried
from audit.longer import longer

ID = "A5"
TITLE = "differencing"
NEEDS = ()

# tables that count every event of their class, so that they must add up to `sites` but for what was withheld
COMPLETE = {"pages": "human", "countries": "human", "browsers": "human", "systems": "human", "referrers": "human",
            "bots": "bot"}  # fmt: skip
BY_CLASS = ("traffic", "statuses")
Period = tuple[str, str, str, str]  # release folder, site, grain, date
Behind = Callable[[frozenset[int]], tuple[int, int]]  # leaves → hits, neighbourhoods
# an estimate of who is no person, for the raw side only: published rows say it themselves
BOT = re.compile(r"bot|crawl|spider|slurp|feed|fetch|curl|wget|python|java/|http|monitor|check|preview", re.IGNORECASE)


def attack(case: Case) -> Tried:
    """Subtract within a site's period (complements, whole tables, leaf cells by LP) and between periods."""
    periods: dict[Period, dict[str, Part]] = defaultdict(dict)
    for part in (one for one in case.parts if one.place.split("/")[0] not in NOISY):
        periods[part.place.split("/")[0], part.site, part.grain, part.date][part.table] = part
    evidence: list[Evidence] = []
    cells = unsolved = 0
    for (folder, site, _, date), tables in sorted(periods.items()):
        where = f"{folder} site={site} date={date}"
        evidence += [Evidence(where, said) for said in whole_tables(tables, ROUNDED.get(folder, 1))]
        tried, found = leaf_cells(case, tables)
        cells += tried
        unsolved += found is None
        evidence += [Evidence(where, said) for said in found or ()]
    evidence += [*overlaps(case), *longer(case, COMPLETE)]
    if unsolved and not evidence:
        return Tried("", why_not=f"the tables of {unsolved:,} periods contradict one another: they have no bounds")
    return Tried(
        f"{len(periods):,} periods of sites, {cells:,} unpublished cells and complements bounded", tuple(evidence)
    )


def whole_tables(tables: dict[str, Part], step: int = 1) -> Iterator[str]:
    """`sites` minus another table of the same events is what that one withheld: fewer than k by the guard's own rule.

    Where measures are rounded down to multiples of `step`, each row may have up to `step` - 1 more: then only what was
    withheld for certain is known, and only between bounds.
    """
    if "sites" not in tables:
        return
    totals = dict(zip(tables["sites"].columns.get("agent_class", []), tables["sites"].columns["hits"], strict=False))
    for name, part in sorted(tables.items()):
        if name in COMPLETE:
            sums = {COMPLETE[name]: sum(part.columns.get("hits", []))}
            rows = {COMPLETE[name]: part.rows}
        elif name in BY_CLASS and "agent_class" in part.columns:
            sums, rows = defaultdict(int), Counter(part.columns["agent_class"])
            for kind, hits in zip(part.columns["agent_class"], part.columns["hits"], strict=True):
                sums[kind] += hits
        else:
            continue
        for kind, total in sorted(sums.items()):
            low = totals.get(kind, 0) - total - (step - 1) * rows[kind]
            high = totals.get(kind, 0) - total + step - 1
            if low < 1 or high - low + 1 >= part.k:
                continue
            known = f"exactly ({low:,} hits)" if low == high else f"to be {low:,} to {high:,} hits"
            yield f"sites minus {name} ({kind}): what was withheld is known {known}"


def leaf_cells(case: Case, tables: dict[str, Part]) -> tuple[int, list[str] | None]:
    """(how many were tried, what was found): cells of status by route by class, from sites, statuses, errors and pages.

    None where the tables contradict one another. A cell that is empty, or of a crowd, by the raw log needs no bounds.
    """
    if not {"statuses", "errors", "pages"} & tables.keys():
        return 0, []
    part = next(iter(tables.values()))
    cells = Cells(tables)
    truth = _truth(case, cells, part)
    found: list[str] = []
    tried = 0
    if bounds_of(cells, frozenset()) is None:
        return 0, None
    for name, target in cells.targets():
        tried += 1
        behind = truth and truth(target)
        if behind and (not behind[0] or behind[1] >= part.k):
            continue
        bounds = bounds_of(cells, target, at_least=0 if behind else 1)
        if bounds and _is_too_tight(bounds, part.k, behind):
            found.append(f"{name}: {bounds.low:,} to {bounds.high:,} hits, fewer than {part.k} values")
    return tried, found


def _is_too_tight(bounds: Bounds, k: int, behind: tuple[int, int] | None) -> bool:
    """Whether some events of fewer than k neighbourhoods have fewer than k possible numbers of hits.

    `behind` is (hits, neighbourhoods) by the raw log. Without it there must be events, and so few that their
    neighbourhoods cannot be k, whatever the value is. An empty cell is nobody's.
    """
    if bounds.high - bounds.low + 1 >= k or bounds.high < 1:
        return False
    if behind is None:
        return bounds.low >= 1 and bounds.high < k
    return behind[0] >= 1 and behind[1] < k and bounds.low <= behind[0] <= bounds.high


def _truth(case: Case, cells: Cells, part: Part) -> Behind | None:
    """What the raw log says of a target: a function of its leaves, or None without raw logs of the period."""
    lines = of_period(case, case.raw, part) if case.raw else []
    if not lines:
        return None  # nothing is known of this period, which is not the same as that it was empty
    routes = [(route, match) for route in cells.routes if (match := of_route(route))]
    at: dict[Leaf, list[str]] = defaultdict(list)
    for line in lines:
        route = next((name for name, match in routes if match(line, 0)), REST)
        kind = "bot" if BOT.search(line.agent) or not line.agent.strip("-") else "human"
        if not line.agent and NOBODY in cells.classes:
            kind = NOBODY
        at[cells.status_of(str(line.status)), route, kind].append(line.neighbourhood)

    def behind(target: frozenset[int]) -> tuple[int, int]:
        crowd = [one for i in target for one in at.get(cells.leaves[i], ())]
        return len(crowd), len(set(crowd) - {""})

    return behind


def overlaps(case: Case) -> Iterator[Evidence]:
    """Two spans of one table and site of which one holds the other: what is the difference of their rows?"""
    spans: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for part in case.parts:
        if part.grain in ("day", "week", "month"):
            spans[part.place.split("/")[0] + part.table, part.site].append(part)
    for parts in spans.values():
        if len({part.grain for part in parts}) < 2:
            continue
        for wide in (one for one in parts if one.grain != "day"):
            start, stop = wide.span()
            within = [one for one in parts if one.grain == "day" and start <= one.span()[0] < stop]
            if within:
                yield Evidence(wide.place, f"overlaps {len(within)} days of the same table: they can be subtracted")
