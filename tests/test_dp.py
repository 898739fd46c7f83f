"""The profile with noise as it is run: folder, manifest, ledger, budget, crashes, and what it never tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from audit.run import HELD, case_of
from audit.run import run as attack
from pipeline import noised
from pipeline.checks import CHECKS
from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.options import Wanted
from pipeline.records import Records
from pipeline.run import run
from schemas import load
from schemas.load import DeclarationError
from schemas.noise import Cost, Noise
from schemas.policy import make_policy
from schemas.profiles import profiles, read_profiles
from schemas.trouble import Trouble
from transforms.guard import noise

ROOT = Path(__file__).resolve().parents[1]
GEO = ROOT / "sample_logs" / "test-country.mmdb"
NOW = 1_796_083_200  # 2026-12-01: the days of the logs are closed
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NEIGHBOURHOODS, HEAVY = 300, 700  # and the hits of one of them, beyond all bounds
EPSILON = 24.0
POLICY = f"[dp]\nepsilon = {EPSILON}\nbudget = {{ epsilon = 40 }}\n"
TABLES = {"sites", "traffic", "statuses", "countries", "browsers", "systems"}


def lines(day: int) -> Iterator[str]:
    """A day of requests: 1 to 6 of each /48, one that makes 700, and 5 of a client without an address."""
    for who in range(NEIGHBOURHOODS):
        for number in range(HEAVY if not who else 1 + who * 7 % 6):
            client, hour, status = f"2001:db8:{who:x}::{number % 2 + 1}", 8 + number % 3, (200, 404, 301)[number % 3]
            yield (
                f'{client} - - [{day}/Nov/2025:{hour:02d}:{number % 60:02d}:00 +0000] "GET /docs/start HTTP/1.1" {status}'
                f' 512 "-" "{FIREFOX}"'
            )
    for number in range(5):
        yield (f'crawl.example.net - - [{day}/Nov/2025:12:0{number}:00 +0000] "GET / HTTP/1.1" 200 1 "-" "{FIREFOX}"')


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of logs, and a policy."""
    folder = tmp_path_factory.mktemp("dp")
    for day in (18, 19):
        (folder / f"{day}.log").write_text("\n".join(lines(day)) + "\n")
    (folder / "crowdlog.toml").write_text(POLICY)
    return folder


def publish(given: Path, folder: Path, day: int = 18, **more: Any) -> dict[str, Any]:
    """A run over one day; its record."""
    wanted = {"profiles": ("dp",), "policy": given / "crowdlog.toml", "partial": True, "quiet": True, **more}
    return dict(run(Wanted((str(given / f"{day}.log"),), folder, site="shop", geo_db=GEO, **wanted), NOW).record)


@pytest.fixture(scope="module")
def record(given: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run over the first day, and its `folder`."""
    folder = tmp_path_factory.mktemp("one") / "out"
    return {**publish(given, folder), "folder": folder}


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, read without our own code."""
    found = (folder / "release-dp").rglob("*.parquet")
    return {file.relative_to(folder).parts[1]: pq.ParquetFile(file).read().to_pylist() for file in found}


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder by their path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# ---- what is published, and what is not ----------------------------------------------------------------------------------


def test_it_has_a_folder_a_manifest_and_an_entry_of_its_own(record: dict[str, Any]) -> None:
    """Listed tables with keys, hits and visitors alone, whole numbers, no row below its threshold, nothing in `release`."""
    folder, found = record["folder"], rows(record["folder"])
    assert not (folder / "release").exists()
    assert set(found) == set(record["tables"]) == TABLES
    manifest = json.loads((folder / "release-dp" / "manifest.json").read_bytes())
    assert manifest["profile"] == "dp"
    least = {path.split("/")[0]: facts["noise"]["least"] for path, facts in manifest["files"].items()}
    for table, those in found.items():
        for row in those:
            assert {name for name, value in row.items() if isinstance(value, int)} == {"hits", "visitors"}
            assert row["hits"] >= row["visitors"] >= least[table] > 10
    (entry,) = Ledger.load(folder).entries
    assert (entry.profile, set(entry.noise)) == ("dp", {period.path for period in entry.periods})


def test_nothing_exact_is_in_the_folder(record: dict[str, Any]) -> None:
    """The manifest says of a file by what it was made, how many rows it has, and nothing that was counted."""
    manifest = json.loads((record["folder"] / "release-dp" / "manifest.json").read_bytes())
    assert set(manifest) == {"profile", "files", "privacy"}
    for facts in manifest["files"].values():
        assert set(facts) == {
            "k", "rows", "sha256", "policy", "coverage", "geo_built", "agents", "bots", "suffixes", "program", "noise",
        }  # fmt: skip
        assert set(facts["noise"]) == set(Noise.__dataclass_fields__)
    (site,) = manifest["privacy"].values()
    assert set(site) == {"epsilon", "delta", "periods"}
    assert {file.suffix for file in (record["folder"] / "release-dp").rglob("*") if file.is_file()} == {
        ".json",
        ".parquet",
    }


def test_sums_over_tables_agree(record: dict[str, Any]) -> None:
    """What the manifest, the ledger and run.json say of the whole is the sum of what is said of each table, within the policy."""
    folder = record["folder"]
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
            record["privacy"]["shop"][name]
            == record["privacy"]["shop"]["spent"][name]
            == manifest["privacy"]["shop"][name]
        )
    assert tuple(map(float, Ledger.load(folder).spent("shop"))) == (
        manifest["privacy"]["shop"]["epsilon"], manifest["privacy"]["shop"]["delta"],
    )  # fmt: skip
    assert Ledger.load(folder).spent("default") == (0, 0)


def test_a_day_of_one_visitor_is_not_told(given: Path, tmp_path: Path) -> None:
    """A day on which nobody else came costs as much as others, in the ledger; in the folder there is no sign of it."""
    (tmp_path / "18.log").write_text((given / "18.log").read_text() + next(lines(16)) + "\n")
    shutil.copy(given / "crowdlog.toml", tmp_path)
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


def bounded_by_hand(given: Path, cells: int, hits: int, key: Callable[[str, int], str]) -> int:
    """Hits of a day within bounds, from the lines: each /48's largest cells, each cut."""
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for line in (given / "18.log").read_text().splitlines():
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
    given: Path, record: dict[str, Any], table: str, key: Callable[[str, int], str]
) -> None:
    """run.json: published are the hits behind the rows, within the bounds and without noise, counted again from the lines."""
    bounds, counts = profiles()["dp"].noise[table], record["tables"][table]
    assert counts["eligible"] == counts["published"] + counts["withheld"] == record["parsed"]
    assert counts["published"] == bounded_by_hand(given, bounds.cells, bounds.hits, key)
    hits = sum(row["hits"] for row in rows(record["folder"])[table])
    scale = next(one for path, one in Ledger.load(record["folder"]).entries[0].noise.items() if path.startswith(table))
    assert abs(hits - counts["published"]) < 30 * 3 * scale.mechanisms["hits"].scale


def test_checks_of_a_release_hold(record: dict[str, Any]) -> None:
    """Crowds, columns, files, modes, totals and the manifest are as commitments want them."""
    records = Records(record["folder"])
    found = {
        name: CHECKS[name](records) for name in ("crowds", "columns", "files", "modes", "totals", "policies", "sites")
    }
    assert {name: said for name, said in found.items() if said[0] != HELD} == {}


def test_it_is_attacked_too(given: Path, record: dict[str, Any]) -> None:
    """No attack finds anything in it; what needs exact numbers leaves it out."""
    done = attack(case_of({"folder": str(record["folder"]), "raw": [str(given / "18.log")]}))["attacks"]
    assert [one["evidence"] for one in done if one["evidence"]] == []
    assert {one["id"] for one in done if one["result"] == HELD} >= {"A1", "A2", "A4", "A9"}


def test_two_runs_differ_but_not_their_counts(
    given: Path, record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, another draw: the same events, other numbers. Where every bundle is replayed it is drawn once."""
    draw, calls = noise.Noisy.draw, []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(noise.Noisy, "draw", counted)
    again = publish(given, tmp_path / "out", beam=("--direct_runner_bundle_repeat=1",))
    assert again["tables"] == record["tables"]
    assert rows(tmp_path / "out") != rows(record["folder"])
    assert len(calls) == len(TABLES)
    assert CHECKS["files"](Records(tmp_path / "out"))[0] == HELD


# ---- once, and within the budget -----------------------------------------------------------------------------------------


def test_second_time_draws_nothing(given: Path, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that is published is never drawn again."""
    monkeypatch.setattr(noise.Noisy, "draw", None)
    before = files(record["folder"] / "release-dp")
    assert publish(given, record["folder"])["periods"] == []
    assert files(record["folder"] / "release-dp") == before


def command(given: Path, folder: Path, day: int, *more: str) -> list[str]:
    """The command line of a run."""
    return [
        "run", str(given / f"{day}.log"), "--output", str(folder), "--profile", "dp", "--site", "shop", "--partial", "--quiet",
        "--policy", str(given / "crowdlog.toml"), "--geo-db", str(GEO), *more,
    ]  # fmt: skip


@pytest.mark.usefixtures("engines_may_log_again")
def test_spent_budget_refuses_before_noise_is_drawn(
    given: Path,
    record: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two days cost 48 of 40: exit 4, one line, no draw, and the folder is as it was; with a larger budget it is published."""
    folder = tmp_path / "out"
    shutil.copytree(record["folder"], folder)
    before = {**files(folder / "release-dp"), **files(folder / "internal" / "ledger")}
    with monkeypatch.context() as patched:
        patched.setattr(noise.Noisy, "draw", None)
        assert main(command(given, folder, 19)) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"crowdlog: E410: site shop has spent epsilon 24 of its dp\.budget of 40, and [^\n]*\n", said.err
    )
    assert {**files(folder / "release-dp"), **files(folder / "internal" / "ledger")} == before
    (tmp_path / "larger.toml").write_text(POLICY.replace("40", "48"))
    done = publish(given, folder, 19, policy=tmp_path / "larger.toml")
    assert done["privacy"]["shop"]["spent"]["epsilon"] == pytest.approx(48, rel=1e-12)
    assert len(Ledger.load(folder).entries) == 2


@pytest.mark.parametrize(("name", "most"), [("epsilon", Cost(23.9, 1)), ("delta", Cost(99, 1e-10))])
def test_each_half_of_the_budget_counts(name: str, most: Cost) -> None:
    """Epsilon and delta are kept apart, and neither may be exceeded by one period."""
    with pytest.raises(Trouble, match=f"E410.*spent {name} 0 of"):
        noised._ask(most, Ledger(), {"shop": [Cost(12.0, 5e-10)] * 2})
    assert noised._ask(most, Ledger(), {"shop": []}) == {}


DIE = """
import os, sys
from pipeline import publish
setattr(publish, sys.argv[1], lambda *_, **__: os._exit(9))
from pipeline.cli import main
main(sys.argv[2:])
"""


def died(at: str, arguments: list[str]) -> None:
    """A run that ends at once where it would call a function of publish."""
    done = subprocess.run([sys.executable, "-c", DIE, at, *arguments], cwd=ROOT, timeout=300, check=False)
    assert done.returncode == 9


def test_death_before_the_commit_costs_nothing(given: Path, tmp_path: Path) -> None:
    """Drawn, but not committed: nothing is published and nothing spent; the next run draws anew, once."""
    folder = tmp_path / "out"
    died("commit", command(given, folder, 18))
    staged = list((folder / "internal" / "staging").rglob("*.parquet"))
    assert staged
    assert not (folder / "release-dp").exists()
    assert Ledger.load(folder).entries == ()
    first = {file.name + str(file.parent.parent.parent.name): file.read_bytes() for file in staged}
    publish(given, folder)
    second = {
        file.name + str(file.parent.parent.parent.name): file.read_bytes()
        for file in (folder / "release-dp").rglob("*.parquet")
    }
    assert first.keys() == second.keys()
    assert first != second
    assert not (folder / "internal" / "staging").exists() or not any((folder / "internal" / "staging").iterdir())
    assert float(Ledger.load(folder).spent("shop")[0]) == pytest.approx(EPSILON)


def test_death_after_the_commit_draws_never_again(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Committed, but not promoted: the next start moves what was drawn into place."""
    folder = tmp_path / "out"
    died("_promote", command(given, folder, 18))
    (entry,) = Ledger.load(folder).entries
    assert not (folder / "release-dp").exists()
    monkeypatch.setattr(noise.Noisy, "draw", None)
    assert publish(given, folder)["periods"] == []
    assert {path for path in files(folder / "release-dp") if path != "manifest.json"} == {
        file.path for file in entry.files
    }
    assert CHECKS["files"](Records(folder))[0] == HELD


# ---- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engines_may_log_again")
@pytest.mark.parametrize(
    ("more", "said"), [(["--preview"], "--preview draws noise anew"), ([], r"needs OpenDP: pip install 'crowdlog\[dp\]'")],
    ids=["preview", "not installed"],
)  # fmt: skip
def test_refused_with_one_line(
    more: list[str],
    said: str,
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2, and nothing is made."""
    if not more:
        monkeypatch.setitem(sys.modules, "opendp.prelude", None)
        noise.library.cache_clear()
    asked = [one for one in command(given, tmp_path / "out", 18, *more) if not more or one != "--partial"]
    assert main(asked) == 2
    noise.library.cache_clear()
    assert re.fullmatch(rf"crowdlog: E201: [^\n]*{said}[^\n]*\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_library_is_imported_by_who_asks_for_it() -> None:
    """Everything that a run of another profile imports leaves OpenDP alone."""
    code = "import sys, pipeline.cli, pipeline.run, pipeline.flow; sys.exit('opendp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, check=False).returncode == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"epsilon": 0}, "dp: epsilon is 0"),
        ({"epsilon": True}, "dp: epsilon is True"),
        ({"epsilon": "1"}, "dp: epsilon is '1'"),
        ({"epsilon": float("nan")}, "dp: epsilon is nan"),
        ({"delta": 0.1}, "dp: delta is 0.1"),
        ({"budget": {"epsilon": -1}}, r"dp\.budget: epsilon is -1"),
        ({"budget": {"eps": 1}}, "unknown key 'eps'"),
        ({"seed": 1}, "unknown key 'seed'"),
    ],
    ids=["zero", "bool", "text", "nan", "large delta", "negative budget", "unknown in budget", "a seed"],
)
def test_wrong_policy_is_refused(entry: dict[str, Any], said: str) -> None:
    """The message names file, key and value."""
    with pytest.raises(DeclarationError, match=rf"x\.toml: {said}|x\.toml: dp.*{said}"):
        make_policy({"dp": entry}, "x.toml")


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ({"pages": {"cells": 1, "hits": 1, "weight": 1}}, "noise is 'pages', expected a table without free keys"),
        ({"people": {"cells": 1, "hits": 1, "weight": 1}}, "tables is 'people'"),
        ({"sites": {"cells": 0, "hits": 1, "weight": 1}}, "cells is 0"),
        ({"sites": {"cells": 1, "hits": 1.5, "weight": 1}}, "hits is 1.5"),
        ({"sites": {"cells": 1, "hits": 1}}, "weight is None"),
        ({"sites": {"cells": 1, "hits": 1, "weight": 1, "epsilon": 9}}, "unknown key 'epsilon'"),
    ],
    ids=["free words", "no table", "no cells", "half a hit", "no weight", "unknown"],
)  # fmt: skip
def test_wrong_bounds_are_refused(noise: dict[str, Any], said: str) -> None:
    """The message names the profile and the table."""
    data = {"internal": {"k": 5, "rounded": 1}, "partner": {"k": 50, "rounded": 10}}
    with pytest.raises(DeclarationError, match=re.escape(said)):
        read_profiles({"profile": {**data, "dp": {"k": 10, "rounded": 1, "noise": noise}}}, load.trends(), "x.toml")
