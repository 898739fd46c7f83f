"""`crowdlog commitments`: every promise is shown as met, unmet or unproven, by evidence that is looked at and not believed."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.run import entries
from pipeline import arguments, checks, proofs
from pipeline.checks import CHECKS, FAILED, HELD, MISSING
from pipeline.cli import main
from pipeline.options import Wanted
from pipeline.records import Records
from pipeline.run import run
from schemas import load
from schemas.commitments import Commitment, commitments, read_commitments
from schemas.load import DeclarationError
from schemas.profiles import profiles
from schemas.tables import read_trends, trends

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
NOW = 1_796_083_200  # 2026-12-01: every period of the samples is closed
AUDIT = "20261201T000000Z-00000000"
ALL = [f"C{number}" for number in range(1, 22)]
ATTACKS = {module.ID for module in entries()}
TESTS = {test for one in commitments() for test in one.proof.get("tests", ())}

# what is to be seen of each promise on a release of the samples
BY_ITSELF = {"C6", "C7"}  # met by files and declarations alone
NOT_THERE_YET = {"C5"}  # a partner release


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a sample log."""
    folder = tmp_path_factory.mktemp("published") / "out"
    log = SAMPLES / "combined" / "input.log"
    run(
        Wanted(
            (str(log),),
            folder,
            SAMPLES / "crowdlog.toml",
            site="shop",
            geo_db=SAMPLES / "test-country.mmdb",
            quiet=True,
        ),
        NOW,
    )
    return folder


@pytest.fixture
def release(published: Path, tmp_path: Path) -> Path:
    """A copy of it to do things to."""
    return Path(shutil.copytree(published, tmp_path / "out"))


def audited(folder: Path, name: str = AUDIT, **results: str) -> None:
    """Keep an audit of the folder in which all attacks were held but those that are named."""
    manifests = folder.glob("release*/manifest.json")
    done = [
        {"id": attack, "title": "title", "tried": "tried", "result": results.get(attack, "held"), "seconds": 0.1,
         "why_not": "needs --more" if results.get(attack) == "not run" else "",
         "evidence": [{"where": "a", "what": "b"}] if results.get(attack) == "SUCCEEDED" else []}
        for attack in ATTACKS
    ]  # fmt: skip
    kept = folder / "internal" / "audits"
    kept.mkdir(mode=0o700, exist_ok=True)
    file = kept / f"{name}.json"
    file.touch(0o600)
    digests = {one.parent.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in manifests}
    file.write_text(
        json.dumps(
            {"id": name, "at": "2026-12-01T00:00:00+00:00", "attacks": done, "given": ["raw"], "releases": digests}
        )
    )


def results_file(folder: Path, **outcomes: str) -> Path:
    """Results of all tests that are named as proof, each of two cases; a function's second one may end otherwise."""
    cases = []
    for test in sorted(TESTS):
        file, _, function = test.partition("::")
        module, outcome = file.removesuffix(".py").replace("/", "."), outcomes.get(function)
        for case, inner in (("one", ""), ("two", f'<{outcome} message="m"/>' if outcome else "")):
            cases.append(f'<testcase classname="{module}" name="{function}[{case}]">{inner}</testcase>')
    made = folder / "results.xml"
    made.write_text(
        f'<testsuites><testsuite timestamp="2026-12-01T00:00:00.5">{"".join(cases)}</testsuite></testsuites>'
    )
    return made


def states(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """(exit status, state by commitment, all) of the command with --json."""
    status = main(["commitments", *map(str, arguments), "--json"])
    said = json.loads(capsys.readouterr().out)
    return status, {one["id"]: one["state"] for one in said["commitments"]}, said


# ---- met, unmet, unproven -----------------------------------------------------------------------------------------------


def test_without_evidence_nothing_is_met(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without audit and tests all is unproven that hangs on them; that is no leak."""
    status, found, said = states(capsys, release)
    assert (status, said["audit"], said["tested"]) == (0, None, None)
    assert found == {name: "met" if name in BY_ITSELF else "unproven" for name in ALL}


def test_with_all_evidence_what_is_there_is_met(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An audit that held and tests that passed prove all promises but those for which something is still missing."""
    audited(release)
    status, found, said = states(capsys, release, "--tests", results_file(tmp_path))
    assert found == {name: "unproven" if name in NOT_THERE_YET else "met" for name in ALL}
    assert (status, said["met"], said["unmet"], said["unproven"]) == (0, 20, 0, 1)
    assert (said["audit"], said["tested"]) == (AUDIT, "2026-12-01T00:00:00")


AGAINST_BY_ATTACK = {
    "C1": "A2", "C2": "A1", "C3": "A7", "C4": "A3", "C9": "A3", "C10": "A1", "C12": "A3", "C13": "A4", "C15": "A2",
    "C16": "A3", "C19": "A9", "C21": "A14",
}  # fmt: skip
AGAINST_BY_TEST = {
    "C2": "test_graph_is_not_built", "C3": "test_no_canary_survives", "C4": "test_no_canary_of_an_event_survives",
    "C8": "test_a_licence_ping_is_no_page_and_keeps_nothing", "C9": "test_no_canary_survives", "C11": "test_names",
    "C12": "test_a_visitor_is_network_and_neighbourhood", "C14": "test_rows_are_what_the_log_says",
    "C16": "test_known_addresses", "C17": "test_a_visitor_of_one_site_is_another_on_another",
    "C19": "test_key_is_on_no_disk",
    "C20": "test_second_publication_is_refused", "C21": "test_broken_policy_stops_the_run",
}  # fmt: skip


@pytest.mark.parametrize(("promise", "attack"), AGAINST_BY_ATTACK.items(), ids=AGAINST_BY_ATTACK)
def test_attack_that_succeeds_makes_it_unmet(
    promise: str, attack: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One attack that succeeded speaks against the promise, whatever else held: exit 5."""
    audited(release, **{attack: "SUCCEEDED"})
    status, found, _ = states(capsys, release, "--tests", results_file(tmp_path))
    assert (status, found[promise]) == (5, "unmet")


@pytest.mark.parametrize(("promise", "attack"), AGAINST_BY_ATTACK.items(), ids=AGAINST_BY_ATTACK)
def test_attack_that_was_not_run_proves_nothing(
    promise: str, attack: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not run is not held: the promise is unproven."""
    audited(release, **{attack: "not run"})
    status, found, _ = states(capsys, release, "--tests", results_file(tmp_path))
    assert (status, found[promise]) == (0, "unproven")


@pytest.mark.parametrize(
    ("outcome", "state"), [("failure", "unmet"), ("error", "unmet"), ("skipped", "met")], ids=lambda one: one
)
@pytest.mark.parametrize(("promise", "test"), AGAINST_BY_TEST.items(), ids=AGAINST_BY_TEST)
def test_case_that_fails_makes_it_unmet(
    promise: str, test: str, outcome: str, state: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One failed case of two is enough; one that was skipped beside one that passed is not."""
    audited(release)
    status, found, _ = states(capsys, release, "--tests", results_file(tmp_path, **{test: outcome}))
    assert (status, found[promise]) == (5 if state == "unmet" else 0, state)


def test_test_that_was_not_run_proves_nothing(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results without the test leave the promise unproven."""
    audited(release)
    results = results_file(tmp_path)
    results.write_text(results.read_text().replace("test_rows_are_what_the_log_says", "test_other"))
    assert states(capsys, release, "--tests", results)[1]["C14"] == "unproven"


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file."""
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table], table: str = "traffic") -> None:
    """Change the first file of a table."""
    file = sorted((folder / "release" / table).rglob("*.parquet"))[0]
    pq.write_table(change(pq.ParquetFile(file).read()), file)


def first_run(folder: Path) -> Path:
    """The record of the run."""
    return next((folder / "internal" / "runs").rglob("run.json"))


def with_column(name: str) -> Callable[[pa.Table], pa.Table]:
    """A table with one more column of text."""
    return lambda table: table.append_column(name, pa.array(["x"] * table.num_rows))


def in_row(column: str, value: int) -> Callable[[pa.Table], pa.Table]:
    """A table with another number in its first row."""

    def change(table: pa.Table) -> pa.Table:
        values = [value, *table[column].to_pylist()[1:]]
        return table.set_column(table.column_names.index(column), column, pa.array(values, pa.int64()))

    return change


def k_of_first(folder: Path, k: int) -> None:
    """Another k for the first file of the manifest."""
    file = folder / "release" / "manifest.json"
    edit(file, lambda data: data["files"][min(data["files"])].update(k=k))


def partner_of(folder: Path, k: int, change: Callable[[pa.Table], pa.Table]) -> None:
    """The release once more, as it were for partners: those tables that are for them."""
    shutil.copytree(folder / "release", folder / "release-partner")
    others = [
        one
        for one in (folder / "release-partner").iterdir()
        if one.is_dir() and one.name not in profiles()["partner"].tables
    ]
    for one in others:
        shutil.rmtree(one)
    listed = folder / "release-partner" / "manifest.json"
    edit(
        listed,
        lambda data: [
            data["files"].pop(path)
            for path in list(data["files"])
            if path.split("/")[0] in {one.name for one in others}
        ],
    )
    for file in (folder / "release-partner").rglob("*.parquet"):
        pq.write_table(change(pq.ParquetFile(file).read()), file)
    edit(folder / "release-partner" / "manifest.json", lambda data: [one.update(k=k) for one in data["files"].values()])


def listed_as_they_are(folder: Path) -> Callable[[Any], Any]:
    """A manifest with the sha256 that files have now."""
    return lambda data: [
        facts.update(sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest())
        for path, facts in data["files"].items()
    ]


def one_table_more(folder: Path, more: str) -> None:
    """A right partner release, and one table more that is rounded, but not for partners."""
    partner_of(folder, 50, rounded)
    shutil.copytree(folder / "release" / more, folder / "release-partner" / more)
    for file in (folder / "release-partner" / more).rglob("*.parquet"):
        pq.write_table(rounded(pq.ParquetFile(file).read()), file)
    listed = json.loads((folder / "release" / "manifest.json").read_bytes())["files"]
    found = {path: {**facts, "k": 50} for path, facts in listed.items() if path.startswith(f"{more}/")}
    edit(folder / "release-partner" / "manifest.json", lambda data: data["files"].update(found))


def rounded(table: pa.Table) -> pa.Table:
    """All numbers in tens."""
    names = [name for name in table.column_names if table.schema.field(name).type == pa.int64()]
    for name in names:
        values = [10 * (one // 10) for one in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.int64()))
    return table


DEFECTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "k below the floor": ("crowds", lambda folder: k_of_first(folder, 4)),
    "a row of nine": ("crowds", lambda folder: rewrite(folder, in_row("visitors", 9))),
    "a file that is gone": ("crowds", lambda folder: next((folder / "release").rglob("*.parquet")).unlink()),
    "a file without visitors": ("crowds", lambda folder: rewrite(folder, lambda table: table.drop_columns(["visitors"]))),
    "a file that is no Parquet": ("crowds", lambda folder: next((folder / "release").rglob("*.parquet")).write_text("x")),
    "a city": ("columns", lambda folder: rewrite(folder, with_column("city"))),
    "a file that is not listed": ("files", lambda folder: (folder / "release" / "notes.txt").write_text("x")),
    "another file": ("files", lambda folder: rewrite(folder, in_row("hits", 99))),
    "no manifest": ("files", lambda folder: (folder / "release" / "manifest.json").unlink()),
    "an open ledger": ("modes", lambda folder: next((folder / "internal" / "ledger").glob("*.json")).chmod(0o644)),
    "an open folder": ("modes", lambda folder: (folder / "internal").chmod(0o755)),
    "more hits": ("totals", lambda folder: rewrite(folder, in_row("hits", 10**6))),
    "lost lines": ("totals", lambda folder: edit(first_run(folder), lambda data: data.update(lines=data["lines"] + 1))),
    "another policy": ("policies", lambda folder: edit(
        folder / "release" / "manifest.json", lambda data: data["files"][min(data["files"])].update(policy="0"))),
    "a changed ledger": ("policies", lambda folder: edit(
        next((folder / "internal" / "ledger").glob("*.json")), lambda data: data.update(profile="partner"))),
    "a site in a column": ("sites", lambda folder: rewrite(folder, with_column("site"))),
    "partners with k of 10": ("partner", lambda folder: partner_of(folder, 10, rounded)),
    "pages for partners": ("partner", lambda folder: one_table_more(folder, "pages")),
    "partners with exact numbers": ("partner", lambda folder: partner_of(folder, 50, lambda table: table)),
}  # fmt: skip


@pytest.mark.parametrize(("check", "plant"), DEFECTS.values(), ids=DEFECTS)
def test_check_finds_what_is_planted(
    check: str, plant: Callable[[Path], object], release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each check fails for its defect, and every promise that hangs on it is unmet; before, it held."""
    before = checks.MISSING if check == "partner" else HELD
    assert CHECKS[check](Records(release))[0] == before
    plant(release)
    status, found, said = states(capsys, release)
    promises = {one.id for one in commitments() if check in one.proof.get("checks", ())}
    assert promises
    assert status == 5
    assert {name: found[name] for name in promises} == dict.fromkeys(promises, "unmet")
    results = [proof["result"] for one in said["commitments"] for proof in one["evidence"] if proof["name"] == check]
    assert set(results) == {FAILED}


def test_partner_release_that_is_right_is_held(release: Path) -> None:
    """k of 50 and numbers in tens are what a partner release needs."""
    partner_of(release, 50, rounded)
    assert CHECKS["partner"](Records(release))[0] == HELD


@pytest.mark.parametrize(
    ("result", "where", "expected"),
    [
        ("held", "", HELD),
        ("not run", "", MISSING),
        ("SUCCEEDED", "release-partner site=a", FAILED),
        ("SUCCEEDED", "release/a", HELD),
    ],
    ids=["held", "not run", "in it", "elsewhere"],
)
def test_partner_release_is_audited_alone(result: str, where: str, expected: str, release: Path) -> None:
    """Only what was found in the partner's own folder speaks against it."""
    partner_of(release, 50, rounded)
    assert CHECKS["partner_audit"](Records(release))[0] == MISSING  # no audit
    edit(release / "release-partner" / "manifest.json", listed_as_they_are(release / "release-partner"))
    audited(release, A5=result)
    edit(
        release / "internal" / "audits" / f"{AUDIT}.json",
        lambda data: [one.update(where=where) for attack in data["attacks"] for one in attack["evidence"]],
    )
    assert CHECKS["partner_audit"](Records(release))[0] == expected


def test_lost_record_proves_nothing(release: Path) -> None:
    """Without run.json the totals cannot be shown, which is not that they are wrong."""
    first_run(release).unlink()
    assert CHECKS["totals"](Records(release))[0] == MISSING


def planted_trends(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """The shipped tables and one more."""
    data = {"table": [{"name": "planted", "keys": list(keys), "climb": []}]}
    (table,) = read_trends(data, load.fields(), "test").tables
    shipped = trends()
    for module in (checks, proofs):
        monkeypatch.setattr(module, "trends", lambda: replace(shipped, tables=(*shipped.tables, table)))


def test_browsers_beside_pages_make_it_unmet(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that crosses browsers with routes breaks C7."""
    planted_trends(monkeypatch, "family", "route")
    assert states(capsys, release)[1]["C7"] == "unmet"


def test_finer_geography_makes_it_unmet(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table with anything else that comes of an address breaks C6."""
    fields = load.fields()
    address = fields.treatments["address"]
    finer = replace(address, gives=(*address.gives, "region"), classes={**address.classes, "region": "quasi"})
    changed = replace(fields, treatments={**fields.treatments, "address": finer})
    monkeypatch.setattr(load, "fields", lambda: changed)
    planted_trends(monkeypatch, "region")
    assert states(capsys, release)[1]["C6"] == "unmet"


def test_kept_cookie_makes_it_unmet(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cookie that is read breaks C4 and C11; that it stands beside networks, C2."""
    fields = load.fields()
    cookie = replace(fields.columns["cookie"], treatment="agent")
    agent = replace(fields.treatments["agent"], takes=(*fields.treatments["agent"].takes, "cookie"), classes={})
    changed = replace(
        fields, columns={**fields.columns, "cookie": cookie}, treatments={**fields.treatments, "agent": agent}
    )
    monkeypatch.setattr(load, "fields", lambda: changed)
    found = states(capsys, release)[1]
    assert {found["C2"], found["C4"], found["C11"]} == {"unmet"}


# ---- which audit --------------------------------------------------------------------------------------------------------


def test_last_audit_counts(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An older audit in which an attack was held says nothing against a later one in which it succeeded."""
    audited(release)
    audited(release, "20261202T000000Z-00000000", A1="SUCCEEDED")
    assert states(capsys, release)[1]["C1"] == "unmet"


def test_audit_of_an_earlier_release_proves_nothing(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once something else is published the audit is of another release."""
    audited(release)
    assert states(capsys, release)[1]["C1"] == "met"
    edit(release / "release" / "manifest.json", lambda data: data["files"].pop(min(data["files"])))
    _, found, said = states(capsys, release)
    assert found["C15"] == "unproven"
    assert "of another release" in json.dumps(said["commitments"][14])


def test_audit_of_changed_files_proves_nothing(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no longer as the manifest says was not what was attacked, though the manifest is the same."""
    audited(release)
    rewrite(release, in_row("hits", 99))
    assert states(capsys, release)[1]["C15"] == "unproven"


def test_real_audit_is_the_evidence(release: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What `crowdlog audit` keeps is found, and each result stands beside the audit's id."""
    main(["audit", str(release), "--json"])
    result = json.loads(capfd.readouterr().out)
    (file,) = (release / "internal" / "audits").glob("*.json")
    main(["commitments", str(release), "--json"])
    said = json.loads(capfd.readouterr().out)
    assert said["audit"] == file.stem
    shown = {
        proof["name"]: proof for one in said["commitments"] for proof in one["evidence"] if proof["kind"] == "attacks"
    }
    words = {"held": HELD, "SUCCEEDED": FAILED, "not run": MISSING}
    assert {name: one["result"] for name, one in shown.items()} == {
        one["id"]: words[one["result"]] for one in result["attacks"] if one["id"] in shown
    }
    assert all(file.stem in one["said"] for one in shown.values())
    assert shown["A9"]["result"] == HELD
    assert not list((release / "release").rglob("*audit*"))


# ---- how it is said -----------------------------------------------------------------------------------------------------


def test_text_says_it_plainly(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a promise with its state, below it one a proof, and a last line that counts."""
    audited(release, A2="SUCCEEDED", A7="not run")
    assert main(["commitments", str(release), "--tests", str(results_file(tmp_path))]) == 5
    out = capsys.readouterr().out
    head = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.startswith("C")}
    assert list(head) == ALL
    assert {head["C1"], head["C3"], head["C6"]} == {"UNMET", "UNPROVEN", "met"}
    assert "     FAILED    attacks A2: title: succeeded, 1 findings; audit 20261201T000000Z-00000000 (--raw)" in out
    assert "     missing   attacks A7: title: needs --more" in out
    assert "     held      commands forget: crowdlog forget is there" in out
    assert out.splitlines()[-1].startswith("15 met, 4 unmet, 2 unproven; ")


def test_json_has_promise_policies_and_evidence(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one object with all of it."""
    _, _, said = states(capsys, release)
    first = said["commitments"][0]
    assert set(first) == {"id", "policies", "flow", "promise", "state", "evidence"}
    assert first["policies"] == ["WHMCS Module Shop", "WHMCS Services"]
    assert all(set(proof) == {"kind", "name", "result", "said"} for proof in first["evidence"])
    assert said["releases"] == {
        "release": hashlib.sha256((release / "release" / "manifest.json").read_bytes()).hexdigest()
    }


def test_file_names_move_no_cursor(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that somebody put there with signs of control in its name is shown without them."""
    (release / "release" / "a\x1b[2Jb").write_text("x")
    assert main(["commitments", str(release)]) == 5
    assert "\x1b" not in capsys.readouterr().out


BROKEN: dict[str, Callable[[Path], object]] = {
    "audit that is no JSON": lambda folder: (folder / "internal" / "audits" / f"{AUDIT}.json").write_text("{"),
    "audit without attacks": lambda folder: (folder / "internal" / "audits" / f"{AUDIT}.json").write_text(
        '{"id": "x"}'
    ),
    "manifest that is a list": lambda folder: (folder / "release" / "manifest.json").write_text("[]"),
    "manifest without k": lambda folder: edit(
        folder / "release" / "manifest.json", lambda data: data["files"][min(data["files"])].pop("k")
    ),
}


@pytest.mark.parametrize("plant", BROKEN.values(), ids=BROKEN)
def test_broken_record_is_refused(
    plant: Callable[[Path], object], release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be judged by stops the command with one line; nothing is said to be met."""
    audited(release)
    plant(release)
    assert main(["commitments", str(release)]) == 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:16]) == ("", 1, "crowdlog: E303: ")


@pytest.mark.parametrize(
    ("content", "status"), [(None, 3), ("<a", 3), ("<testsuites/>", 3)], ids=["none", "no XML", "no test"]
)
def test_results_that_are_none_are_refused(
    content: str | None, status: int, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results that cannot be read stop the command: they must not look like tests that were not run."""
    file = tmp_path / "results.xml"
    if content is not None:
        file.write_text(content)
    assert main(["commitments", str(release), "--tests", str(file)]) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_folder_without_a_release_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing published: exit 3 and one line."""
    assert main(["commitments", str(tmp_path)]) == 3
    assert capsys.readouterr().err.startswith("crowdlog: E301: ")


# ---- the declarations ---------------------------------------------------------------------------------------------------


def test_all_commitments_are_declared_with_proof_that_exists() -> None:
    """C1 to C21 in order; every attack, check and test that is named is there."""
    found = commitments()
    assert [one.id for one in found] == ALL
    named = {kind: {name for one in found for name in one.proof.get(kind, ())} for kind in ("attacks", "checks")}
    assert named["attacks"] <= ATTACKS
    assert named["checks"] == set(CHECKS)
    for test in TESTS:
        file, _, function = test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_commands_are_those_of_the_parser() -> None:
    """A command is there when the parser knows it."""
    for command in arguments.COMMANDS:
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
    found = proofs._commands(("forget", "fly"), None)  # type: ignore[arg-type]
    assert [(one.name, one.result) for one in found] == [("forget", HELD), ("fly", MISSING)]


GOOD = {"id": "C1", "policies": ["a"], "flow": "b", "promise": "c", "attacks": ["A1"]}


def declared(**changes: Any) -> tuple[Commitment, ...]:
    """One commitment with some keys changed; None takes one away."""
    entry = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return read_commitments({"commitment": [entry]}, load.fields(), trends(), "x.toml")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"proof": ["A1"]}, "unknown key 'proof'"),
    "no promise": ({"promise": None}, "promise is None, expected a text"),
    "id": ({"id": "D1"}, "id is 'D1', expected C and a number"),
    "no policy": ({"policies": []}, "expected at least one policy"),
    "no proof": ({"attacks": None}, "a promise needs proof"),
    "attack": ({"attacks": ["B1"]}, "attacks is 'B1', expected an attack"),
    "test": ({"tests": ["test_x"]}, "tests is 'test_x', expected a test"),
    "table": ({"tables": ["people"]}, "tables is 'people', expected one of affiliates"),
    "column": ({"dropped": ["nose"]}, "dropped is 'nose'"),
    "geography": ({"geography": ["city"]}, "geography is 'city'"),
    "one side": ({"apart": [["os"]]}, "two lists of pseudonymous columns"),
    "no such column": ({"apart": [["os"], ["nose"]]}, "apart is 'nose'"),
    "no list": ({"checks": "modes"}, "checks is 'modes', expected a list of strings"),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_commitment_is_refused(changes: dict[str, Any], expected: str) -> None:
    """A loader error names file, commitment and key, what was found and what was expected."""
    assert declared()[0].proof == {"attacks": ("A1",)}
    with pytest.raises(DeclarationError) as error:
        declared(**changes)
    assert str(error.value).startswith("x.toml: commitment ")
    assert expected in str(error.value)


def test_commitment_is_declared_once() -> None:
    """Two of one id are refused."""
    with pytest.raises(DeclarationError, match="'C1' is declared"):
        read_commitments({"commitment": [GOOD, GOOD]}, load.fields(), trends(), "x.toml")
