"""Partial tallies merge exactly, in any order, through bytes, and split without loss."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import keys, partials
from transforms.distinct import codes_of, nullable
from transforms.keys import KeyReference, Seal
from transforms.merge import ArrowMerge
from transforms.packed import Packed, pack
from transforms.partials import KEYS, Partial
from transforms.sealed import open_all, seal_partial

Event = tuple[int, int, int, tuple[str, ...], bytes | None, int, int]

event = st.tuples(
    st.integers(0, 3),  # table
    st.integers(0, 2),  # site
    st.integers(-3, 20000),  # period
    st.tuples(st.sampled_from(["", "a", "b", "ä"]), st.sampled_from(["", "x", "(other)"])),  # keys, "" for none
    st.one_of(st.none(), st.integers(0, 9).map(lambda n: bytes([n % 3] * 8 + [n] * 8))),  # network
    st.integers(0, 1 << 40),  # measure
    st.integers(0, 5),  # mark of the agent
)


def build(events: list[Event]) -> Partial:
    """A Partial by plain Python: the independent route. Tokens are made for a site, as the network key does."""
    events = [(*e[:4], e[4] and bytes(b ^ (0x40 * e[1]) for b in e[4]), *e[5:]) for e in events]
    cells = sorted({e[:4] for e in events})
    words = sorted({w for c in cells for w in c[3] if w})
    networks = sorted({e[4] for e in events if e[4]})
    hits = Counter((cells.index(e[:4]), networks.index(e[4])) for e in events if e[4])
    pairs = sorted(hits)
    code = {w: i for i, w in enumerate(words)} | {"": -1}
    measures = np.zeros((len(cells), 2), np.int64)
    for e in events:
        measures[cells.index(e[:4])] += (1, e[5])
    agents = partials.no_agents(len(cells))
    for i, cell in enumerate(cells):
        least = sorted({e[6] for e in events if e[:4] == cell})[: partials.AGENTS]
        agents[i, : len(least)] = least
    return Partial(
        pa.array(words, pa.string()),
        np.array([[*c[:3], *(code[w] for w in c[3])] for c in cells], np.int32).reshape(-1, KEYS + 2),
        measures,
        agents,
        np.frombuffer(b"".join(networks), np.uint64).reshape(-1, 2),
        np.searchsorted([c for c, _ in pairs], range(len(cells) + 1)).astype(np.int32),
        np.array([n for _, n in pairs], np.int32),
        np.array([hits[p] for p in pairs], np.int64),
    )


def said(part: Partial) -> tuple[dict, dict]:
    """What a Partial says, free of codes and order."""
    assert (np.diff(part.cells[:, partials.TABLE]) >= 0).all(), "tables are mixed"
    words = [*part.words.to_pylist(), ""]
    labels = [(*map(int, row[:KEYS]), *(words[c] for c in row[KEYS:])) for row in part.cells.tolist()]
    tokens = [row.tobytes() for row in part.networks]
    summed = zip(labels, part.measures.tolist(), part.agents.tolist(), strict=True)
    measures = {label: (*sums, *agents) for label, sums, agents in summed}
    pairs = Counter()
    cell_of = np.repeat(np.arange(len(part.cells)), np.diff(part.offsets))
    for c, n, h in zip(cell_of, part.seen, part.hits, strict=True):
        pairs[labels[c], tokens[n]] += int(h)
    assert len(measures) == len(labels), "a cell stands there twice"
    assert len(pairs) == len(part.seen), "a pair stands there twice"
    return measures, dict(pairs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(event, min_size=1, max_size=30), min_size=1, max_size=5), st.randoms())
def test_merge_says_what_the_events_say(parts: list[list[Event]], rng: random.Random) -> None:
    """Merging parts in any order says the same as building one Partial of all events."""
    built = [build(one) for one in parts]
    rng.shuffle(built)
    assert said(partials.merge(built)) == said(build([e for one in parts for e in one]))


@settings(max_examples=40, deadline=None)
@given(
    bundles=st.lists(
        st.lists(st.lists(event, min_size=1, max_size=10), min_size=1, max_size=4), min_size=1, max_size=3
    ),
    floor=st.sampled_from([0, 500, 1 << 20]),
)
def test_sealed_tallies_say_the_same_whenever_they_are_merged(bundles: list[list[list[Event]]], floor: int) -> None:
    """At once, when they have doubled, at the end of a bundle, or all at the end: what a floor of 0, of some or of all leaves."""
    keys.hold("here", bytes(32))
    try:
        seal, merging = Seal(bytes(32)), ArrowMerge(KeyReference("here"), 1)
        merging.floor = floor
        bundled = []
        for bundle in bundles:
            held = merging.create_accumulator()
            for events in bundle:
                held = merging.add_input(held, seal_partial(seal, build(events)))
            bundled.append(merging.compact(held))
            assert floor or len(bundled[-1]) == 1
            assert floor < 1 << 20 or len(bundled[-1]) == len(bundle)
        (tally,), _ = open_all(seal, [merging.extract_output(merging.merge_accumulators(bundled))])
        assert said(tally.whole()) == said(build([e for bundle in bundles for events in bundle for e in events]))
    finally:
        keys.forget("here")


def through_bytes(part: Partial) -> Partial:
    """Packed, and put together again."""
    return Packed([partial(bytes, piece) for piece in pack(part)]).whole()


@settings(max_examples=60, deadline=None)
@given(st.lists(event, min_size=1, max_size=40))
def test_bytes_keep_everything(events: list[Event]) -> None:
    """A Partial survives its way through bytes."""
    part = build(events)
    assert said(through_bytes(part)) == said(part)


@pytest.mark.parametrize("top", [0, 255, 256, 70_000])
def test_small_types_hold_the_values(top: int) -> None:
    """Counts are stored in the smallest type that holds them, and come back as they were."""
    part = build([(0, 0, 0, ("a", ""), b"n" * 16, 1, 0)])
    part.hits = np.array([top], np.int64)
    assert through_bytes(part).hits.tolist() == [top]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 2)] * 4), max_size=30))
def test_rows_are_numbered_in_order_of_appearance(rows: list[tuple[int, int, int, int]]) -> None:
    """Whatever the range of the columns: equal rows have one number, in the order in which rows appear."""
    columns = np.array(rows, np.int32).reshape(-1, 4).T
    ids, first = partials.number(columns)
    seen = list(dict.fromkeys(rows))
    assert ids.tolist() == [seen.index(row) for row in rows]
    assert first.tolist() == [rows.index(row) for row in seen]


@pytest.mark.parametrize("codes", [[], [0, 3, 1], [-1] * 9, [2, -1, 0, -1, -1, 1, 3, 0, -1]], ids=str)
def test_codes_come_back_as_arrow_says_them(codes: list[int]) -> None:
    """A column is what Arrow makes of the same codes by a mask, and its codes are those again."""
    given_codes, words = np.array(codes, np.int32), pa.array(list("abcd"))
    column = pa.DictionaryArray.from_arrays(nullable(given_codes), words)
    column.validate(full=True)
    assert column.equals(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=given_codes < 0), words))
    assert codes_of(column).tolist() == codes
    assert codes_of(column[2:5]).tolist() == codes[2:5]
