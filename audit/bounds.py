"""Leaf cells of a site's period, what each published row says of them, and their bounds by linear programming (HiGHS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from audit.case import Part

REST = ""  # a route that no table shows
CLASSES = ("human", "bot")
NOBODY = "(none)"  # the class of events in whose log no agent is
EPSILON = 1e-6
Leaf = tuple[str, str, str]  # status or "4**" for any other 4xx, route or REST, class


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest number of hits that a cell can have."""

    low: int
    high: int


class Cells:
    """The leaves and constraints of one site's period.

    A row whose keys are all specific is exactly its leaves. A general one ((other), 4xx, /a/{*}) counts some of the
    leaves that it can stand for and that no specific row has: so at most all of them. A whole table counts its events
    but for what was withheld: at most all of them, or exactly, where it adds up to `sites`.
    """

    def __init__(self, tables: dict[str, Part]) -> None:
        self.tables = {name: part for name, part in tables.items() if "hits" in part.columns}
        shown = [str(value) for part in self.tables.values() for value in part.columns.get("status", [])]
        self.statuses = sorted({one for one in shown if one.isdigit()}) + [f"{i}**" for i in range(1, 6)]
        rows = [str(value) for name in ("pages", "errors") if name in tables for value in self._routes(tables[name])]
        self.routes = sorted({one for one in rows if _is_exact(one)})
        kinds = [one for part in self.tables.values() for one in part.columns.get("agent_class", [])]
        self.classes = (*CLASSES, NOBODY) if NOBODY in kinds else CLASSES
        self.leaves: list[Leaf] = list(product(self.statuses, [*self.routes, REST], self.classes))
        self.exact: list[tuple[frozenset[int], int]] = []
        self.least: list[tuple[frozenset[int], int]] = []
        for name in ("sites", "statuses", "errors", "pages"):
            if name in self.tables:
                self._add(name, self.tables[name])

    def _routes(self, part: Part) -> list[Any]:
        return part.columns.get("route", part.columns.get("path", []))

    def status_of(self, status: str) -> str:
        """The leaf status that a status of the log belongs to."""
        return status if status in self.statuses else f"{status[:1]}**"

    def leaves_of(self, status: str, route: str, kind: str, is_error: bool) -> frozenset[int]:
        """Leaves that keys can stand for; "" is any."""
        return frozenset(
            i for i, (s, r, c) in enumerate(self.leaves)
            if (not status or s == status) and (not route or r == route) and (not kind or c == kind)
            and (not is_error or s[0] in "45")
        )  # fmt: skip

    def _add(self, name: str, part: Part) -> None:
        """Constraints of a table: its specific rows, its general ones, and all together."""
        taken: set[int] = set()
        general: list[tuple[frozenset[int], int]] = []
        hits = part.columns["hits"]
        humans = "human" if "agent_class" not in part.columns else ""
        for row in range(part.rows):
            kind = humans or str(part.columns["agent_class"][row])
            status = str(part.columns["status"][row]) if "status" in part.columns else ""
            route = str(self._routes(part)[row]) if self._routes(part) else ""
            leaves = self.leaves_of(status if status in self.statuses else "", route if _is_exact(route) else "", kind,
                                    name == "errors")  # fmt: skip
            if all(not one or one in self.statuses or _is_exact(one) for one in (status, route)):
                self.exact.append((leaves, int(hits[row])))
                taken |= leaves
            else:
                leaves = leaves if not status.endswith("xx") else frozenset(i for i in leaves if self.leaves[i][0][0] == status[0])  # fmt: skip # noqa: E501
                general.append((leaves, int(hits[row])))
        self.least += [(leaves - taken, number) for leaves, number in general]
        for kind in self.classes:
            mine = [int(h) for row, h in enumerate(hits) if (humans or part.columns["agent_class"][row]) == kind]
            everything = self.leaves_of("", "", kind, name == "errors")
            if mine:
                is_whole = name != "errors" and sum(mine) == self._total(kind)
                (self.exact if is_whole else self.least).append((everything, sum(mine)))

    def _total(self, kind: str) -> int | None:
        sites = self.tables.get("sites")
        if sites is None or "agent_class" not in sites.columns:
            return None
        rows = zip(sites.columns["agent_class"], sites.columns["hits"], strict=True)
        return next((int(hits) for one, hits in rows if one == kind), None)

    @cached_property
    def program(self) -> dict[str, Any]:
        """The constraints as scipy.optimize.linprog takes them."""
        matrix, right = _matrix(self.exact, len(self.leaves))
        above, least = _matrix(self.least, len(self.leaves))
        return {"A_eq": matrix, "b_eq": right, "A_ub": None if above is None else -above,
                "b_ub": None if least is None else -least, "bounds": (0, None), "method": "highs"}  # fmt: skip

    def targets(self) -> Iterator[tuple[str, frozenset[int]]]:
        """What to bound, by a name without any word of the log: unpublished leaf cells, and complements."""
        for kind in self.classes:
            for i, status in enumerate(self.statuses):
                errors = status[0] in "45"
                yield f"status {status}, {kind}", self.leaves_of(status, "", kind, False)
                if errors and self.routes:
                    yield f"status {status} at no shown route, {kind}", self.leaves_of(status, REST, kind, False)
                for j, route in enumerate(self.routes):
                    if errors:
                        yield f"cell {i}/{j} of status by route, {kind}", self.leaves_of(status, route, kind, False)
            everything, wrong = self.leaves_of("", "", kind, False), self.leaves_of("", "", kind, True)
            yield f"all but errors, {kind}", everything - wrong
            yield f"errors, {kind}", wrong
            for j, route in enumerate(self.routes):
                mine = self.leaves_of("", route, kind, False)
                yield f"page {j} minus errors, {kind}", mine - wrong
                yield f"page {j}, only errors, {kind}", mine & wrong


def _is_exact(route: str) -> bool:
    return route.startswith("/") and "{*}" not in route


def bounds_of(cells: Cells, target: frozenset[int], at_least: int = 0) -> Bounds | None:
    """The least and greatest sum of a target's leaves; None where the rows contradict one another.

    With `at_least` also None where the least is less: the greatest is not asked for then. Leaves are hits, so they
    are whole and not negative; bounds of the relaxation are rounded inwards.
    """
    if any(leaves == target for leaves, _ in cells.exact):
        number = next(number for leaves, number in cells.exact if leaves == target)
        return Bounds(number, number)
    cost = np.zeros(len(cells.leaves))
    cost[list(target)] = 1.0
    given = cells.program
    low = linprog(cost, **given)
    if low.status != 0 or low.fun < at_least - EPSILON:
        return None
    high = linprog(-cost, **given)
    top = int(np.floor(-high.fun + EPSILON)) if high.status == 0 else 2**62  # nothing bounds it
    return Bounds(int(np.ceil(low.fun - EPSILON)), top)


def _matrix(rows: list[tuple[frozenset[int], int]], size: int) -> tuple[Any, Any]:
    if not rows:
        return None, None
    at = [(row, i) for row, (leaves, _) in enumerate(rows) for i in leaves]
    ones = csr_array((np.ones(len(at)), ([r for r, _ in at], [i for _, i in at])), shape=(len(rows), size))
    return ones, np.array([number for _, number in rows], dtype=float)
