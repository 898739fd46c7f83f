"""Ahead: the next item is made in a thread while the one before is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(items: Iterator[T]) -> Generator[T]:
    """The same items in the same order, errors too; at most one that nobody has asked for yet.

    For items whose making lets go of Python's lock, as reading, unpacking and copying do: then it takes a core that waits.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, END)
        while (item := coming.result()) is not END:
            coming = thread.submit(next, items, END)
            yield item  # type: ignore[misc]
