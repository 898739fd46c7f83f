"""A5: differencing: bounds, by linear programming, of what was not published, from all that was."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

from audit.attacks.a02_join import of_period, of_route
from audit.bounds import Bounds, Cells, bounds_of
from audit.case import Case, Evidence, Part, Tried

ID = "A5"
TITLE = "differencing"
NEEDS = ()

# tables that count every event of their class, so that they must add up to `sites` but for what was withheld
COMPLETE = {"pages": "human", "countries": "human", "browsers": "human", "systems": "human", "referrers": "human",
            "bots": "bot"}  # fmt: skip
BY_CLASS = ("traffic", "statuses")
Period = tuple[str, str, str]  # site, grain, date


def attack(case: Case) -> Tried:
    """Subtract within a site's period (complements, whole tables, leaf cells by LP) and between overlapping periods."""
    periods: dict[Period, dict[str, Part]] = defaultdict(dict)
    for part in case.parts:
        periods[part.site, part.grain, part.date][part.table] = part
    evidence: list[Evidence] = []
    cells = 0
    for (site, _, date), tables in sorted(periods.items()):
        where = f"site={site} date={date}"
        evidence += [Evidence(where, said) for said in whole_tables(tables)]
        tried, found = leaf_cells(case, tables)
        cells += tried
        evidence += [Evidence(where, said) for said in found]
    evidence += overlaps(case)
    return Tried(f"{len(periods):,} periods of sites, {cells:,} unpublished cells and complements bounded", tuple(evidence))


def whole_tables(tables: dict[str, Part]) -> Iterator[str]:
    """`sites` minus another table of the same events is what that one withheld: fewer than k by the guard's own rule."""
    if "sites" not in tables:
        return
    totals = dict(zip(tables["sites"].columns.get("agent_class", []), tables["sites"].columns["hits"], strict=False))
    for name, part in sorted(tables.items()):
        if name in COMPLETE:
            sums = {COMPLETE[name]: sum(part.columns.get("hits", []))}
        elif name in BY_CLASS and "agent_class" in part.columns:
            sums = defaultdict(int)
            for kind, hits in zip(part.columns["agent_class"], part.columns["hits"], strict=True):
                sums[kind] += hits
        else:
            continue
        for kind, total in sorted(sums.items()):
            if total < totals.get(kind, 0):
                yield f"sites minus {name} ({kind}): what was withheld is known exactly ({totals[kind] - total:,} hits)"


def leaf_cells(case: Case, tables: dict[str, Part]) -> tuple[int, list[str]]:
    """(how many were tried, what was found): cells of status × route × class, from sites, statuses, errors and pages."""
    if not {"statuses", "errors", "pages"} & tables.keys():
        return 0, []
    part = next(iter(tables.values()))
    cells = Cells(tables)
    truth = _truth(case, cells, part)
    found, tried = [], 0
    for name, target in cells.targets():
        bounds = bounds_of(cells, target)
        if bounds is None:
            return tried, [*found, "the published tables contradict one another"]
        tried += 1
        if _is_too_tight(bounds, part.k, truth and truth(target)):
            found.append(f"{name}: {bounds.low:,} to {bounds.high:,} hits, fewer than {part.k} values")
    return tried, found


def _is_too_tight(bounds: Bounds, k: int, behind: tuple[int, int] | None) -> bool:
    """Whether a cell of fewer than k neighbourhoods has fewer than k possible values.

    `behind` is (hits, neighbourhoods) by the raw log, from above: people are not told from bots there. Without it the
    cell must be too small whatever its value is; an empty cell is nobody's.
    """
    if bounds.high - bounds.low + 1 >= k or bounds.high < 1:
        return False
    if behind and bounds.low <= behind[0]:
        return bounds.low >= 1 and (behind[1] < k or bounds.high < k)
    return bounds.low >= 1 and bounds.high < k


def _truth(case: Case, cells: Cells, part: Part):  # type: ignore[no-untyped-def]
    """What the raw log says of a target: a function of its leaves → (hits, neighbourhoods), or None without raw logs."""
    if case.raw is None:
        return None
    lines = of_period(case, case.raw, part)
    routes = [(route, of_route(route)) for route in cells.routes]
    at: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        route = next((name for name, match in routes if match and match(line, 0)), "")
        at[cells.status_of(str(line.status)), route].append(line.neighbourhood)

    def behind(target: frozenset[int]) -> tuple[int, int]:
        pairs = {(cells.leaves[i][0], cells.leaves[i][1]) for i in target}
        crowd = [one for pair in pairs for one in at.get(pair, [])]
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
            start, stop = span(wide)
            within = [one for one in parts if one.grain == "day" and start <= span(one)[0] < stop]
            if within:
                yield Evidence(wide.place, f"overlaps {len(within)} days of the same table: they can be subtracted")


def span(part: Part) -> tuple[dt.date, dt.date]:
    """First day, and the first day after."""
    start = dt.date.fromisoformat(part.date)
    if part.grain == "month":
        return start, (start.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return start, start + dt.timedelta(days=7 if part.grain == "week" else 1)
