"""Anonymise: events in, pseudonymous events out; every column by its declared treatment, on distinct values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.load import DeclarationError, Fields
from schemas.policy import Policy
from schemas.stages import Accounts, Events, PseudonymousEvents
from transforms.addresses import NetworkKey
from transforms.distinct import Source, Words, nullable
from transforms.forgotten import Forgotten
from transforms.geography import Countries
from transforms.keys import KeyReference, derive
from transforms.numbered import Memo, Values
from transforms.partials import number
from transforms.remembered import NOTES, Addresses, Visitors
from transforms.treatments import address, event, features, latency, mark, measure, site, status, when

Codes = NDArray[np.int32]


class Anonymise:
    """A step of the fused stage. Built with declarations alone; what needs files or the key is opened in the worker.

    Events of whoever is `forgotten` are dropped before anything else is done, and counted as skipped lines.
    """

    def __init__(
        self,
        policy: Policy,
        fields: Fields,
        forced_site: str | None,
        geo_db: str,
        key: KeyReference,
        forgotten: Forgotten | None = None,
    ) -> None:
        check_treatments(fields)
        self.policy, self.forced_site, self.geo_db, self.key = policy, forced_site, geo_db, key
        self.forgotten = forgotten or Forgotten()
        self._bench: Bench | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bench": None}

    def release(self) -> None:
        """Forget what was remembered: the bundle is over, and merging needs the memory."""
        self._bench = None

    def __call__(self, chunks: Iterator[Events]) -> Iterator[PseudonymousEvents]:
        if self._bench is None:
            self._bench = Bench(self.policy, self.forced_site, Countries(self.geo_db), self.key.fetch())
        tombstones = self.forgotten.load(self.policy.ip)
        for events in chunks:
            yield self._bench.anonymise(events if tombstones is None else tombstones.drop(events))


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


# treatments that turn values into words
WORDED = ("route", "parameters", "referrer", "agent", "affiliate", "link", "licence", "server")

# by column, a value for which they look into all that they look things up in
EXAMPLE = {
    "path": b"/a-1",
    "referrer": b"https://www.example.org/",
    "agent": b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def warm(policy: Policy) -> None:
    """Open suffix list, agent rules and detectors, so that workers started afterwards need not do it at once."""
    for treatment in worded(policy, Words()):
        treatment.treat(0, *map(EXAMPLE.get, treatment.takes))


def nothing(*values: bytes | None) -> frozenset[str]:
    """What a treatment that asks no detector refuses."""
    return frozenset()


def called(function: Callable[..., Any], takes: Sequence[str]) -> Callable[..., Any]:
    """The function as one of a row of values: those that it needs by place, the others by name where there are any."""
    asked = [one for one in signature(function).parameters.values() if one.name != "site"]
    every = any(one.kind is one.VAR_POSITIONAL for one in asked)
    needed = len(takes) if every else sum(one.default is one.empty for one in asked)

    def call(values: Sequence[bytes | None], **told: Any) -> Any:
        if needed == len(takes):
            return function(*values, **told)
        more = {name: value for name, value in zip(takes[needed:], values[needed:], strict=True) if value is not None}
        return function(*values[:needed], **more, **told)

    return call


class Worded:
    """A treatment that turns distinct values into words; it is told the site if it asks for it by that name."""

    def __init__(self, module: ModuleType, policy: Policy, words: Words) -> None:
        self.takes, self.gives = module.TAKES, module.GIVES
        treatment = module.Treatment(policy)
        self.per_site = "site" in signature(treatment.treat).parameters
        sites = policy.all_sites
        give, refuse = called(treatment.treat, self.takes), called(getattr(treatment, "refused", nothing), self.takes)
        self.refused: dict[frozenset[str], int] = {frozenset(): 0}

        def treat(number_of_site: int, *values: bytes | None) -> tuple[int, ...]:
            told = {"site": sites[number_of_site]} if self.per_site else {}
            found = self.refused.setdefault(refuse(values), len(self.refused))
            return (*(words.code(word) for word in give(values, **told)), found)

        self.treat = treat
        self.memo = Memo(treat, self.takes, len(self.gives) + 1)
        lacking: Sequence[str] = getattr(treatment, "lacking", ())
        self.has_lacking, row = bool(lacking), [words.code(word) for word in lacking]
        # of a format that has none of what it takes
        self.absent: Sequence[int] = row or treat(0, *[None] * len(self.takes))

    def codes(
        self, source: Source, sites: Codes | int, values: Values, noted: Counter[str]
    ) -> Iterator[tuple[str, Codes]]:
        """(given column, codes of each event).

        Events by kind of what detectors found are added to `noted`, and those of formats that lack what the treatment asks for.
        """
        if not any(map(source.has, self.takes)):  # what the format lacks is the same for all
            if self.has_lacking and source.rows:  # of lines that nobody read there is nothing to note
                noted[f"no_{self.takes[0]}"] += source.rows
            for i, name in enumerate(self.gives):
                yield name, np.full(source.rows, self.absent[i], np.int32)
            return
        distinct = source.distinct(self.takes, sites if self.per_site else 0)
        codes = self.memo(distinct, source, values)
        if (found := codes[:, -1]).any():
            times = np.bincount(found[distinct.ids], minlength=len(self.refused))
            for kinds, number_of_kinds in self.refused.items():
                noted.update(
                    {f"detected {kind}": int(times[number_of_kinds]) for kind in kinds if times[number_of_kinds]}
                )
        ids = distinct.ids.astype(np.intp)  # once for all columns
        for i, name in enumerate(self.gives):
            yield name, np.ascontiguousarray(codes[:, i]).take(ids)


def worded(policy: Policy, words: Words) -> list[Worded]:
    """The treatments of values that become words."""
    return [Worded(import_module(f"transforms.treatments.{name}"), policy, words) for name in WORDED]


class Bench:
    """All treatments of one worker, with what they remember."""

    def __init__(self, policy: Policy, forced_site: str | None, countries: Countries, key: bytes) -> None:
        self.sites = policy.all_sites
        self.words, self.values = Words(), Values()
        self.site = {has_host: site.Treatment(policy, forced_site, has_host) for has_host in (True, False)}
        self.when, self.status, self.latency = (
            when.Treatment(policy),
            status.Treatment(policy),
            latency.Treatment(policy),
        )
        self.measure = measure.Treatment(policy)
        marked = mark.Treatment(derive(key, "agent"))
        self.mark = Memo(lambda _, *told: (marked.treat(*told),), mark.TAKES, 1, np.uint64)
        treatment = address.Treatment(
            policy, NetworkKey(derive(key, "network")), countries.lookup, countries.lookup_all
        )
        self.addresses = Addresses(treatment, self.words, self.sites, bool(policy.ip.trusted_proxies))
        self.visitors = Visitors(treatment, self.words, self.sites)
        self.event, self.features = event.Treatment(policy), features.Treatment(policy)
        self.worded = worded(policy, self.words)

    def anonymise(self, events: Events) -> PseudonymousEvents:
        """One chunk. The columns that go in are gone from what comes out."""
        source = Source(events.batch)
        self.values.forget()
        sites = self._sites(source)
        place = int(sites[0]) if len(sites) and (sites == sites[0]).all() else sites  # mostly all lines are of one site
        columns: dict[str, pa.Array] = {
            "site": pa.DictionaryArray.from_arrays(pa.array(sites), pa.array([one.name for one in self.sites])),
            **self._when(source, sites),
            **self._network(source, place, events.accounts),
            **self._numbers(source),
            "agent_mark": self._marks(source),
            "event": self._events(source),
            "feature": self._features(source, place),
        }
        for treatment in self.worded:
            columns |= {
                name: self.words.column(codes)
                for name, codes in treatment.codes(source, place, self.values, events.accounts.noted)
            }
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
        zones = {self.sites[i].timezone for i in np.flatnonzero(np.bincount(sites)).tolist()}
        day, hour = np.empty(source.rows, np.int32), np.empty(source.rows, np.int32)
        for zone in zones:
            here = np.array([one.timezone == zone for one in self.sites])[sites] if len(zones) > 1 else slice(None)
            day[here], hour[here] = self.when.treat(time[here], zone)
        hours = self.words.codes(when.HOURS)
        return {"day": pa.array(day), "hour": self.words.column(hours.take(hour))}

    def _network(self, source: Source, sites: Codes | int, accounts: Accounts) -> dict[str, pa.Array]:
        """Keyed hash of the network and country of each event."""
        ids, tokens, countries, noted = (self.addresses if source.has("client") else self.visitors)(source, sites)
        times = np.bincount(ids, minlength=len(tokens))
        for i, note in enumerate(NOTES, 1):
            if count := int(times[noted == i].sum()):
                accounts.noted[note] += count
        packed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(tokens), [None, pa.py_buffer(tokens)])
        known = np.where(noted > 0, np.int32(-1), np.arange(len(tokens), dtype=np.int32))
        network = pa.DictionaryArray.from_arrays(nullable(known.take(ids)), packed)
        return {"network": network, "country": self.words.column(countries.take(ids))}

    def _marks(self, source: Source) -> pa.Array:
        """uint64 [rows]: the mark of each event's agent."""
        distinct = source.distinct(mark.TAKES, 0)
        return pa.array(self.mark(distinct, source, self.values)[:, 0].take(distinct.ids))

    def _events(self, source: Source) -> pa.Array:
        """The kind of each event; what has no path and says nothing is no page view."""
        if not source.has("event"):
            kind = event.PAGE if source.has("path") else event.OTHER
            return self.words.column(np.full(source.rows, self.words.code(kind), np.int32))
        codes = self.words.codes([self.event.treat(value)[0] for value in source.values("event")])
        return self.words.column(codes[source.codes("event")])

    def _features(self, source: Source, sites: Codes | int) -> pa.Array:
        """list<string by code> [rows]: the features of each event, null where it has none."""
        if not source.has("features"):
            return pa.nulls(source.rows, pa.list_(pa.dictionary(pa.int32(), pa.string())))
        distinct = source.distinct(features.TAKES, sites)
        lists = [self.features.treat(value, self.sites[place]) for place, value in distinct.rows(source)]
        codes = [self.words.codes(words) for words in lists]
        counts = np.array([len(one) for one in codes], np.int32)[distinct.ids]
        flat = np.concatenate([np.zeros(0, np.int32), *(codes[i] for i in distinct.ids.tolist())])
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), self.words.column(flat), mask=pa.array(counts == 0))

    def _numbers(self, source: Source) -> dict[str, pa.Array]:
        """Columns whose treatment works on whole vectors."""
        none = np.full(source.rows, -1, np.int64)
        coded = [
            *self.status.treat(source.integers("status", none)),
            self.latency.treat(source.integers("duration", none)),
        ]
        columns: dict[str, pa.Array] = {"bytes": pa.array(self.measure.treat(source.integers("bytes", none)))}
        for name, (codes, vocabulary) in zip((*status.GIVES, *latency.GIVES), coded, strict=True):
            known = np.append(self.words.codes(vocabulary), np.int32(-1))
            columns[name] = self.words.column(known.take(codes))
        return columns

    def _count_days(self, sites: Codes, day: NDArray[np.int32], events: Events) -> None:
        ids, first = number((sites, day))
        for i, count in zip(first.tolist(), np.bincount(ids).tolist(), strict=True):
            events.accounts.days[(events.file, self.sites[sites[i]].name, int(day[i]))] += count
