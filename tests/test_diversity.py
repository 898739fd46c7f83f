"""Sensitive keys: a published group shows two values or none, and the loader refuses what could not keep to that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_guard import Hits, cells_of, crowd, rows_of

from schemas import load
from schemas.load import DeclarationError
from schemas.table import Key, Table
from schemas.tables import read_trends, trends
from transforms.guard.diversity import diversify
from transforms.guard.generalise import Climb, generalise
from transforms.guard.hierarchies import OTHER, ancestors

K = 3
LICENCES = Table(
    "licences", "", (Key("status", "licence_status"), Key("source", "licence_source"), Key("class", "agent_class")),
    ("source", "status"), (), False, {}, (), (), software=True, sensitive=("status",),
)  # fmt: skip


def diverse(hits: Hits, table: Table = LICENCES) -> Climb:
    """The rows of a table as the guard makes them."""
    climb = generalise(table, cells_of(hits), K)
    diversify(climb)
    return climb


def told(labels: list[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """By plain Python: the groups (source, class) whose one status is no (other)."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for status, *rest in labels:
        found[tuple(rest)].add(status)
    return {rest for rest, values in found.items() if len(values) == 1 and values != {OTHER}}


def licences(**counts: int) -> Hits:
    """So many neighbourhoods by `status_source`."""
    return [one for name, n in counts.items() for one in crowd((*name.split("_"), "x"), range(n))]


def test_two_values_stay_as_they_are() -> None:
    """A group that shows two values of the sensitive key is left alone."""
    hits = licences(active_shop=5, expired_shop=4)
    assert rows_of(diverse(hits)) == {("active", "shop", "x"): 5, ("expired", "shop", "x"): 4}


def test_group_with_one_value_goes_into_the_next() -> None:
    """Where all of a source are active, the source is not told; what others show stays."""
    hits = licences(active_shop=5, active_reseller=3, expired_other=4, active_other=3)
    assert rows_of(diverse(hits)) == {("active", OTHER, "x"): 11, ("expired", OTHER, "x"): 4}


def test_smallest_group_with_another_value_is_taken_in() -> None:
    """The most general group with one value takes in the smallest one that has another, and leaves the larger."""
    hits = licences(active_shop=5, expired_little=3, active_little=3, expired_large=7, active_large=7)
    assert rows_of(diverse(hits)) == {
        ("active", OTHER, "x"): 8, ("expired", OTHER, "x"): 3, ("expired", "large", "x"): 7, ("active", "large", "x"): 7,
    }  # fmt: skip


def test_one_value_everywhere_is_not_told() -> None:
    """Where everybody is active, nothing is said of it; the hits are all there."""
    assert rows_of(diverse(licences(active_shop=5, active_reseller=4))) == {(OTHER, OTHER, "x"): 9}


def test_other_that_is_the_same_is_no_second_value() -> None:
    """A row that one network dominates is (other) by that alone: beside the one value it says nothing else."""
    hits = [*licences(active_shop=5), *crowd(("active", "old", "x"), range(4)), (("active", "old", "x"), 0, 90)]
    assert (OTHER, OTHER, "x") in rows_of(generalise(LICENCES, cells_of(hits), K))
    assert rows_of(diverse(hits)) == {(OTHER, OTHER, "x"): 99}


def test_held_keys_are_not_merged() -> None:
    """A group never takes in one of another class."""
    hits = [*crowd(("active", "shop", "human"), range(4)), *crowd(("expired", "shop", "bot"), range(4))]
    assert rows_of(diverse(hits)) == {(OTHER, OTHER, "human"): 4, (OTHER, OTHER, "bot"): 4}


def test_key_that_another_table_holds_is_withheld() -> None:
    """Where the sensitive key cannot climb, the rows are withheld and counted so."""
    cells = cells_of(licences(active_shop=5))
    climb = generalise(LICENCES, cells, K, held={"status": ["active"] * len(cells.labels)})
    assert diversify(climb)
    assert (climb.rows, climb.hits(climb.withheld)) == ([], 5)


def test_published_rows_stay() -> None:
    """What an earlier run has published is compared, not changed."""
    climb = generalise(LICENCES, cells_of(licences(active_shop=5)), K)
    climb.is_published = True
    assert not diversify(climb)
    assert rows_of(climb) == {("active", "shop", "x"): 5}


label = st.tuples(
    st.sampled_from(["active", "expired", "trial", OTHER]),
    st.sampled_from(["shop", "web", "old", "(none)"]),
    st.sampled_from("xy"),
)
traffic = st.lists(st.tuples(label, st.integers(0, 99), st.integers(1, 5)), min_size=1, max_size=80)


@settings(max_examples=300, deadline=None)
@given(traffic)
def test_no_group_tells_and_nothing_is_lost(hits: Hits) -> None:
    """For any traffic: no group tells a status, rows keep k and generalise, and published + withheld is what it was."""
    before = generalise(LICENCES, cells_of(hits), K)
    after = diverse(hits)
    assert told(list(rows_of(after))) == set()
    assert sum(rows_of(after).values()) == sum(rows_of(before).values())
    assert sorted(after.withheld) == sorted(before.withheld)
    for row in after.rows:
        mine = {after.cells.labels[leaf] for leaf in row.leaves}
        assert row.neighbourhoods == len({network // 10 for one, network, _ in hits if one in mine}) >= K
        for leaf in row.leaves:
            for key, value, shown in zip(LICENCES.keys, after.cells.labels[leaf], row.label, strict=True):
                assert shown in (value, *ancestors(key.column, value))


@settings(max_examples=100, deadline=None)
@given(traffic, st.randoms())
def test_order_of_input_does_not_matter(hits: Hits, rng: Any) -> None:
    """Events in another order: the same rows."""
    other = list(hits)
    rng.shuffle(other)
    assert rows_of(diverse(other)) == rows_of(diverse(hits))


@settings(max_examples=50, deadline=None)
@given(traffic)
def test_without_the_rule_some_traffic_tells(hits: Hits) -> None:
    """The rule is what holds it: a table without the declaration keeps the rows as they were made."""
    plain = replace(LICENCES, sensitive=())
    assert rows_of(diverse(hits, plain)) == rows_of(generalise(plain, cells_of(hits), K))


# ---- the declaration ------------------------------------------------------------------------------------------------


def declared(**more: Any) -> dict[str, Any]:
    """The shipped licences, otherwise declared."""
    keys = [{"name": "status", "column": "licence_status"}, {"name": "source", "column": "licence_source"}]
    table = {
        "name": "licences", "keys": keys, "climb": ["source", "status"], "humans": False, "software": True,
        "sensitive": ["status"], **more,
    }  # fmt: skip
    return {"table": [table]}


def test_licence_status_is_declared() -> None:
    """The shipped tables declare the one column that says how somebody stands with the shop."""
    shown = {(table.name, name) for table in trends().tables for name in table.sensitive}
    assert shown == {("licences", "status")}
    assert read_trends(declared(), load.fields(), "x")["licences"].sensitive == ("status",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sensitive": ["colour"]}, "one of its keys"),
        ({"climb": ["source"]}, "cannot be hidden"),
        ({"sensitive": "status"}, "a list of strings"),
        ({"keys": ["feature"], "climb": ["feature"], "each": "feature", "sensitive": ["feature"]}, "`each`"),
    ],
    ids=["no key", "held", "no list", "each"],
)
def test_what_cannot_be_kept_is_refused(more: dict[str, Any], said: str) -> None:
    """A sensitive key that is no key, cannot climb, or is of a table that counts an event twice stops the run."""
    with pytest.raises(DeclarationError, match=said):
        read_trends(declared(**more), load.fields(), "x")


def test_sensitive_here_is_sensitive_there() -> None:
    """A second table that shows the column has to declare it as well."""
    data = declared()
    one = {"name": "outcomes", "keys": [{"name": "outcome", "column": "licence_status"}], "climb": ["outcome"],
           "humans": False, "software": True}  # fmt: skip
    with pytest.raises(DeclarationError, match="which another table says"):
        read_trends({"table": [*data["table"], one]}, load.fields(), "x")
    read_trends({"table": [*data["table"], {**one, "sensitive": ["outcome"]}]}, load.fields(), "x")
