"""Held: in a run of one process the engine moves numbers of sealed tallies, and the tallies stay where they are.

Beam's local engine copies what it shuffles six times over: into streams, messages and groups, which live side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from apache_beam import coders

_held: dict[int, bytes] = {}
_numbers = count(1)


class Held(bytes):
    """In a type hint: bytes that are held. The values are bytes as any."""


class HeldCoder(coders.Coder):
    """Bytes as a number of this process, and back as the very same object; works as often as it is asked."""

    def encode(self, value: bytes) -> bytes:
        number = next(_numbers)
        _held[number] = value
        return b"%d" % number

    def decode(self, encoded: bytes) -> bytes:
        """Raises KeyError for what is of another process or run."""
        return _held[int(encoded)]

    def estimate_size(self, _: bytes) -> int:
        """As many as a number takes; Beam's way would encode, and hold, every value that it looks at."""
        return 8

    def to_type_hint(self) -> type[Held]:
        return Held


coders.registry.register_coder(Held, HeldCoder)


@contextmanager
def holding() -> Iterator[None]:
    """While the block runs, values may be held; behind it all are gone."""
    try:
        yield
    finally:
        _held.clear()
