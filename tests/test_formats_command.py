"""`crowdlog formats` and the table in the docs: what they say of a format is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import format_table
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.formats import described
from schemas import load
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from transforms.parse import Parse
from transforms.parsers.example import example

NOW = 1795737600  # 2026-11-27: times that say no year are of the days before it


def described_formats() -> dict[str, dict[str, Any]]:
    return {name: described(one) for name, one in load.formats().items()}


@pytest.mark.parametrize("name", list(load.formats()))
def test_the_sample_line_is_read(name: str) -> None:
    """A format's example is one event of it, with the values that its declaration was filled with."""
    *header, line = example(load.formats()[name])
    made = name if not load.formats()[name].envelope else f"{name}/combined"
    data = line + b"\n"
    chunk = Chunk(0, made, np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts(), *header)
    rows = [
        row
        for events in Parse(Policy(), load.fields(), load.formats(), NOW).events(chunk)
        for row in events.batch.to_pylist()
    ]
    assert len(rows) == 1
    row = rows[0]
    assert row.get("client", b"198.51.100.7") == b"198.51.100.7" and row.get("agent", b"Mozilla").startswith(b"Mozilla")


def test_all_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every shipped format with title, specification and a line."""
    assert main(["formats"]) == 0
    out = capsys.readouterr().out
    for name, one in load.formats().items():
        assert f"{name}: {one.title}\n" in out and one.spec in out


def test_json_has_the_fields_that_are_built(capsys: pytest.CaptureFixture[str]) -> None:
    """What is dropped is named as such, and is not among the fields."""
    assert main(["formats", "combined", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out).values()
    assert one["fields"] == ["time", "client", "path", "query", "status", "bytes", "referrer", "agent"]
    assert one["dropped"] == ["ident", "user"]


UNITS = {
    "combined": {"time": "with its offset", "bytes": "bytes"},
    "combined_micros": {"time": "with its offset", "bytes": "bytes", "duration": "microseconds"},
    "combined_timed": {"time": "with its offset", "bytes": "bytes", "duration": "seconds"},
    "iis": {"time": "on the clock of UTC", "bytes": "bytes", "duration": "milliseconds"},
    "w3c": {"time": "on the clock of UTC", "bytes": "bytes", "duration": "seconds"},
    "cloudfront": {"time": "on the clock of UTC", "bytes": "bytes", "duration": "seconds"},
    "bunny": {"time": "milliseconds since 1970", "bytes": "bytes"},
    "google_storage": {"time": "microseconds since 1970", "bytes": "bytes", "duration": "microseconds"},
    "pound": {"time": "on the clock of UTC, without a year, with its offset", "duration": "seconds"},
    "syslog": {},
}


@pytest.mark.parametrize("name", UNITS)
def test_units_of_numbers_are_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As the maker of the format documents them, beside the address of that document."""
    assert main(["formats", name, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out).values()
    assert one["units"] == UNITS[name] and one["spec"].startswith("https://")
    assert main(["formats", name]) == 0
    shown = capsys.readouterr().out
    assert all(f"{column} {words}" in shown for column, words in UNITS[name].items()) and one["spec"] in shown


def test_every_number_of_every_format_has_a_unit() -> None:
    """A type without a word would be shown as nothing, or stop the command."""
    for name, one in described_formats().items():
        assert ("duration" in one["fields"]) is ("duration" in one["units"]), name
        assert one["family"] == "envelope" or "time" in one["units"], name


def test_formats_of_a_policy_are_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A [[format]] of the policy is shown like a shipped one."""
    assert main(["formats", "nginx_timed", "--policy", str(root / "sample_logs" / "crowdlog.toml")]) == 0
    assert "forwarded" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists what there is."""
    assert main(["formats", "combinde"]) == 2
    assert "combined" in capsys.readouterr().err


def test_table_in_the_docs_is_what_is_declared() -> None:
    """`make docs` has been run since a format was changed."""
    text = format_table.PAGE.read_text(encoding="utf-8")
    assert format_table.BEGIN in text and format_table.END in text
    assert text == format_table.page(text)
