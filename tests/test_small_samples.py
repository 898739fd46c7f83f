"""The small samples hold the same requests in every format: what is read of them is what was written."""

from __future__ import annotations

import json
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import expected
import pytest

from pipeline.options import Wanted
from pipeline.run import chosen_formats
from pipeline.source import Read, find, plan
from schemas import load
from schemas.policy import Policy
from transforms.parse import Parse

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
sys.path.append(str(SAMPLES))
import small  # noqa: E402

COLUMNS = ("time", "client", "host", "path", "status", "bytes", "referrer", "agent", "forwarded", "duration")


@cache
def hits() -> list[small.Hit]:
    """What was to be written, in the order in which it was written."""
    cast = tomllib.loads((SAMPLES / "cast.toml").read_text(encoding="utf-8"))
    seed: int = json.loads((SAMPLES / "planted.json").read_text(encoding="utf-8"))["seed"]
    return list(small.requests(cast, seed).hits)


@cache
def read(name: str) -> tuple[str, list[dict[str, Any]]]:
    """What the sample is found to be in, and its events with all columns that the format has."""
    asked = expected.wanted(name, Path("out"))
    inputs = find((str(SAMPLES / name / "input.log"),))
    known, names = chosen_formats(Wanted(asked.inputs, asked.output, format=asked.format), Policy(), inputs)
    chunks = Read(formats=known)(iter(plan(inputs, names, 1 << 30, known)))
    events = [row for one in Parse(Policy(), load.fields(), known)(chunks) for row in one.batch.to_pylist()]
    return names[0], events


@pytest.mark.parametrize("name", small.writers())
def test_every_hit_is_read_as_it_was_written(name: str) -> None:
    """Time and path of all hits; status, referrer, agent and host where the format has them."""
    _, events = read(name)
    written = hits()
    assert len(events) == len(written)
    for row, hit in zip(sorted(events, key=lambda row: row["time"]), written, strict=True):
        assert row["time"] == hit.time
        assert row["path"].decode() == hit.target.partition("?")[0]
        assert row.get("status", hit.status) == hit.status
        for column, truth in (("referrer", hit.referrer), ("agent", hit.agent), ("host", hit.host)):
            if column in row:
                assert (row[column] or b"-").decode().partition(":443")[0] == truth


@pytest.mark.parametrize("name", small.writers())
def test_the_visitor_is_read(name: str) -> None:
    """The address of the visitor is the client or stands in X-Forwarded-For, as it was written."""
    _, events = read(name)
    for row, hit in zip(sorted(events, key=lambda row: row["time"]), hits(), strict=True):
        claimed = (row.get("forwarded") or b"").decode().split(", ")
        assert hit.client in (bare(row["client"].decode()), *map(bare, claimed))


def bare(address: str) -> str:
    """An address without the brackets or the port that some servers write."""
    if address.startswith("["):
        return address[1 : address.index("]")]
    return address.partition(":")[0] if address.count(":") == 1 else address


@pytest.mark.parametrize("name", small.writers())
def test_each_sample_is_found_out(name: str) -> None:
    """Detection among all formats gives the sample's own, where it is not one that has to be named."""
    if expected.wanted(name, Path("out")).format is None:
        assert set(read(name)[0].replace("/", "+").split("+")) >= {name}


@pytest.mark.parametrize("name", small.writers())
def test_nothing_planted_is_published(name: str) -> None:
    """No planted value, in the form in which it was written or any other, is in what a sample is expected to publish."""
    planted = json.loads((SAMPLES / "planted_small.json").read_text(encoding="utf-8"))
    published = "".join((SAMPLES / name / "expected" / file).read_text("utf-8") for file in ("release.tsv", "run.json"))
    assert [entry["kind"] for entry in planted if entry["value"] in published or entry["written"] in published] == []
