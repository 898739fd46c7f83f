"""Tombstones: whose events are forgotten, and when; an address stands in them only as a keyed hash."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.policy import Ip
from schemas.stages import Events
from transforms.addresses import forwarded_client
from transforms.distinct import Source, nullable

KEY_BYTES = 32
BEGINNING = -(1 << 40)  # before any event, in seconds since the epoch
FORGOTTEN = "forgotten"
"""Why a line is skipped."""

_MEMO = 1 << 16  # distinct clients that are remembered: they are raw, so they are bounded


class Network(NamedTuple):
    """An address, or the first `bits` of one: `packed` has 4 bytes (IPv4) or 16 (IPv6)."""

    packed: bytes
    bits: int

    def mark(self, key: bytes) -> str:
        """What stands for it in a tombstone."""
        return _mark(key, self.text)

    @property
    def size(self) -> int:
        """Bytes of the address."""
        return len(self.packed)

    @property
    def text(self) -> bytes:
        """What is hashed: how long an address is, how many of its bits count, and these."""
        size = len(self.packed)
        spare = size * 8 - self.bits
        kept = (int.from_bytes(self.packed, "big") >> spare << spare).to_bytes(size, "big") if spare else self.packed
        return bytes((size, self.bits)) + kept


class Visitor(NamedTuple):
    """The pseudonymous id that a collector gave a visitor, in formats without addresses."""

    name: bytes
    size: int = 0
    bits: int = 0

    def mark(self, key: bytes) -> str:
        """What stands for it in a tombstone."""
        return _mark(key, self.text)

    @property
    def text(self) -> bytes:
        """What is hashed: no text of a network begins so."""
        return bytes(2) + self.name


def _mark(key: bytes, text: bytes) -> str:
    """Keyed BLAKE2b (RFC 7693), 256 bits in hex: nothing without the key, nor with it a way back."""
    state = _state(key)
    state.update(text)
    return state.hexdigest()


def _state(key: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(key=key, digest_size=32, person=b"crowdlog forget")


@dataclass(frozen=True)
class Tombstone:
    """Events of one network or visitor from `start` to before `stop` (seconds since the epoch) are forgotten.

    `mark` stands for it; `size` is 4 or 16, the bytes of an address, `bits` how many of them count; both are 0 of a visitor.
    """

    mark: str
    size: int
    bits: int
    start: int
    stop: int

    def __post_init__(self) -> None:
        numbers = (self.size, self.bits, self.start, self.stop)
        if not all(type(one) is int for one in numbers) or self.size not in (0, 4, 16) or len(self.mark) != 64:
            raise ValueError("no tombstone")
        if not bool(self.size) <= self.bits <= self.size * 8 or self.start >= self.stop:
            raise ValueError("no network or no span")


def key_name(key: bytes) -> str:
    """What tells one key from another, and nothing else."""
    return hashlib.blake2b(b"name", key=key, digest_size=8, person=b"crowdlog forget").hexdigest()


def to_bytes(key: bytes, stones: Sequence[Tombstone]) -> bytes:
    """Tombstones as JSON, with the name of their key."""
    record = {"key": key_name(key), "tombstones": [asdict(one) for one in stones]}
    return (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()


def from_bytes(content: bytes, key: bytes) -> list[Tombstone]:
    """The tombstones that `to_bytes` wrote. Raises ValueError, KeyError or TypeError for what is none, or of another key."""
    record = json.loads(content)
    if record["key"] != key_name(key):
        raise ValueError("of another key")
    return [Tombstone(**one) for one in record["tombstones"]]


class Tombstones:
    """Finds the events that some tombstones are about, on distinct clients. `ip` says how a client's address is read."""

    def __init__(self, key: bytes, stones: Iterable[Tombstone], ip: Ip) -> None:
        self._state, self._ip = _state(key), ip
        self._spans: dict[tuple[int, int], dict[bytes, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for one in stones:
            self._spans[one.size, one.bits][bytes.fromhex(one.mark)].append((one.start, one.stop))
        self._known: dict[tuple[bytes | None, ...], list[tuple[int, int]]] = {}

    @cached_property
    def takes(self) -> tuple[str, ...]:
        """The columns that are looked at: X-Forwarded-For only where a proxy is trusted."""
        return ("client", "forwarded") if self._ip.trusted_proxies else ("client",)

    def spans(self, client: bytes, forwarded: bytes | None = None) -> list[tuple[int, int]]:
        """When events of this client are forgotten: [start, stop) in seconds since the epoch."""
        ip = self._ip
        address = forwarded_client(client, forwarded, ip.trusted_proxies, nat64=ip.nat64, sixrd=ip.sixrd)
        if address is None:
            return []
        return [
            span
            for (size, bits), marks in self._spans.items()
            if size == len(address.packed)
            for span in marks.get(self._digest(Network(address.packed, bits).text), ())
        ]

    def spans_of_visitor(self, name: bytes) -> list[tuple[int, int]]:
        """The same for an event without an address."""
        return self._spans[0, 0].get(self._digest(Visitor(name).text), []) if (0, 0) in self._spans else []

    def _digest(self, text: bytes) -> bytes:
        """As a mark, from a state that has the key already."""
        state = self._state.copy()
        state.update(text)
        return state.digest()

    def can_find(self, batch: pa.RecordBatch) -> bool:
        """Whether the format has what some of them are about: addresses, or ids of visitors."""
        if "client" in batch.schema.names:
            return any(size for size, _ in self._spans)
        return "visitor" in batch.schema.names and (0, 0) in self._spans

    def found(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        """bool[rows]: whether each event is one of them, by its address, or its visitor where the format has none."""
        source = Source(batch)
        mask = np.zeros(source.rows, np.bool_)
        if not self.can_find(batch):
            return mask
        if len(self._known) > _MEMO:
            self._known.clear()
        if source.has("client"):
            distinct = source.distinct(self.takes, 0)
            spans = [self._remembered(client or b"", *rest) for _, client, *rest in distinct.rows(source)]
        else:
            distinct = source.distinct(("visitor",), 0)
            spans = [self.spans_of_visitor(visitor or b"") for _, visitor in distinct.rows(source)]
        rows = np.flatnonzero(np.array([bool(one) for one in spans], np.bool_)[distinct.ids])
        times = batch["time"].to_numpy()[rows].tolist()
        for row, time in zip(rows.tolist(), times, strict=True):
            mask[row] = any(start <= time < stop for start, stop in spans[distinct.ids[row]])
        return mask

    def _remembered(self, client: bytes, forwarded: bytes | None = None) -> list[tuple[int, int]]:
        known = self._known.get((client, forwarded))
        if known is None:
            known = self._known[client, forwarded] = self.spans(client, forwarded)
        return known

    def drop(self, events: Events) -> Events:
        """The other events, those that go counted as skipped lines; what only they said is gone from the dictionaries."""
        mask = self.found(events.batch)
        count = int(mask.sum())
        if not count:
            return events
        kept = pa.array(np.flatnonzero(~mask))
        columns = {name: _compact(column.take(kept)) for name, column in zip(*_columns(events.batch), strict=True)}
        events.accounts.parsed -= count
        events.accounts.skipped[FORGOTTEN] += count
        return Events(pa.record_batch(columns), events.file, events.accounts)


def _columns(batch: pa.RecordBatch) -> tuple[list[str], list[pa.Array]]:
    return batch.schema.names, batch.columns


def _compact(column: pa.Array) -> pa.Array:
    """A dictionary column without the values that are in no row."""
    if not pa.types.is_dictionary(column.type):
        return column
    codes = column.indices.fill_null(-1).to_numpy()
    used, moved = np.unique(codes[codes >= 0], return_inverse=True)
    fresh = np.full(codes.size, -1, np.int32)
    fresh[codes >= 0] = moved
    return pa.DictionaryArray.from_arrays(nullable(fresh), column.dictionary.take(pa.array(used)))
