"""Many needles in many bytes at once: every eight bytes in a row as one number, looked up in a sorted array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SIZE = 8
Numbers = NDArray[np.uint64]


def numbers_of(heads: Iterable[bytes]) -> Numbers:
    """The first eight bytes of each as sorted distinct numbers."""
    return np.unique(np.frombuffer(b"".join(head[:SIZE] for head in heads), dtype="<u8"))


def places_of(content: bytes, numbers: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """(positions, numbers) of all eight bytes in a row that are among `numbers`, which are sorted."""
    found, what = [], []
    for shift in range(min(SIZE, max(0, len(content) - SIZE + 1)) if len(numbers) else 0):
        words = np.frombuffer(content, dtype="<u8", count=(len(content) - shift) // SIZE, offset=shift)
        at = np.minimum(np.searchsorted(numbers, words), len(numbers) - 1)
        hit = np.flatnonzero(numbers[at] == words)
        found.append(hit * SIZE + shift)
        what.append(words[hit])
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    return np.concatenate(found), np.concatenate(what)


class Hunt:
    """Needles (bytes) with what they stand for, ready to be looked for."""

    def __init__(self, needles: dict[bytes, int]) -> None:
        self.short = {needle: value for needle, value in needles.items() if len(needle) < SIZE}
        self.long: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
        for needle, value in needles.items():
            if len(needle) >= SIZE:
                self.long[int.from_bytes(needle[:SIZE], "little")].append((needle, value))
        self.numbers = np.array(sorted(self.long), dtype=np.uint64)

    def found_in(self, content: bytes) -> set[int]:
        """What the needles that are in there stand for."""
        found = {value for needle, value in self.short.items() if needle in content}
        for position, number in zip(*(one.tolist() for one in places_of(content, self.numbers)), strict=True):
            found.update(value for needle, value in self.long[number] if content.startswith(needle, position))
        return found
