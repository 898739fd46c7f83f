"""The profile with noise as it is published: folder, manifest, ledger, and what it never tells."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dp_logs import EPSILON, POLICY, TABLES, files, lines, publish, rows

from audit.run import HELD, case_of
from audit.run import run as attack
from pipeline.checks import CHECKS
from pipeline.ledger import Ledger
from pipeline.records import Records
from schemas.noise import Noise
from schemas.profiles import profiles
from transforms.guard import noise


def test_it_has_a_folder_a_manifest_and_an_entry_of_its_own(noised_day: dict[str, Any]) -> None:
    """Listed tables with keys, hits and visitors alone, whole numbers, no row below its threshold, nothing in `release`."""
    folder, found = noised_day["folder"], rows(noised_day["folder"])
    assert not (folder / "release").exists()
    assert set(found) == set(noised_day["tables"]) == TABLES
    manifest = json.loads((folder / "release-dp" / "manifest.json").read_bytes())
    assert manifest["profile"] == "dp"
    least = {path.split("/")[0]: facts["noise"]["least"] for path, facts in manifest["files"].items()}
    for table, those in found.items():
        for row in those:
            assert {name for name, value in row.items() if isinstance(value, int)} == {"hits", "visitors"}
            assert row["hits"] >= row["visitors"] >= least[table] > 10
    (entry,) = Ledger.load(folder).entries
    assert (entry.profile, set(entry.noise)) == ("dp", {period.path for period in entry.periods})


def test_nothing_exact_is_in_the_folder(noised_day: dict[str, Any]) -> None:
    """The manifest says of a file by what it was made, how many rows it has, and nothing that was counted."""
    manifest = json.loads((noised_day["folder"] / "release-dp" / "manifest.json").read_bytes())
    assert set(manifest) == {"profile", "files", "privacy"}
    for facts in manifest["files"].values():
        assert set(facts) == {
            "k", "rows", "sha256", "policy", "coverage", "geo_built", "agents", "bots", "suffixes", "program", "noise",
        }  # fmt: skip
        assert set(facts["noise"]) == set(Noise.__dataclass_fields__)
    (site,) = manifest["privacy"].values()
    assert set(site) == {"epsilon", "delta", "periods"}
    assert {file.suffix for file in (noised_day["folder"] / "release-dp").rglob("*") if file.is_file()} == {
        ".json",
        ".parquet",
    }


def test_sums_over_tables_agree(noised_day: dict[str, Any]) -> None:
    """What the manifest, the ledger and run.json say of the whole is the sum of what is said of each table, within the policy."""
    folder = noised_day["folder"]
    manifest = json.loads((folder / "release-dp" / "manifest.json").read_bytes())
    of_tables = [facts["noise"] for facts in manifest["files"].values()]
    for name, most in (("epsilon", EPSILON), ("delta", 1e-9)):
        whole = sum(one[name] for one in of_tables)
        assert whole == pytest.approx(most, rel=0.3)  # thresholds are whole numbers
        assert manifest["privacy"]["shop"][name] == pytest.approx(whole, rel=1e-12)
        assert (
            manifest["privacy"]["shop"]["periods"]["day 2025-11-18"][name] == manifest["privacy"]["shop"][name] <= most
        )
        assert (
            noised_day["privacy"]["shop"][name]
            == noised_day["privacy"]["shop"]["spent"][name]
            == manifest["privacy"]["shop"][name]
        )
    assert tuple(map(float, Ledger.load(folder).spent("shop"))) == (
        manifest["privacy"]["shop"]["epsilon"], manifest["privacy"]["shop"]["delta"],
    )  # fmt: skip
    assert Ledger.load(folder).spent("default") == (0, 0)


def test_a_day_of_one_visitor_is_not_told(two_days: Path, tmp_path: Path) -> None:
    """A day on which nobody else came costs as much as others, in the ledger; in the folder there is no sign of it."""
    (tmp_path / "18.log").write_text((two_days / "18.log").read_text() + next(lines(16)) + "\n")
    shutil.copy(two_days / "crowdlog.toml", tmp_path)
    (tmp_path / "larger.toml").write_text(POLICY.replace("40", "50"))
    publish(tmp_path, tmp_path / "out", policy=tmp_path / "larger.toml")
    (entry,) = Ledger.load(tmp_path / "out").entries
    assert {period.date.day for period in entry.periods} == {16, 18}
    assert float(Ledger.load(tmp_path / "out").spent("shop")[0]) == pytest.approx(2 * EPSILON)
    manifest = json.loads((tmp_path / "out" / "release-dp" / "manifest.json").read_bytes())
    assert set(manifest["privacy"]["shop"]["periods"]) == {"day 2025-11-18"}
    assert manifest["privacy"]["shop"]["epsilon"] == pytest.approx(EPSILON)
    assert [
        path
        for path, content in files(tmp_path / "out" / "release-dp").items()
        if b"2025-11-16" in path.encode() + content
    ] == []


def bounded_by_hand(two_days: Path, cells: int, hits: int, key: Callable[[str, int], str]) -> int:
    """Hits of a day within bounds, from the lines: each /48's largest cells, each cut."""
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for line in (two_days / "18.log").read_text().splitlines():
        if found := re.match(r'2001:db8:(\w+)::\d - - \[18/Nov/2025:(\d\d).*" (\d{3}) 512 ', line):
            count[found[1]][key(found[2], int(found[3]))] += 1
    return sum(min(one, hits) for each in count.values() for one in sorted(each.values(), reverse=True)[:cells])


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("sites", lambda hour, status: ""),
        ("traffic", lambda hour, status: hour),
        ("statuses", lambda hour, status: str(status)),
    ],
    ids=["sites", "traffic", "statuses"],
)
def test_identities_hold_with_what_was_counted(
    two_days: Path, noised_day: dict[str, Any], table: str, key: Callable[[str, int], str]
) -> None:
    """run.json: published are the hits behind the rows, within the bounds and without noise, counted again from the lines."""
    bounds, counts = profiles()["dp"].noise[table], noised_day["tables"][table]
    assert counts["eligible"] == counts["published"] + counts["withheld"] == noised_day["parsed"]
    assert counts["published"] == bounded_by_hand(two_days, bounds.cells, bounds.hits, key)
    hits = sum(row["hits"] for row in rows(noised_day["folder"])[table])
    scale = next(
        one for path, one in Ledger.load(noised_day["folder"]).entries[0].noise.items() if path.startswith(table)
    )
    assert abs(hits - counts["published"]) < 30 * 3 * scale.mechanisms["hits"].scale


def test_checks_of_a_release_hold(noised_day: dict[str, Any]) -> None:
    """Crowds, columns, files, modes, totals and the manifest are as commitments want them."""
    records = Records(noised_day["folder"])
    found = {
        name: CHECKS[name](records) for name in ("crowds", "columns", "files", "modes", "totals", "policies", "sites")
    }
    assert {name: said for name, said in found.items() if said[0] != HELD} == {}


def test_it_is_attacked_too(two_days: Path, noised_day: dict[str, Any]) -> None:
    """No attack finds anything in it; what needs exact numbers leaves it out."""
    done = attack(case_of({"folder": str(noised_day["folder"]), "raw": [str(two_days / "18.log")]}))["attacks"]
    assert [one["evidence"] for one in done if one["evidence"]] == []
    assert {one["id"] for one in done if one["result"] == HELD} >= {"A1", "A2", "A4", "A9"}


def test_two_runs_differ_but_not_their_counts(
    two_days: Path, noised_day: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, another draw: the same events, other numbers. Where every bundle is replayed it is drawn once."""
    draw, calls = noise.Noisy.draw, []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(noise.Noisy, "draw", counted)
    again = publish(two_days, tmp_path / "out", beam=("--direct_runner_bundle_repeat=1",))
    assert again["tables"] == noised_day["tables"]
    assert rows(tmp_path / "out") != rows(noised_day["folder"])
    assert len(calls) == len(TABLES)
    assert CHECKS["files"](Records(tmp_path / "out"))[0] == HELD
