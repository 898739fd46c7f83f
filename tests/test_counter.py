"""What is counted of chunks says what plain Python says of their events, by site and share, compiled or not."""

from __future__ import annotations

import random
from collections import Counter as Counts
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.stages import Accounts, PseudonymousEvents
from schemas.table import Key, Table, Trends
from transforms import partials
from transforms.counter import Counter
from transforms.distinct import Words, nullable
from transforms.kernels.cells import Cells
from transforms.kernels.group import NO_VALUE, Tokens
from transforms.partials import AGENTS, KEYS, Partial

SITES: Any = [SimpleNamespace(grain=lambda name, one=grain: one) for grain in ("day", "week", "month")]
SHARES = 3


def table(name: str, *keys: str, **more: Any) -> Table:
    plain = {"free": (), "humans": False, "only": {}, "present": (), "measures": ()}
    return Table(name, "", tuple(Key(key, key) for key in keys), (), **{**plain, **more})


TRENDS = Trends((
    table("plain", "a", measures=("bytes",)),
    table("people", "a", "b", humans=True, free=("a",), present=("b",)),
    table("some", "agent_class", only={"a": ("x", "y"), "agent_class": ("bot",)}),
    table("lists", "feature", present=("feature",), each="feature"),
))  # fmt: skip


class Event(NamedTuple):
    site: int
    day: int
    a: str | None
    b: str | None
    agent_class: str
    network: int | None
    bytes: int
    agent_mark: int
    feature: list[str]


WORD = st.none() | st.sampled_from(["x", "y", "z", "w"])
EVENTS = st.lists(
    st.builds(
        Event, st.integers(0, 2), st.integers(-40, 20_000), WORD, WORD, st.sampled_from(["human", "bot"]),
        st.none() | st.integers(0, 12), st.integers(0, 1 << 40), st.integers(0, 5), st.lists(st.sampled_from("fgh"), max_size=3),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


def token(event: Event) -> bytes | None:
    """A neighbourhood has three networks, two sites never have one in common."""
    return None if event.network is None else bytes([event.site, event.network // 3] * 4 + [event.network] * 8)


def chunk(events: list[Event], words: Words) -> PseudonymousEvents:
    """Events as Anonymise gives them."""
    tokens = [*sorted({one for event in events if (one := token(event))}), b"unused-by-anyone"]
    columns: dict[str, pa.Array] = {
        "site": pa.DictionaryArray.from_arrays(np.array([e.site for e in events], np.int32), pa.array(["p", "q", "r"])),
        "day": pa.array(np.array([e.day for e in events], np.int32)),
        "network": pa.DictionaryArray.from_arrays(
            nullable(np.array([tokens.index(one) if (one := token(e)) else -1 for e in events], np.int32)),
            pa.array(tokens, pa.binary(16)),
        ),
        "bytes": pa.array([e.bytes for e in events], pa.int64()),
        "agent_mark": pa.array([e.agent_mark for e in events], pa.uint64()),
    }
    flat = words.column(words.codes([word for e in events for word in e.feature]))
    ends = pa.array(np.cumsum([0, *(len(e.feature) for e in events)]).astype(np.int32))
    columns["feature"] = pa.ListArray.from_arrays(ends, flat, mask=pa.array([not e.feature for e in events]))
    for name in ("a", "b", "agent_class"):  # the last one has all words
        columns[name] = words.column(words.codes([getattr(e, name) for e in events]))
    return PseudonymousEvents(pa.record_batch(columns), 0, Accounts())


Said = tuple[dict[Any, Any], Counts[Any]]


def said(part: Partial) -> Said:
    """What a Partial says, free of codes and order."""
    words, tokens = [*part.words.to_pylist(), None], [row.tobytes() for row in part.networks]
    labels = [(*map(int, row[:KEYS]), *(words[c] for c in row[KEYS:])) for row in part.cells.tolist()]
    sums = {label: (*m, *a) for label, m, a in zip(labels, part.measures.tolist(), part.agents.tolist(), strict=True)}
    pairs: Counts[Any] = Counts()
    cell_of = np.repeat(np.arange(len(labels)), np.diff(part.offsets)).tolist()
    for c, n, hits in zip(cell_of, part.seen.tolist(), part.hits.tolist(), strict=True):
        pairs[labels[c], tokens[n]] += hits
    assert len(sums) == len(labels) and len(pairs) == len(cell_of), "something stands there twice"
    return sums, pairs


def expected(events: list[Event]) -> Said:
    """The same by plain Python."""
    rows: list[tuple[Any, Event, int]] = []
    for e in events:
        weekday = (e.day + 3) % 7
        month = int(np.datetime64(e.day, "D").astype("M8[M]").astype("M8[D]").astype(int))
        period = (e.day, e.day - weekday, month)[e.site]
        rows.append(((0, e.site, period, e.a, None), e, e.bytes))
        if e.agent_class == "human" and e.b is not None:
            rows.append(((1, e.site, period, e.a, e.b), e, 0))
        if e.agent_class == "bot" and e.a in ("x", "y"):
            rows.append(((2, e.site, period, "bot", None), e, 0))
        rows += [((3, e.site, period, word, None), e, 0) for word in e.feature]
    sums = {}
    for label in {label for label, *_ in rows}:
        mine = [(e, more) for one, e, more in rows if one == label]
        marks = sorted({e.agent_mark for e, _ in mine})[:AGENTS] if label[0] == 1 else []
        sums[label] = (len(mine), sum(more for _, more in mine), *marks, *[NO_VALUE] * (AGENTS - len(marks)))
    return sums, Counts((label, token(e)) for label, e, _ in rows if e.network is not None)


@pytest.fixture(params=["compiled", "plain"])
def way(request: pytest.FixtureRequest, plainly: Callable[[], None]) -> None:
    if request.param == "plain":
        plainly()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_counter_says_what_the_events_say(way: None, chunks: list[list[Event]]) -> None:
    """Shares of chunks merge to what all events say; a part has one site and one share of its neighbourhoods."""
    words, counter = Words(), Counter(SITES, TRENDS, SHARES)
    total: Counts[str] = Counts()
    for events in chunks:
        given_events = chunk(events, words)
        counter.count(given_events)
        total.update(given_events.accounts.not_applicable)
        total["again"] += given_events.accounts.repeated["lists"]
    parts = list(counter.parts())
    everything = [event for events in chunks for event in events]
    sums, pairs = expected(everything)
    assert said(partials.merge([part for *_, part in parts])) == (sums, pairs)
    assert total["people"] == sum(e.agent_class != "human" or e.b is None for e in everything)
    assert total["again"] - total["lists"] == sum(len(e.feature) - 1 for e in everything)
    assert counter.size == sum(hits for hits, *_ in sums.values())
    assert len({(site, share) for site, share, _ in parts}) == len(parts)
    for site, share, part in parts:
        assert set(part.cells[:, partials.SITE]) == {site}
        assert set((part.networks[:, 0] % np.uint64(SHARES)).tolist()) <= {share}
        assert (np.diff(part.cells[:, partials.TABLE]) >= 0).all(), "tables are mixed"


@pytest.mark.parametrize("together", [True, False], ids=["in one chunk", "in two chunks"])
def test_network_of_two_sites_is_refused(way: None, together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that stands under two sites was not made for one: it must not be counted for the wrong one."""
    monkeypatch.setattr("test_counter.token", lambda event: b"n" * 16)
    words, counter = Words(), Counter(SITES, TRENDS, SHARES)
    events = [Event(site, 0, "x", None, "human", 1, 0, 0, []) for site in (0, 1)]
    with pytest.raises(ValueError, match="two sites"):
        for one in [events] if together else [events[:1], events[1:]]:
            counter.count(chunk(one, words))


def test_cells_grow_and_keep_their_numbers(way: None) -> None:
    """Over many calls a cell has the number of its first appearance, its sums, and the least marks."""
    draw = random.Random(4)
    rows = [(draw.randrange(-1, 40), draw.randrange(-1, 40)) for _ in range(4000)]
    columns = np.array([[a for a, _ in rows], [0] * len(rows), [b for _, b in rows]], np.int32)
    values, marks = np.arange(len(rows)).reshape(1, -1), np.array([draw.randrange(9) for _ in rows], np.uint64)
    found, numbers = Cells(2, 1, 3), list(dict.fromkeys(rows))
    ids = [found.add(np.arange(at, at + 500, dtype=np.int32), columns, [0, 2], values, marks)
           for at in range(0, 4000, 500)]  # fmt: skip
    assert np.concatenate(ids).tolist() == [numbers.index(row) for row in rows]
    assert list(map(tuple, found.cells.tolist())) == numbers
    for number, cell in enumerate(numbers):
        at = [i for i, row in enumerate(rows) if row == cell]
        least = sorted({int(marks[i]) for i in at})[:3]
        assert found.sums[number].tolist() == [len(at), sum(at)]
        assert found.agents[number].tolist() == [*least, *[NO_VALUE] * (3 - len(least))]


def test_tokens_are_numbered_exactly(way: None) -> None:
    """Tokens that have one half in common are two; numbers are those of the first appearance, while the table grows."""
    draw = random.Random(8)
    some = [(draw.randrange(16) << 60, draw.randrange(60)) for _ in range(6000)]
    tokens, numbers = Tokens(), {one: i for i, one in enumerate(dict.fromkeys(some))}
    ids = [tokens.number(np.array(some[at : at + 1000], np.uint64)) for at in range(0, 6000, 1000)]
    assert np.concatenate(ids).tolist() == [numbers[one] for one in some]
    assert list(map(tuple, tokens.tokens.tolist())) == list(numbers)
