"""Noise is drawn once and within a budget, whenever a run dies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from dp_logs import EPSILON, POLICY, command, died, files, publish

from audit.run import HELD
from pipeline import noised
from pipeline.checks import CHECKS
from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.records import Records
from schemas.noise import Cost
from schemas.trouble import Trouble
from transforms.guard import noise


def test_second_time_draws_nothing(two_days: Path, noised_day: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that is published is never drawn again."""
    monkeypatch.setattr(noise.Noisy, "draw", None)
    before = files(noised_day["folder"] / "release-dp")
    assert publish(two_days, noised_day["folder"])["periods"] == []
    assert files(noised_day["folder"] / "release-dp") == before


@pytest.mark.usefixtures("engines_may_log_again")
def test_spent_budget_refuses_before_noise_is_drawn(
    two_days: Path,
    noised_day: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two days cost 48 of 40: exit 4, one line, no draw, and the folder is as it was; with a larger budget it is published."""
    folder = tmp_path / "out"
    shutil.copytree(noised_day["folder"], folder)
    before = {**files(folder / "release-dp"), **files(folder / "internal" / "ledger")}
    with monkeypatch.context() as patched:
        patched.setattr(noise.Noisy, "draw", None)
        assert main(command(two_days, folder, 19)) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"crowdlog: E410: site shop has spent epsilon 24 of its dp\.budget of 40, and [^\n]*\n", said.err
    )
    assert {**files(folder / "release-dp"), **files(folder / "internal" / "ledger")} == before
    (tmp_path / "larger.toml").write_text(POLICY.replace("40", "48"))
    done = publish(two_days, folder, 19, policy=tmp_path / "larger.toml")
    assert done["privacy"]["shop"]["spent"]["epsilon"] == pytest.approx(48, rel=1e-12)
    assert len(Ledger.load(folder).entries) == 2


@pytest.mark.parametrize(("name", "most"), [("epsilon", Cost(23.9, 1)), ("delta", Cost(99, 1e-10))])
def test_each_half_of_the_budget_counts(name: str, most: Cost) -> None:
    """Epsilon and delta are kept apart, and neither may be exceeded by one period."""
    with pytest.raises(Trouble, match=f"E410.*spent {name} 0 of"):
        noised._ask(most, Ledger(), {"shop": [Cost(12.0, 5e-10)] * 2})
    assert noised._ask(most, Ledger(), {"shop": []}) == {}


def test_death_before_the_commit_costs_nothing(two_days: Path, tmp_path: Path) -> None:
    """Drawn, but not committed: nothing is published and nothing spent; the next run draws anew, once."""
    folder = tmp_path / "out"
    died("commit", command(two_days, folder, 18))
    staged = list((folder / "internal" / "staging").rglob("*.parquet"))
    assert staged
    assert not (folder / "release-dp").exists()
    assert Ledger.load(folder).entries == ()
    first = {file.name + str(file.parent.parent.parent.name): file.read_bytes() for file in staged}
    publish(two_days, folder)
    second = {
        file.name + str(file.parent.parent.parent.name): file.read_bytes()
        for file in (folder / "release-dp").rglob("*.parquet")
    }
    assert first.keys() == second.keys()
    assert first != second
    assert not (folder / "internal" / "staging").exists() or not any((folder / "internal" / "staging").iterdir())
    assert float(Ledger.load(folder).spent("shop")[0]) == pytest.approx(EPSILON)


def test_death_after_the_commit_draws_never_again(
    two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed, but not promoted: the next start moves what was drawn into place."""
    folder = tmp_path / "out"
    died("_promote", command(two_days, folder, 18))
    (entry,) = Ledger.load(folder).entries
    assert not (folder / "release-dp").exists()
    monkeypatch.setattr(noise.Noisy, "draw", None)
    assert publish(two_days, folder)["periods"] == []
    assert {path for path in files(folder / "release-dp") if path != "manifest.json"} == {
        file.path for file in entry.files
    }
    assert CHECKS["files"](Records(folder))[0] == HELD
