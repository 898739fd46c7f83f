"""`crowdlog ledger`: what was published and deleted when, by which policy and program, as the entries themselves say."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
from pathlib import Path

import lifecycle
import pytest
from lifecycle import NOW, command, publish, said

from pipeline.cli import main


@pytest.fixture(autouse=True)
def logging_again(engines_may_log_again: None) -> None:
    """A command silences logging for its whole process; here the process goes on."""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two publications and a deletion."""
    folder = tmp_path_factory.mktemp("history")
    log = lifecycle.write(folder / "access.log", lifecycle.lines())
    later = [line.replace("/Nov/2025", "/Dec/2025") for line in lifecycle.lines()]
    publish(folder / "out", log)
    publish(folder / "out", lifecycle.write(folder / "later.log", later), now=NOW + 30 * 86_400, k=12)
    return folder / "out"


def test_entries_are_told(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json has of each entry what its file says: when, by what, and how much of which days."""
    assert main(["ledger", str(output), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = [json.loads(file.read_text()) for file in sorted((output / "internal" / "ledger").glob("*.json"))]
    assert len(told["entries"]) == len(kept) == 2
    for one, entry in zip(told["entries"], kept, strict=True):
        dates = sorted({period["date"] for period in entry["periods"]})
        assert (one["first"], one["last"]) == (dates[0], dates[-1])
        assert (one["committed"], one["run"]) == (entry["committed"], entry["run_id"])
        assert one["policy"] == entry["provenance"]["policy_digest"]
        assert one["rows"] == sum(period["rows"] for period in entry["periods"])
        assert one["files"] == sum(period["rows"] > 0 for period in entry["periods"])
        assert one["withheld"] == sum(period["withheld"] for period in entry["periods"])
        assert one["sites"] == sorted({period["site"] for period in entry["periods"]})
    assert [one["k"] for one in told["entries"]] == [10, 12]
    last = sorted((output / "internal" / "ledger").glob("*.json"))[-1]
    assert told["sha256"] == hashlib.sha256(last.read_bytes()).hexdigest()


def test_entries_are_told_to_people(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line an entry, with its time, days, policy and program."""
    assert main(["ledger", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.match(r" +1  2025-11-25T00:00:00  internal: \d+ periods of default, 2025-11-18 to 2025-11-20; ", lines[0])
    assert re.search(r"policy [0-9a-f]{12}, k 12, crowdlog \d", lines[1])


def test_deletions_are_told(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deletion is an entry as well."""
    folder = Path(shutil.copytree(output.parent, tmp_path / "history"))
    output = folder / "out"
    now = int(dt.datetime(2027, 12, 19, tzinfo=dt.UTC).timestamp())
    words = ["retention", output.parent / "access.log", "--output", output]
    result = said(capsys, now, *words)
    assert command(now, *words, "--delete", result["checksum"]) == 0
    capsys.readouterr()
    main(["ledger", str(output)])
    tables = sum(one["kind"] == "table" for one in result["items"])
    said_of_it = capsys.readouterr().out.splitlines()[-2]
    assert f"retention: {tables} published files and 1 raw logs deleted" in said_of_it


def test_no_ledger_and_a_broken_one_are_errors(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a ledger is exit 3, a changed entry exit 4."""
    assert main(["ledger", str(tmp_path)]) == 3
    folder = tmp_path / "internal" / "ledger"
    folder.mkdir(parents=True)
    (folder / "00000001.json").write_text("{}")
    assert main(["ledger", str(tmp_path)]) == 4
    assert "restore it" in capsys.readouterr().err
