"""Packed: a Partial as bytes in pieces, so that whoever needs one table does not open the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels.group import NO_VALUE, group
from transforms.partials import (
    TABLE,
    Codes,
    Ints,
    Partial,
    as_wide,
    no_agents,
    small,
)


@dataclass(frozen=True)
class Rows:
    """One table of a Partial: cells, measures, agents, offsets, seen and hits as they are there."""

    cells: Codes
    measures: Ints
    agents: NDArray[np.uint64]
    offsets: Codes
    seen: NDArray[np.integer]
    hits: NDArray[np.integer]


def pack(part: Partial) -> list[bytes]:
    """The words and networks of all tables, then a piece for each table up to the last one (empty where it has no cell)."""
    tables = part.cells[:, TABLE]
    bounds = np.searchsorted(tables, np.arange(int(tables.max(initial=-1)) + 2)).tolist()
    tokens = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(part.networks), [None, pa.py_buffer(np.ascontiguousarray(part.networks))]
    )
    return [
        _stream({"words": _one(part.words), "networks": _one(tokens)}),
        *(_table(part, start, stop) if stop > start else b"" for start, stop in pairwise(bounds)),
    ]


def _table(part: Partial, start: int, stop: int) -> bytes:
    """The piece of one table: cells start .. stop."""
    offsets = part.offsets[start : stop + 1]
    seen, hits = (column[offsets[0] : offsets[-1]] for column in (part.seen, part.hits))
    columns = {"cells": _wide(part.cells[start:stop]), "measures": _wide(part.measures[start:stop])}
    agents = part.agents[start:stop]
    if (agents != np.uint64(NO_VALUE)).any():
        columns["agents"] = _wide(agents)
    bounds = pa.array(offsets - offsets[0])
    columns["seen"] = pa.ListArray.from_arrays(bounds, pa.array(small(seen)))
    columns["hits"] = pa.ListArray.from_arrays(bounds, pa.array(small(hits)))
    return _stream(columns)


class Packed:
    """A Partial in pieces. `pieces` gives the content of each when it is called, so that one can be opened at a time."""

    def __init__(self, pieces: Sequence[Callable[[], bytes]]) -> None:
        self._pieces = pieces[1:]
        common = _batch(pieces[0]())
        self.words: pa.StringArray = common["words"].values
        self.networks = as_wide(common["networks"].values)

    @cached_property
    def neighbourhood(self) -> Codes:
        """int32 [N]: a number for the neighbourhood of each network."""
        ids, _ = group(np.ascontiguousarray(self.networks[:, 0]))
        return ids

    def rows(self, table: int) -> Rows | None:
        """The rows of a table, None where it has none; views of the piece's bytes."""
        content = self._pieces[table]() if table < len(self._pieces) else b""
        if not content:
            return None
        batch = _batch(content)
        seen = batch["seen"]
        return Rows(
            _narrow(batch["cells"]),
            _narrow(batch["measures"]),
            _narrow(batch["agents"]) if "agents" in batch.schema.names else no_agents(batch.num_rows),
            seen.offsets.to_numpy(),
            seen.values.to_numpy(),
            batch["hits"].values.to_numpy(),
        )

    def whole(self) -> Partial:
        """All tables as a Partial; what was seen keeps the smallest types."""
        found = [rows for table in range(len(self._pieces)) if (rows := self.rows(table)) is not None]
        if not found:
            raise ValueError("a packed Partial has no table, expected one at least")
        counts = np.concatenate([np.diff(rows.offsets) for rows in found])
        return Partial(
            self.words,
            np.concatenate([rows.cells for rows in found]),
            np.concatenate([rows.measures for rows in found]),
            np.concatenate([rows.agents for rows in found]),
            self.networks,
            np.append(0, np.cumsum(counts)).astype(np.int32),
            np.concatenate([rows.seen for rows in found]),
            np.concatenate([rows.hits for rows in found]),
        )


def _one(values: pa.Array) -> pa.ListArray:
    """All values as a list in one row: so columns of any lengths fit into a batch."""
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def _wide(rows: NDArray[np.generic]) -> pa.FixedSizeListArray:
    """A matrix as a column of its rows."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), rows.shape[1])


def _narrow(column: pa.FixedSizeListArray) -> NDArray[Any]:
    """The matrix again, as a view."""
    matrix: NDArray[Any] = column.values.to_numpy().reshape(len(column), -1)
    return matrix


def _stream(columns: dict[str, pa.Array]) -> bytes:
    """An Arrow IPC stream of one batch."""
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _batch(content: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
        return reader.read_next_batch()
