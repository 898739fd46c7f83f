"""The partner profile: larger crowds, rounded numbers, listed tables, in a folder and a manifest of its own, audited alone."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.attacks.a05_differencing import whole_tables
from audit.case import Part
from audit.run import HELD, case_of
from audit.run import run as attack
from pipeline import prepare
from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.options import Wanted
from pipeline.run import run
from schemas.load import DeclarationError
from schemas.profiles import profiles, read_profiles
from schemas.stages import Released
from schemas.tables import trends
from transforms.guard.release import SiteRelease
from transforms.guard.rounding import rounded

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
LOG = SAMPLES / "combined" / "input.log"
NOW = 1_796_083_200  # 2026-12-01: every period of the samples is closed
FOR_PARTNERS = {"sites", "traffic", "countries", "browsers", "systems", "campaigns", "affiliates", "links"}


def publish(folder: Path, *profiles: str, **more: Any) -> dict[str, Any]:
    """A run over a sample log; its record."""
    given = {"policy": SAMPLES / "crowdlog.toml", **more}
    wanted = Wanted(
        (str(LOG),),
        folder,
        site="shop",
        geo_db=SAMPLES / "test-country.mmdb",
        quiet=True,
        profiles=profiles or ("partner",),
        **given,
    )
    return dict(run(wanted, NOW).record)


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder by their path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def tables(folder: Path) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """(table, date, rows) of a release folder, read without our own code."""
    for file in sorted(folder.rglob("*.parquet")):
        table, _, _, date = file.relative_to(folder).parts[:4]
        yield table, date, pq.ParquetFile(file).read().to_pylist()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The house's release, then the partner's, in one folder; the record of the second run, and `folder`."""
    folder = tmp_path_factory.mktemp("both") / "out"
    publish(folder, "internal")
    before = files(folder / "release")
    return {**publish(folder), "folder": folder, "before": before}


def test_partner_release_stands_beside_the_house_s(record: dict[str, Any]) -> None:
    """The house's release is as it was; the partner's has a folder, a manifest and a ledger entry of its own."""
    folder = record["folder"]
    assert files(folder / "release") == record["before"]
    manifest = json.loads((folder / "release-partner" / "manifest.json").read_bytes())
    assert manifest["profile"] == "partner"
    assert {facts["k"] for facts in manifest["files"].values()} == {50}
    assert set(manifest["files"]) == {name for name in files(folder / "release-partner") if name.endswith(".parquet")}
    assert [entry.profile for entry in Ledger.load(folder).entries] == ["internal", "partner"]


def test_listed_tables_and_no_others(record: dict[str, Any]) -> None:
    """Only tables that profiles.toml lists are there, and only of them the record speaks."""
    found = {table for table, _, _ in tables(record["folder"] / "release-partner")}
    assert {"sites", "countries", "browsers"} <= found <= FOR_PARTNERS
    assert set(record["tables"]) == FOR_PARTNERS


def test_every_number_is_round_and_every_row_a_crowd(record: dict[str, Any]) -> None:
    """All measures are multiples of 10; no row has fewer than 50 visitors or hits."""
    rows = [row for _, _, found in tables(record["folder"] / "release-partner") for row in found]
    numbers = [(name, value) for row in rows for name, value in row.items() if isinstance(value, int)]
    assert {name for name, _ in numbers} == {"hits", "visitors", "bytes"}
    assert [one for one in numbers if one[1] % 10] == []
    assert min(min(row["hits"], row["visitors"]) for row in rows) >= 50


def test_numbers_are_the_house_s_rounded_down(record: dict[str, Any]) -> None:
    """Of rows that both have (people and bots of a day) the partner's numbers are the house's down to tens."""
    house, partner = (
        {
            (date, row["agent_class"]): row
            for table, date, rows in tables(record["folder"] / name)
            if table == "sites"
            for row in rows
        }
        for name in ("release", "release-partner")
    )
    assert len(partner) >= 3
    for key, row in partner.items():
        assert {name: row[name] for name in ("hits", "visitors", "bytes")} == {
            name: house[key][name] // 10 * 10 for name in ("hits", "visitors", "bytes")
        }


def test_identities_hold(record: dict[str, Any]) -> None:
    """DESIGN.md 4.2: what rounding took is withheld, and published is the sum of hits in the files."""
    hits = Counter[str]()
    for table, _, rows in tables(record["folder"] / "release-partner"):
        hits[table] += sum(row["hits"] for row in rows)
    for name, counts in record["tables"].items():
        assert counts["published"] == hits[name]
        assert counts["eligible"] == counts["published"] + counts["withheld"]
        fates = ("not_applicable", "published_before", "open", "partial", "eligible")
        assert sum(counts[fate] for fate in fates) == record["parsed"]
    assert sum(period["withheld"] for period in record["periods"]) == sum(
        one["withheld"] for one in record["tables"].values()
    )


def test_second_time_publishes_nothing(record: dict[str, Any]) -> None:
    """A period is published once for partners as well."""
    before = files(record["folder"] / "release-partner")
    again = publish(record["folder"])
    assert again["periods"] == []
    assert files(record["folder"] / "release-partner") == before


def test_it_is_audited_alone(record: dict[str, Any]) -> None:
    """No attack finds anything in the partner's folder, whatever it finds in the house's."""
    done = attack(case_of({"folder": str(record["folder"]), "raw": [str(LOG)]}))["attacks"]
    there = [
        (one["id"], found) for one in done for found in one["evidence"] if found["where"].startswith("release-partner")
    ]
    assert there == []
    assert {one["id"] for one in done if one["result"] == HELD} >= {"A1", "A2", "A4", "A9"}


@pytest.mark.parametrize(("policy", "asked", "expected"), [(10, None, 50), (60, None, 60), (10, 70, 70), (10, 20, 50)])
def test_k_is_never_below_fifty(policy: int, asked: int | None, expected: int, tmp_path: Path) -> None:
    """The largest of the profile's, the policy's and --k counts."""
    (tmp_path / "crowdlog.toml").write_text(f"k = {policy}\n")
    assert publish(tmp_path / "out", policy=tmp_path / "crowdlog.toml", k=asked)["k"] == expected


def test_without_the_rule_numbers_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rounding switched off the same run tells exact numbers: the rule is what rounds."""
    partner = replace(profiles()["partner"], rounded=1)
    monkeypatch.setattr(prepare, "profiles", lambda: {"partner": partner})
    publish(tmp_path / "out")
    rows = [row for _, _, found in tables(tmp_path / "out" / "release-partner") for row in found]
    assert any(row["hits"] % 10 for row in rows)


def test_the_closing_words_name_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person is told where the partner's release is, and that rounding took something."""
    command = [
        "run",
        str(LOG),
        "--site",
        "shop",
        "--partial",
        "--output",
        str(tmp_path / "out"),
        "--profile",
        "partner",
    ]
    assert main([*command, "--geo-db", str(SAMPLES / "test-country.mmdb")]) == 0
    said = capsys.readouterr().err
    assert f"{tmp_path / 'out' / 'release-partner'} (k = 50)" in said
    assert "or taken by rounding" in said


# ---- rounding alone -----------------------------------------------------------------------------------------------------

DAY = dt.date(2026, 11, 18)
ROWS = st.lists(st.tuples(st.integers(50, 10**6), st.integers(50, 10**6), st.integers(0, 10**12)), max_size=6)


def site_release(found: list[tuple[int, int, int]], withheld: int) -> SiteRelease:
    """One table of one day with these hits, visitors and bytes."""
    columns = {
        name: pa.array([row[i] for row in found], pa.int64()) for i, name in enumerate(("hits", "visitors", "bytes"))
    }
    rows = pa.table({"hour": pa.array([f"{i:02d}" for i in range(len(found))], pa.string()), **columns})
    hits = sum(row[0] for row in found)
    one = Released("traffic", "shop", "day", DAY, rows, withheld, 0, len(found))
    period = {"table": "traffic", "date": DAY.isoformat(), "withheld": withheld, "events": hits + withheld}
    return SiteRelease("shop", [one], {"traffic": {"published": hits, "withheld": withheld}}, [period])


@settings(deadline=None)
@given(found=ROWS, withheld=st.integers(0, 99))
def test_rounding_takes_less_than_ten_of_each_and_counts_it(found: list[tuple[int, int, int]], withheld: int) -> None:
    """Each number loses less than 10; what hits lose is withheld, by row, table and period; the input stays as it was."""
    site = site_release(found, withheld)
    out = rounded(site, 10)
    (one,) = out.released
    got = [tuple(row[name] for name in ("hits", "visitors", "bytes")) for row in one.rows.to_pylist()]
    assert got == [tuple(int(str(value)[:-1] + "0") if value > 9 else 0 for value in row) for row in found]
    lost = sum(row[0] for row in found) - sum(row[0] for row in got)
    assert out.counts["traffic"] == {"published": sum(row[0] for row in got), "withheld": withheld + lost}
    assert (one.withheld, out.periods[0]["withheld"]) == (withheld + lost, withheld + lost)
    assert site.released[0].withheld == site.counts["traffic"]["withheld"] == site.periods[0]["withheld"] == withheld
    assert rounded(out, 10).released[0].rows.equals(one.rows)


def test_exact_profile_is_left_alone() -> None:
    """A step of 1 gives the same object."""
    site = site_release([(57, 51, 3)], 0)
    assert rounded(site, 1) is site


# ---- differencing of rounded numbers ------------------------------------------------------------------------------------


def part(table: str, rows: list[dict[str, Any]]) -> Part:
    """A part of a partner release with these rows."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return Part(Path(table), f"release-partner/{table}", table, "a", "day", "2026-11-18", 50, None, columns)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total", "rows", "step", "expected"),
    [
        (500, [250, 240], 10, 0),
        (500, [240, 240], 10, 1),
        (500, [100, 100, 100, 100, 80], 10, 0),
        (600, [500], 10, 1),
        (500, [499], 1, 1),
        (500, [500], 1, 0),
    ],
    ids=["rounding alone", "something for certain", "five rows may hide it", "fewer than k values", "exact", "nothing"],
)
def test_differencing_knows_of_rounding(total: int, rows: list[int], step: int, expected: int) -> None:
    """What was withheld is a finding where it is certain, and bounded to fewer than k numbers."""
    found = {
        "sites": part("sites", [{"agent_class": "human", "hits": total}]),
        "countries": part("countries", [{"country": str(i), "hits": hits} for i, hits in enumerate(rows)]),
    }
    assert len(list(whole_tables(found, step))) == expected


# ---- the declarations ---------------------------------------------------------------------------------------------------

INTERNAL, PARTNER = {"k": 5, "rounded": 1}, {"k": 50, "rounded": 10, "tables": ["sites"]}
NOISY = {"k": 10, "rounded": 1, "noise": {"sites": {"cells": 1, "hits": 1, "weight": 1}}}


def declared(**changes: Any) -> Any:
    """All profiles, the partner's with some keys changed."""
    data = {"profile": {"internal": INTERNAL, "partner": {**PARTNER, **changes}, "dp": NOISY}}
    return read_profiles(data, trends(), "x.toml")


def test_shipped_profiles() -> None:
    """The house's has all tables and exact numbers; the partner's is what the privacy rules ask for."""
    house, partner = profiles()["internal"], profiles()["partner"]
    assert (house.k, house.rounded, house.trends(trends())) == (5, 1, trends())
    assert (partner.k, partner.rounded, set(partner.tables)) == (50, 10, FOR_PARTNERS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"k": 4}, "k is 4"),
        ({"k": "50"}, "k is '50'"),
        ({"rounded": 0}, "rounded is 0"),
        ({"rounded": 7}, "rounded is 7, expected a divisor of k"),
        ({"tables": ["people"]}, "tables is 'people'"),
        ({"floor": 1}, "unknown key 'floor'"),
    ],
    ids=["low k", "k is text", "zero", "no divisor", "no table", "unknown key"],
)
def test_wrong_profile_is_refused(changes: dict[str, Any], expected: str) -> None:
    """The message names file, profile and key, what was found and what was expected."""
    assert declared()["partner"].tables == ("sites",)
    with pytest.raises(DeclarationError) as error:
        declared(**changes)
    assert str(error.value).startswith("x.toml: profile.partner: ")
    assert expected in str(error.value)


def test_all_profiles_are_declared() -> None:
    """One alone is refused."""
    with pytest.raises(DeclarationError, match="internal, partner, dp"):
        read_profiles({"profile": {"partner": PARTNER}}, trends(), "x.toml")
