"""Distinct networks and neighbourhoods behind groups of cells, share by share, against sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.guard.crowd import Crowd, Groups, Share
from transforms.kernels import compiled, group

CELLS = 5
Seen = set[tuple[int, int]]  # (cell, network); network // 10 is its neighbourhood

seen_pairs = st.sets(st.tuples(st.integers(0, CELLS - 1), st.integers(0, 59)), max_size=60)
groups_of_cells = st.lists(st.lists(st.integers(0, CELLS - 1), max_size=6), max_size=4)


def share(seen: Seen) -> Share:
    """One share by plain Python: rows in descending order of cells, networks under numbers of the share's own."""
    cells = sorted({cell for cell, _ in seen}, reverse=True)
    networks = sorted({network for _, network in seen})
    behind = [[networks.index(network) for one, network in sorted(seen) if one == cell] for cell in cells]
    homes = sorted({network // 10 for network in networks})
    return Share(
        np.array([cells.index(cell) if cell in cells else -1 for cell in range(CELLS)], np.int32),
        np.cumsum([0, *map(len, behind)]).astype(np.int32),
        np.array([network for one in behind for network in one], np.int32),
        np.array([homes.index(network // 10) for network in networks], np.int32),
        np.array([1 for one in behind for _ in one], np.int64),
    )


@pytest.mark.parametrize("plain", [False, True], ids=["as it runs", "plain twin"])
@settings(max_examples=80, deadline=None)
@given(seen=seen_pairs, groups=groups_of_cells, shares=st.integers(1, 3))
def test_counts_are_those_of_sets(plain: bool, seen: Seen, groups: list[list[int]], shares: int) -> None:
    """However the neighbourhoods are shared out, a group counts each network and neighbourhood of its cells once."""
    dealt = [{pair for pair in seen if pair[1] // 10 % shares == s} for s in range(shares)]
    asked = Groups.of(groups)
    with pytest.MonkeyPatch.context() as patch:
        if plain:
            patch.setattr(group, "compiled", lambda: False)
        crowd = Crowd([share(one) for one in dealt])
        networks, neighbourhoods = crowd.networks(asked).tolist(), crowd.neighbourhoods(asked).tolist()
        again = crowd.neighbourhoods(asked).tolist()
        most, bound = crowd.most(asked).tolist(), crowd.most_at_most(asked).tolist()
    behind = [{network for cell, network in seen if cell in cells} for cells in groups]
    hits = [[network for cell, network in seen for one in cells if one == cell] for cells in groups]
    assert most == [max(map(one.count, one), default=0) for one in hits]
    assert all(exact <= upper for exact, upper in zip(most, bound, strict=True))
    assert networks == [len(one) for one in behind]
    assert again == neighbourhoods == [len({network // 10 for network in one}) for one in behind]


@pytest.mark.skipif(not compiled(), reason="numba is not installed, so that nothing is compiled")
def test_a_place_outside_of_the_columns_is_refused() -> None:
    """The kernel checks its bounds: a wrong offset raises, and reads nothing."""
    one = share({(0, 1)})
    with pytest.raises(IndexError):
        wrong = Share(one.row, np.array([0, 99], np.int32), one.networks, one.neighbourhood, one.hits)
        Crowd([wrong]).neighbourhoods(Groups.of([[0]]))
