"""Key column: one key of many cells, its words numbered, so that cells are compared and climb by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]


class KeyColumn:
    """What a key is in each cell: `codes` int32 [C], which may be written to, point into `words`."""

    def __init__(self, words: Sequence[str], codes: Codes) -> None:
        self.words, self.codes = list(words), codes
        self._code = dict(zip(self.words, range(len(self.words)), strict=True))

    @classmethod
    def of(cls, values: Sequence[str]) -> KeyColumn:
        """The key of which these are the values, by cell."""
        made = cls(list(dict.fromkeys(values)), np.zeros(0, np.int32))
        made.codes = made.find(values)
        return made

    def copy(self) -> KeyColumn:
        """The same, to be changed apart."""
        return KeyColumn(self.words, self.codes.copy())

    def code(self, word: str) -> int:
        """The number of a word, a new one where no cell has it."""
        if (found := self._code.get(word)) is None:
            found = self._code[word] = len(self.words)
            self.words.append(word)
        return found

    def find(self, words: Sequence[str]) -> Codes:
        """The number of each word, -1 for one that no cell has."""
        return np.fromiter(map(self._code.get, words, repeat(-1)), np.int32, len(words))

    def at(self, cells: NDArray[np.integer] | slice) -> list[str]:
        """The words of some cells."""
        return list(map(self.words.__getitem__, self.codes[cells].tolist()))

    def steps(self, cells: NDArray[np.integer], chain: Callable[[str], Sequence[str]]) -> tuple[Codes, Codes]:
        """(above, height), int32 by word: what it is generalised to by one step, and how many steps it has before it.

        `chain` gives the steps of a word, of which each has the steps behind it. Words that are in none of some cells, nor
        above one that is, have height 0.
        """
        above: dict[int, int] = {}
        height: dict[int, int] = {}
        for low in np.unique(self.codes[cells]).tolist():
            steps = chain(self.words[low])
            left = len(steps)
            for step in steps:
                if low in above:  # as are the steps behind it
                    break
                above[low], height[low] = self.code(step), left
                low, left = above[low], left - 1
        found = np.zeros((2, len(self.words)), np.int32)
        found[0, list(above)], found[1, list(height)] = list(above.values()), list(height.values())
        return found[0], found[1]
