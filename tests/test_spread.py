"""What exchanges of events show to be possible is possible: linear programming, which is exact, never finds less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.guard import spread as module
from transforms.guard.generalise import Row
from transforms.guard.spread import Spread

ROOMS = 4
MANY = 1 << 40  # more than exchanges can show, so that linear programming is asked


@dataclass
class Case:
    """Rows by room: hits [rows][ROOMS], the rooms that each can be in, hits of rooms beside them, and whether they are closed."""

    hits: list[list[int]]
    open_rooms: list[set[int]]
    rest: list[int]
    closed: bool

    def spread(self) -> Spread:
        """Each row has a cell in each room, rows the smallest first."""
        rows = [Row((str(r),), list(range(r * ROOMS, (r + 1) * ROOMS)), 1, sum(one)) for r, one in enumerate(self.hits)]
        there = [sorted(self.open_rooms[r] | {x for x in range(ROOMS) if one[x]}) for r, one in enumerate(self.hits)]
        free = [self.rest[x] + sum(one[x] for one in self.hits) for x in range(ROOMS)]
        room = [x if n else -1 for one in self.hits for x, n in enumerate(one)]
        hits = [n for one in self.hits for n in one]
        return Spread(
            rows, [np.array(one, np.int64) for one in there], np.array(free), np.array(room), np.array(hits),
            closed=self.closed,
        )  # fmt: skip


few_hits = st.sampled_from([0, 0, 1, 2, 5])
cases = st.builds(
    Case,
    hits=st.lists(st.lists(few_hits, min_size=ROOMS, max_size=ROOMS), min_size=1, max_size=4),
    open_rooms=st.lists(st.sets(st.integers(0, ROOMS - 1), min_size=2), min_size=4, max_size=4),
    rest=st.lists(few_hits, min_size=ROOMS, max_size=ROOMS),
    closed=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(case=cases, k=st.integers(2, 6))
def test_exchanges_show_no_more_than_linear_programming(case: Case, k: int) -> None:
    """Of each flow and each rest: what is not asked has k possible values, and what an exchange shows is not too much."""
    spread = case.spread()
    asked = set(spread.few(k).tolist())
    for flow, (r, x) in enumerate(zip(spread.row.tolist(), spread.room.tolist(), strict=True)):
        exact, shown = spread.width([(r, x)], MANY), spread.width([(r, x)], 1)
        assert exact is not None and shown is not None
        assert 1 <= shown <= exact
        assert flow in asked or exact >= k
    rests = {x: rows for x, rows in spread.small_rests(k)}
    for x in range(ROOMS):
        rows = [r for r, there in enumerate(spread.open_rooms) if x in there]
        assert rests.get(x, rows) == rows
        if rows and spread.rest[x] > 0 and x not in rests:
            exact = spread.width([(r, x) for r in rows], MANY)
            assert exact is not None and exact >= k


def test_rows_that_can_be_in_fewer_rooms_change_places_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of a row changes places with one of a row that can be here, though not wherever the first one can be."""
    monkeypatch.setattr(module, "Rooms", None)  # nothing is left to ask
    case = Case([[1, 20, 0, 0], [9, 9, 0, 0]], [{0, 1, 2}, {0, 1}], [0, 0, 0, 0], True)
    spread = case.spread()
    assert 0 in spread.few(10).tolist()
    assert spread.width([(0, 0)], 10) == 1 + 9 + 1


def test_where_tables_contradict_each_other_exchanges_say_nothing() -> None:
    """Rows with more hits in a room than it has: events of one table alone. Only what rows and rooms say counts then."""
    spread = Case([[1, 20, 0, 0], [9, 9, 0, 0]], [{0, 1, 2}, {0, 1}], [-9, 0, 0, 0], False).spread()
    assert spread.width([(0, 0)], 2) == 2, "the room has one event, whosever it is"
