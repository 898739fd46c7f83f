"""Tallies that are held: the engine of one process moves numbers, and gives back the very same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
import pytest
from apache_beam import coders, typehints

from transforms.held import Held, HeldCoder, holding

BIG = b"sealed" * 100_000


@pytest.fixture(autouse=True)
def held() -> Iterator[None]:
    """What a test holds is gone behind it."""
    with holding():
        yield


def test_value_comes_back_uncopied_and_as_often_as_asked() -> None:
    """A bundle may be replayed: what was encoded once is decoded twice, and is the same object."""
    coder = coders.registry.get_coder(Held)
    encoded = coder.encode(BIG)
    assert len(encoded) < 20
    assert coder.decode(encoded) is BIG and coder.decode(encoded) is BIG


def test_looking_at_the_size_holds_nothing() -> None:
    """Beam asks for the size of elements to count it: that must not keep them."""
    coder = HeldCoder()
    before = int(coder.encode(b""))
    coder.get_impl().get_estimated_size_and_observables(BIG)
    assert int(coder.encode(b"")) == before + 1


def test_what_was_held_is_gone_after_the_run() -> None:
    """Nothing outlives its run, a failed one neither."""
    with pytest.raises(ZeroDivisionError), holding():
        encoded = HeldCoder().encode(BIG)
        raise ZeroDivisionError
    with pytest.raises(KeyError):
        HeldCoder().decode(encoded)


FOUND: list[bytes] = []


def give(_: int) -> list[tuple[int, bytes]]:
    """Two values under one key."""
    return [(1, BIG), (1, BIG)]


def take(group: tuple[int, Iterable[bytes]]) -> None:
    """Keep what was grouped."""
    FOUND.extend(group[1])


def test_shuffle_of_held_values_moves_numbers() -> None:
    """Grouped by Beam's local engine the values are the same objects; as ordinary bytes they are copies."""
    FOUND.clear()
    for content in (Held, bytes):
        with beam.Pipeline(runner="FnApiRunner") as pipeline:
            given = beam.FlatMap(give).with_output_types(typehints.Tuple[int, content])
            pipeline | beam.Create([0], reshuffle=False) | given | beam.GroupByKey() | beam.Map(take)
    assert FOUND == [BIG] * 4
    assert [one is BIG for one in FOUND] == [True, True, False, False]
