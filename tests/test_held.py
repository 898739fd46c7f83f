"""Tallies that are held: the engine moves the places of them, and gives back the same bytes, to forks as well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import apache_beam as beam
import pytest
from apache_beam import coders, typehints

from transforms import held as held_module
from transforms.held import Held, HeldCoder, holding, share, take

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
    before = int(coder.encode(b"")[1:])
    coder.get_impl().get_estimated_size_and_observables(BIG)
    assert int(coder.encode(b"")[1:]) == before + 1


def test_what_was_held_is_gone_after_the_run() -> None:
    """Nothing outlives its run, a failed one neither."""
    with pytest.raises(ZeroDivisionError), holding():
        encoded = HeldCoder().encode(BIG)
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="expected one of this run"):
        HeldCoder().decode(encoded)


def test_process_that_holds_nothing_passes_the_bytes_on() -> None:
    """Workers that share no memory: what is encoded is the value, which another process can decode."""
    with holding():
        pass
    assert HeldCoder().encode(BIG) == b"=" + BIG
    assert HeldCoder().decode(b"=" + BIG) == BIG


def forked(work: Callable[[], bytes]) -> bytes:
    """What a fork of this process says."""
    hears, says = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(says, work())
        finally:
            os._exit(0)
    os.close(says)
    os.waitpid(child, 0)
    with os.fdopen(hears, "rb") as file:
        return file.read()


def test_forks_see_what_the_others_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two forks put values into memory that they share: a third one has both of them by their places alone."""
    monkeypatch.setattr(held_module, "PART", 1 << 20)
    share(2)

    def put(worker: int) -> bytes:
        take(worker)
        return HeldCoder().encode(BIG[:1000] + b"%d" % worker)

    places = [forked(partial(put, worker)) for worker in (0, 1)]
    assert max(map(len, places)) < 30
    assert [forked(partial(HeldCoder().decode, place)) for place in places] == [BIG[:1000] + b"0", BIG[:1000] + b"1"]


def test_part_that_is_full_passes_the_bytes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker writes into the part of another one."""
    monkeypatch.setattr(held_module, "PART", 1 << 12)
    share(2)
    take(0)
    first, second = HeldCoder().encode(BIG[:4096]), HeldCoder().encode(BIG[:1])
    take(1)
    third = HeldCoder().encode(BIG[1:11])
    assert (first, second, third) == (b"@0:4096", b"=" + BIG[:1], b"@4096:4106")
    assert [HeldCoder().decode(one) for one in (first, second, third)] == [BIG[:4096], BIG[:1], BIG[1:11]]


def test_system_without_such_memory_shares_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where so much address space is not to be had (strict overcommitment, a limit), the bytes travel."""
    monkeypatch.setattr(held_module, "PART", 1 << 60)
    share(2)
    assert HeldCoder().encode(BIG) == b"=" + BIG


FOUND: list[bytes] = []


def give(_: int) -> list[tuple[int, bytes]]:
    """Two values under one key."""
    return [(1, BIG), (1, BIG)]


def keep(group: tuple[int, Iterable[bytes]]) -> None:
    """Keep what was grouped."""
    FOUND.extend(group[1])


def test_shuffle_of_held_values_moves_numbers() -> None:
    """Grouped by Beam's local engine the values are the same objects; as ordinary bytes they are copies."""
    FOUND.clear()
    for content in (Held, bytes):
        with beam.Pipeline(runner="FnApiRunner") as pipeline:
            given = beam.FlatMap(give).with_output_types(typehints.Tuple[int, content])
            pipeline | beam.Create([0], reshuffle=False) | given | beam.GroupByKey() | beam.Map(keep)
    assert FOUND == [BIG] * 4
    assert [one is BIG for one in FOUND] == [True, True, False, False]
