"""Stage: released rows become Parquet files in the run's staging folder, under names that depend on nothing else."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.durable import PRIVATE_FILE, PRIVATE_FOLDER, digest_of, make_folder, write_whole
from pipeline.entry import FOLDERS, RUN_ID, Period
from schemas.stages import Released
from schemas.trouble import Trouble

STAGING = ("internal", "staging")
PREVIEW = "preview"
STAGED_FOLDERS = (*FOLDERS.values(), PREVIEW, *(f"{PREVIEW}/{profile}" for profile in FOLDERS))
METADATA = {b"crowdlog": b"1"}  # the whole allow-list: a schema of Arrow's or of pandas' could hold values
PARTITIONS = ("site", "grain", "date")
COMPRESSION_LEVEL = 3


@dataclass(frozen=True)
class Staged:
    """A table of a site's period, decided and waiting for the commit; without rows there is no file.

    `folder` is the one it is staged for, `path` is relative to that, `sha256` and `bytes` are the file's ("" and 0
    without one), `events` are those behind its rows: the sum of hits, where these are not noisy.
    """

    folder: str
    path: str
    sha256: str
    rows: int
    bytes: int
    table: str
    site: str
    grain: str
    date: dt.date
    events: int
    withheld: int
    partial: bool

    @property
    def period(self) -> Period:
        """What the ledger will say of it."""
        return Period(
            self.site, self.table, self.grain, self.date, self.events, self.rows, self.withheld, self.partial
        )  # fmt: skip


def as_record(staged: Staged) -> dict[str, Any]:
    """As it travels to the commit, in JSON."""
    return {**asdict(staged), "date": staged.date.isoformat()}


def staging_of(root: Path, run_id: str, folder: str) -> Path:
    """Where a run stages the files of a folder. Raises ValueError for a name that is no run's or no folder's."""
    if not RUN_ID.fullmatch(run_id) or folder not in STAGED_FOLDERS:
        raise ValueError(f"no such run or folder: {run_id!r}, {folder!r}")
    return root.joinpath(*STAGING, run_id, folder)


def stage(root: Path, run_id: str, folder: str, released: Released) -> Staged:
    """Write one table as Parquet below DIR/internal/staging; done again, it gives the same file.

    `folder` is one of STAGED_FOLDERS. Raises Trouble E404 when the rows break the contract of
    DESIGN.md 4.2, or when other rows are staged for the same period.
    """
    staging = staging_of(root, run_id, folder)
    made = Staged(folder, "", "", 0, 0, released.table, released.site, released.grain, released.date, 0,
                  released.withheld, released.partial)  # fmt: skip
    path = made.period.path
    if not released.rows.num_rows:
        return replace(made, path=path)
    content = encode(released.rows, path)
    sha256 = hashlib.sha256(content).hexdigest()
    _write(root, staging, path, content, sha256)
    events = sum(released.rows["hits"].to_pylist()) if released.counted is None else released.counted
    return replace(made, path=path, sha256=sha256, rows=released.rows.num_rows, bytes=len(content), events=events)


def _write(root: Path, staging: Path, path: str, content: bytes, sha256: str) -> None:
    file = staging / path
    if file.exists():
        if digest_of(file) != sha256:
            _refuse(path, "other rows are staged for the same period")
        return
    make_folder(root, *file.parent.relative_to(root).parts, mode=PRIVATE_FOLDER)
    write_whole(file, content, PRIVATE_FILE)


def encode(rows: pa.Table, path: str) -> bytes:
    """The rows as the bytes of a Parquet file: keys (string), then hits, visitors and further measures (int64).

    Zstandard, one schema without nulls, rows in the order of the keys, and nothing of the table it was but its values.
    Raises Trouble E404, naming `path` and the column.
    """
    _check_columns(rows, path)
    _check_order(rows, path)
    # From plain values: a slice or a dictionary would bring values that are in no row.
    arrays = [pa.array(column.to_pylist(), column.type) for column in rows.columns]
    fields = [pa.field(field.name, field.type, nullable=False) for field in rows.schema]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, table.schema, compression="zstd", compression_level=COMPRESSION_LEVEL, store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(METADATA)
    content = sink.getvalue()
    if pq.read_metadata(pa.BufferReader(content)).metadata != METADATA:
        _refuse(path, "the footer holds metadata that are not allowed")
    return bytes(content.to_pybytes())


def _check_columns(rows: pa.Table, path: str) -> None:
    names = rows.column_names
    if len(set(names)) != len(names) or set(names) & set(PARTITIONS):
        _refuse(path, "a column comes twice, or is a partition that belongs in the path")
    keys = [name for name in names if pa.types.is_string(rows.schema.field(name).type)]
    if names[: len(keys)] != keys or names[len(keys) : len(keys) + 2] != ["hits", "visitors"]:
        _refuse(path, f"columns are {', '.join(names)}, expected string keys, then hits, visitors and measures")
    for name in names[len(keys) :]:
        if rows.schema.field(name).type != pa.int64():
            _refuse(path, f"column {name} is {rows.schema.field(name).type}, expected int64")
    for name in names:
        if rows[name].null_count:
            _refuse(path, f"column {name} has {rows[name].null_count} nulls, expected none")


def _check_order(rows: pa.Table, path: str) -> None:
    keys = [column.to_pylist() for column in rows.columns if pa.types.is_string(column.type)]
    if not keys:
        if rows.num_rows > 1:
            _refuse(path, f"{rows.num_rows} rows without a key, expected 1")
        return
    cells = list(zip(*keys, strict=True))
    if any(one >= other for one, other in pairwise(cells)):
        _refuse(path, "rows are not in the order of their keys, or a key comes twice")


def _refuse(path: str, why: str) -> NoReturn:
    raise Trouble("E404", f"{path}: {why}; nothing was published")
