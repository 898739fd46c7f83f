"""Held: sealed tallies that stay where they are while the engine moves numbers of them.

Beam's local engine copies what it shuffles six times over: into streams, messages and groups, which live side by side. In a run
of one process tallies stay in a table; workers that are forks of one process put them into memory that they share.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from apache_beam import coders

# Bytes of address space for each worker: more than a run can fill; memory is taken when it is written to.
PART = 1 << 36
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # mmap(2); Python has it since 3.12
INLINE, NUMBER, PLACE = b"=", b"#", b"@"


class Held(bytes):
    """In a type hint: bytes that are held. The values are bytes as any."""


class Table:
    """What this process holds, by number."""

    def __init__(self) -> None:
        self._values: dict[int, bytes] = {}
        self._numbers = count(1)

    def put(self, value: bytes) -> bytes:
        number = next(self._numbers)
        self._values[number] = value
        return NUMBER + b"%d" % number

    def get(self, number: bytes) -> bytes:
        return self._values[int(number)]


class Shared:
    """Memory of several workers: made before they are forked, after which each writes into a part of its own."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * PART, flags=mmap.MAP_SHARED | MAP_NORESERVE)
        self._end = self._stop = 0

    def take(self, worker: int) -> None:
        """Be the worker of this number."""
        self._end, self._stop = worker * PART, (worker + 1) * PART

    def put(self, value: bytes) -> bytes:
        start, stop = self._end, self._end + len(value)
        if stop > self._stop:
            return INLINE + value
        self._memory[start:stop] = value
        self._end = stop
        return PLACE + b"%d:%d" % (start, stop)

    def get(self, place: bytes) -> bytes:
        start, stop = map(int, place.split(b":"))
        return self._memory[start:stop]


_store: Table | Shared | None = None


class HeldCoder(coders.Coder):
    """Bytes as the place where this run holds them, and back, as often as asked; the bytes themselves where none are held."""

    def encode(self, value: bytes) -> bytes:
        return _store.put(value) if _store else INLINE + value

    def decode(self, encoded: bytes) -> bytes:
        """Raises ValueError for what another run held."""
        if encoded[:1] == INLINE:
            return encoded[1:]
        if _store is None:
            raise ValueError("a tally is held by another process, expected one of this run")
        return _store.get(encoded[1:])

    def estimate_size(self, _: bytes) -> int:
        """About what a place takes; Beam's way would encode, and hold, every value that it looks at."""
        return 8

    def to_type_hint(self) -> type[Held]:
        return Held


coders.registry.register_coder(Held, HeldCoder)


@contextmanager
def holding() -> Iterator[None]:
    """While the block runs, this process holds values; behind it all are gone."""
    global _store
    _store = Table()
    try:
        yield
    finally:
        _store = None


def share(workers: int) -> None:
    """Have memory for so many workers that will be forked from this process; none where the system does not give it."""
    global _store
    try:
        _store = Shared(workers)
    except OSError:  # the system gives no memory that is not there
        _store = None


def take(worker: int) -> None:
    """Be one of the workers, by its number."""
    if isinstance(_store, Shared):
        _store.take(worker)
