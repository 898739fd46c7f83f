"""Roaming: one person on the move shows many networks, so a word that visitors can make up needs several agents too."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Site
from schemas.table import Table
from transforms.kernels.group import NO_VALUE, keep_least
from transforms.partials import AGENTS

_SLOTS = re.compile(r"(?:/|\{[a-z*]+\})*")  # a route that shows no word


class Roaming:
    """Which rows of a table show a word that visitors made up, and whether enough agents stand behind it (PRIVACY.md 4.5)."""

    def __init__(self, table: Table, site: Site | None = None) -> None:
        self.places = [table.key_names.index(name) for name in table.free]
        # the policy's words, not the visitors': by place, for a word that names an affiliate is none that names a campaign
        columns = {place: table.keys[place].column for place in self.places}
        own = {"route": site.routes, **site.words} if site else {}
        self.own = {place: frozenset(own.get(column, ())) for place, column in columns.items()}

    def shows_free_word(self, label: Sequence[str]) -> bool:
        """Whether some free key of the row has a word that the policy did not say."""
        return any(self._is_free(label[place], self.own[place]) for place in self.places)

    @staticmethod
    def _is_free(word: str, own: frozenset[str]) -> bool:
        bracketed = word.startswith("(") and word.endswith(")")
        return not (bracketed or word in own or _SLOTS.fullmatch(word))

    def allows(self, label: Sequence[str], agents: NDArray[np.uint64]) -> bool:
        """Whether a row may be shown; agents uint64 [cells, AGENTS] are the least marks of the cells behind it."""
        if not self.shows_free_word(label):
            return True
        if (agents[:, -1] != np.uint64(NO_VALUE)).any():  # one of the cells has so many by itself
            return True
        least = np.full((1, AGENTS), NO_VALUE, np.uint64)
        keep_least(least, np.zeros(len(agents), np.int32), agents)
        return bool((least != np.uint64(NO_VALUE)).all())
