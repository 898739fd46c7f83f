"""Ahead: the same items, the next one made while one is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.ahead import ahead

DEADLINE = 30.0


def test_the_same_items_in_the_same_order() -> None:
    """None of them too."""
    assert list(ahead(iter([3, None, 1]))) == [3, None, 1]
    assert list(ahead(iter([]))) == []


def test_the_next_is_made_while_one_is_used() -> None:
    """Whoever has an item may wait for the making of the next one, and of no other."""
    begun = [threading.Event() for _ in range(4)]

    def made() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    for number in ahead(made()):
        assert begun[min(number + 1, 3)].wait(DEADLINE)
        assert not any(event.is_set() for event in begun[number + 2 :])


def test_an_error_comes_in_its_turn() -> None:
    """What was made before it is given first."""

    def made() -> Iterator[int]:
        yield 1
        raise ValueError("two")

    items = ahead(made())
    assert next(items) == 1
    with pytest.raises(ValueError, match="two"):
        next(items)


def test_nothing_goes_on_when_it_is_closed() -> None:
    """The item under way is the last one, and its thread is gone."""
    made: list[int] = []
    before = threading.active_count()
    items = ahead(made.append(number) or number for number in range(1000))  # type: ignore[func-returns-value]
    assert next(items) == 0
    items.close()
    assert made in ([0], [0, 1])
    assert threading.active_count() == before
