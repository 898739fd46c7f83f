"""Remembered addresses: the treatment of addresses with what it gave before, for there are more of them than of anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Site
from transforms.distinct import Distinct, Source, Words
from transforms.kernels.calls import ipv4
from transforms.kernels.group import Index
from transforms.partials import pair
from transforms.treatments import address

Codes = NDArray[np.int32]
CLIENT, VISITOR = address.TAKES[:2], address.TAKES[2:]  # events have the one or the other
NOTES = (address.HOST_NAME, address.INVALID_ADDRESS, address.NO_VISITOR)
QUADS = 1 << 20  # dotted quads remembered, ~45 bytes each
OTHERS = 1 << 16  # other texts remembered
_WHOLE = np.dtype((np.void, 16))


class Learned:
    """What the treatment of addresses gave, in columns: 16 bytes, a country code, and 1 + the place in NOTES, or 0."""

    def __init__(self) -> None:
        self.count = 0
        self.tokens, self.countries = np.zeros((1024, 16), np.uint8), np.zeros(1024, np.int32)
        self.noted = np.zeros(1024, np.int8)

    def add(self, token: bytes | None, country: int, note: str | None) -> int:
        """Remember one; returns its place."""
        at = self.more(1)
        if token is not None:
            self.tokens[at] = np.frombuffer(token, np.uint8)
        self.countries[at], self.noted[at] = country, NOTES.index(note) + 1 if note else 0
        return at

    def at(self, places: NDArray[np.integer]) -> tuple[NDArray[np.uint8], Codes, NDArray[np.int8]]:
        """What is remembered at some places: uint8 [n, 16], int32 [n], int8 [n]."""
        places = places.astype(np.intp)
        tokens = self.tokens.view(_WHOLE)[:, 0].take(places)  # a token at a time, not byte by byte
        return tokens.view(np.uint8).reshape(-1, 16), self.countries.take(places), self.noted.take(places)

    def more(self, size: int) -> int:
        """Make room for so many behind those that are there; returns the place of the first."""
        first, self.count = self.count, self.count + size
        while self.count > len(self.noted):
            for name in ("tokens", "countries", "noted"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        return first


class Addresses:
    """The treatment of addresses, remembered: dotted quads by number in a table of their own, all others by their text."""

    def __init__(self, treatment: address.Treatment, words: Words, sites: Sequence[Site], trusted: bool) -> None:
        self.treatment, self.words, self.sites = treatment, words, sites
        self.takes = CLIENT if trusted else CLIENT[:1]  # without trusted proxies none is asked
        self.clear()

    def clear(self) -> None:
        self.index, self.quads = Index(), Learned()
        self.known: dict[tuple[Any, ...], int] = {}
        self.others = Learned()

    def __call__(self, source: Source, sites: Codes | int) -> tuple[Codes, NDArray[np.uint8], Codes, NDArray[np.int8]]:
        """The number of each row, and uint8 [distinct, 16], country int32 [distinct], note int8 [distinct]."""
        if self.index.count > QUADS or len(self.known) > OTHERS:
            self.clear()
        distinct = source.distinct(self.takes, sites)
        numbers = self._is_quad(source, distinct)
        quads, others = self._quads(distinct, numbers), self._others(source, distinct, numbers)
        if not len(others[0]):  # most chunks of most logs
            return distinct.ids, *self.quads.at(quads[1])
        tokens = np.zeros((distinct.size, 16), np.uint8)
        countries, noted = np.zeros(distinct.size, np.int32), np.zeros(distinct.size, np.int8)
        for learned, (rows, at) in ((self.quads, quads), (self.others, others)):
            tokens[rows], countries[rows], noted[rows] = learned.at(at)
        return distinct.ids, tokens, countries, noted

    def _is_quad(self, source: Source, distinct: Distinct) -> NDArray[np.int64]:
        """int64 [distinct]: the number of a client that is a dotted quad and alone, else -1."""
        numbers = np.append(ipv4(source.batch["client"].dictionary), -1)[distinct.codes["client"]]
        return np.where(distinct.codes["forwarded"] < 0, numbers, -1) if "forwarded" in distinct.codes else numbers

    def _quads(self, distinct: Distinct, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], Codes]:
        """(distinct rows that are dotted quads, their places in `quads`)."""
        rows = np.flatnonzero(numbers >= 0)
        at, fresh = self.index.number(pair(distinct.site[rows], numbers[rows]))
        quads, sites, first = numbers[rows[fresh]], distinct.site[rows[fresh]], self.quads.more(len(fresh))
        for site in np.unique(sites).tolist():
            here = np.flatnonzero(sites == site)
            tokens, countries = self.treatment.quads(quads[here], self.sites[site])
            self.quads.tokens[first + here], self.quads.countries[first + here] = tokens, self.words.codes(countries)
        return rows, at

    def _others(
        self, source: Source, distinct: Distinct, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(distinct rows that are not dotted quads, their places in `others`)."""
        rows = np.flatnonzero(numbers < 0)
        places = []
        for row in distinct.rows(source, rows):
            if row not in self.known:
                self.known[row] = self.others.add(*self._treated(*row))
            places.append(self.known[row])
        return rows, np.array(places, np.int64)

    def _treated(
        self, number_of_site: int, client: bytes | None, forwarded: bytes | None = None
    ) -> tuple[bytes | None, int, str | None]:
        token, country, note = self.treatment.treat(client, forwarded, self.sites[number_of_site])
        return token, self.words.code(country), note


class Visitors:
    """The treatment of events without addresses: each distinct visitor of a chunk, for most are in no other."""

    def __init__(self, treatment: address.Treatment, words: Words, sites: Sequence[Site]) -> None:
        self.treatment, self.words, self.sites = treatment, words, sites

    def __call__(self, source: Source, sites: Codes | int) -> tuple[Codes, NDArray[np.uint8], Codes, NDArray[np.int8]]:
        """As Addresses gives it."""
        distinct = source.distinct(VISITOR, sites)
        learned = Learned()
        for number_of_site, visitor, country in distinct.rows(source):
            token, code, note = self.treatment.visitor(visitor, country, self.sites[number_of_site])
            learned.add(token, self.words.code(code), note)
        count = slice(learned.count)
        return distinct.ids, learned.tokens[count], learned.countries[count], learned.noted[count]
