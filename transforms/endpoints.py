"""Requests for endpoints (schemas/endpoints.py) as the events that they tell of: rows of Events are rewritten."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.endpoints import Endpoint
from transforms.distinct import nullable
from transforms.kernels import plain
from transforms.kernels.calls import Parameters
from transforms.partials import number

Cells = Mapping[str, bytes | None]

_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]*)|")
_TRACKED = b"other"  # the kind of an event that is no page view


class Endpoints:
    """The endpoints of a policy; `allowed` are the parameters of a nested address that stay."""

    def __init__(self, endpoints: Sequence[Endpoint], allowed: Collection[bytes]) -> None:
        self.known = {one.path.encode(): one for one in endpoints}
        self.allowed = frozenset(allowed)

    def parameters(self) -> Iterator[tuple[bytes, Parameters]]:
        """Each path, and the parameters of its query that are kept for `rewritten`."""
        for path, one in self.known.items():
            names = {column: name.encode() for column, name in one.columns.items()}
            whole = {names[column] for column in ("url", "referrer") if column in names}
            bare = {name.encode() for name in one.other} - set(names.values())
            yield path, Parameters(self.allowed | set(names.values()) | bare, whole, bare)

    def rewritten(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the rows of endpoints as what they tell of; all others as they are."""
        if not self.known or not {"path", "query"} <= set(batch.schema.names):
            return batch
        path, query = batch["path"], batch["query"]
        is_endpoint = pc.is_in(path.dictionary, pa.array(list(self.known), pa.binary())).to_numpy(zero_copy_only=False)
        paths, queries = (column.indices.fill_null(-1).to_numpy() for column in (path, query))
        rows = np.flatnonzero(np.append(is_endpoint, False)[paths])
        if not rows.size:
            return batch
        ids, first = number((paths[rows], queries[rows]))
        asked = batch.select(["path", "query"]).take(pa.array(rows[first])).to_pylist()
        told = [self._tell(self.known[row["path"]], values(row["query"])) for row in asked]
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name in sorted({name for one in told for name in one}):
            if name in columns or name not in ("host", "referrer"):  # a log without hosts has one site
                named = np.array([name in one for one in told])
                here = named[ids]
                texts = [one.get(name) for one in told]
                columns[name] = put(columns.get(name), batch.num_rows, rows[here], ids[here], texts)
        return pa.record_batch(columns)

    def _tell(self, endpoint: Endpoint, given: Mapping[bytes, bytes]) -> Cells:
        found: dict[str, bytes | None] = {}
        for column, name in endpoint.columns.items():
            value = given.get(name.encode())
            if column == "url":
                found |= self._nested(value)
            elif column == "referrer":
                found[column] = value
            elif value is not None or not endpoint.page:  # a ping is one whatever it leaves out
                found[column] = value or b""
        if not endpoint.page:
            found.setdefault("path", None)
            found["query"] = found.get("query")
            is_page = found["path"] is not None and not any(name.encode() in given for name in endpoint.other)
            found["event"] = None if is_page else _TRACKED
        return found

    def _nested(self, url: bytes | None) -> Cells:
        """Path, query and host of an address within the query: split at its raw delimiters, decoded by treatments."""
        if not url:
            return {"path": None, "query": None}
        path, stop, query, end = plain.split_request(url, method=False)
        kept = plain.select_parameters(url[query:end], self.allowed)
        host = _AUTHORITY.match(url)
        named = {"host": host[1]} if host and host[1] else {}
        return {"path": url[path:stop] or None, "query": kept or None, **named}


def values(query: bytes | None) -> dict[bytes, bytes]:
    """The first value of each parameter, its escapes undone once."""
    found: dict[bytes, bytes] = {}
    for piece in (query or b"").split(b"&"):
        name, _, value = piece.partition(b"=")
        found.setdefault(name, unquote_to_bytes(value.replace(b"+", b" ")))
    return found


def put(
    column: pa.Array | None, size: int, rows: NDArray[np.int64], ids: NDArray[np.int32], texts: Sequence[bytes | None]
) -> pa.DictionaryArray:
    """The column (None: there was none) with the text of the number `ids` in some rows."""
    known = pa.array([], pa.binary()) if column is None else column.dictionary
    distinct = pa.array(dict.fromkeys(text for text in texts if text is not None), pa.binary())
    fresh = distinct.filter(pc.invert(pc.is_in(distinct, known)))
    whole = pa.concat_arrays([known, fresh])
    codes = np.full(size, -1, np.int32) if column is None else column.indices.fill_null(-1).to_numpy().copy()
    codes[rows] = pc.index_in(pa.array(texts, pa.binary()), whole, skip_nulls=True).fill_null(-1).to_numpy()[ids]
    return pa.DictionaryArray.from_arrays(nullable(codes), whole)
