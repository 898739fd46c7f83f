"""Contribution bounds: what one neighbourhood changes in the bounded counts of a table, by removing it and counting again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.noise import Bounds
from transforms.guard.bounded import contributions
from transforms.guard.crowd import Crowd, Share

CELLS = 6
Event = tuple[int, int, int, int]
"""Neighbourhood, network within it, cell, hits."""

EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, CELLS - 1), st.integers(1, 40)), max_size=60
)
BOUNDS = st.builds(Bounds, cells=st.integers(1, 4), hits=st.integers(1, 30), weight=st.just(1))
LABELS = [(name, "human") for name in ("d", "a", "f", "c", "b", "e")]  # not in order
MARKS = {who: int(mark) for who, mark in enumerate(np.random.default_rng(7).integers(0, 2**63, 6))}


def share_of(events: Sequence[Event]) -> tuple[Share, dict[int, int]]:
    """A share with these events, and the mark of each neighbourhood by its number in it."""
    people = sorted({event[:2] for event in events})
    places = sorted({who for who, _ in people})
    behind: dict[int, Counter[int]] = defaultdict(Counter)
    for who, network, cell, hits in events:
        behind[cell][people.index((who, network))] += hits
    cells = sorted(behind)
    row = np.full(CELLS, -1, np.int32)
    row[cells] = np.arange(len(cells))
    seen = [pair for cell in cells for pair in sorted(behind[cell].items())]
    offsets = np.cumsum([0, *(len(behind[cell]) for cell in cells)]).astype(np.int32)
    made = Share(
        row, offsets, np.array([one for one, _ in seen], np.int32),
        np.array([places.index(who) for who, _ in people], np.int32), np.array([hits for _, hits in seen], np.uint8),
    )  # fmt: skip
    return made, {number: MARKS[who] for number, who in enumerate(places)}


def bounded(events: Sequence[Event], bounds: Bounds, shares: int = 1) -> dict[tuple[str, ...], tuple[int, int]]:
    """(neighbourhoods, hits) within the bounds by label, where there are any."""
    parts = [share_of([event for event in events if event[0] % shares == i]) for i in range(shares)]
    marks: Mapping[int, np.ndarray] = {
        id(share.neighbourhood): np.array([*known.values()], np.uint64) for share, known in parts
    }
    crowd = Crowd([share for share, _ in parts])
    labels, crowds, hits = contributions(LABELS, np.arange(CELLS), crowd, marks, bounds)
    assert labels == sorted(LABELS)
    found = zip(labels, crowds.tolist(), hits.tolist(), strict=True)
    return {label: (count, total) for label, count, total in found if count}


@settings(deadline=None, max_examples=300)
@given(events=EVENTS, bounds=BOUNDS)
def test_one_neighbourhood_changes_no_more_than_its_bounds(events: list[Event], bounds: Bounds) -> None:
    """Without it at most L0 cells differ: by itself and at most L∞ hits; all that others count for stays as it was."""
    whole = bounded(events, bounds)
    for who in {event[0] for event in events}:
        without = bounded([event for event in events if event[0] != who], bounds)
        changed = {label for label in whole.keys() | without.keys() if whole.get(label) != without.get(label)}
        assert 1 <= len(changed) <= bounds.cells
        for label in changed:
            (one, hits), (other, less) = whole[label], without.get(label, (0, 0))
            assert (one - other, 1 <= hits - less <= bounds.hits) == (1, True)


@settings(deadline=None)
@given(events=EVENTS, bounds=BOUNDS)
def test_it_keeps_the_cells_in_which_it_has_most(events: list[Event], bounds: Bounds) -> None:
    """Hits of one neighbourhood alone, by a plain count: its largest L0 cells, cut at L∞."""
    for who in {event[0] for event in events}:
        own = [event for event in events if event[0] == who]
        plain = Counter[int]()
        for _, _, cell, hits in own:
            plain[cell] += hits
        largest = sorted(plain.values(), reverse=True)[: bounds.cells]
        found = bounded(own, bounds)
        assert sorted((hits for _, hits in found.values()), reverse=True) == sorted(
            (min(hits, bounds.hits) for hits in largest), reverse=True
        )


@settings(deadline=None)
@given(events=EVENTS, bounds=BOUNDS, shuffled=st.randoms())
def test_neither_order_nor_shares_matter(events: list[Event], bounds: Bounds, shuffled: object) -> None:
    """The same events in another order, and spread over three shares, give the same."""
    other = sorted(events, key=lambda _: shuffled.random())  # type: ignore[attr-defined]
    assert bounded(events, bounds) == bounded(other, bounds) == bounded(other, bounds, shares=3)


def test_equal_cells_are_not_the_same_for_all() -> None:
    """Of cells with as many hits each, neighbourhoods keep different ones: else a whole hour would be empty."""
    marks = np.random.default_rng(11).integers(0, 2**64, 6_000, np.uint64)
    people = np.arange(6_000, dtype=np.int32)
    share = Share(
        np.arange(CELLS, dtype=np.int32), np.arange(CELLS + 1, dtype=np.int32) * 6_000, np.tile(people, CELLS), people,
        np.ones(6_000 * CELLS, np.uint8),
    )  # fmt: skip
    _, crowds, _ = contributions(LABELS, np.arange(CELLS), Crowd([share]), {id(people): marks}, Bounds(1, 1, 1))
    assert crowds.sum() == 6_000
    assert np.abs(crowds - 1_000).max() < 7 * 29  # seven standard deviations of a fair choice


@pytest.mark.parametrize("off", [Bounds(CELLS, 30, 1), Bounds(1, 10**6, 1)], ids=["any number of cells", "any hits"])
def test_without_a_bound_one_neighbourhood_changes_more(off: Bounds) -> None:
    """The bounds are what holds: with one of them off, somebody heavy changes more than the other allows."""
    events = [(0, 0, cell, 200) for cell in range(CELLS)] + [(1, 0, 0, 1)]
    changed = sum(hits for _, hits in bounded(events, off).values())
    assert changed > 2 * 30 + 1
