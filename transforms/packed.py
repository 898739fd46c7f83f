"""Packed: a Partial as bytes in pieces, so that whoever needs one table does not open the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels.group import NO_VALUE, group, order_by
from transforms.partials import AGENTS, KEYS, TABLE, Codes, Ints, Partial, as_wide, compact_words, empty, no_agents


@dataclass(frozen=True)
class Rows:
    """One table of a Partial, the networks behind each cell in a list.

    cells, measures, agents: as in Partial; offsets int32 [C + 1]: the networks of cell c are
    networks[offsets[c] : offsets[c + 1]], with as many hits; integers as small as they can be.
    """

    cells: Codes
    measures: Ints
    agents: NDArray[np.uint64]
    offsets: Codes
    networks: NDArray[np.integer]
    hits: NDArray[np.integer]


def pack(part: Partial) -> list[bytes]:
    """The words and networks of all tables, then a piece for each table up to the last one (empty where it has no cell)."""
    tables = int(part.cells[:, TABLE].max(initial=-1)) + 1
    cells, bounds = order_by(np.ascontiguousarray(part.cells[:, TABLE]), tables)
    rank = np.empty(len(cells), np.int32)
    rank[cells] = np.arange(len(cells), dtype=np.int32)
    pairs, offsets = order_by(rank[part.pair_cell], len(cells))
    tokens = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(part.networks), [None, pa.py_buffer(np.ascontiguousarray(part.networks))]
    )
    pieces = [_stream({"words": _one(pa.array(part.words, pa.string())), "networks": _one(tokens)})]
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        own, seen = cells[start:stop], pairs[offsets[start] : offsets[stop]]
        lists = (offsets[start : stop + 1] - offsets[start]).astype(np.int32)
        rows = Rows(
            part.cells[own], part.measures[own], part.agents[own], lists, part.pair_network[seen], part.pair_hits[seen]
        )
        pieces.append(_as_bytes(rows) if stop > start else b"")
    return pieces


def _as_bytes(rows: Rows) -> bytes:
    bounds = pa.array(rows.offsets)
    columns = {f"cell{i}": pa.array(rows.cells[:, i]) for i in range(rows.cells.shape[1])}
    columns |= {f"measure{i}": pa.array(rows.measures[:, i]) for i in range(rows.measures.shape[1])}
    if (rows.agents != np.uint64(NO_VALUE)).any():
        columns |= {f"agent{i}": pa.array(rows.agents[:, i]) for i in range(AGENTS)}
    columns["networks"] = pa.ListArray.from_arrays(bounds, pa.array(_small(rows.networks)))
    columns["hits"] = pa.ListArray.from_arrays(bounds, pa.array(_small(rows.hits)))
    return _stream(columns)


class Packed:
    """A Partial in pieces. `pieces` gives the content of each when it is called, so that one can be opened at a time."""

    def __init__(self, pieces: Sequence[Callable[[], bytes]]) -> None:
        self._pieces = pieces[1:]
        common = _batch(pieces[0]())
        self.words: list[str] = common["words"].values.to_pylist()
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
        cells, measures, agents = (
            [batch[name].to_numpy() for name in batch.schema.names if name.startswith(kind)]
            for kind in ("cell", "measure", "agent")
        )
        networks = batch["networks"]
        return Rows(
            np.stack(cells, 1),
            np.stack(measures, 1),
            np.stack(agents, 1) if agents else no_agents(batch.num_rows),
            networks.offsets.to_numpy(),
            networks.values.to_numpy(),
            batch["hits"].values.to_numpy(),
        )

    def whole(self) -> Partial:
        """All tables as a Partial; pairs keep the smallest types."""
        found = [rows for table in range(len(self._pieces)) if (rows := self.rows(table)) is not None]
        if not found:
            raise ValueError("a packed Partial has no table, expected one at least")
        cells = np.concatenate([rows.cells for rows in found])
        lengths = np.concatenate([np.diff(rows.offsets) for rows in found])
        return Partial(
            self.words,
            cells,
            np.concatenate([rows.measures for rows in found]),
            np.concatenate([rows.agents for rows in found]),
            self.networks,
            np.repeat(np.arange(len(cells), dtype=np.int32), lengths),
            np.concatenate([rows.networks for rows in found]),
            np.concatenate([rows.hits for rows in found]),
        )


def cells_of(packed: Packed, rows: Rows) -> Partial:
    """The cells of one table, without the networks behind them and with only the words that they use."""
    none = empty(rows.cells.shape[1] - KEYS, rows.measures.shape[1])
    return compact_words(
        replace(none, words=packed.words, cells=rows.cells, measures=rows.measures, agents=rows.agents)
    )


def _one(values: pa.Array) -> pa.ListArray:
    """All values as a list in one row: so columns of any lengths fit into a batch."""
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


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


def _small(values: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
    """Non-negative integers in the smallest unsigned type that holds them all."""
    top = int(values.max(initial=0))
    return values.astype(np.min_scalar_type(top))
