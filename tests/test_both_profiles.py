"""Both profiles from one reading of the logs: the bytes of two runs, one commit, and each profile's own once."""

from __future__ import annotations

import datetime as dt
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from audit.case import Case
from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.options import Wanted
from pipeline.run import run
from schemas.policy import read_policy
from schemas.trouble import Trouble
from transforms import guard
from transforms.guard import SiteRelease

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
sys.path.append(str(SAMPLES))

import nights  # noqa: E402

LOGS = tuple(str(SAMPLES / name / "input.log") for name in ("combined", "vhost_combined"))
NOW = 1_796_083_200  # 2026-12-01: every period of the samples is closed
BOTH = ("internal", "partner")
FOLDERS = {"internal": "release", "partner": "release-partner"}
OWN = ("k", "policy", "late", "tables", "detail", "periods", "missing")

Release = dict[str, bytes]


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def publish(
    folder: Path, *profiles: str, logs: Sequence[str] = LOGS, now: int = NOW, policy: Path = SAMPLES / "crowdlog.toml",
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """The record of a run for these profiles."""
    database = SAMPLES / "test-country.mmdb"
    wanted = Wanted(tuple(logs), folder, policy, profiles=profiles, geo_db=database, quiet=True, **more)
    return dict(run(wanted, now).record)


def files(folder: Path) -> Release:
    """All files below a folder by their path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def releases(folder: Path) -> dict[str, Release]:
    """What is published, by profile."""
    return {profile: files(folder / name) for profile, name in FOLDERS.items() if (folder / name).exists()}


def commits(folder: Path) -> list[dict[str, Any]]:
    """The ledger's files."""
    return [json.loads(file.read_bytes()) for file in sorted((folder / "internal" / "ledger").glob("*.json"))]


def decided(commit: dict[str, Any]) -> list[str]:
    """For whom a ledger file has something."""
    return [commit["profile"], *commit.get("beside", {})]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of one run for both."""
    folder = tmp_path_factory.mktemp("together") / "out"
    return folder, publish(folder, *BOTH)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Release, dict[str, Any]]]:
    """By profile, the release and the record of a run for it alone, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("apart")
    records = {profile: publish(folder / profile, profile) for profile in BOTH}
    return {profile: (releases(folder / profile)[profile], record) for profile, record in records.items()}


# ---- one run is two -----------------------------------------------------------------------------------------------------


def test_bytes_are_those_of_two_runs(together: Any, apart: Any) -> None:
    """Every file of both folders, the manifests too, is what a run for that profile alone writes."""
    found = releases(together[0])
    assert {profile: len(release) > 20 for profile, release in found.items()} == dict.fromkeys(BOTH, True)
    for profile in BOTH:
        assert found[profile] == apart[profile][0]


def test_records_are_those_of_two_runs(together: Any, apart: Any) -> None:
    """run.json has the house's counts where they always are, and the partner's, as of a run alone, beside them."""
    record = together[1]
    assert (record["profile"], list(record["beside"])) == ("internal", ["partner"])
    for profile, own in (("internal", record), ("partner", record["beside"]["partner"])):
        alone = apart[profile][1]
        assert {key: own[key] for key in OWN} == {key: alone[key] for key in OWN}
        assert alone["beside"] == {}
    assert {key: record[key] for key in ("lines", "parsed", "skipped", "rejected")} == {
        key: apart["partner"][1][key] for key in ("lines", "parsed", "skipped", "rejected")
    }


@pytest.mark.parametrize("profile", BOTH)
def test_identities_hold_for_each(together: Any, profile: str) -> None:
    """DESIGN.md 4.2 for each profile, against the hits in its files."""
    folder, record = together
    own = record if profile == "internal" else record["beside"][profile]
    hits = Counter[str]()
    for file in (folder / FOLDERS[profile]).rglob("*.parquet"):
        hits[file.relative_to(folder / FOLDERS[profile]).parts[0]] += sum(
            pq.ParquetFile(file).read()["hits"].to_pylist()
        )
    for name, counts in own["tables"].items():
        fates = ("not_applicable", "published_before", "open", "partial", "eligible")
        repeated = counts.get("repeated", 0)
        assert sum(counts[fate] for fate in fates) == record["parsed"] + repeated
        assert counts["eligible"] == counts["published"] + counts["withheld"]
        assert counts["published"] == hits[name]


@pytest.mark.parametrize(
    "options", [{"workers": 2}, {"beam": ("--direct_runner_bundle_repeat=1",)}], ids=["workers", "replayed"]
)
def test_bytes_whoever_makes_them(together: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    """Two workers, and an engine that does every bundle twice, publish the same, and once."""
    publish(tmp_path / "out", "partner", "internal", **options)
    assert releases(tmp_path / "out") == releases(together[0])
    assert [decided(one) for one in commits(tmp_path / "out")] == [[*BOTH]]


# ---- one commit ---------------------------------------------------------------------------------------------------------


def test_one_commit_has_both(together: Any) -> None:
    """One ledger file; the house's stands where a single one stands, the partner's beside it; each with its own k."""
    (commit,) = commits(together[0])
    assert (decided(commit), commit["provenance"]["k"]) == ([*BOTH], 10)
    assert set(commit["beside"]["partner"]) == {"provenance", "periods", "files", "noise"}
    assert commit["beside"]["partner"]["provenance"]["k"] == 50
    entries = Ledger.load(together[0]).entries
    assert [(one.number, one.profile) for one in entries] == [(1, "internal"), (1, "partner")]
    assert entries[0].files_read == entries[1].files_read != ()


def test_neither_is_published_when_one_does_not_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What rounding takes is not counted: the partner's numbers are refused, and the house's are not published either."""

    def careless(site: SiteRelease, step: int) -> SiteRelease:
        return replace(real(site, step), counts=site.counts)

    real = guard.rounded
    monkeypatch.setattr(guard, "rounded", careless)
    with pytest.raises(Trouble) as refused:
        publish(tmp_path / "out", *BOTH)
    assert (refused.value.code, refused.value.exit) == ("E406", 4)
    assert (releases(tmp_path / "out"), commits(tmp_path / "out")) == ({}, [])
    assert publish(tmp_path / "out", "internal")["beside"] == {}  # the house's alone adds up


# ---- once, for each -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", BOTH)
def test_what_one_has_already_the_other_gets(together: Any, tmp_path: Path, first: str) -> None:
    """One profile was published before: a run for both reads the logs again and adds the other's alone, byte for byte."""
    other = BOTH[BOTH.index(first) - 1]
    publish(tmp_path / "out", first)
    before = releases(tmp_path / "out")
    record = publish(tmp_path / "out", *BOTH)
    by_profile = {"internal": record, "partner": record["beside"]["partner"]}
    assert (record["files_skipped"], by_profile[first]["periods"]) == (0, [])
    assert by_profile[first]["tables"]["sites"]["published_before"] > 0 == by_profile[first]["late"]
    assert by_profile[other]["tables"]["sites"]["published_before"] == 0
    assert [decided(one) for one in commits(tmp_path / "out")] == [[first], [other]]
    assert releases(tmp_path / "out")[first] == before[first]
    assert releases(tmp_path / "out") == releases(together[0])


def test_a_file_is_skipped_when_nobody_wants_it(tmp_path: Path) -> None:
    """A file whose events are all published for all that are asked for is not read; for one that lacks them it is."""
    covered = publish(tmp_path / "out", "internal", partial=True)
    assert covered["files_skipped"] == 0
    assert publish(tmp_path / "out", "internal")["files_skipped"] == len(LOGS)
    assert publish(tmp_path / "out", *BOTH, partial=True)["files_skipped"] == 0
    again = publish(tmp_path / "out", *BOTH)
    assert (again["lines"], again["files_skipped"]) == (0, len(LOGS))
    assert again["tables"]["sites"]["eligible"] == again["beside"]["partner"]["tables"]["sites"]["eligible"] == 0
    assert len(commits(tmp_path / "out")) == 2


def test_nights_are_those_of_two_runs(tmp_path: Path) -> None:
    """Five nights with late lines, days and weeks side by side, partners from the second on: as if run apart."""
    cast = tomllib.loads((SAMPLES / "cast.toml").read_text(encoding="utf-8"))
    logs = [str(file) for file in nights.write(cast, tmp_path / "logs", 5, 2500, 20261121)[0]]
    for night in range(1, 6):
        after = nights.FIRST + dt.timedelta(days=night)
        given = {
            "logs": logs[:night], "now": int(dt.datetime.combine(after, dt.time(4), dt.UTC).timestamp()),
            "policy": SAMPLES / "nights.toml", "format": "vhost_combined",
        }  # fmt: skip
        wanted = BOTH if night > 1 else ("internal",)
        for profile in wanted:
            publish(tmp_path / profile, profile, **given)
        publish(tmp_path / "out", *wanted, **given)
    assert releases(tmp_path / "out")["internal"] == releases(tmp_path / "internal")["internal"]
    assert releases(tmp_path / "out")["partner"] == releases(tmp_path / "partner")["partner"]
    assert len(releases(tmp_path / "out")["partner"]) > 10
    assert len(commits(tmp_path / "out")) == 5


# ---- asking for it ------------------------------------------------------------------------------------------------------


def policy(folder: Path, profiles: str) -> Path:
    """The policy of the samples, for these profiles."""
    file, text = folder / "policy.toml", (SAMPLES / "crowdlog.toml").read_text(encoding="utf-8")
    assert text.count('profiles = ["internal"]') == 1
    file.write_text(text.replace('profiles = ["internal"]', f"profiles = {profiles}"), encoding="utf-8")
    return file


def test_the_policy_says_for_whom(together: Any, tmp_path: Path) -> None:
    """A nightly job needs no option: the same bytes, manifests too, for the digest is of what a release holds."""
    file = policy(tmp_path, '["partner", "internal"]')
    publish(tmp_path / "out", policy=file)
    assert releases(tmp_path / "out") == releases(together[0])
    assert read_policy(file).digest == read_policy(SAMPLES / "crowdlog.toml").digest


@pytest.mark.parametrize("asked", BOTH)
def test_the_command_line_wins(apart: Any, tmp_path: Path, asked: str) -> None:
    """--profile says for whom, whatever the policy says."""
    publish(tmp_path / "out", asked, policy=policy(tmp_path, '["internal", "partner"]'))
    assert releases(tmp_path / "out") == {asked: apart[asked][0]}


def command(folder: Path, *options: str) -> list[str]:
    """The command line of a run over a sample log."""
    database = str(SAMPLES / "test-country.mmdb")
    return ["run", LOGS[0], "--site", "shop", "--output", str(folder / "out"), "--geo-db", database, *options]


def test_the_closing_words_name_both_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--profile twice: a person reads what came of each and where it is; what is common is said once."""
    asked = command(tmp_path, "--profile", "partner", "--profile", "internal", "--partial")
    assert main(asked) == 0
    said = capsys.readouterr().err.splitlines()
    heads = [line for line in said if line.startswith("crowdlog: ")]
    assert [line.rpartition("below ")[2] for line in heads] == [
        f"{tmp_path / 'out' / 'release'} (k = 10)", f"{tmp_path / 'out' / 'release-partner'} (k = 50)",
    ]  # fmt: skip
    assert len(said) == len(set(said))
    assert sum("or taken by rounding" in line for line in said) == 1
    assert main(asked) == 0
    assert f"nothing new to publish below {tmp_path / 'out' / 'release-partner'}" in capsys.readouterr().err


def test_preview_shows_both(together: Any, tmp_path: Path) -> None:
    """The house's preview is where it always is, the partner's inside of it; the next one replaces both."""
    publish(tmp_path / "out", *BOTH, preview=True)
    shown = files(tmp_path / "out" / "preview")
    for place, profile in (("", "internal"), ("partner/", "partner")):
        published = releases(together[0])[profile]
        assert {f"{place}{name}" for name in published if name.endswith(".parquet")} <= set(shown)
        assert [name for name in published if shown.get(f"{place}{name}", published[name]) != published[name]] == []
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out" / "preview").rglob("*")}
    assert modes == {0o700, 0o600}
    assert releases(tmp_path / "out") == {}
    publish(tmp_path / "out", "partner", preview=True)
    partner = {name.removeprefix("partner/"): content for name, content in shown.items() if name.startswith("partner/")}
    assert files(tmp_path / "out" / "preview") == partner


# ---- what others read of it ---------------------------------------------------------------------------------------------


def test_the_audit_tells_the_two_apart(together: Any) -> None:
    """What the ledger says was withheld is told by release folder: the same period has two numbers."""
    (commit,) = commits(together[0])
    expected = {
        (folder, one["site"], one["table"], one["grain"], one["date"]): one["withheld"]
        for folder, periods in (
            ("release", commit["periods"]),
            ("release-partner", commit["beside"]["partner"]["periods"]),
        )
        for one in periods
    }
    assert Case(together[0]).withheld == expected
    assert len({key[1:] for key in expected}) < len(expected)
