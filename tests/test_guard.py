"""The guard: every published row stands for k neighbourhoods, and what is published is what was eligible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy import Site
from schemas.table import Key, Table
from transforms.guard.crowd import Crowd, Share
from transforms.guard.generalise import Cells, Climb, generalise
from transforms.guard.hierarchies import OTHER, ancestors
from transforms.guard.release import published_count
from transforms.kernels.group import NO_VALUE
from transforms.partials import AGENTS

K = 3

PAGES = Table("pages", "", (Key("route", "route"),), ("route",), ("route",), True, {}, (), ())
ERRORS = Table(
    "errors", "", (Key("status", "status"), Key("route", "route"), Key("agent_class", "agent_class")),
    ("route", "status"), ("route",), False, {}, (), (),
)  # fmt: skip
BROWSERS = Table(
    "browsers", "", (Key("family", "family"), Key("major", "major")), ("major", "family"), (), True, {}, (), ()
)
SITES = Table("sites", "", (Key("agent_class", "agent_class"),), (), (), False, {}, (), ())

HOMES = np.arange(100, dtype=np.int32) // 10
Hits = list[tuple[tuple[str, ...], int, int]]  # (label, network, hits); network // 10 is its neighbourhood


def cells_of(hits: Hits, shares: int = 2, agents: int = 100) -> Cells:
    """Leaf cells by plain Python; networks 0 to 99, ten to a neighbourhood, and neighbourhoods dealt out to shares.

    Networks browse with so many agents: network n with number n modulo `agents`, taken by tens.
    """
    labels = sorted({label for label, *_ in hits})
    measures = np.zeros((len(labels), 1), np.int64)
    for label, _, n in hits:
        measures[labels.index(label)] += n
    crowd = Crowd([share_of(labels, [one for one in hits if one[1] // 10 % shares == s]) for s in range(shares)])
    marks = np.full((len(labels), AGENTS), NO_VALUE, np.uint64)
    for i, label in enumerate(labels):
        least = sorted({(n // 10) % agents for one, n, _ in hits if one == label})[:AGENTS]
        marks[i, : len(least)] = least
    return Cells(labels, measures, marks, crowd, np.arange(len(labels)))


def share_of(labels: list[tuple[str, ...]], seen: Hits) -> Share:
    """The networks of one share by label, with rows for the labels that have some."""
    there = [label for label in labels if any(one == label for one, *_ in seen)]
    networks = [sorted({n for one, n, _ in seen if one == label}) for label in there]
    hits = [
        sum(h for one, m, h in seen if (one, m) == (label, n))
        for label, ns in zip(there, networks, strict=True)
        for n in ns
    ]
    return Share(
        np.array([there.index(label) if label in there else -1 for label in labels], np.int32),
        np.cumsum([0, *map(len, networks)]).astype(np.int32),
        np.array([n for one in networks for n in one], np.int32),
        HOMES,
        np.array(hits, np.int64),
    )


def rows_of(climb: Climb) -> dict[tuple[str, ...], int]:
    """Published hits by label; a label may stand there once only."""
    labels = [row.label for row in climb.rows]
    assert len(labels) == len(set(labels)), "a row is published twice"
    return {row.label: climb.hits(row.leaves) for row in climb.rows}


def crowd(label: tuple[str, ...], neighbourhoods: range) -> Hits:
    """One hit from each neighbourhood."""
    return [(label, 10 * n, 1) for n in neighbourhoods]


def test_a_crowd_keeps_its_detail() -> None:
    """A cell with k neighbourhoods is published as it is."""
    climb = generalise(PAGES, cells_of(crowd(("/a/b",), range(3))), K)
    assert rows_of(climb) == {("/a/b",): 3}


def test_many_networks_of_one_neighbourhood_are_no_crowd() -> None:
    """Ten addresses of one /24 count once towards k."""
    climb = generalise(PAGES, cells_of([(("/a/b",), n, 5) for n in range(10)]), K)
    assert (rows_of(climb), len(climb.withheld)) == ({}, 1)


def test_small_siblings_meet_at_their_parent() -> None:
    """Cells below k climb to the first ancestor at which they are a crowd together."""
    hits = crowd(("/a/b/c",), range(2)) + crowd(("/a/b/d",), range(2, 4)) + crowd(("/a/x",), range(5))
    climb = generalise(PAGES, cells_of(hits), K)
    assert rows_of(climb) == {("/a/b/{*}",): 4, ("/a/x",): 5}


def test_a_row_never_counts_what_is_not_its_own() -> None:
    """A generalised row holds the small cells alone: published siblings are not in it."""
    hits = crowd(("/a/big",), range(5)) + crowd(("/a/s1",), range(2)) + crowd(("/a/s2",), range(2, 4))
    assert rows_of(generalise(PAGES, cells_of(hits), K)) == {("/a/big",): 5, ("/a/{*}",): 4}


def test_a_residue_pulls_the_smallest_sibling() -> None:
    """What is too small even at the root takes the smallest published row into (other), not more."""
    hits = crowd(("/small",), range(3)) + crowd(("/large",), range(5)) + crowd(("/tiny",), range(1))
    assert rows_of(generalise(PAGES, cells_of(hits), K)) == {("/large",): 5, (OTHER,): 4}


def test_a_word_that_one_agent_brought_is_not_shown() -> None:
    """One person who roams shows k neighbourhoods, but no k agents: the word climbs until only what is no word is left."""
    hits = crowd(("/secret/word",), range(6))
    assert rows_of(generalise(PAGES, cells_of(hits), K)) == {("/secret/word",): 6}, "with agents enough it is shown"
    assert rows_of(generalise(PAGES, cells_of(hits, agents=2), K)) == {(OTHER,): 6}
    assert rows_of(generalise(PAGES, cells_of(hits, agents=3), K)) == {("/secret/word",): 6}


def test_agents_of_siblings_add_up() -> None:
    """A parent has the agents of all its cells: two and two different ones are three."""
    hits = crowd(("/a/b",), range(2)) + crowd(("/a/c",), range(2, 4))
    assert rows_of(generalise(PAGES, cells_of(hits, agents=3), K)) == {("/a/{*}",): 4}
    assert rows_of(generalise(PAGES, cells_of(hits, agents=2), K)) == {(OTHER,): 4}


@pytest.mark.parametrize("route", ["/", "/{*}", "/{n}/{uuid}", "(none)", "/kb/{slug}"])
def test_what_nobody_made_up_needs_no_agents(route: str) -> None:
    """Slots, what stands in brackets, and the site's declared routes are shown whatever the agents are."""
    site = Site("shop", routes=("/kb/{slug}",))
    cells = cells_of(crowd((route,), range(4)), agents=1)
    assert rows_of(generalise(PAGES, cells, K, site)) == {(route,): 4}


def test_a_cell_that_is_mostly_one_networks_climbs() -> None:
    """Where one network makes more than half of the hits a cell climbs, though a crowd is behind it; half is shown."""
    hits = [*crowd(("/a/b",), range(4)), *crowd(("/a/c",), range(4))]
    assert rows_of(generalise(PAGES, cells_of([*hits, (("/a/b",), 0, 2)]), K)) == {("/a/b",): 6, ("/a/c",): 4}
    assert rows_of(generalise(PAGES, cells_of([*hits, (("/a/b",), 0, 4)]), K)) == {(OTHER,): 8, ("/a/c",): 4}


def test_networks_of_a_neighbourhood_are_not_one() -> None:
    """Half of the hits from one neighbourhood, but from several of its networks, are nobody's own."""
    hits = [*crowd(("/a/b",), range(3)), (("/a/b",), 1, 3), (("/a/b",), 2, 3)]
    assert rows_of(generalise(PAGES, cells_of(hits), K)) == {("/a/b",): 9}


def test_what_cannot_climb_is_shown_whoever_makes_it() -> None:
    """A total has nowhere to climb to."""
    assert rows_of(generalise(SITES, cells_of([*crowd(("human",), range(4)), (("human",), 0, 90)]), K)) == {
        ("human",): 94
    }


def test_too_few_in_all_is_withheld() -> None:
    """Fewer than k neighbourhoods in all: nothing is published, not even (other)."""
    climb = generalise(PAGES, cells_of(crowd(("/a",), range(1)) + crowd(("/b",), range(1, 2))), K)
    assert (rows_of(climb), sorted(climb.withheld)) == ({}, [0, 1])


def test_bots_do_not_help_people() -> None:
    """Rows never merge over agent_class: two humans stay withheld however many bots there are."""
    hits = crowd(("404", "/a", "human"), range(2)) + crowd(("404", "/a", "bot"), range(2, 9))
    climb = generalise(ERRORS, cells_of(hits), K)
    assert rows_of(climb) == {("404", "/a", "bot"): 7}
    assert [climb.cells.labels[leaf] for leaf in climb.withheld] == [("404", "/a", "human")]


def test_keys_climb_in_the_declared_order() -> None:
    """The first key of `climb` goes up all its steps before the second one moves."""
    hits = crowd(("Chrome", "30"), range(2)) + crowd(("Chrome", "31"), range(2, 4)) + crowd(("Opera", "9"), range(3))
    assert rows_of(generalise(BROWSERS, cells_of(hits), K)) == {("Chrome", OTHER): 4, ("Opera", "9"): 3}


def test_nothing_climbs_without_a_hierarchy() -> None:
    """A table without climbing keys withholds what is too small, and only that."""
    climb = generalise(SITES, cells_of(crowd(("human",), range(4)) + crowd(("bot",), range(2))), K)
    assert rows_of(climb) == {("human",): 4}
    assert climb.hits(climb.withheld) == 2


segment = st.sampled_from(["a", "b", "c", "{n}"])
path = st.lists(segment, min_size=1, max_size=3).map(lambda segments: "/" + "/".join(segments))
route = st.one_of(path, st.sampled_from(["/", "(none)", "(other)", "/a/{*}"]))
labels = st.tuples(st.sampled_from(["404", "403", "500"]), route, st.sampled_from(["human", "bot"]))
traffic = st.lists(st.tuples(labels, st.integers(0, 99), st.integers(1, 5)), min_size=1, max_size=60)


@settings(max_examples=300, deadline=None)
@given(traffic)
def test_every_row_is_a_crowd_of_its_own_and_nothing_is_lost(hits: Hits) -> None:
    """For any traffic: each row has k neighbourhoods, rows are disjoint, published + withheld = eligible, labels generalise."""
    cells = cells_of(hits)
    climb = generalise(ERRORS, cells, K)
    rows_of(climb)
    seen: list[int] = []
    for row in climb.rows:
        mine = {cells.labels[leaf] for leaf in row.leaves}
        neighbourhoods = {network // 10 for label, network, _ in hits if label in mine}
        assert len(neighbourhoods) >= K
        seen += row.leaves
        for leaf in row.leaves:
            for key, value, shown in zip(ERRORS.keys, cells.labels[leaf], row.label, strict=True):
                assert shown in (value, *ancestors(key.column, value))
    assert sorted([*seen, *climb.withheld]) == list(range(len(cells.labels)))
    # what is withheld: all of one agent class, which is no crowd even as a whole
    for kind in {cells.labels[leaf][2] for leaf in climb.withheld}:
        assert len({network // 10 for label, network, _ in hits if label[2] == kind}) < K
        assert not any(row.label[2] == kind for row in climb.rows)


@settings(max_examples=100, deadline=None)
@given(traffic, st.randoms())
def test_order_does_not_matter(hits: Hits, rng: object) -> None:
    """Cells in another order, networks under other numbers and in other shares: the same rows."""
    cells, other_shares = cells_of(hits), cells_of(hits, shares=3)
    order = list(range(len(cells.labels)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    renamed = np.arange(99, -1, -1, dtype=np.int32)
    crowd = Crowd(
        [
            Share(one.row, one.offsets, renamed[one.networks], one.neighbourhood[renamed], one.hits)
            for one in other_shares.crowd.shares
        ]
    )
    other = Cells([cells.labels[i] for i in order], cells.measures[order], cells.agents[order], crowd, np.array(order))
    assert rows_of(generalise(ERRORS, other, K)) == rows_of(generalise(ERRORS, cells, K))


@pytest.mark.parametrize(
    ("exact", "published"),
    [(1_048_576, 1_048_576), (1_048_577, 1_000_000), (1_555_555, 1_600_000), (23_456_789, 23_000_000)],
)
def test_visitors_are_rounded_above_the_bound(exact: int, published: int) -> None:
    """visitors is exact up to 1,048,576 and has two significant digits above."""
    assert published_count(exact) == published
