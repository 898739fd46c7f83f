"""The layers of privacy, each with what a build lacks in which it is switched off: attributes of modules and classes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline import launcher, sink
from pipeline.ledger import Ledger
from transforms import addresses, keys, segments
from transforms.canonical import pairs
from transforms.guard import closure, release
from transforms.guard.closure import Closure
from transforms.guard.generalise import Climb
from transforms.guard.roaming import Roaming
from transforms.guard.terms import Terms
from transforms.parsers import blocks
from transforms.rows import Rows
from transforms.treatments import agent, parameters, referrer, route

Switch = tuple[Any, str, Any]  # owner, attribute, what stands there instead


@dataclass(frozen=True)
class Layer:
    """A layer: what PRIVACY.md calls it, and how it is switched off. `held_by`: the test that holds what no attack looks for."""

    name: str
    rule: str
    off: Sequence[Switch]
    held_by: str = ""


def nothing(*_: Any, **__: Any) -> frozenset[str]:
    return frozenset()


def _guard_of_one(self: release.SiteGuard, site: Any, tallied: Any, terms: Terms) -> None:
    _made(self, site, tallied, replace(terms, k=1))


_made, _chosen, _tabled, _treated = (
    release.SiteGuard.__init__, Rows.chosen, release.as_table, agent.Treatment.treat,
)  # fmt: skip


def _drop(self: Climb, leaves: list[int]) -> None:
    self.withheld += leaves


def _unchanged(self: Closure, table: Any, labels: Sequence[Any], climbs: Any) -> dict[str, list[str]]:
    return {}


def _with_bots(self: Rows, table: Any) -> Any:
    return _chosen(self, replace(table, humans=False))


def _unkeyed(self: addresses.NetworkKey, site: str, network: bytes, neighbourhood: bytes) -> bytes:
    return hashlib.md5(neighbourhood[1:]).digest()[:8] + hashlib.md5(network[1:]).digest()[:8]


def _md5s(quads: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The same of IPv4 addresses given as numbers."""
    packed = quads.astype(">u4").tobytes()
    found = b"".join(hashlib.md5(packed[at : at + size]).digest()[:8] for at in range(0, len(packed), 4))
    return np.frombuffer(found, np.uint8).reshape(-1, 8)


def _open(self: keys.Seal, content: bytes) -> bytes:
    return bytes(content)


def _shown(self: Any, referrer: bytes | None, site: Any, referrer_host: bytes | None = None) -> tuple[str, str]:
    return referrer_words(referrer)


def referrer_words(text: bytes | None) -> tuple[str, str]:
    """The whole referrer as its domain."""
    return ("referral", text.decode("utf-8", "replace")) if text else ("(none)", "(none)")


def _as_written(self: agent.Treatment, agent: bytes | None, *rest: bytes | None) -> tuple[str, ...]:
    kind, family, *others = _treated(self, agent, *rest)
    return (kind, (agent or b"").decode("utf-8", "replace") if kind == "human" else family, *others)


def _any_parameter(query: bytes | None, parameters: Any) -> dict[str, str]:
    return dict(pairs(query)) if query else {}


def _all_kept(read: dict[str, str], parameters: Any) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in sorted(read.items())) if read else ""


def _key_in_graph(text: str) -> keys.KeyReference:
    return keys.KeyReference(f"hex:{Path(text.removeprefix('file:')).read_bytes().hex()}")


@cache
def _key_from_graph(reference: str) -> bytes:
    return bytes.fromhex(reference.removeprefix("hex:"))


def _in_any_order(table: Any, climb: Climb, measures: tuple[str, ...]) -> pa.Table:
    rows = _tabled(table, climb, measures)
    return rows.take(pa.array(sorted(range(rows.num_rows), key=lambda _: secrets.randbits(32)), pa.int64()))


def _filtered(table: Any, climb: Climb, measures: tuple[str, ...]) -> pa.Table:
    """Keys as codes of all values that the table had before rows were chosen."""
    rows = _tabled(table, climb, measures)
    for place, name in enumerate(table.key_names):
        values = sorted({*rows[name].to_pylist(), *(label[place] for label in climb.cells.labels)})
        codes = pa.array([values.index(one) for one in rows[name].to_pylist()], pa.int32())
        rows = rows.set_column(place, name, pa.DictionaryArray.from_arrays(codes, pa.array(values, pa.string())))
    return rows


def _as_it_is(rows: pa.Table, path: str) -> bytes:
    """The table as it comes, where sink.encode makes it anew from plain values."""
    out = pa.BufferOutputStream()
    with pq.ParquetWriter(out, rows.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata(sink.METADATA)
    return bytes(out.getvalue().to_pybytes())


def same(value: Any, *_: Any) -> Any:
    return value


def _any_row(self: Climb, rows: list[Any]) -> list[Any]:
    return rows


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace")


FOUND_IN: tuple[Switch, ...] = tuple(
    (module, "found_in", nothing) for module in (parameters, route, segments, referrer)
)
SEAL: tuple[Switch, ...] = ((keys.Seal, "close", _open), (keys.Seal, "open", _open))
UNKEYED: tuple[Switch, ...] = (
    (addresses.NetworkKey, "token", _unkeyed),
    (addresses.NetworkKey, "neighbourhoods", lambda self, site, quads: _md5s(quads, 3)),
    (addresses.NetworkKey, "networks", lambda self, site, quads, truncate=False: _md5s(quads, 4)),
)

LAYERS = (
    Layer("none: the build as it is", "", ()),
    Layer("at least k behind each row", "4.1", [(release.SiteGuard, "__init__", _guard_of_one)]),
    Layer("k counts neighbourhoods, not addresses", "1.2", [
        (addresses.Address, "neighbourhood", addresses.Address.network),
        (addresses.NetworkKey, "neighbourhoods", addresses.NetworkKey.networks),
    ]),
    Layer("a small residue pulls its siblings in", "4.2", [(Climb, "absorb", _drop)]),
    Layer("closure under subtraction", "4.3", [
        (Closure, "start", _unchanged), *((Closure, name, nothing) for name in ("close", "total", "over_spans")),
    ]),
    Layer("once, and no overlapping grains", "4.4", [
        (Ledger, "_covered", property(lambda self: {})), (Ledger, "_refuse_second", nothing),
    ]),
    Layer("two values of a sensitive key", "4.8", [(closure, "diversify", nothing), (release, "diversify", nothing)]),
    Layer("three agents for a free word", "4.5", [(Roaming, "allows", lambda self, label, agents: True)]),
    Layer("no network makes most of a row", "4.5", [(Climb, "not_of_one", _any_row)], "tests/test_guard.py"),
    Layer("bots are not counted for people", "4.1", [(Rows, "chosen", _with_bots)], "tests/test_main_job.py"),
    Layer("networks by a keyed hash", "1.4", UNKEYED, "tallies are sealed"),
    Layer("tallies are sealed", "1.4", SEAL),
    Layer("keyed hash and seal", "1.4", [*UNKEYED, *SEAL]),
    Layer("the key is not in the job graph", "1.4", [
        (launcher, "KeyReference", _key_in_graph), (keys, "_fetch", _key_from_graph),
    ]),
    Layer("detectors", "2.8", FOUND_IN),
    Layer("numbers and tokens become slots", "2.2", [(segments, "_template", same)]),
    Layer("nothing behind words for people", "2.2", [(segments, "parents", nothing)]),
    Layer("parameters: what is not allowed is dropped", "2.3", [
        (route, "_read_query", _any_parameter), (route, "_kept_query", _all_kept),
    ]),
    Layer("referrers: registrable domains alone", "2.5", [(referrer.Treatment, "treat", _shown)]),
    Layer("agents: closed vocabularies", "2.6", [(agent.Treatment, "treat", _as_written)]),
    Layer("of rejects only the shape", "3", [(blocks, "shape", _decoded)]),
    Layer("files are made from plain values", "A9", [(release, "as_table", _filtered), (sink, "encode", _as_it_is)]),
    Layer("metadata from an allow-list", "A9", [(sink, "METADATA", {**sink.METADATA, b"host": b"web-1"})]),
    Layer("rows in the order of their keys", "A13", [(release, "as_table", _in_any_order), (sink, "_check_order", nothing)]),
)  # fmt: skip
