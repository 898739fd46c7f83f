"""Plan: Ranges that are every file once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.find import Input
from pipeline.options import Engine
from pipeline.plan import plan
from pipeline.prepare import RANGE, range_bytes
from schemas import load

ENGINE = Engine(None, None, True, 1, 0, 0)


@settings(deadline=None)
@given(sizes=st.lists(st.tuples(st.integers(0, 5000), st.booleans()), max_size=6), target=st.integers(1, 3000))
def test_ranges_cover_each_file_once_largest_first(sizes: list[tuple[int, bool]], target: int) -> None:
    """Ranges of a file follow each other from 0 to its size; a packed file is one; the largest come first."""
    inputs = [Input(f"{i}", size, packed) for i, (size, packed) in enumerate(sizes)]
    ranges = plan(inputs, ["f"] * len(inputs), target)
    for number, one in enumerate(inputs):
        mine = sorted((r.start, r.stop) for r in ranges if r.file == number)
        assert [b for _, b in mine[:-1]] == [a for a, _ in mine[1:]]
        assert mine == [] if one.size == 0 else (mine[0][0], mine[-1][1]) == (0, one.size)
        assert not one.packed or len(mine) <= 1
    lengths = [r.stop - r.start for r in ranges]
    assert lengths == sorted(lengths, reverse=True)
    assert ranges == plan(inputs, ["f"] * len(inputs), target)


@pytest.mark.parametrize(
    ("sizes", "endings", "workers", "parts"),
    [
        ([100], [".gz"], 1, [1]),
        ([100], [".gz"], 2, [2]),
        ([100], [".zst"], 3, [3]),
        ([100], [".gz"], 64, [4]),  # each unpacks all of it
        ([100], [".bz2"], 2, [1]),  # which would take longer than parsing
        ([1], [".gz"], 2, [1]),  # less than two stripes
        ([100, 101], [".gz", ".gz"], 2, [1, 1]),
        ([70, 30], [".gz", ".gz"], 2, [2, 1]),
        ([90, 900], [".gz", ".log"], 2, [1, 1]),  # one worker unpacks, the other has the plain one
    ],
)
def test_a_compressed_file_is_cut_where_workers_would_wait(
    sizes: list[int], endings: list[str], workers: int, parts: list[int]
) -> None:
    """Sizes in MB. A file whose lines must be read from the first one on is never cut."""
    inputs = [
        Input(f"{i}{end}", size << 20, end != ".log") for i, (size, end) in enumerate(zip(sizes, endings, strict=True))
    ]
    formats = ["f"] * len(inputs)
    ranges = plan(inputs, formats, 1 << 30, None, workers)
    for number, count in enumerate(parts):
        assert [(r.part, r.parts) for r in ranges if r.file == number] == [(i, count) for i in range(count)]
    headed = {"f": next(one for one in load.formats().values() if one.header)}
    assert {r.parts for r in plan(inputs, formats, 1 << 30, headed, workers)} == {1}


@given(total=st.integers(1, 1 << 40), workers=st.integers(1, 64))
def test_the_local_engine_deals_out_equal_shares(total: int, workers: int) -> None:
    """Of one file each worker gets as many Ranges as any other, none of more than RANGE bytes, and all of one size."""
    target = range_bytes(total, ENGINE._replace(local=True, workers=workers))
    ranges = plan([Input("a.log", total, False)], ["f"], target)
    sizes = [r.stop - r.start for r in ranges]
    assert max(sizes) <= RANGE and max(sizes) - min(sizes) < len(sizes)
    assert len(ranges) % workers == 0 or total < 1 << 25


def test_other_engines_have_more_ranges_than_workers() -> None:
    """They give the next one to whoever is done."""
    assert range_bytes(32_000, ENGINE._replace(local=False, workers=8)) == 1000
