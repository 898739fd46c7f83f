"""Bounded: what each neighbourhood counts for is bounded, so that noise can hide it (docs/differential-privacy.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.noise import Bounds
from schemas.policy import Site
from schemas.stages import Accounts
from schemas.table import Trends
from transforms.guard.crowd import Crowd, Share
from transforms.guard.generalise import Label
from transforms.guard.release import SiteGuard, SiteRelease
from transforms.guard.tallied import Tallies
from transforms.guard.terms import Terms
from transforms.kernels.group import group
from transforms.packed import Packed
from transforms.periods import as_date

Ints = NDArray[np.int64]
Marks = NDArray[np.uint64]


@dataclass(frozen=True)
class Bounded:
    """A period of a table that waits for its noise: the cells of k neighbourhoods and more, in the order of their labels.

    `neighbourhoods` and `hits` count what is within the bounds alone; `events` are all of the period, `cells` all of its
    leaf cells. Exact, so it is sealed wherever it goes.
    """

    table: str
    site: str
    grain: str
    date: str
    partial: bool
    k: int
    labels: list[Label]
    neighbourhoods: list[int]
    hits: list[int]
    events: int
    cells: int


def to_bytes(found: Sequence[Bounded]) -> bytes:
    return json.dumps([asdict(one) for one in found]).encode()


def from_bytes(content: bytes) -> list[Bounded]:
    return [Bounded(**{**one, "labels": [tuple(label) for label in one["labels"]]}) for one in json.loads(content)]


class BoundingGuard(SiteGuard):
    """Guards one site for a release with noise: nothing is generalised, for where cells climb depends on everybody."""

    def __init__(self, site: Site, tallied: Trends, terms: Terms) -> None:
        super().__init__(site, tallied, terms)
        self.bounds = terms.noise

    def bound(self, shares: Sequence[Packed], accounts: Accounts) -> tuple[SiteRelease, list[Bounded]]:
        """The site's counts, with every event of a period that is published still among the withheld, and what noise is for."""
        out, states = self._begin(accounts)
        found = []
        marks = {id(share.neighbourhood): marks_of(share) for share in shares}
        tallies = Tallies(shares, self.tallied)
        for table in self.trends.tables:
            tallied = tallies.of(table)
            for period in self._periods(table, states):
                leaves = tallied.leaves(period)
                events = tallied.hits(leaves)
                decided = self._decided(out, table, period, states[table.name, period], events)
                if decided is None:
                    continue
                cells = tallied.leaf_cells(leaves)
                labels, crowds, hits = contributions(
                    cells.labels, cells.place, cells.crowd, marks, self.bounds[table.name]
                )
                kept = [i for i in range(len(labels)) if crowds[i] >= self.k]
                made = Bounded(
                    table.name, self.site.name, self.grains[table.name], as_date(period).isoformat(),
                    bool(decided["partial"]), self.k, [labels[i] for i in kept], [int(crowds[i]) for i in kept],
                    [int(hits[i]) for i in kept], events, len(labels),
                )  # fmt: skip
                found.append(made)
                out.counts[table.name]["withheld"] += events
                decided |= {"events": events, "withheld": events, "cells": made.cells, "kept": {}}
        return out, found


def contributions(
    labels: Sequence[Label], place: NDArray[np.integer], crowd: Crowd, marks: Mapping[int, Marks], bounds: Bounds
) -> tuple[list[Label], Ints, Ints]:
    """Cells in the order of their labels, with the neighbourhoods and the hits that are within the bounds, int64 [C] each.

    A neighbourhood keeps the cells in which it has most hits, and of equal ones those that its keyed hash prefers: what it
    keeps depends on nothing but its own events and the key, not on anybody else, on the order of input or on shares.
    Events without a network are nobody's, and count for nothing.
    """
    order = sorted(range(len(labels)), key=labels.__getitem__)
    named = [labels[i] for i in order]
    chosen = np.array([mark_of(label) for label in named], np.uint64)
    neighbourhoods, sums = np.zeros(len(named), np.int64), np.zeros(len(named), np.int64)
    for share in crowd.shares:
        cell, who, hits = _pairs(share, place[order])
        kept = _kept(who, hits, chosen[cell], marks[id(share.neighbourhood)], bounds.cells)
        neighbourhoods += np.bincount(cell[kept], minlength=len(named))
        sums += _sums(cell[kept], np.minimum(hits[kept], bounds.hits), len(named))
    return named, neighbourhoods, sums


def _pairs(share: Share, place: NDArray[np.integer]) -> tuple[Ints, Ints, Ints]:
    """(cell, neighbourhood, hits) of a share, each pair once; cells as positions in `place`."""
    rows = share.row[place]
    there = np.flatnonzero(rows >= 0)
    starts, counts = share.offsets[rows[there]].astype(np.int64), np.diff(share.offsets)[rows[there]].astype(np.int64)
    at = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    pairs = (np.repeat(there, counts) << 32) | share.neighbourhood[share.networks[at]].astype(np.int64)
    number, first = group(pairs.view(np.uint64))
    own = pairs[first]
    return own >> 32, own & 0xFFFFFFFF, _sums(number, share.hits[at], len(own))


def _sums(groups: NDArray[np.integer], values: NDArray[np.integer], count: int) -> Ints:
    """Sums by group, int64 [count]; exact, for a day has fewer than 2**53 hits."""
    return np.bincount(groups, values, count).astype(np.int64)


def _kept(who: Ints, hits: Ints, chosen: Marks, marks: Marks, most: int) -> Ints:
    """The pairs that count: of each neighbourhood the first `most`."""
    many = np.bincount(who)[who] > most  # few have more: only these are sorted
    rest = np.flatnonzero(many)
    liked = mixed(chosen[rest] ^ marks[who[rest]])
    # one key of both: hits of one never reach into the next one's; pairs stand by cells, so that equal ones keep an order
    ranked = (who[rest] << 31) - np.minimum(hits[rest], (1 << 31) - 1)
    by = rest[np.lexsort((liked, ranked))]
    return np.concatenate([np.flatnonzero(~many), by[_ranks(who[by]) < most]])


def _ranks(groups: Ints) -> Ints:
    """The place of each element in its group, from 0; equal ones stand together."""
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])) if len(groups) else groups
    sizes = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def marks_of(share: Packed) -> Marks:
    """uint64 [neighbourhoods]: the keyed hash of each neighbourhood, by its number."""
    marks = np.zeros(int(share.neighbourhood.max(initial=-1)) + 1, np.uint64)
    marks[share.neighbourhood] = share.networks[:, 0]
    return marks


def mark_of(label: Label) -> int:
    """64 bits of a cell's label: which of equal cells a neighbourhood keeps must not be the same for all."""
    return int.from_bytes(hashlib.blake2b("\0".join(label).encode(), digest_size=8).digest(), "little")


def mixed(marks: Marks) -> Marks:
    """Each of the 64 bits depends on all: the finaliser of SplitMix64 (Steele, Lea, Flood 2014). As they are, two cells with
    most bits in common would be equally liked by everybody."""
    marks = (marks ^ (marks >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    marks = (marks ^ (marks >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return marks ^ (marks >> np.uint64(31))
