"""The small samples hold the same requests in every format: what is read of them is what was written."""

from __future__ import annotations

import ipaddress
import json
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import expected
import pytest

from pipeline.chosen import chosen_formats
from pipeline.find import find
from pipeline.options import Wanted
from pipeline.plan import plan
from pipeline.read import Read
from schemas import load
from schemas.policy import Policy
from transforms.addresses import forwarded_client
from transforms.parse import Parse

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
sys.path.append(str(SAMPLES))
import small  # noqa: E402

PROXIES = ("198.51.100.0/28",)


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
    events = [
        row for one in Parse(Policy(), load.fields(), known, expected.NOW)(chunks) for row in one.batch.to_pylist()
    ]
    return names[0], events


@pytest.mark.parametrize("name", small.writers())
def test_every_hit_is_read_as_it_was_written(name: str) -> None:
    """Time and path of all hits; status, referrer, agent and host where the format has them."""
    _, events = read(name)
    written = hits()
    assert len(events) == len(written)
    lossy = load.formats()[name].plus  # + for a blank, and for a +
    for row, hit in zip(sorted(events, key=lambda row: row["time"]), written, strict=True):
        assert row["time"] == hit.time
        assert row["path"].decode() == hit.target.partition("?")[0]
        assert row.get("status", hit.status) == hit.status
        for column, truth in (("referrer", hit.referrer), ("agent", hit.agent), ("host", hit.host)):
            if column in row:
                read_as = {truth, truth.replace("+", " ")} if column in lossy else {truth}
                assert (row[column] or b"-").decode().partition(":443")[0] in read_as


@pytest.mark.parametrize("name", small.writers())
def test_the_visitor_is_found(name: str) -> None:
    """Behind the shop's proxies, and whatever is claimed in front of it, the address is the visitor's."""
    _, events = read(name)
    for row, hit in zip(sorted(events, key=lambda row: row["time"]), hits(), strict=True):
        found = forwarded_client(row["client"], row.get("forwarded"), PROXIES)
        assert found is not None
        assert found.packed == ipaddress.ip_address(hit.client).packed


@pytest.mark.parametrize("name", small.writers())
def test_each_sample_is_found_out(name: str) -> None:
    """Detection among all formats gives the sample's own, or the one that reads it alike."""
    if expected.wanted(name, Path("out")).format is None:
        assert small.writers()[name].read_as in read(name)[0].replace("/", "+").split("+")


@pytest.mark.parametrize("name", small.writers())
def test_nothing_planted_is_published(name: str) -> None:
    """No planted value, in the form in which it was written or any other, is in what a sample is expected to publish."""
    planted = json.loads((SAMPLES / "planted_small.json").read_text(encoding="utf-8"))
    published = "".join((SAMPLES / name / "expected" / file).read_text("utf-8") for file in ("release.tsv", "run.json"))
    assert [entry["kind"] for entry in planted if entry["value"] in published or entry["written"] in published] == []
