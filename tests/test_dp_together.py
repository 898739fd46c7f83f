"""The profile with noise beside the house's from one reading of the logs: one commit, one draw, one budget for both."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dp_logs import EPSILON, TABLES, command, died, files, publish, rows

from pipeline.cli import main
from pipeline.entry import from_bytes, to_bytes
from pipeline.ledger import Ledger
from pipeline.run import Outcome
from pipeline.summary import summary
from transforms.guard import noise

BOTH = ("internal", "dp")

pytestmark = pytest.mark.usefixtures("engines_may_log_again")


@pytest.fixture(scope="module")
def together(two_days: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of a run for both; every bundle is done twice."""
    folder = tmp_path_factory.mktemp("both") / "out"
    return folder, publish(two_days, folder, profiles=BOTH, beam=("--direct_runner_bundle_repeat=1",))


@pytest.fixture(scope="module")
def alone(two_days: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """By profile, the folder and the record of a run for it alone."""
    folder = tmp_path_factory.mktemp("alone")
    return {name: (folder / name, publish(two_days, folder / name, profiles=(name,))) for name in BOTH}


def published(folder: Path) -> set[str]:
    """Profiles of which something is published, and of which the ledger says so."""
    there = {
        name
        for name, place in (("internal", "release"), ("dp", "release-dp"))
        if any((folder / place).rglob("*.parquet"))
    }
    assert there == {entry.profile for entry in Ledger.load(folder).entries}
    return there


def test_each_has_what_a_run_for_it_alone_has(together: Any, alone: Any) -> None:
    """The house's bytes are the same; the noisy rows differ, as two draws do, but not what was counted for them."""
    folder, record = together
    assert files(folder / "release") == files(alone["internal"][0] / "release")
    assert record["tables"] == alone["internal"][1]["tables"]
    own, other = record["beside"]["dp"], alone["dp"][1]
    assert (own["tables"], own["k"], own["privacy"]) == (other["tables"], other["k"], other["privacy"])
    assert set(rows(folder)) == set(rows(alone["dp"][0])) == TABLES
    assert rows(folder) != rows(alone["dp"][0])
    assert "privacy" not in record


def test_noise_is_of_one_profile_of_the_commit(together: Any, alone: Any) -> None:
    """One ledger file; the noise stands beside, costs what it costs alone, and is in no entry or manifest of the house."""
    folder, _ = together
    (file,) = (folder / "internal" / "ledger").glob("*.json")
    house, noisy = from_bytes(file.read_bytes())
    assert (house.number, house.profile, noisy.number, noisy.profile) == (1, "internal", 1, "dp")
    assert not house.noise
    assert set(noisy.noise) == {period.path for period in noisy.periods}
    assert to_bytes(house, noisy) == file.read_bytes()
    assert Ledger.load(folder).spent("shop") == Ledger.load(alone["dp"][0]).spent("shop")
    manifests = {name: json.loads((folder / name / "manifest.json").read_bytes()) for name in ("release", "release-dp")}
    assert "noise" not in str(manifests["release"])
    assert manifests["release-dp"]["privacy"]["shop"]["epsilon"] == pytest.approx(EPSILON, rel=0.3)


def test_entry_that_hides_its_noise_is_refused(together: Any) -> None:
    """A ledger that lacks the noise of a period would lack what that has cost; one of the house can have none."""
    house, noisy = Ledger.load(together[0]).entries
    with pytest.raises(ValueError, match="noise is not that of the periods"):
        replace(noisy, noise={})
    with pytest.raises(ValueError, match="noise is not that of the periods"):
        replace(house, noise=noisy.noise)


def test_bundles_that_are_done_again_draw_once(two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw for each table, whatever else is published."""
    draw, calls = noise.Noisy.draw, []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(noise.Noisy, "draw", counted)
    publish(two_days, tmp_path / "out", profiles=BOTH, beam=("--direct_runner_bundle_repeat=1",))
    assert len(calls) == len(TABLES)
    assert published(tmp_path / "out") == {*BOTH}


def test_summary_tells_of_both(together: Any) -> None:
    """What the noise has cost is said behind the headline of its own release, and what k took is not said of it."""
    said = summary(Outcome(together[1], [], [], 1.0), together[0])
    house, _, noisy = said.partition("release-dp")
    assert "privacy" not in house
    assert re.search(r"privacy +shop: epsilon 2\d", noisy)
    assert "above the noisy threshold" in noisy
    assert "at every level" not in noisy


def test_spent_budget_refuses_both(two_days: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One commit or none: nothing of the second day is published for the house either, until it is asked for alone."""
    folder = tmp_path / "out"
    publish(two_days, folder, profiles=BOTH)
    before = files(folder / "release")
    assert main(command(two_days, folder, 19, profiles=BOTH)) == 4
    assert capsys.readouterr().err.startswith("crowdlog: E410: site shop has spent")
    assert files(folder / "release") == before
    assert len(Ledger.load(folder).entries) == 2
    assert main(command(two_days, folder, 19, profiles=("internal",))) == 0
    assert {entry.profile for entry in Ledger.load(folder).entries[2:]} == {"internal"}
    assert any("2025-11-19" in path for path in files(folder / "release"))


def test_noise_can_be_added_later(two_days: Path, tmp_path: Path) -> None:
    """A day that the house has published already is read again for the noise alone, and the house's files stay."""
    folder = tmp_path / "out"
    publish(two_days, folder, profiles=("internal",))
    before = files(folder / "release")
    record = publish(two_days, folder, profiles=BOTH)
    assert (record["periods"], len(record["beside"]["dp"]["periods"])) == ([], len(TABLES))
    assert [entry.profile for entry in Ledger.load(folder).entries] == [*BOTH]
    assert files(folder / "release") == before
    again = publish(two_days, folder, profiles=BOTH)
    assert again["periods"] == again["beside"]["dp"]["periods"] == []


@pytest.mark.parametrize(("at", "expected"), [("commit", set()), ("_promote", {*BOTH})], ids=["before", "after"])
def test_death_leaves_both_or_none(
    at: str, expected: set[str], two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the commit neither is published and nothing spent; behind it both are, as they were drawn."""
    folder = tmp_path / "out"
    died(at, command(two_days, folder, 18, profiles=BOTH))
    assert {entry.profile for entry in Ledger.load(folder).entries} == expected
    assert float(Ledger.load(folder).spent("shop")[0]) == pytest.approx(EPSILON if expected else 0, rel=0.3)
    if expected:
        monkeypatch.setattr(noise.Noisy, "draw", None)
    publish(two_days, folder, profiles=BOTH)
    assert published(folder) == {*BOTH}
    assert float(Ledger.load(folder).spent("shop")[0]) == pytest.approx(EPSILON, rel=0.3)


def test_policy_may_ask_for_it_but_not_for_a_preview(
    two_days: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`profiles` of a policy makes both; --preview is refused until it names the house alone."""
    policy = tmp_path / "both.toml"
    policy.write_text('profiles = ["internal", "dp"]\n' + (two_days / "crowdlog.toml").read_text())
    asked = [one for one in command(two_days, tmp_path / "out", 18, profiles=()) if one != "--partial"]
    asked[asked.index("--policy") + 1] = str(policy)
    assert main([*asked, "--preview"]) == 2
    assert "--preview draws noise anew" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*asked, "--preview", "--profile", "internal"]) == 0
    assert main([*asked, "--partial"]) == 0
    assert published(tmp_path / "out") == {*BOTH}
