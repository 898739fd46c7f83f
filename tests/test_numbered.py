"""What is remembered of distinct values: each value has one number over all chunks, each row is treated once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import numbered
from transforms.distinct import Source
from transforms.numbered import Memo, Values

TEXTS = st.none() | st.sampled_from([b"", b"-", b"a", b"aaaaaaaa", b"a\0", b"\0"]) | st.binary(max_size=20)
CHUNKS = st.lists(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12), min_size=1, max_size=4)
TAKES = ("one", "two", "three")


def source(rows: list[tuple[bytes | None, ...]], spare: int = 0) -> Source:
    """A chunk with the columns one and two; its dictionaries are slices that begin behind `spare` other values."""
    columns = {}
    for name, texts in zip(TAKES, zip(*rows, strict=True), strict=False):
        distinct = [*[b"spare"] * spare, *dict.fromkeys(text for text in texts if text is not None)]
        codes = [None if text is None else distinct.index(text, spare) - spare for text in texts]
        values = pa.array(distinct, pa.binary())[spare:]
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), values)
    return Source(pa.record_batch(columns))


class Asked:
    """A treatment that remembers what it was asked, and gives a number for it."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def __call__(self, *row: Any) -> tuple[int, int]:
        self.rows.append(row)
        return len(self.rows), len(row)


def given_by(memo: Memo, chunk: Source, values: Values, site: Any) -> list[int]:
    """What the memo gives for each row of a chunk."""
    distinct = chunk.distinct(TAKES, site)
    return [int(one) for one in memo(distinct, chunk, values)[distinct.ids, 0]]


@settings(deadline=None)
@given(CHUNKS, st.integers(0, 2))
def test_each_row_is_treated_once(chunks: list[list[tuple[bytes | None, bytes | None]]], spare: int) -> None:
    """Over any chunks a row has what was given for its values when they first came, empty ones and nulls told apart."""
    asked, values = Asked(), Values()
    memo = Memo(asked, TAKES, 2)
    for number, rows in enumerate(chunks):
        found = given_by(memo, source(rows, spare), values, number % 2)
        assert [asked.rows[place - 1] for place in found] == [(number % 2, *row, None) for row in rows]
    assert len(asked.rows) == len(set(asked.rows))


@pytest.mark.parametrize("site", [0, np.array([0, 1, 0], np.int32)], ids=["one site", "several"])
def test_sites_are_told_apart(site: Any) -> None:
    """A value of two sites is treated for each."""
    asked = Asked()
    found = given_by(Memo(asked, TAKES, 2), source([(b"a", b"b")] * 3), Values(), site)
    assert found == ([1, 1, 1] if isinstance(site, int) else [1, 2, 1])


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound all is dropped between two chunks, rows and numbers together, and treated again."""
    monkeypatch.setattr(numbered, "MEMO", 10)
    asked, values = Asked(), Values()
    memo = Memo(asked, TAKES, 2)
    for start in (0, 3, 20, 0):
        values.forget()
        rows = [(b"%d" % n, b"x") for n in range(start, start + 8)]
        found = given_by(memo, source(rows), values, 0)
        assert [asked.rows[place - 1][1] for place in found] == [one for one, _ in rows]
    assert values.age == 1
    assert len(asked.rows) > len(set(asked.rows))
    assert sum(column.count for column in values._columns.values()) < 20


def test_treatment_that_fails_is_asked_again() -> None:
    """A row whose treatment raised is not taken for one that was treated."""
    calls = []

    def treat(*row: Any) -> tuple[int]:
        calls.append(row)
        if len(calls) == 1:
            raise ValueError
        return (7,)

    memo, values, chunk = Memo(treat, TAKES, 1), Values(), source([(b"a", b"b")])
    with pytest.raises(ValueError):
        given_by(memo, chunk, values, 0)
    assert given_by(memo, chunk, values, 0) == [7]


def test_long_values_are_told_apart() -> None:
    """Values longer than a block, that differ in their last byte alone."""
    long = b"x" * (1 << 20)
    chunk = source([(long + b"1", b""), (long + b"2", b""), (long + b"1", b"")])
    assert given_by(Memo(Asked(), TAKES, 2), chunk, Values(), 0) == [1, 2, 1]
