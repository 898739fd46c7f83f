"""Survey: who brought which value of what, counted over chunks in bounded memory; raw values stay in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Policy
from schemas.stages import Events, PseudonymousEvents
from transforms.distinct import Source
from transforms.kernels.group import NO_VALUE, Index, group, keep_least
from transforms.looked_at import Seen, Subject, look, look_at_host
from transforms.partials import as_wide, number, pair
from transforms.treatments.agent import BOT, HUMAN

AGENTS = 16
"""Agents counted behind a value; more are "16 or more"."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """How much is held at most: what goes beyond is counted as left out, or neighbourhoods are sampled."""

    subjects: int = 20_000
    values: int = 200_000
    pairs: int = 1 << 22


class Survey:
    """Values by subject, and the networks and agents behind each.

    `pairs` are the distinct (value, network) with their hits. Where there would be more than the bound allows, half of the
    neighbourhoods (by their keyed hash, as good as by lot) are forgotten, and from then on not looked at: `share` says
    how many are. What is found in a sample of neighbourhoods was found in as many at least.
    """

    def __init__(self, policy: Policy, bounds: Bounds | None = None) -> None:
        self.sites, self.bounds = policy.all_sites, bounds or Bounds()
        self.routes = [frozenset(site.routes) for site in self.sites]
        self.subjects: dict[Subject, int] = {}
        self.values: dict[Seen, int] = {}
        self.value_subject: list[int] = []
        self.agents = np.full((1024, AGENTS), NO_VALUE, np.uint64)
        self.left_out: Counter[str] = Counter()
        self.halvings = 0
        self.networks, self.neighbourhood = Index(), Grown()
        self.index, self.pairs, self.hits = Index(), Grown(), Grown()

    @property
    def share(self) -> float:
        """The share of the neighbourhoods that is looked at."""
        return float(0.5**self.halvings)

    def take(self, events: Events, out: PseudonymousEvents) -> None:
        """Count one chunk: what people sent, whose network is known. `out` is what the bench made of `events`."""
        source, batch = Source(events.batch), out.batch
        network = batch["network"].indices.fill_null(-1).to_numpy()
        wide = as_wide(batch["network"].dictionary)
        classes = batch["agent_class"].dictionary.to_pylist()
        kinds = batch["agent_class"].indices.fill_null(-1).to_numpy()
        bots, people = (np.append([word == kind for word in classes], False)[kinds] for kind in (BOT, HUMAN))
        self.left_out["requests of bots"] += int(bots.sum())
        self.left_out["requests in logs without agents"] += int((~bots & ~people).sum())
        self.left_out["requests without an address"] += int(((network < 0) & people).sum())
        sampled = np.append(self._sampled(wide[:, 0]), False)
        rows = np.flatnonzero(people & (network >= 0) & sampled[network])
        if rows.size:
            self._count(source, batch, rows, wide[network[rows]])
        while self.index.count > self.bounds.pairs:
            self._halve()

    def _count(self, source: Source, batch: Any, rows: Ints, wide: NDArray[np.uint64]) -> None:
        codes = [source.codes(name)[rows] for name in ("path", "query", "host")]
        site, route = (batch[name].indices.fill_null(-1).to_numpy()[rows] for name in ("site", "route"))
        kind, first = number((site, route, *codes))
        offsets, flat = self._values_of(source, batch, [column[first] for column in (site, route, *codes)])
        network, fresh = self.networks.number(np.ascontiguousarray(wide[:, 1]))
        self.neighbourhood.append(wide[fresh, 0].view(np.int64))
        pair_ids, at = number((kind, network))
        hits = np.bincount(pair_ids, minlength=len(at))
        value, row = spread(kind[at], offsets, flat)
        ids, fresh = self.index.number(pair(value, network[at][row]))
        self.pairs.append(pair(value, network[at][row])[fresh].view(np.int64))
        self.hits.append(np.zeros(len(fresh), np.int64))
        np.add.at(self.hits.array, ids, hits[row])
        marks = batch["agent_mark"].to_numpy()[rows]
        agent, _ = group(np.ascontiguousarray(marks))
        _, at = number((kind, agent))
        value, row = spread(kind[at], offsets, flat)
        self._make_room()
        keep_least(self.agents, value, np.ascontiguousarray(marks[at][row][:, None]))

    def _values_of(
        self, source: Source, batch: Any, columns: Sequence[NDArray[np.int32]]
    ) -> tuple[Ints, NDArray[np.int32]]:
        """For each distinct request (site, route, path, query, host) the numbers of its values: offsets, and all in a row."""
        routes, texts = batch["route"].dictionary.to_pylist(), {n: source.values(n) for n in ("path", "query", "host")}
        offsets, flat = [0], []
        for site, route, path, query, host in zip(*(column.tolist() for column in columns), strict=True):
            name = routes[route]
            declared = name.partition("?")[0] in self.routes[site]
            found: Iterable[Seen] = look(site, name, declared, texts["path"][path] or b"", texts["query"][query])
            if self.sites[site].name == "(other)":
                found = (*look_at_host(site, texts["host"][host]), *found)
            flat += [at for one in found if (at := self._value(one)) >= 0]
            offsets.append(len(flat))
        return np.array(offsets, np.int64), np.array(flat, np.int32)

    def _value(self, seen: Seen) -> int:
        """The number of a value, -1 where it is left out: there are too many."""
        known = self.values.get(seen)
        if known is not None:
            return known
        subject = self.subjects.get(seen.subject)
        if subject is None:
            if len(self.subjects) >= self.bounds.subjects:
                self.left_out["values of places and parameters beyond the bound"] += 1
                return -1
            subject = self.subjects[seen.subject] = len(self.subjects)
        if len(self.values) >= self.bounds.values:
            self.left_out["values beyond the bound"] += 1
            return -1
        self.values[seen] = len(self.value_subject)
        self.value_subject.append(subject)
        return len(self.value_subject) - 1

    def _make_room(self) -> None:
        while len(self.agents) < len(self.value_subject):
            self.agents = np.concatenate([self.agents, np.full_like(self.agents, NO_VALUE)])

    def _halve(self) -> None:
        """Forget half of the neighbourhoods."""
        self.halvings += 1
        kept = self._sampled(self.neighbourhood.array.view(np.uint64))[self.pairs.array & 0xFFFFFFFF]
        pairs, hits = self.pairs.array[kept], self.hits.array[kept]
        self.index, self.pairs, self.hits = Index(), Grown(), Grown()
        self.index.number(pairs.view(np.uint64))
        self.pairs.append(pairs)
        self.hits.append(hits)

    def _sampled(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether neighbourhoods, by their keyed hash, are looked at."""
        return hashes < np.uint64((1 << (64 - self.halvings)) - 1)


class Grown:
    """An int64 column that is appended to."""

    def __init__(self) -> None:
        self._held, self._size = np.zeros(1024, np.int64), 0

    def append(self, more: Ints) -> None:
        while self._size + len(more) > len(self._held):
            self._held = np.concatenate([self._held, np.zeros_like(self._held)])
        self._held[self._size : self._size + len(more)] = more
        self._size += len(more)

    @property
    def array(self) -> Ints:
        """What was appended so far, as a view."""
        return self._held[: self._size]


def spread(kinds: NDArray[np.int32], offsets: Ints, flat: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ints]:
    """The values of each row: of a row of kind k those at offsets[k] : offsets[k + 1] in `flat`. Returns (value, row)."""
    lengths = np.diff(offsets)[kinds]
    row = np.repeat(np.arange(len(kinds)), lengths)
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return flat[offsets[:-1][kinds][row] + place], row


def halves(pairs: Ints) -> tuple[Ints, Ints]:
    """(value, network) of pairs."""
    return pairs >> 32, pairs & 0xFFFFFFFF
