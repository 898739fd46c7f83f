"""The partner release audited alone: attacked as partners have it, and evidence for what is promised of it (C5)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.case import Case
from pipeline.cli import main
from pipeline.options import Wanted
from pipeline.run import run

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
LOG = str(SAMPLES / "combined" / "input.log")
NOW = 1_796_083_200  # 2026-12-01: every period of the samples is closed


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both releases, of one run."""
    folder = tmp_path_factory.mktemp("published") / "out"
    policy, database = SAMPLES / "crowdlog.toml", SAMPLES / "test-country.mmdb"
    run(Wanted((LOG,), folder, policy, site="shop", profiles=("internal", "partner"), geo_db=database, quiet=True), NOW)
    return folder


@pytest.fixture
def both(published: Path, tmp_path: Path) -> Path:
    """A copy of them to do things to."""
    return Path(shutil.copytree(published, tmp_path / "out"))


def audited(folder: Path, capfd: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    """Exit status and result of `crowdlog audit`."""
    capfd.readouterr()
    status = main(["audit", str(folder), "--raw", LOG, "--json", *options])
    return status, json.loads(capfd.readouterr().out)


def promise(folder: Path, capfd: pytest.CaptureFixture[str]) -> tuple[str, dict[str, str]]:
    """The state of C5, and what each of its checks comes to."""
    capfd.readouterr()
    main(["commitments", str(folder), "--json"])
    (one,) = (one for one in json.loads(capfd.readouterr().out)["commitments"] if one["id"] == "C5")
    return one["state"], {proof["name"]: proof["result"] for proof in one["evidence"]}


def leak(folder: Path) -> None:
    """Put an address of the log where only a person would: as a note into the manifest."""
    address = Path(LOG).read_text(encoding="utf-8").partition(" ")[0]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "note": f"complaint of {address}"}))


def test_audit_of_the_partner_release_is_the_evidence(both: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No attack on the partner's folder alone finds anything, and with that C5 is met; without it, it is unproven."""
    assert promise(both, capfd)[0] == "unproven"
    status, result = audited(both, capfd, "--profile", "partner")
    ran = {one["id"] for one in result["attacks"] if one["result"] == "held"}
    assert (status, list(result["releases"])) == (0, ["release-partner"])
    assert ran >= {"A1", "A2", "A4", "A5", "A9", "A14"}
    assert promise(both, capfd) == ("met", {"partner": "held", "partner_audit": "held"})


def test_leak_in_the_partner_release_makes_it_unmet(both: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The attack does succeed where there is something to find, and says where."""
    leak(both / "release-partner")
    status, result = audited(both, capfd, "--profile", "partner")
    (found,) = (one["evidence"] for one in result["attacks"] if one["id"] == "A1")
    assert (status, {one["where"] for one in found}) == (5, {"release-partner/manifest.json"})
    assert promise(both, capfd) == ("unmet", {"partner": "held", "partner_audit": "FAILED"})


def test_leak_elsewhere_is_nobody_s_who_has_the_partner_release(both: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An audit of all finds what lies beside it, and C5 is met all the same; of it alone, there is nothing to find.

    Other promises go by the last audit of all releases, whatever was attacked alone since.
    """
    leak(both / "release")
    assert audited(both, capfd)[0] == 5
    assert promise(both, capfd)[0] == "met"
    assert audited(both, capfd, "--profile", "partner")[0] == 0
    main(["commitments", str(both), "--json"])
    said = json.loads(capfd.readouterr().out)
    (proof,) = (one for one in said["commitments"][0]["evidence"] if one["name"] == "A1")
    assert proof["result"] == "FAILED"


def test_evidence_is_of_the_release_as_it_is(both: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A later manifest of the partner's makes it old; one of the house's does not."""
    audited(both, capfd, "--profile", "partner")
    for name, expected in (("release", "held"), ("release-partner", "missing")):
        manifest = both / name / "manifest.json"
        manifest.write_text(manifest.read_text() + "\n")
        assert promise(both, capfd)[1]["partner_audit"] == expected


def test_files_of_a_release_alone(both: Path) -> None:
    """Alone, only its own files are hunted through: not the ledger, not the other release."""
    case = Case(both, folders=("release-partner",))
    assert {path.relative_to(both).parts[0] for path in case.disk()} == {"release-partner"}
    assert {part.place.split("/")[0] for part in case.parts} == {"release-partner"}
    assert {path.relative_to(both).parts[0] for path in Case(both).disk()} >= {"release", "release-partner", "internal"}


def test_release_that_is_not_there_is_refused(both: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing was published for partners: one line, exit 3."""
    shutil.rmtree(both / "release-partner")
    assert main(["audit", str(both), "--profile", "partner"]) == 3
    assert "no folder `release-partner`" in capfd.readouterr().err
