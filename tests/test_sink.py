"""Staging: the Parquet contract of the release, looked at in the bytes themselves."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sink import Staged, encode, stage
from schemas.stages import Released
from schemas.trouble import Trouble

DATE = dt.date(2026, 11, 21)
ROUTES = ["(other)", "/kb/{slug}", "/ä"]


def rows(**columns: Any) -> pa.Table:
    """Three rows of the table `pages`, with columns put over them."""
    whole = {"route": ROUTES, "hits": [40, 20, 30], "visitors": [12, 11, 10], **columns}
    return pa.table({name: pa.array(v) if isinstance(v, list) else v for name, v in whole.items() if v is not None})


def released(content: pa.Table, **changes: Any) -> Released:
    """Released rows of one day of the site `shop`."""
    facts = {
        "table": "pages",
        "site": "shop",
        "grain": "day",
        "date": DATE,
        "withheld": 3,
        "generalised": 0,
        "cells": 4,
    }
    return Released(**{**facts, "rows": content, **changes})


def staged_file(root: Path, staged: Staged, folder: str = "release") -> Path:
    """Where the contract says that a staged file is."""
    return root / "internal" / "staging" / "run-1" / folder / staged.path


def test_stage_puts_the_file_under_its_partition_names(tmp_path: Path) -> None:
    """The path is table, site, grain and date; the facts are those of the file."""
    staged = stage(tmp_path, "run-1", "release", released(rows()))
    assert staged.path == "pages/site=shop/grain=day/date=2026-11-21/part-0.parquet"
    content = staged_file(tmp_path, staged).read_bytes()
    assert (staged.sha256, staged.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (staged.rows, staged.events, staged.withheld) == (3, 90, 3)


def test_file_reads_back_without_partitions(tmp_path: Path) -> None:
    """The file holds the rows, every column required, and none of site, grain and date."""
    staged = stage(tmp_path, "run-1", "release", released(rows(bytes=[1, 2, 3])))
    with pq.ParquetFile(staged_file(tmp_path, staged)) as file:
        table = file.read()
        assert {file.schema.column(i).max_definition_level for i in range(4)} == {0}
    assert table.to_pydict() == {"route": ROUTES, "hits": [40, 20, 30], "visitors": [12, 11, 10], "bytes": [1, 2, 3]}


def test_footer_holds_only_what_is_allowed() -> None:
    """Key-value metadata of schemas, of pandas and of fields never reach the footer."""
    noisy = rows().replace_schema_metadata({"pandas": "{}", "secret": "198.51.100.7"})
    field = noisy.schema.field(0).with_metadata({"note": "198.51.100.7"})
    content = encode(noisy.cast(noisy.schema.set(0, field)), "p")
    assert pq.read_metadata(pa.BufferReader(content)).metadata == {b"crowdlog": b"1"}
    assert b"198.51.100.7" not in content
    assert b"ARROW:schema" not in content


def dictionary_page(content: bytes, column: int) -> list[bytes]:
    """The values in a column's dictionary page, by parquet.thrift: a PageHeader, then (4-byte length, bytes) each."""
    chunk = pq.read_metadata(pa.BufferReader(content)).row_group(0).column(column)
    assert (chunk.has_dictionary_page, chunk.compression) == (True, "ZSTD")
    at = chunk.dictionary_page_offset
    header = []  # fields 1 to 3, i32 each: page type (2 is a dictionary), size, compressed size
    for _ in range(3):
        assert content[at] == 0x15
        at, value, shift = at + 1, 0, 0
        while True:
            value |= (content[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if content[at - 1] < 0x80:
                break
        header.append(value >> 1)
    assert header[0] == 2
    start = content.index(b"\x28\xb5\x2f\xfd", at)
    page = pa.Codec("zstd").decompress(content[start : start + header[2]], header[1], asbytes=True)
    values = []
    while page:
        (size,) = struct.unpack_from("<I", page)
        values.append(page[4 : 4 + size])
        page = page[4 + size :]
    return values


def test_dictionary_page_holds_only_used_values() -> None:
    """A value that a filter removed is not in the dictionary page, nor anywhere in the bytes."""
    long = pa.table({"route": [*ROUTES, "/canary-7f3a"], "hits": [1, 2, 3, 4], "visitors": [1, 1, 1, 1]})
    filtered = long.filter(pa.array([True, True, True, False]))
    for table in (filtered, long.slice(0, 3)):
        content = encode(table, "p")
        assert sorted(dictionary_page(content, 0)) == sorted(route.encode() for route in ROUTES)
        assert b"canary" not in content


REFUSED = {
    "unsorted": (rows(route=["b", "a", "c"]), "order"),
    "key-twice": (rows(route=["a", "a", "c"]), "order"),
    "dictionary": (rows(route=pa.array(ROUTES).dictionary_encode()), "columns are"),
    "null-key": (rows(route=["a", "b", None]), "nulls"),
    "null-measure": (rows(hits=[1, None, 2]), "nulls"),
    "float-measure": (rows(hits=[1.0, 2.0, 3.0]), "int64"),
    "no-hits": (rows(hits=None), "columns are"),
    "partition": (rows(site=[1, 2, 3]), "partition"),
    "keyless": (rows(route=None), "without a key"),
}


@pytest.mark.parametrize(("table", "why"), REFUSED.values(), ids=REFUSED)
def test_broken_contract_is_refused(tmp_path: Path, table: pa.Table, why: str) -> None:
    """Rows that break the contract are refused with exit 4, by a message without their values, and leave no file."""
    with pytest.raises(Trouble, match=why) as refused:
        stage(tmp_path, "run-1", "release", released(table))
    assert (refused.value.code, refused.value.exit) == ("E404", 4)
    assert "(other)" not in str(refused.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_same_rows_give_the_same_bytes_however_they_are_laid_out() -> None:
    """Chunks, slices and the number of threads leave no trace in the file."""
    keys = [f"/r{number:05}" for number in range(3000)]
    whole = pa.table({"route": keys, "hits": list(range(3000)), "visitors": [10] * 3000})
    pieces = pa.concat_tables([whole.slice(0, 7), whole.slice(7, 1500), whole.slice(1507)])
    threads = pa.cpu_count()
    try:
        contents = []
        for count in (1, 4):
            pa.set_cpu_count(count)
            contents += [encode(whole, "p"), encode(pieces, "p")]
    finally:
        pa.set_cpu_count(threads)
    assert len(set(contents)) == 1


def test_replayed_bundle_changes_nothing(tmp_path: Path) -> None:
    """Staging the same rows again gives the same answer, the same bytes and no second file."""
    first = stage(tmp_path, "run-1", "release", released(rows()))
    content = staged_file(tmp_path, first).read_bytes()
    assert stage(tmp_path, "run-1", "release", released(rows())) == first
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [content]


def test_other_rows_for_a_staged_period_are_refused(tmp_path: Path) -> None:
    """Two different answers for one period are a fault, not a matter of which comes last."""
    stage(tmp_path, "run-1", "release", released(rows()))
    with pytest.raises(Trouble, match="other rows are staged"):
        stage(tmp_path, "run-1", "release", released(rows(hits=[1, 2, 3])))


def test_nothing_published_makes_no_file(tmp_path: Path) -> None:
    """A table of which everything was withheld has no file, but is still an answer."""
    staged = stage(tmp_path, "run-1", "release", released(rows().slice(0, 0), withheld=9))
    assert (staged.rows, staged.bytes, staged.sha256, staged.withheld) == (0, 0, "", 9)
    assert list(tmp_path.iterdir()) == []


def test_staging_is_private(tmp_path: Path) -> None:
    """Below internal/ folders are 0700 and files 0600, whatever the umask allows."""
    before = os.umask(0)
    try:
        stage(tmp_path, "run-1", "release", released(rows()))
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert modes == {(True, 0o700), (False, 0o600)}


NAMES = [{"site": "../up"}, {"site": "Shop"}, {"table": "a/b"}, {"grain": "year"}, {"grain": "month"}]


@pytest.mark.parametrize("change", NAMES, ids=str)
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, change: dict[str, str]) -> None:
    """A path is made of declared names and a period's first day only; the odd one is not repeated."""
    with pytest.raises(ValueError, match=r"no such|first day") as refused:
        stage(tmp_path, "run-1", "release", released(rows(), **change))
    assert change.get("site", "../") not in str(refused.value)
