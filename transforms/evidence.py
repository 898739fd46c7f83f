"""Evidence: what a survey says of a place or a parameter, as counts; and whether a crowd stands behind a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.group import NO_VALUE, group
from transforms.looked_at import Seen, Subject
from transforms.partials import AGENTS as ENOUGH
from transforms.partials import number
from transforms.survey import AGENTS, Survey, halves


@dataclass(frozen=True)
class Threshold:
    """How many neighbourhoods and agents have to have brought a word before it is shown (PRIVACY.md 4.1, 4.5)."""

    k: int
    agents: int = ENOUGH


@dataclass(frozen=True)
class Crowd:
    """Who stands behind something: hits, distinct networks, neighbourhoods, and agents (counted up to survey.AGENTS)."""

    hits: int
    networks: int
    neighbourhoods: int
    agents: int

    def reaches(self, threshold: Threshold) -> bool:
        return self.neighbourhoods >= threshold.k and self.agents >= threshold.agents


@dataclass(frozen=True)
class Evidence:
    """What tells visitors apart by a subject's values.

    entropy: Shannon's, in bits, of the value that a network brought. returning: networks with two hits and more; constant:
    the share of these that always brought the same value (1 and many values: it identifies them). 0 and None where they
    are fewer than k, for that would be said of these few.
    found: hits whose value a detector found something in, by kind; found_hits: hits of any kind.
    """

    crowd: Crowd
    distinct: int
    entropy: float
    returning: int
    constant: float | None
    found: Mapping[str, int]
    found_hits: int

    @property
    def telling(self) -> float:
        """Bits by which one visitor is told from others, time and again: what findings are ranked by."""
        return self.entropy * (self.constant if self.constant is not None else 1.0)

    @property
    def is_identifying(self) -> bool:
        """Whether networks keep to values of their own: many values, and each network mostly one."""
        many = self.distinct >= 5 and self.distinct >= 0.5 * self.crowd.networks
        return many and self.constant is not None and self.constant >= 0.8


class Counts:
    """A survey that is over: pairs by value, values by subject."""

    def __init__(self, survey: Survey, k: int) -> None:
        self.survey, self.k = survey, k
        self.seen: list[Seen] = list(survey.values)
        self.by_subject: dict[Subject, list[int]] = defaultdict(list)
        for at, seen in enumerate(self.seen):
            self.by_subject[seen.subject].append(at)
        value, network = halves(survey.pairs.array)
        order = np.argsort(value, kind="stable")
        self.network, self.hits = network[order], survey.hits.array[order]
        self.bounds = np.searchsorted(value[order], np.arange(len(self.seen) + 1))
        self.neighbourhood, _ = group(survey.neighbourhood.array.view(np.uint64))

    def rows(self, values: Sequence[int]) -> NDArray[np.int64]:
        """Places, in `network` and `hits`, of the pairs of these values."""
        parts = [np.arange(self.bounds[v], self.bounds[v + 1]) for v in values]
        return np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)

    def crowd(self, values: Sequence[int]) -> Crowd:
        """Who brought any of these values."""
        rows = self.rows(values)
        networks = np.unique(self.network[rows])
        marks = np.unique(self.survey.agents[np.asarray(values, np.int64)])
        agents = min(int((marks != np.uint64(NO_VALUE)).sum()), AGENTS)
        neighbourhoods = len(np.unique(self.neighbourhood[networks]))
        return Crowd(int(self.hits[rows].sum()), len(networks), neighbourhoods, agents)

    def evidence(self, values: Sequence[int], found: Mapping[int, Iterable[str]]) -> Evidence:
        """Of these values, equal texts taken together; `found` are kinds by value."""
        texts: dict[str, int] = {}
        code = np.array([texts.setdefault(self.seen[v].raw, len(texts)) for v in values], np.int32)
        rows, lengths = self.rows(values), self.bounds[np.asarray(values) + 1] - self.bounds[np.asarray(values)]
        text, network = np.repeat(code, lengths), self.network[rows].astype(np.int32)
        _, first = number((text, network))
        each = np.bincount(text[first], minlength=len(texts))
        shares = each[each > 0] / each.sum()
        ids, at = group(network.astype(np.uint64))
        by_network = np.bincount(ids, weights=self.hits[rows], minlength=len(at))
        distinct = np.bincount(ids[first], minlength=len(at))
        returning = by_network >= 2
        enough = int(returning.sum()) >= self.k
        constant = float((distinct[returning] == 1).mean()) if enough else None
        kinds: dict[str, int] = defaultdict(int)
        hits = {v: int(self.hits[self.bounds[v] : self.bounds[v + 1]].sum()) for v in values if found.get(v)}
        for v, count in hits.items():
            for kind in found[v]:
                kinds[kind] += count
        return Evidence(
            self.crowd(values), len(texts), abs(float((shares * np.log2(shares)).sum())),
            int(returning.sum()) if enough else 0, constant,
            dict(sorted(kinds.items())), sum(hits.values()),
        )  # fmt: skip
