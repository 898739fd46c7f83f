"""The audit: every attack fails against crowdlog and succeeds against the naive pipeline; its decoders agree with others."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import parquet
from audit.attacks import a05_differencing, a09_forensics
from audit.bounds import Bounds, Cells, bounds_of
from audit.case import Case, Part
from audit.naive.pipeline import run as naive
from audit.raw import canonical, neighbourhood, read
from audit.run import HELD, NOT_RUN, SUCCEEDED, case_of, entries, keep, run, table
from audit.thrift import Reader, Unreadable
from audit.windows import Hunt
from pipeline.options import Wanted
from pipeline.run import run as crowdlog
from pipeline.sink import encode
from schemas.trouble import Trouble

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
LOG = SAMPLES / "combined" / "input.log"
RAW = (str(LOG),)
NOW = 1_796_083_200  # 2026-12-01: every period of the samples is closed


def options(folder: Path, raw: tuple[str, ...], again: Path, key: Path) -> dict[str, Any]:
    """Everything that the command can be given."""
    return {"folder": str(folder), "raw": list(raw), "again": str(again), "planted": str(SAMPLES / "planted.json"),
            "key": str(key), "sensitive": ["accounts.status"]}  # fmt: skip


def results(**given: Any) -> dict[str, dict[str, Any]]:
    """What came of each attack, by its id."""
    return {one["id"]: one for one in run(case_of(given))["attacks"]}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of a sample log, run twice: `one` and `two`; the second by smaller chunks and another key."""
    folder = tmp_path_factory.mktemp("ours")
    for name, beam in (("one", ()), ("two", ("--chunk_bytes=65536",))):
        crowdlog(Wanted(RAW, folder / name, SAMPLES / "crowdlog.toml", site="shop",
                        geo_db=SAMPLES / "test-country.mmdb", beam=beam, quiet=True), now=NOW)  # fmt: skip
    (folder / "key").write_bytes(bytes(range(100, 132)))
    return folder


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the naive pipeline makes of the same log, twice."""
    folder = tmp_path_factory.mktemp("twin")
    for name in ("one", "two"):
        naive([LOG], folder / name)
    return folder


@pytest.fixture(scope="module")
def attacked(ours: Path) -> dict[str, dict[str, Any]]:
    """All attacks on crowdlog's release."""
    return results(**options(ours / "one", RAW, ours / "two", ours / "key"))


@pytest.fixture(scope="module")
def attacked_twin(twin: Path) -> dict[str, dict[str, Any]]:
    """All attacks on the naive one."""
    return results(**options(twin / "one", RAW, twin / "two", twin / "one" / "internal" / "key"))


IDS = [module.ID for module in entries() if "run" not in module.NEEDS]  # the others: test_audit_program.py


@pytest.mark.parametrize("name", [name for name in IDS if name != "A6"])
def test_attack_is_held(name: str, attacked: dict[str, dict[str, Any]]) -> None:
    """Against a crowdlog release of the sample log the attack finds nothing."""
    assert (attacked[name]["result"], attacked[name]["evidence"]) == (HELD, [])


@pytest.mark.parametrize("name", IDS)
def test_attack_succeeds_against_the_naive_pipeline(name: str, attacked_twin: dict[str, dict[str, Any]]) -> None:
    """Against the naive twin the attack finds something: else that it found nothing elsewhere would prove nothing."""
    assert attacked_twin[name]["result"] == SUCCEEDED
    assert attacked_twin[name]["evidence"]


def test_real_log_is_held_too(shared: Path, tmp_path: Path) -> None:
    """Against the release of a real log of 10,000 lines all that was run is held."""
    log = str(shared / "logs" / "elastic_apache" / "access.log")
    crowdlog(Wanted((log,), tmp_path / "out", partial=True, quiet=True), now=NOW)
    done = results(folder=str(tmp_path / "out"), raw=[log])
    assert {name for name, one in done.items() if one["result"] == SUCCEEDED} == set()
    held = {name for name, one in done.items() if one["result"] == HELD}
    assert held >= {"A1", "A2", "A3", "A4", "A5", "A9", "A11", "A14"}


def test_naive_real_log_falls(shared: Path, tmp_path: Path) -> None:
    """The naive release of the real log falls to every attack that has what it needs."""
    log = shared / "logs" / "elastic_apache" / "access.log"
    naive([log], tmp_path / "out")
    done = results(folder=str(tmp_path / "out"), raw=[str(log)], key=str(tmp_path / "out" / "internal" / "key"))
    held = {name for name, one in done.items() if one["result"] == HELD}
    assert held == set()


def test_naive_hashes_are_undone(attacked_twin: dict[str, dict[str, Any]], twin: Path) -> None:
    """A1 counts exactly the clients of a day whose MD5 is in the table, counted here by hashlib alone."""
    file = next((twin / "one" / "release" / "clients").rglob("date=2026-11-19/*.parquet"))
    hashes = set(pq.read_table(file, partitioning=None)["client"].to_pylist())
    known = {hashlib.md5(line.split()[0].encode()).hexdigest() for line in LOG.read_text().splitlines() if line.strip()}
    where = f"{file.relative_to(twin / 'one')} (unpacked)"
    said = [one["what"] for one in attacked_twin["A1"]["evidence"] if one["where"] == where and "hashes" in one["what"]]
    assert len(hashes & known) > 100
    assert int(said[0].split()[0].replace(",", "")) >= len(hashes & known)


def test_evidence_names_no_value(attacked_twin: dict[str, dict[str, Any]]) -> None:
    """What the audit says of the naive release holds no address of the log and no planted value."""
    said = json.dumps(attacked_twin)
    planted = json.loads((SAMPLES / "planted.json").read_text())
    addresses = planted["addresses"]["combined/input.log"]
    assert len(addresses) > 500
    assert [one for one in addresses if one in said] == []
    assert [entry["kind"] for entry in planted["planted"] if entry["value"] in said or entry["written"] in said] == []


# ---- what is missing is not held ------------------------------------------------------------------------------------


def test_attack_without_its_needs_is_not_run(ours: Path) -> None:
    """Without raw logs, planted values, a key or a second run their attacks are `not run`, and say what they need."""
    done = results(folder=str(ours / "one"))
    not_run = {name for name, one in done.items() if one["result"] == NOT_RUN}
    assert not_run == {"A1", "A2", "A3", "A6", "A8", "A12", "A13", "A14", "A15", "A16"}
    assert [name for name in not_run if not done[name]["why_not"]] == []
    assert "--raw" in done["A1"]["why_not"]


def test_logs_of_other_days_prove_nothing(ours: Path, tmp_path: Path) -> None:
    """With raw logs of another day the joins are `not run`: that nothing was joined is not held."""
    (tmp_path / "other.log").write_text('198.51.100.7 - - [18/Nov/2001:10:20:30 +0000] "GET / HTTP/1.1" 200 5\n')
    done = results(folder=str(ours / "one"), raw=[str(tmp_path / "other.log")])
    assert {done["A2"]["result"], done["A14"]["result"]} == {NOT_RUN}


def test_logs_without_addresses_are_refused(ours: Path, tmp_path: Path) -> None:
    """Raw logs in which no address can be found are no raw logs: exit 3."""
    (tmp_path / "noise.log").write_bytes(b"\0\xff\n" * 1000)
    with pytest.raises(Trouble) as refused:
        case_of({"folder": str(ours / "one"), "raw": [str(tmp_path / "noise.log")]})
    assert (refused.value.code, refused.value.exit) == ("E304", 3)


def test_missing_engine_is_not_run(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Presidio A7 is `not run`, never held."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    assert results(folder=str(ours / "one"))["A7"]["result"] == NOT_RUN


def test_engine_fetches_nothing(twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7 opens no connection: a machine that holds logs may have no way out, and needs none."""
    asked: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("no way out")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert results(folder=str(twin / "one"))["A7"]["result"] == SUCCEEDED
    assert asked == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"folder": "nowhere"}, "E301"),
        ({"raw": ["nowhere*.log"]}, "E301"),
        ({"again": "nowhere"}, "E301"),
        ({"look": ["nowhere"]}, "E301"),
        ({"key": "nowhere"}, "E302"),
        ({"planted": "nowhere"}, "E302"),
    ],
    ids=str,
)
def test_wrong_input_is_refused(ours: Path, given: dict[str, Any], code: str) -> None:
    """What is not there is an error with a code, before any attack runs."""
    with pytest.raises(Trouble) as refused:
        case_of({"folder": str(ours / "one"), **given})
    assert refused.value.code == code


def test_unreadable_file_is_refused(ours: Path, tmp_path: Path) -> None:
    """A published file that cannot be decoded to its end is no success of the guard: the audit stops."""
    shutil.copytree(ours / "one", tmp_path / "out")
    file = next((tmp_path / "out" / "release").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Trouble) as refused:
        case_of({"folder": str(tmp_path / "out")})
    assert refused.value.code == "E303"


# ---- planted leaks, one at a time: the attack that finds each -------------------------------------------------------


def planted(ours: Path, tmp_path: Path, content: Callable[[pa.Table], bytes]) -> Case:
    """The release with the pages of one day written otherwise."""
    shutil.copytree(ours / "one", tmp_path / "out")
    file = sorted((tmp_path / "out" / "release" / "pages").rglob("*.parquet"))[0]
    file.write_bytes(content(pq.read_table(file, partitioning=None)))
    return Case(tmp_path / "out")


def written(table: pa.Table, more: dict[bytes, bytes] | None = None) -> bytes:
    """A table as crowdlog's own writer would write it, but for one thing."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"crowdlog": b"1", **(more or {})})
    return bytes(sink.getvalue().to_pybytes())


def filtered(table: pa.Table) -> bytes:
    """A dictionary column filtered after it was made: the removed route stays in the dictionary page."""
    at = table.schema.get_field_index("route")
    encoded = table.set_column(at, "route", table["route"].combine_chunks().dictionary_encode())
    return written(encoded.slice(0, table.num_rows - 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (filtered, "dictionary values that are in no row"),
        (lambda table: written(table, {b"run": b"7"}), "metadata entries"),
        (lambda table: written(table), None),
    ],
    ids=["filtered dictionary", "metadata", "as it should be"],
)
def test_forensics_finds_what_readers_skip(
    ours: Path, tmp_path: Path, content: Callable[[pa.Table], bytes], said: str | None
) -> None:
    """A9 finds the planted defect in the file, and nothing in the file that is well written (but its changed digest)."""
    found = [one.what for one in a09_forensics.attack(planted(ours, tmp_path, content)).evidence]
    about_bytes = [one for one in found if "other bytes" not in one]
    assert (said is None and about_bytes == []) or any(said in one for one in about_bytes if said)


def test_hidden_bytes_are_found(ours: Path, tmp_path: Path) -> None:
    """Bytes between the pages and the footer, which no reader looks at, are found."""

    def hidden(table: pa.Table) -> bytes:
        content = written(table)
        footer = int.from_bytes(content[-8:-4], "little") + 8
        return content[:-footer] + b"198.51.100.7" + content[-footer:]

    found = a09_forensics.attack(planted(ours, tmp_path, hidden)).evidence
    assert any(one.what.startswith("12 bytes") for one in found)


def test_other_files_in_a_release_are_found(ours: Path, tmp_path: Path) -> None:
    """A9 sees a file that nobody lists, and one that is gone."""
    shutil.copytree(ours / "one", tmp_path / "out")
    (tmp_path / "out" / "release" / "notes.txt").write_text("x")
    next((tmp_path / "out" / "release").rglob("*.parquet")).unlink()
    said = [one.what for one in a09_forensics.attack(Case(tmp_path / "out")).evidence]
    assert any("names are not those" in one for one in said)
    assert any(one.startswith("2 files are only in") for one in said)


# ---- differencing ---------------------------------------------------------------------------------------------------


def part(name: str, **columns: list[Any]) -> Part:
    """A published table of one day, from plain columns."""
    file = parquet.File([], 0, [], b"", 0)
    return Part(Path(), f"release/{name}/x", name, "shop", "day", "2026-11-18", 10, file, columns)


SITES = part("sites", agent_class=["human"], hits=[100], visitors=[50])


def test_lp_finds_a_recoverable_cell() -> None:
    """84 of 100 people's hits are status 200, so 16 are the rest; 13 of those are the errors: 3 are no errors at all."""
    tables = {
        "sites": SITES,
        "statuses": part("statuses", status=["200", "(other)"], agent_class=["human"] * 2, hits=[84, 16]),
        "errors": part("errors", status=["404"], route=["(other)"], agent_class=["human"], hits=[13]),
    }
    cells = Cells(tables)
    bounds = {name: bounds_of(cells, target) for name, target in cells.targets()}
    assert bounds["status 3**, human"] == Bounds(0, 3)
    assert bounds["status 404, human"] == Bounds(13, 16)


def test_lp_finds_a_page_minus_its_errors() -> None:
    """A page with 32 hits of which 30 are errors has 2 at most that are none, though nobody published that."""
    tables = {
        "sites": SITES,
        "pages": part("pages", route=["/a", "(other)"], hits=[32, 68]),
        "errors": part("errors", status=["404"], route=["/a"], agent_class=["human"], hits=[30]),
    }
    cells = Cells(tables)
    bounds = {name: bounds_of(cells, target) for name, target in cells.targets()}
    assert bounds["page 0 minus errors, human"] == Bounds(0, 2)


def test_lp_leaves_alone_what_stays_open() -> None:
    """Where nothing can be subtracted, no cell is said to be bounded."""
    tables = {"sites": SITES, "pages": part("pages", route=["/a", "(other)"], hits=[40, 60])}
    assert a05_differencing.leaf_cells(Case(Path()), tables)[1] == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["200", "304", "404", "500"]), st.sampled_from(["/a", "/b", "/c"]), st.integers(1, 30)),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_truth_lies_within_the_bounds(events: list[tuple[str, str, int]]) -> None:
    """Whatever was published of it, every cell's true number of hits lies within its bounds: they are sound."""
    cells: dict[tuple[str, str], int] = {}
    for status, route, hits in events:
        cells[status, route] = cells.get((status, route), 0) + hits
    rows: dict[str, dict[tuple[str, ...], int]] = {"statuses": {}, "errors": {}, "pages": {}}
    by_status = {s: sum(n for (t, _), n in cells.items() if t == s) for s, _ in cells}
    by_route = {r: sum(n for (_, q), n in cells.items() if q == r) for _, r in cells}
    for s, n in by_status.items():
        key = s if n >= 10 else "(other)"
        rows["statuses"][key,] = rows["statuses"].get((key,), 0) + n
    for r, n in by_route.items():
        key = r if n >= 10 else "(other)"
        rows["pages"][key,] = rows["pages"].get((key,), 0) + n
    for (s, r), n in cells.items():
        if s[0] in "45" and n >= 10:  # the others are withheld
            rows["errors"][s, r] = n
    total = sum(cells.values())
    tables = {"sites": part("sites", agent_class=["human"], hits=[total])}
    tables["statuses"] = part("statuses", status=[k[0] for k in rows["statuses"]],
                              agent_class=["human"] * len(rows["statuses"]), hits=[*rows["statuses"].values()])  # fmt: skip
    tables["pages"] = part("pages", route=[k[0] for k in rows["pages"]], hits=[*rows["pages"].values()])
    tables["errors"] = part("errors", status=[k[0] for k in rows["errors"]], route=[k[1] for k in rows["errors"]],
                            agent_class=["human"] * len(rows["errors"]), hits=[*rows["errors"].values()])  # fmt: skip
    program = Cells(tables)
    at: dict[int, int] = {}
    for (s, r), n in cells.items():
        leaf = (program.status_of(s), r if r in program.routes else "", "human")
        at[program.leaves.index(leaf)] = at.get(program.leaves.index(leaf), 0) + n
    for _, target in program.targets():
        bounds = bounds_of(program, target)
        assert bounds is not None
        assert bounds.low <= sum(at.get(i, 0) for i in target) <= bounds.high


# ---- decoders, against others ---------------------------------------------------------------------------------------

text = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(text, st.integers(-(2**63), 2**63 - 1), st.one_of(st.none(), st.booleans())), max_size=40),
    codec=st.sampled_from(["zstd", "snappy", "gzip", "none"]), version=st.sampled_from(["1.0", "2.0"]),
    has_dictionary=st.booleans(), group=st.integers(1, 50),
)  # fmt: skip
def test_parquet_is_read_as_arrow_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Any],
    codec: str,
    version: str,
    has_dictionary: bool,
    group: int,
) -> None:
    """The page walker gives the values that went in, whatever codec, page version, encoding and row groups."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate("abc")}
    types = {"a": pa.string(), "b": pa.int64(), "c": pa.bool_()}
    made = pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})
    file = tmp_path_factory.mktemp("file") / "x.parquet"
    pq.write_table(made, file, compression=codec, data_page_version=version, use_dictionary=has_dictionary,
                   row_group_size=group, column_encoding=None if has_dictionary else {"c": "PLAIN"})  # fmt: skip
    found = parquet.read(file)
    assert found.values() == columns or not rows
    assert found.rows == len(rows)
    assert found.unaccounted == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_thrift_reader_is_total(content: bytes) -> None:
    """Any bytes are a struct or Unreadable."""
    try:
        Reader(content).struct()
    except Unreadable:
        return


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_damaged_parquet_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    """A file with one changed byte is read or refused as Unreadable, never any other error."""
    content = bytearray(encode(pa.table({"a": ["x", "y"], "hits": [1, 2], "visitors": [1, 2]}), "x"))
    content[place % len(content)] = byte
    file = tmp_path_factory.mktemp("file") / "x.parquet"
    file.write_bytes(content)
    try:
        parquet.read(file)
    except Unreadable:
        return


@given(st.dictionaries(st.binary(min_size=3, max_size=20), st.integers(), max_size=8), st.lists(st.binary(max_size=30)))
def test_hunt_finds_what_is_there(needles: dict[bytes, int], noise: list[bytes]) -> None:
    """A hunt finds exactly what Python's `in` finds."""
    content = b"".join(piece + needle for piece, needle in zip(noise, needles, strict=False)) + b"".join(noise)
    assert Hunt(needles).found_in(content) == {value for needle, value in needles.items() if needle in content}


@pytest.mark.parametrize(
    ("text", "address", "crowd"),
    [
        ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
        ("2002:c000:24d::1", "192.0.2.77", "192.0.2.0/24"),
        ("2001:DB8:0:1::1", "2001:db8:0:1::1", "2001:db8::/48"),
        ("300.1.1.1", "", ""),
    ],
)
def test_addresses_are_read(text: str, address: str, crowd: str) -> None:
    """Forms of an address are one, and its neighbourhood is a /24 or a /48."""
    assert (canonical(text), neighbourhood(canonical(text))) == (address, crowd)


def test_raw_reader_finds_the_clients_of_the_samples() -> None:
    """The tolerant reader finds the clients that planted.json lists, behind the shop's proxies too."""
    listed = json.loads((SAMPLES / "planted.json").read_text())["addresses"]
    for name in ("combined", "nginx_timed"):
        clients = {line.address for line in read([str(SAMPLES / name / "input.log")]).lines}
        wanted = set(listed[f"{name}/input.log"])
        assert len(clients & wanted) / len(wanted) > 0.97


# ---- the command ----------------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`crowdlog audit` as people start it."""
    return subprocess.run([sys.executable, "-m", "pipeline", "audit", *arguments], cwd=ROOT, capture_output=True,
                          text=True, timeout=280, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip


def test_command_says_what_was_held(ours: Path, tmp_path: Path) -> None:
    """--json prints one object, exit 0 when nothing succeeds; the result is kept, mode 0600, in a closed folder."""
    shutil.copytree(ours / "one", tmp_path / "out")
    done = command(str(tmp_path / "out"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (kept,) = (tmp_path / "out" / "internal" / "audits").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert json.loads(kept.read_text())["attacks"] == json.loads(done.stdout)["attacks"]


def test_command_exits_5_on_a_leak(twin: Path) -> None:
    """A success is exit 5, and the table says which attack it was."""
    done = command(str(twin / "two"))
    assert done.returncode == 5
    assert "A4  singling out" in done.stdout
    assert "SUCCEEDED" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [(["/nonexistent"], 3, "E301"), ([".", "--nonsense"], 2, "E201"), ([".", "--sensitive", "x"], 2, "E201")],
)
def test_command_refuses(arguments: list[str], status: int, code: str) -> None:
    """Wrong usage is exit 2, a folder without a release exit 3, in one line."""
    done = command(*arguments)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (status, 1, "")
    assert code in done.stderr


def test_every_attack_is_described(root: Path) -> None:
    """docs/audit.md has a row for every attack."""
    described = (root / "docs" / "audit.md").read_text(encoding="utf-8")
    assert [name for name in IDS if f"| {name} |" not in described] == []


def test_result_of_an_audit_can_be_read_by_people(twin: Path, tmp_path: Path) -> None:
    """The table has a line for each attack, and keeps evidence short."""
    result = run(case_of({"folder": str(twin / "one"), "sensitive": ["accounts.status"]}))
    shown = table(result)
    assert [name for name in IDS if f"\n{name} " not in f"\n{shown}"] == []
    assert json.loads(keep(tmp_path, result).read_text())["succeeded"] == result["succeeded"] > 2
