"""Anonymise: events in, pseudonymous events out; every column by its declared treatment, on distinct values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.load import DeclarationError, Fields
from schemas.policy import Policy, Site
from schemas.stages import Accounts, Events, PseudonymousEvents
from transforms.addresses import NetworkKey
from transforms.geography import Countries
from transforms.kernels.calls import ipv4
from transforms.kernels.group import Index
from transforms.keys import KeyReference, derive
from transforms.partials import number, pair
from transforms.treatments import address, latency, measure, site, status, when

Codes = NDArray[np.int32]
NOTES = (address.HOST_NAME, address.INVALID_ADDRESS)
QUADS = 1 << 20  # dotted quads remembered, ~45 bytes each
MEMO = 1 << 16  # distinct values remembered per treatment; they are raw, so they are bounded


class Anonymise:
    """A step of the fused stage. Built with declarations alone; what needs files or the key is opened in the worker."""

    def __init__(self, policy: Policy, fields: Fields, forced_site: str | None, geo_db: str, key: KeyReference) -> None:
        check_treatments(fields)
        self.policy, self.forced_site, self.geo_db, self.key = policy, forced_site, geo_db, key
        self._bench: Bench | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bench": None}

    def __call__(self, chunks: Iterator[Events]) -> Iterator[PseudonymousEvents]:
        if self._bench is None:
            self._bench = Bench(
                self.policy, self.forced_site, Countries(self.geo_db), derive(self.key.fetch(), "network")
            )
        for events in chunks:
            yield self._bench.anonymise(events)


def check_treatments(fields: Fields) -> None:
    """Refuse to build the graph unless each declared treatment has its file, and takes and gives what was declared."""
    for treatment in fields.treatments.values():
        if treatment.name == "drop":
            continue
        try:
            module = import_module(f"transforms.treatments.{treatment.name}")
        except ModuleNotFoundError:
            raise DeclarationError(
                f"fields.toml: treatment {treatment.name!r} has no file in transforms/treatments"
            ) from None
        for key in ("takes", "gives"):
            if tuple(getattr(module, key.upper())) != getattr(treatment, key):
                raise DeclarationError(f"fields.toml: treatment.{treatment.name}.{key} is not what its file says")


class Words:
    """All words of a worker: key values by code. Codes never change, so that tallies of chunks add up by code."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._array = pa.array([], pa.string())

    def code(self, word: str | None) -> int:
        return -1 if word is None else self._codes.setdefault(word, len(self._codes))

    def codes(self, words: Sequence[str | None]) -> Codes:
        return np.fromiter((self.code(word) for word in words), np.int32, len(words))

    def column(self, codes: Codes) -> pa.DictionaryArray:
        """Codes (-1: null) as an Arrow column."""
        if len(self._array) < len(self._codes):
            fresh = list(self._codes)[len(self._array) :]
            self._array = pa.concat_arrays([self._array, pa.array(fresh, pa.string())])
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), self._array)


class Memo:
    """A treatment of distinct values, remembered; values are dropped all at once when there are too many."""

    def __init__(self, treat: Callable[..., tuple[int, ...]], width: int) -> None:
        self.treat, self.width = treat, width
        self.known: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def __call__(self, rows: Sequence[tuple[Any, ...]]) -> Codes:
        """int32 [rows, width]: what the treatment gives, as codes."""
        if len(self.known) > MEMO:
            self.known.clear()
        known, out = self.known, []
        for row in rows:
            given = known.get(row)
            if given is None:
                given = known[row] = self.treat(*row)
            out.append(given)
        return np.array(out, np.int32).reshape(len(rows), self.width)


class Learned:
    """What the treatment of addresses gave, in columns: 16 bytes, a country code, and 1 + the place in NOTES, or 0."""

    def __init__(self) -> None:
        self.count = 0
        self.tokens, self.countries = np.zeros((1024, 16), np.uint8), np.zeros(1024, np.int32)
        self.noted = np.zeros(1024, np.int8)

    def add(self, token: bytes | None, country: int, note: str | None) -> int:
        """Remember one; returns its place."""
        if self.count == len(self.noted):
            for name in ("tokens", "countries", "noted"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        at = self.count
        if token is not None:
            self.tokens[at] = np.frombuffer(token, np.uint8)
        self.countries[at], self.noted[at] = country, NOTES.index(note) + 1 if note else 0
        self.count += 1
        return at


class Addresses:
    """The treatment of addresses, remembered: dotted quads by number in a table of their own, all others by their text."""

    def __init__(self, treatment: address.Treatment, words: Words, sites: Sequence[Site], trusted: bool) -> None:
        self.treatment, self.words, self.sites = treatment, words, sites
        self.takes = address.TAKES if trusted else address.TAKES[:1]  # without trusted proxies none is asked
        self.clear()

    def clear(self) -> None:
        self.index, self.quads = Index(), Learned()
        self.known: dict[tuple[Any, ...], int] = {}
        self.others = Learned()

    def __call__(self, source: Source, sites: Codes | int) -> tuple[Codes, NDArray[np.uint8], Codes, NDArray[np.int8]]:
        """The number of each row, and uint8 [distinct, 16], country int32 [distinct], note int8 [distinct]."""
        if self.index.count > QUADS or len(self.known) > MEMO:
            self.clear()
        distinct = source.distinct(self.takes, sites)
        tokens = np.zeros((distinct.size, 16), np.uint8)
        countries, noted = np.zeros(distinct.size, np.int32), np.zeros(distinct.size, np.int8)
        quads, others = self._quads(source, distinct), self._others(source, distinct)
        for learned, (rows, at) in ((self.quads, quads), (self.others, others)):
            tokens[rows], countries[rows], noted[rows] = learned.tokens[at], learned.countries[at], learned.noted[at]
        return distinct.ids, tokens, countries, noted

    def _is_quad(self, source: Source, distinct: Distinct) -> NDArray[np.int64]:
        """int64 [distinct]: the number of a client that is a dotted quad and alone, else -1."""
        numbers = np.append(ipv4(source.batch["client"].dictionary), -1)[distinct.codes["client"]]
        return np.where(distinct.codes["forwarded"] < 0, numbers, -1) if "forwarded" in distinct.codes else numbers

    def _quads(self, source: Source, distinct: Distinct) -> tuple[NDArray[np.int64], Codes]:
        """(distinct rows that are dotted quads, their places in `quads`)."""
        numbers = self._is_quad(source, distinct)
        rows = np.flatnonzero(numbers >= 0)
        at, fresh = self.index.number(pair(distinct.site[rows], numbers[rows]))
        sites = distinct.site[rows[fresh]].tolist()
        for number_of_site, quad in zip(sites, numbers[rows[fresh]].tolist(), strict=True):
            self.quads.add(*self._treated(number_of_site, b"%d.%d.%d.%d" % tuple(quad.to_bytes(4, "big")), None))
        return rows, at

    def _others(self, source: Source, distinct: Distinct) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(distinct rows that are not dotted quads, their places in `others`)."""
        rows = np.flatnonzero(self._is_quad(source, distinct) < 0)
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


WORDED = ("route", "parameters", "referrer", "agent")  # treatments that turn values into words


class Source:
    """The columns of one chunk as codes and distinct values; a column that the format lacks is all null."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch, self.rows = batch, batch.num_rows

    def has(self, name: str) -> bool:
        return name in self.batch.schema.names

    def codes(self, name: str) -> Codes:
        """int32 [rows], -1 for null."""
        if not self.has(name):
            return np.full(self.rows, -1, np.int32)
        codes: Codes = self.batch[name].indices.fill_null(-1).to_numpy()
        return codes

    def values(self, name: str) -> list[bytes | None]:
        """The distinct values, and behind them the None that code -1 reads."""
        return [*(self.batch[name].dictionary.to_pylist() if self.has(name) else ()), None]

    def numbers(self, name: str, none: NDArray[np.int64]) -> NDArray[Any]:
        return self.batch[name].to_numpy() if self.has(name) else none

    def distinct(self, names: Sequence[str], site: Codes | int) -> Distinct:
        """The distinct (site, value, …) of the chunk; `site` is one number for all rows, or one a row.

        A column that the format lacks is not looked at.
        """
        codes = {name: self.codes(name) for name in names if self.has(name)}
        if isinstance(site, int) and len(codes) == 1:  # its dictionary has the distinct values already
            ((name, ids),) = codes.items()
            size = len(self.batch[name].dictionary)
            known = np.append(np.arange(size, dtype=np.int32), np.int32(-1))
            ids = np.where(ids < 0, np.int32(size), ids)
            return Distinct(ids, np.full(size + 1, site, np.int32), {name: known}, names)
        ids, first = number(
            (*((np.zeros(self.rows, np.int32),) if isinstance(site, int) else (site,)), *codes.values())
        )
        sites = np.full(len(first), site, np.int32) if isinstance(site, int) else site[first]
        return Distinct(ids, sites, {name: column[first] for name, column in codes.items()}, names)


@dataclass(frozen=True)
class Distinct:
    """Distinct (site, value, …) of a chunk: the number of each row, and per number its site and codes (-1: null)."""

    ids: Codes
    site: Codes
    codes: dict[str, Codes]
    names: Sequence[str]

    @property
    def size(self) -> int:
        return len(self.site)

    def rows(self, source: Source, chosen: NDArray[np.int64] | None = None) -> list[tuple[Any, ...]]:
        """(site number, value, …) of the numbers, or of those chosen."""
        at = slice(None) if chosen is None else chosen
        columns: list[Sequence[Any]] = [self.site[at].tolist()]
        for name in self.names:
            values = source.values(name) if name in self.codes else ()
            codes = self.codes[name][at].tolist() if name in self.codes else ()
            columns.append([values[code] for code in codes] if name in self.codes else [None] * len(columns[0]))
        return list(zip(*columns, strict=True))


class Worded:
    """A treatment that turns distinct values into words; it is told the site if it asks for it by that name."""

    def __init__(self, module: ModuleType, policy: Policy, words: Words) -> None:
        self.takes, self.gives = module.TAKES, module.GIVES
        treatment = module.Treatment(policy)
        self.per_site = "site" in signature(treatment.treat).parameters
        sites = policy.all_sites

        def treat(number_of_site: int, *values: bytes | None) -> tuple[int, ...]:
            told = {"site": sites[number_of_site]} if self.per_site else {}
            return tuple(words.code(word) for word in treatment.treat(*values, **told))

        self.memo = Memo(treat, len(self.gives))

    def codes(self, source: Source, sites: Codes | int) -> Iterator[tuple[str, Codes]]:
        """(given column, codes of each event)."""
        distinct = source.distinct(self.takes, sites if self.per_site else 0)
        codes = self.memo(distinct.rows(source))
        for i, name in enumerate(self.gives):
            yield name, codes[distinct.ids, i]


class Bench:
    """All treatments of one worker, with what they remember."""

    def __init__(self, policy: Policy, forced_site: str | None, countries: Countries, key: bytes) -> None:
        self.sites = policy.all_sites
        self.words = Words()
        self.site = {has_host: site.Treatment(policy, forced_site, has_host) for has_host in (True, False)}
        self.when, self.status, self.latency = (
            when.Treatment(policy),
            status.Treatment(policy),
            latency.Treatment(policy),
        )
        self.measure = measure.Treatment(policy)
        treatment = address.Treatment(policy, NetworkKey(key), countries.lookup)
        self.addresses = Addresses(treatment, self.words, self.sites, bool(policy.ip.trusted_proxies))
        self.worded = [Worded(import_module(f"transforms.treatments.{name}"), policy, self.words) for name in WORDED]

    def anonymise(self, events: Events) -> PseudonymousEvents:
        """One chunk. The columns that go in are gone from what comes out."""
        source = Source(events.batch)
        sites = self._sites(source)
        place = int(sites[0]) if len(sites) and (sites == sites[0]).all() else sites  # mostly all lines are of one site
        columns: dict[str, pa.Array] = {
            "site": pa.DictionaryArray.from_arrays(pa.array(sites), pa.array([one.name for one in self.sites])),
            **self._when(source, sites),
            **self._network(source, place, events.accounts),
            **self._numbers(source),
        }
        for treatment in self.worded:
            columns |= {name: self.words.column(codes) for name, codes in treatment.codes(source, place)}
        self._count_days(sites, columns["day"].to_numpy(), events)
        return PseudonymousEvents(pa.record_batch(columns), events.file, events.accounts)

    def _sites(self, source: Source) -> Codes:
        """int32 [rows]: number of the site in policy.all_sites."""
        numbers = {one.name: i for i, one in enumerate(self.sites)}
        treatment = self.site[source.has("host")]
        by_value = [numbers[treatment.treat(host)] for host in source.values("host")]
        return np.array(by_value, np.int32)[source.codes("host")]

    def _when(self, source: Source, sites: Codes) -> dict[str, pa.Array]:
        """Local day and hour, by the zone of each event's site."""
        time = source.batch["time"].to_numpy()
        day, hour = np.empty(source.rows, np.int32), np.empty(source.rows, np.int32)
        for zone in {self.sites[i].timezone for i in np.unique(sites)}:
            here = np.array([one.timezone == zone for one in self.sites])[sites]
            day[here], hour[here] = self.when.treat(time[here], zone)
        hours = self.words.codes([f"{h:02d}" for h in range(24)])
        return {"day": pa.array(day), "hour": self.words.column(hours[hour])}

    def _network(self, source: Source, sites: Codes | int, accounts: Accounts) -> dict[str, pa.Array]:
        """Keyed hash of the network and country of each event."""
        ids, tokens, countries, noted = self.addresses(source, sites)
        times = np.bincount(ids, minlength=len(tokens))
        for i, note in enumerate(NOTES, 1):
            if count := int(times[noted == i].sum()):
                accounts.noted[note] += count
        packed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(tokens), [None, pa.py_buffer(tokens)])
        network = pa.DictionaryArray.from_arrays(pa.array(ids, mask=(noted > 0)[ids]), packed)
        return {"network": network, "country": self.words.column(countries[ids])}

    def _numbers(self, source: Source) -> dict[str, pa.Array]:
        """Columns whose treatment works on whole vectors."""
        none = np.full(source.rows, -1, np.int64)
        coded = [
            *self.status.treat(source.numbers("status", none)),
            self.latency.treat(source.numbers("duration", none)),
        ]
        columns: dict[str, pa.Array] = {"bytes": pa.array(self.measure.treat(source.numbers("bytes", none)))}
        for name, (codes, vocabulary) in zip((*status.GIVES, *latency.GIVES), coded, strict=True):
            known = np.append(self.words.codes(vocabulary), np.int32(-1))
            columns[name] = self.words.column(known[codes])
        return columns

    def _count_days(self, sites: Codes, day: NDArray[np.int32], events: Events) -> None:
        ids, first = number((sites, day))
        for i, count in zip(first.tolist(), np.bincount(ids).tolist(), strict=True):
            events.accounts.days[(events.file, self.sites[sites[i]].name, int(day[i]))] += count
