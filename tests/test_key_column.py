"""Keys of cells by number climb as their words do."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.guard.hierarchies import OTHER, ancestors
from transforms.guard.key_column import KeyColumn

routes = st.lists(st.sampled_from(["a", "b", "{*}", "{n}", ""]), max_size=4).map(lambda words: "/" + "/".join(words))
VALUES = {
    "route": st.one_of(routes, routes.map(lambda path: path + "?x=1"), st.sampled_from(["(none)", OTHER])),
    "status": st.sampled_from(["404", "200", "4xx", "-", OTHER]),
    "hour": st.sampled_from(["00", "07", "06-11", "23", OTHER]),
    "country": st.sampled_from(["DE", "FR", "(Europe)", "(unknown)", OTHER]),
    "family": st.sampled_from(["Chrome", "(none)", OTHER]),
}


@pytest.mark.parametrize("column", VALUES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cells_climb_as_their_words_do(column: str, data: st.DataObject) -> None:
    """A word has as many steps before it, and goes where its first one leads; and so does each of its steps."""
    values = data.draw(st.lists(VALUES[column], max_size=8))
    keys = KeyColumn.of(values)
    assert keys.at(slice(None)) == values
    above, height = keys.steps(np.arange(len(values)), partial(ancestors, column))
    for word in {step for value in values for step in (value, *ancestors(column, value))}:
        (code,) = keys.find([word]).tolist()
        steps = ancestors(column, word)
        assert height[code] == len(steps)
        assert not steps or keys.words[above[code]] == steps[0]


def test_copy_is_changed_apart() -> None:
    """Words and cells of a copy are its own, and a word that no cell has is nowhere."""
    one = KeyColumn.of(["a", "b", "a"])
    other = one.copy()
    other.codes[:] = other.code("c")
    assert (one.at(slice(None)), other.at(slice(None))) == (["a", "b", "a"], ["c"] * 3)
    assert one.find(["b", "c"]).tolist() == [1, -1]
