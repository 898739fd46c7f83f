"""Closure under subtraction: nothing small can be had from all tables of a period together; the audit's own bounds say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import parquet
from audit.bounds import REST, Bounds, bounds_of
from audit.bounds import Cells as Audited
from audit.case import Part
from schemas import families, load
from schemas.policy import make_policy
from schemas.table import Table
from schemas.tables import read_trends, trends
from transforms.guard.bounds import Rooms
from transforms.guard.closure import Closure
from transforms.guard.crowd import Crowd, Share
from transforms.guard.generalise import Cells, Climb, generalise
from transforms.kernels.group import NO_VALUE
from transforms.partials import AGENTS

K = 3
HOMES = np.arange(100, dtype=np.int32) // 10
Event = dict[str, Any]  # network, and the pseudonymous columns that are asked for
Seen = list[tuple[str, str, str, int, int]]  # status, route, class, network, hits


def event(status: str, route: str, kind: str, network: int, **more: Any) -> Event:
    """A page view, as the guard's tables see it."""
    return {"status": status, "status_class": f"{status[0]}xx", "route": route, "agent_class": kind, "network": network,
            "event": "page", "hour": "12", "le_ms": "50", **more}  # fmt: skip


def events_of(seen: Iterable[tuple[str, str, str, int, int]]) -> list[Event]:
    """Events, each as often as it has hits."""
    return [event(*one) for *one, hits in seen for _ in range(hits)]  # type: ignore[arg-type]


def concerns(table: Table, one: Event) -> bool:
    """Whether an event is in a table, in the words of trends.toml."""
    if table.humans and one["agent_class"] != "human":
        return False
    named = all(one.get(column) in values for column, values in table.only.items())
    return named and all(one.get(column) is not None for column in table.present)


def cells_of(table: Table, events: list[Event]) -> Cells:
    """Leaf cells of one table by plain Python, all neighbourhoods in one share; any word has agents enough."""
    behind: dict[tuple[str, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in events:
        if concerns(table, one):
            behind[tuple(one.get(key.column, "(none)") for key in table.keys)][one["network"]] += 1
    labels = sorted(behind)
    lists = [sorted(behind[label].items()) for label in labels]
    share = Share(
        np.arange(len(labels), dtype=np.int32),
        np.cumsum([0, *map(len, lists)]).astype(np.int32),
        np.array([network for one in lists for network, _ in one], np.int32),
        HOMES,
        np.array([hits for one in lists for _, hits in one], np.int64),
    )
    measures = np.array([[sum(behind[label].values())] for label in labels], np.int64).reshape(-1, 1)
    agents = np.tile(np.arange(AGENTS, dtype=np.uint64), (len(labels), 1))
    assert NO_VALUE not in agents
    return Cells(labels, measures, agents, Crowd([share]), np.arange(len(labels)))


def guarded(events: list[Event], k: int = K, *, folds: bool = True, only: Iterable[str] = ()) -> dict[str, Climb]:
    """The rows of all tables of one period, as the guard makes them; without `folds` nothing is compared at last."""
    tables = trends().tables
    closure = Closure(tables, {table.name: "day" for table in tables}, k)
    climbs: dict[str, Climb] = {}
    for table in closure.order:
        cells = cells_of(table, events)
        if cells.labels and (not only or table.name in only):
            held = closure.start(table, cells.labels, climbs) if folds else {}
            climbs[table.name] = generalise(table, cells, k, None, held)
    if folds:
        closure.close({name: climb for name, climb in climbs.items() if name in closure.opened})
        for climb in climbs.values():
            closure.total(climb, climbs)
    return climbs


def rows_of(climb: Climb) -> dict[tuple[str, ...], int]:
    """Published hits by label."""
    return {row.label: climb.hits(row.leaves) for row in climb.rows}


def published(climbs: dict[str, Climb], k: int = K) -> dict[str, Part]:
    """The tables as the audit reads them."""
    found = {}
    for name, climb in climbs.items():
        labels = [row.label for row in climb.rows]
        columns: dict[str, list[Any]] = {
            key: [label[i] for label in labels] for i, key in enumerate(climb.table.key_names)
        }
        columns["hits"] = [climb.hits(row.leaves) for row in climb.rows]
        file = parquet.File([], 0, [], b"", 0)
        if labels:
            found[name] = Part(Path(), f"release/{name}/x", name, "shop", "day", "2026-11-18", k, file, columns)
    return found


def attacked(events: list[Event], climbs: dict[str, Climb], k: int = K) -> list[tuple[str, Bounds]]:
    """What the audit's linear program bounds too tightly: events of fewer than k neighbourhoods, counted here by sets."""
    tables = {
        name: one for name, one in published(climbs, k).items() if name in ("sites", "statuses", "errors", "pages")
    }
    if not tables:
        return []
    program, found = Audited(tables), []
    at: dict[int, list[int]] = defaultdict(list)
    for one in events:
        route = one["route"] if one["route"] in program.routes else REST
        leaf = (program.status_of(one["status"]), route, one["agent_class"])
        at[program.leaves.index(leaf)].append(one["network"] // 10)
    for name, target in program.targets():
        behind = [home for leaf in target for home in at.get(leaf, ())]
        if behind and len(set(behind)) < k:
            bounds = bounds_of(program, target)
            if bounds and bounds.high - bounds.low + 1 < k and bounds.low <= len(behind) <= bounds.high:
                found.append((name, bounds))
    return found


def differences(events: list[Event], climbs: dict[str, Climb], k: int = K) -> list[tuple[str, int]]:
    """What is left of some rows without those of a narrower table that are all inside, if fewer than k stand behind it."""
    found = []

    def less(
        name: str, whole: Callable[[Event], bool], total: int, parts: int, inside: Callable[[Event], bool]
    ) -> None:
        homes = {one["network"] // 10 for one in events if whole(one) and not inside(one)}
        if parts and total > parts and len(homes) < k:
            found.append((name, total - parts))

    rows = {name: rows_of(climb) for name, climb in climbs.items()}
    for (status, kind), hits in rows.get("statuses", {}).items():
        inner = {label: n for label, n in rows.get("errors", {}).items() if (label[0], label[2]) == (status, kind)}
        leaves = leaves_of(climbs, "errors", inner)
        if status.isdigit():
            less(f"{status} less its routes", lambda e, s=status, c=kind: (e["status"], e["agent_class"]) == (s, c), hits,
                 sum(inner.values()), lambda e, i=leaves: (e["status"], e["route"], e["agent_class"]) in i)  # fmt: skip
    people = {hour: hits for (hour, kind), hits in rows.get("traffic", {}).items() if kind == "human"}
    quarters = ["00-05", "06-11", "12-17", "18-23"] if "(other)" not in people else []
    for span in [*filter(str.isdigit, people), *quarters]:
        low, high = int(span[:2]), int(span[-2:])
        shown = {h: n for h, n in people.items() if h[0].isdigit() and low <= int(h[:2]) and int(h[-2:]) <= high}
        inner = {one: n for one, n in rows.get("latency", {}).items() if one[0] in {span, *shown}}
        leaves = leaves_of(climbs, "latency", inner)
        hours = {one[0] for one in leaves_of(climbs, "traffic", {(h, "human") for h in shown})}
        less(f"{span} less its buckets", lambda e, h=hours: e["hour"] in h and e["agent_class"] == "human",
             sum(shown.values()), sum(inner.values()), lambda e, i=leaves: (e["hour"], e["le_ms"]) in i)  # fmt: skip
    return found


def leaves_of(climbs: dict[str, Climb], name: str, labels: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Keys in full of the events behind some rows."""
    climb = climbs.get(name)
    wanted = set(labels)
    return (
        {climb.cells.labels[leaf] for row in climb.rows if row.label in wanted for leaf in row.leaves}
        if climb
        else set()
    )


def crowd(status: str, route: str, homes: Iterable[int], hits: int = 1, kind: str = "human") -> Seen:
    """So many hits from each neighbourhood."""
    return [(status, route, kind, 10 * home, hits) for home in homes]


# each: what can be had by subtraction where rows do not fold, and the rows that are published instead
PLANTED = {
    "statuses less errors": crowd("200", "/", range(9), 9) + crowd("404", "/x", range(3), 2) + crowd("206", "/", [8]),
    "a page less its errors": crowd("200", "/", range(9), 9) + crowd("404", "/x", range(5)) + crowd("200", "/x", [5, 6]),
    "a status less its routes": crowd("200", "/", range(9), 9)
    + crowd("304", "/", range(4)) + crowd("404", "/x", range(5)) + crowd("404", "/y", [6, 7]) + crowd("403", "/z", [8, 9]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_cell_is_recovered_unless_rows_fold(name: str) -> None:
    """With the folding off the audit recovers the planted cell; with it, it recovers nothing."""
    events = events_of(PLANTED[name])
    for folds in (False, True):
        climbs = guarded(events, folds=folds)
        assert (attacked(events, climbs) + differences(events, climbs) == []) is folds


statuses = st.sampled_from(["200", "206", "304", "403", "404", "500"])
routes = st.sampled_from(["/", "/a/b", "/a/c", "/a/d/e", "/x", "(none)"])
seen = st.lists(
    st.tuples(statuses, routes, st.sampled_from(["human", "human", "bot"]), st.integers(0, 99), st.integers(1, 6)),
    min_size=1, max_size=70,
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(seen)
def test_audit_recovers_nothing(found: Seen) -> None:
    """Whatever the traffic, the audit's bounds leave k possible values for whatever has fewer than k behind it."""
    events = events_of(found)
    climbs = guarded(events)
    assert attacked(events, climbs) == []
    assert differences(events, climbs) == []
    for climb in climbs.values():  # nothing is lost on the way, and every row is a crowd
        assert sorted([leaf for row in climb.rows for leaf in row.leaves] + climb.withheld) == list(
            range(len(climb.cells.labels))
        )
        assert all(count >= K for count in climb.count([row.leaves for row in climb.rows]))
        assert len({row.label for row in climb.rows}) == len(climb.rows)


hours = st.tuples(st.integers(0, 23).map(lambda hour: f"{hour:02d}"), st.sampled_from(["10", "50", "500", None]),
                  st.integers(0, 99))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(hours, min_size=1, max_size=150))
def test_hours_less_their_buckets_are_nobody_or_a_crowd(found: list[tuple[str, str | None, int]]) -> None:
    """Hours and quarters of `traffic` less the buckets of `latency` leave nobody or a crowd."""
    events = [event("200", "/", "human", network, hour=hour, le_ms=bucket) for hour, bucket, network in found]
    assert differences(events, guarded(events)) == []


def test_hours_less_their_buckets_can_be_told_unless_rows_fold() -> None:
    """Without the folding three hits of an hour are known."""
    slow = [event("200", "/", "human", 10 * n, hour="03", le_ms="500") for n in (7, 8)]
    fast = [event("200", "/", "human", 10 * n, hour="03", le_ms="10") for n in range(5)]
    more = [event("200", "/", "human", 10 * n, hour="09", le_ms="500" if n < 3 else "10") for n in range(1, 6)]
    assert differences(slow + fast + more, guarded(slow + fast + more, folds=False)) != []
    assert differences(slow + fast + more, guarded(slow + fast + more)) == []


def test_what_a_narrower_table_lacks_is_nobody_or_a_crowd() -> None:
    """Two of 40 people came without a campaign: `sites` less `campaigns` would say so, so its smallest row is withheld."""
    events = [event("200", "/", "human", 10 * (n % 8), source="shop" if n % 8 > 3 else "mail", campaign_medium="cpc",
                    campaign="autumn") for n in range(40)] + [event("200", "/", "human", 90)] * 2  # fmt: skip
    plain, folded = (rows_of(guarded(events, folds=folds)["campaigns"]) for folds in (False, True))
    assert sum(plain.values()) == 40
    assert (len(plain), len(folded)) == (2, 1)


def test_network_that_is_elsewhere_too_counts_once() -> None:
    """Neighbourhoods behind a difference are those with hits left, whatever they have elsewhere."""
    whole = cells_of(trends()["pages"], [event("200", "/", "human", n) for n in (1, 1, 12, 23)])
    part = cells_of(trends()["pages"], [event("200", "/", "human", n) for n in (1, 12)])
    every = np.array([0])
    assert whole.crowd.beyond(every, [(part.crowd, every)]) == 2


def test_tables_numbered_apart_are_refused() -> None:
    """Where networks of two tables have numbers of their own nothing can be subtracted: that stops the run."""
    whole = cells_of(trends()["pages"], [event("200", "/", "human", 1)])
    (share,) = whole.crowd.shares
    apart = Crowd([Share(share.row, share.offsets, share.networks, share.neighbourhood.copy(), share.hits)])
    with pytest.raises(ValueError, match="numbered apart"):
        whole.crowd.beyond(np.array([0]), [(apart, np.array([0]))])


@pytest.mark.parametrize(("free", "width"), [(10, 11), (12, 13), (2, 3)])
def test_bounds_are_those_of_the_tighter_room(free: int, width: int) -> None:
    """Twelve hits in two rooms: how many of them are in one that has so much place."""
    rooms = Rooms([12], [free, 50], [(0, 0), (0, 1)], closed=True)
    assert rooms.width([(0, 0)]) == width


# ---- periods of two lengths ------------------------------------------------------------------------------------------


def days_of(events: list[list[Event]]) -> list[Climb]:
    """`sites` of several days, the networks of all in one crowd as they are in a run."""
    tables = trends()
    whole = cells_of(
        tables["sites"], [{**one, "agent_class": f"{day}"} for day, seen in enumerate(events) for one in seen]
    )
    found = []
    for day in range(len(events)):
        (leaf,) = (i for i, label in enumerate(whole.labels) if label == (str(day),))
        cells = Cells([("human",)], whole.measures[[leaf]], whole.agents[[leaf]], whole.crowd, np.array([leaf]))
        found.append(generalise(tables["sites"], cells, K))
    return found


@pytest.mark.parametrize(("weak", "rows"), [(0, 2), (2, 1), (5, 2)], ids=["no weak day", "a weak day", "a crowd"])
def test_week_does_not_tell_what_a_day_withheld(weak: int, rows: int) -> None:
    """Where a day of the week was withheld, the week lacks its smallest row: else the days' sum would tell that day."""
    days = [[event("200", "/", "human", 10 * n) for n in range(5)] for _ in range(2)]
    days.append([event("200", "/x", "human", 10 * n) for n in range(weak)] or days[0])
    week = guarded([*days[0], *days[1], *days[2], *(event("200", "/x", "human", 10 * n) for n in range(6))])["pages"]
    days[1] += [event("200", "/x", "human", 10 * n) for n in range(6)]
    Closure(trends().tables, {table.name: "day" for table in trends().tables}, K).over_spans(week, days_of(days))
    assert len(week.rows) == rows


def test_tables_of_two_grains_share_no_key() -> None:
    """Errors by day and pages by week are not compared: errors do without routes then."""
    tables = trends().tables
    closure = Closure(tables, {table.name: "week" if table.name == "pages" else "day" for table in tables}, K)
    assert closure.start(trends()["errors"], [("404", "/a", "human")], {})["route"] == ["(other)"]


@pytest.mark.parametrize(("grains", "holds"), [({"pages": "week"}, True), ({"sites": "week"}, False), ({}, True)])
def test_all_events_are_published_by_the_shortest_period(grains: dict[str, str], holds: bool) -> None:
    """A policy that makes the periods of `sites` longer than those of other tables stops the run."""
    policy = {"site": [{"name": "shop", "tables": {name: {"grain": grain} for name, grain in grains.items()}}]}
    if holds:
        assert make_policy(policy, "crowdlog.toml").sites[0].grain("pages") == grains.get("pages", "day")
    else:
        with pytest.raises(load.DeclarationError, match=r"sites\.grain"):
            make_policy(policy, "crowdlog.toml")


HELD = [
    ({"statuses": "week"}, "statuses"), ({"statuses": "month", "errors": "week"}, "statuses"),
    ({"licences": "week"}, "licences"), ({"servers": "week"}, "licences"),
    ({"statuses": "week", "errors": "week"}, None), ({"errors": "month"}, None),
    ({"licences": "week", "servers": "week", "features": "week"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("grains", "refused"), HELD)
def test_a_table_has_no_longer_periods_than_a_part_of_it(grains: dict[str, str], refused: str | None) -> None:
    """A policy by which days of a part could be taken from weeks of the whole stops the run, and names the table."""
    policy = {"site": [{"name": "shop", "tables": {name: {"grain": grain} for name, grain in grains.items()}}]}
    if refused is None:
        assert make_policy(policy, "crowdlog.toml").sites[0].grains == grains
    else:
        with pytest.raises(load.DeclarationError, match=rf"tables\.{refused}\.grain"):
            make_policy(policy, "crowdlog.toml")


def test_weeks_of_the_whole_would_tell_what_days_of_a_part_withheld() -> None:
    """What the refusal is for: the week's 404s less those of its days are the two that nobody should see."""
    days = [
        [event("404", "/a", "human", 10 * n) for n in range(5)],
        [event("404", "/a", "human", 10 * n) for n in (6, 7)],
    ]
    shown = [sum(guarded(day)["errors"].hits(row.leaves) for row in guarded(day)["errors"].rows) for day in days]
    week = guarded([*days[0], *days[1]])["statuses"]
    assert week.hits(week.rows[0].leaves) - sum(shown) == 2 < K


# ---- the plan of the family -----------------------------------------------------------------------------------------

ONE = {"name": "one", "keys": ["route", "status"], "climb": ["status", "route"]}


def other(**entry: Any) -> dict[str, Any]:
    return {"name": "other", **entry}


@pytest.mark.parametrize(
    "entry",
    [
        other(keys=["status", "route"], climb=["route", "status"], present=["os"]),
        other(keys=["route", "status", "country"], climb=["country", "status", "route"]),
        other(keys=["route", "country"], climb=["country", "route"]),
        other(keys=["route"], climb=[]),
        other(keys=["country"], climb=["country"], within="three"),
    ],
    ids=[
        "the same keys",
        "two shared keys",
        "a shared key beside others in both",
        "one that is held",
        "within nothing",
    ],
)
def test_isolating_tables_are_refused(entry: dict[str, Any]) -> None:
    """Two tables that could be subtracted in a way that nobody checks stop the run before it begins."""
    with pytest.raises(load.DeclarationError):
        read_trends({"table": [ONE, entry]}, load.fields(), "trends.toml")


@pytest.mark.parametrize(
    "entry",
    [
        other(keys=["route"], climb=["route"]),
        other(keys=["country"], climb=["country"]),
        other(keys=["status", "route"], climb=["route", "status"], only={"agent_class": ["bot"]}, humans=False),
    ],
    ids=["a shared key alone", "no shared key", "other events"],
)
def test_tables_that_can_be_checked_are_taken(entry: dict[str, Any]) -> None:
    """What can be checked, or never counts the same event, is a family."""
    assert len(read_trends({"table": [ONE, entry]}, load.fields(), "trends.toml").tables) == 2


def test_links_of_the_shipped_tables() -> None:
    """What can be subtracted from what, as one reads it in trends.toml."""
    found = {(link.fine, link.coarse, link.column, link.nests) for link in families.links(trends().tables)}
    assert found == {
        ("errors", "statuses", "status", True), ("errors", "pages", "route", False), ("latency", "traffic", "hour", False)
    }  # fmt: skip
