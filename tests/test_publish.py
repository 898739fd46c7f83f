"""Publishing: what a commit leaves on the disk, and that a crash at any step leaves nothing else."""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import publish
from pipeline.entry import Entry, FileRead, Period, Provenance
from pipeline.ledger import Ledger
from pipeline.sink import Staged, stage
from schemas.stages import Released
from schemas.trouble import Trouble

ROOT = Path(__file__).resolve().parents[1]
DATE = dt.date(2026, 11, 21)
BY = Provenance("0" * 64, 10, "1.0", "2026-06-01", "agents 1", "bots 1", "suffixes 1")
READ = [FileRead("b" * 64, 99, 1, 2, {"shop": {DATE: 130}})]
PAGES = "pages/site=shop/grain=day/date=2026-11-21/part-0.parquet"
BOTS = "bots/site=shop/grain=day/date=2026-11-21/part-0.parquet"

Tree = dict[str, tuple[int, bytes]]


def staged(root: Path, folder: str = "release", run_id: str = "run-1", first: int = 40) -> list[Staged]:
    """Two tables with rows, one partial, and one of which everything was withheld."""
    rows = pa.table({"name": ["(other)", "x"], "hits": [first, 25], "visitors": [12, 11]})
    return [
        stage(root, run_id, folder, Released("pages", "shop", "day", DATE, rows, 3, 0, 4)),
        stage(root, run_id, folder, Released("bots", "shop", "day", DATE, rows, 0, 0, 4, partial=True)),
        stage(root, run_id, folder, Released("links", "shop", "day", DATE, rows.slice(0, 0), 7, 0, 4)),
    ]


def commit(root: Path, tables: list[Staged], run_id: str = "run-1", profile: str = "internal", **more: Any) -> Entry:
    """The commit of a run for one profile at a fixed time."""
    one = publish.Publication(profile, BY, tables, more.pop("silent", ()))
    (entry,) = publish.commit(root, [one], run_id=run_id, committed="2026-11-22T03:00:00Z", files_read=READ, **more)
    return entry


def tree(root: Path) -> Tree:
    """Every file and folder below `root`, but staging, with mode and content."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode & 0o777, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
        if "staging" not in path.parts
    }


def files(root: Path) -> list[str]:
    """The files below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_commit_publishes_what_was_staged(tmp_path: Path) -> None:
    """The files stand in release/ with their digests, the entry lists them, and staging is gone."""
    tables = staged(tmp_path)
    entry = commit(tmp_path, tables)
    assert files(tmp_path / "release") == sorted([PAGES, BOTS, "manifest.json"])
    assert files(tmp_path / "internal") == ["ledger/00000001.json"]
    assert list((tmp_path / "internal" / "staging").iterdir()) == []
    digests = {file.path: file.sha256 for file in entry.files}
    assert digests == {one.path: one.sha256 for one in tables if one.rows}
    assert Ledger.load(tmp_path).entries == (entry,)


def test_withheld_and_silent_periods_are_decided_too(tmp_path: Path) -> None:
    """A period of which nothing came out is published for ever as well, without a file."""
    silent = Period("shop", "errors", "day", DATE, 0, 0, 0, False)
    commit(tmp_path, staged(tmp_path), silent=[silent])
    decided = {(table, period.rows) for (_, table, _, _), period in Ledger.load(tmp_path).published("internal").items()}
    assert decided == {("pages", 2), ("bots", 2), ("links", 0), ("errors", 0)}


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o000], ids=oct)
def test_modes_follow_the_umask_in_release_alone(tmp_path: Path, umask: int) -> None:
    """release/ has 0755 and 0644 less the umask; internal/ has 0700 and 0600 whatever it is."""
    before = os.umask(umask)
    try:
        commit(tmp_path, staged(tmp_path))
        publish.write_run(tmp_path, "run-1", {})
    finally:
        os.umask(before)
    modes = {
        (path.relative_to(tmp_path).parts[0], path.is_dir(), path.stat().st_mode & 0o777)
        for path in tmp_path.rglob("*")
    }
    public = {("release", True, 0o755 & ~umask), ("release", False, 0o644 & ~umask)}
    assert modes == public | {("internal", True, 0o700), ("internal", False, 0o600)}


def test_manifest_says_by_what_each_file_was_made(tmp_path: Path) -> None:
    """Every fact that the contract names is there for each file, and no run or clock."""
    tables = staged(tmp_path)
    commit(tmp_path, tables)
    text = (tmp_path / "release" / "manifest.json").read_text()
    manifest = json.loads(text)["files"]
    assert manifest[BOTS] == {
        "k": 10, "rows": 2, "sha256": tables[1].sha256, "policy": "0" * 64, "coverage": "partial", "program": "1.0",
        "geo_built": "2026-06-01", "agents": "agents 1", "bots": "bots 1", "suffixes": "suffixes 1",
    }  # fmt: skip
    assert (set(manifest), manifest[PAGES]["coverage"]) == ({PAGES, BOTS}, "whole")
    assert "run-1" not in text
    assert "2026-11-22" not in text


def test_partner_release_is_its_own(tmp_path: Path) -> None:
    """The partner profile has its folder, its manifest and its once; the house's release stays as it was."""
    commit(tmp_path, staged(tmp_path))
    before = tree(tmp_path / "release")
    commit(tmp_path, staged(tmp_path, "release-partner", first=50), profile="partner")
    assert tree(tmp_path / "release") == before
    assert files(tmp_path / "release-partner") == sorted([PAGES, BOTS, "manifest.json"])


def test_second_publication_leaves_everything(tmp_path: Path) -> None:
    """A run that would publish the periods again is refused, and no byte outside staging changes."""
    commit(tmp_path, staged(tmp_path))
    before = tree(tmp_path)
    with pytest.raises(Trouble) as refused:
        commit(tmp_path, staged(tmp_path, run_id="run-2"), "run-2")
    assert refused.value.code == "E403"
    assert tree(tmp_path) == before


def test_file_that_no_entry_lists_is_never_overwritten(tmp_path: Path) -> None:
    """Without its ledger a folder cannot be published to again with other numbers."""
    commit(tmp_path, staged(tmp_path))
    shutil.rmtree(tmp_path / "internal" / "ledger")
    before = tree(tmp_path)
    with pytest.raises(Trouble, match="in no ledger entry") as refused:
        commit(tmp_path, staged(tmp_path, first=41))
    assert refused.value.code == "E405"
    assert tree(tmp_path) == before


def test_changed_staging_is_not_committed(tmp_path: Path) -> None:
    """A staged file that is not as it was written stops the run before the entry."""
    tables = staged(tmp_path)
    (tmp_path / "internal/staging/run-1/release" / PAGES).write_bytes(b"other")
    with pytest.raises(Trouble, match="changed since it was staged"):
        commit(tmp_path, tables)
    assert Ledger.load(tmp_path).entries == ()
    assert not (tmp_path / "release").exists()


def test_recovery_removes_what_was_never_committed(tmp_path: Path) -> None:
    """Staging of a killed run and unfinished files go; nothing is published."""
    staged(tmp_path)
    publish.write_run(tmp_path, "run-1", {})
    (tmp_path / "internal" / "ledger").mkdir()
    for folder in ("ledger", "runs/run-1"):
        (tmp_path / "internal" / folder / ".x.json.00ff.tmp").write_text("half")
    assert publish.recover(tmp_path) == []
    assert files(tmp_path) == ["internal/runs/run-1/run.json"]


def test_recovery_of_a_whole_folder_changes_nothing(tmp_path: Path) -> None:
    """Recovery may come at every start, and as often as it likes."""
    commit(tmp_path, staged(tmp_path))
    before = tree(tmp_path)
    assert publish.recover(tmp_path) == publish.recover(tmp_path) == []
    assert tree(tmp_path) == before


def test_recovery_of_a_new_folder_makes_nothing(tmp_path: Path) -> None:
    """The first run finds nothing to recover."""
    assert publish.recover(tmp_path / "new") == []
    assert list(tmp_path.iterdir()) == []


def test_recovery_rebuilds_the_manifest(tmp_path: Path) -> None:
    """A manifest that is gone or was edited is made again from the ledger, byte by byte."""
    commit(tmp_path, staged(tmp_path))
    before = tree(tmp_path)
    manifest = tmp_path / "release" / "manifest.json"
    for damage in (manifest.unlink, lambda: manifest.write_text("{}")):
        damage()
        publish.recover(tmp_path)
        assert tree(tmp_path) == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"x")], ids=["missing", "changed"])
def test_damaged_release_is_refused(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """A published file that is missing or changed stops the next run with exit 4 and is named."""
    commit(tmp_path, staged(tmp_path))
    damage(tmp_path / "release" / PAGES)
    with pytest.raises(Trouble, match=PAGES) as refused:
        publish.recover(tmp_path)
    assert (refused.value.code, refused.value.exit) == ("E405", 4)


def test_unlisted_files_are_told_and_left(tmp_path: Path) -> None:
    """A file that somebody put into a release folder is named and untouched."""
    commit(tmp_path, staged(tmp_path))
    (tmp_path / "release" / "notes.txt").write_text("mine")
    (tmp_path / "release-partner").mkdir()
    (tmp_path / "release-partner" / "manifest.json").write_text("{}")
    before = tree(tmp_path)
    warnings = publish.recover(tmp_path)
    assert [warning.split(" is in no")[0] for warning in warnings] == [
        str(tmp_path / "release" / "notes.txt"), str(tmp_path / "release-partner" / "manifest.json"),
    ]  # fmt: skip
    assert tree(tmp_path) == before


# ---- crashes --------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL inside the process: nothing catches it."""


def killed(*_: object) -> None:
    """Die at once."""
    raise Killed


STEPS = ("open", "fsync", "replace", "link", "unlink", "mkdir", "rmdir", "chmod", "close")


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, at: int, done: list[str]) -> Iterator[None]:
    """Let the first `at` system calls that change files happen; from then on every one fails, as in a dead process."""

    def mortal(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            if len(done) >= at and name != "close":  # the kernel closes what a dead process had open
                raise Killed
            done.append(name)
            return call(*args, **options)

        return step

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, mortal(name, getattr(os, name)))
        try:
            yield
        except Killed:
            done.append("died")


def steps_of(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    """How many such calls an action makes."""
    done: list[str] = []
    with dying(monkeypatch, sys.maxsize, done):
        action()
    return len(done)


def both(root: Path) -> list[publish.Publication]:
    """What a run for both profiles has staged."""
    return [
        publish.Publication("internal", BY, staged(root)),
        publish.Publication("partner", BY, staged(root, "release-partner", first=50)[:1]),
    ]


def commit_both(root: Path, publications: list[publish.Publication]) -> None:
    """Their commit, at the same time."""
    publish.commit(root, publications, run_id="run-1", committed="2026-11-22T03:00:00Z", files_read=READ)


@pytest.fixture
def clean(tmp_path: Path) -> Tree:
    """What a run leaves that nobody kills."""
    root = tmp_path / "clean"
    commit_both(root, both(root))
    return tree(root)


def settle(root: Path) -> bool:
    """The next start: recovery, and a second run if the first one had not committed. Whether it had: both, or none."""
    entries = Ledger.load(root).entries
    publish.recover(root)
    if not entries:
        assert not (root / "release").exists() and not (root / "release-partner").exists()
        commit_both(root, both(root))
    assert len(entries) in (0, 2)
    return bool(entries)


def test_crash_at_every_step_of_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Tree) -> None:
    """Wherever a commit dies, the next start ends with the bytes of a run that nobody disturbed, of both profiles."""
    total = steps_of(monkeypatch, lambda: commit_both(tmp_path / "count", both(tmp_path / "count")))
    outcomes = []
    for at in range(total):
        root = tmp_path / str(at)
        publications, done = both(root), list[str]()
        with dying(monkeypatch, at, done):
            commit_both(root, publications)
        outcomes.append(("link" in done, settle(root)))
        assert tree(root) == clean, f"died after {done}"
        shutil.rmtree(root)
    assert all(linked == had for linked, had in outcomes)
    assert {had for _, had in outcomes} == {False, True}


def test_crash_at_every_step_of_staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Tree) -> None:
    """Wherever staging dies, the next start publishes the same bytes."""
    total = steps_of(monkeypatch, lambda: both(tmp_path / "count"))
    for at in range(total):
        root, done = tmp_path / str(at), list[str]()
        with dying(monkeypatch, at, done):
            both(root)
        assert done[-1] == "died"
        assert settle(root) is False
        assert tree(root) == clean
        shutil.rmtree(root)


def test_crash_at_every_step_of_the_recovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Tree) -> None:
    """A recovery that dies is completed by the one after it."""
    broken = tmp_path / "broken"
    publications = both(broken)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(publish, "_promote", killed)
        commit_both(broken, publications)
    assert Ledger.load(broken).entries
    copy = tmp_path / "copy"
    shutil.copytree(broken, copy)
    total = steps_of(monkeypatch, lambda: publish.recover(copy))
    for at in range(total):
        root, done = tmp_path / str(at), list[str]()
        shutil.copytree(broken, root)
        with dying(monkeypatch, at, done):
            publish.recover(root)
        assert settle(root) is True
        assert tree(root) == clean
        shutil.rmtree(root)


KILL = """
import os, pathlib, pickle, signal, sys
from pipeline import publish
name, nth = sys.argv[2], int(sys.argv[3])
call, count = getattr(os, name), [0]
def step(*args, **options):
    count[0] += 1
    if count[0] == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return call(*args, **options)
arguments = pickle.load(sys.stdin.buffer)
setattr(os, name, step)
publish.commit(pathlib.Path(sys.argv[1]), **arguments)
"""
POINTS = [("link", 1), ("unlink", 1), ("replace", 1), ("replace", 3), ("rmdir", 1)]


@pytest.mark.parametrize(("call", "nth"), POINTS, ids=[f"{call}-{nth}" for call, nth in POINTS])
def test_sigkill(tmp_path: Path, clean: Tree, call: str, nth: int) -> None:
    """A real SIGKILL before the entry, behind it, between the files, before the manifests: the same bytes in the end."""
    root = tmp_path / "killed"
    arguments = {
        "publications": both(root), "run_id": "run-1", "committed": "2026-11-22T03:00:00Z", "files_read": READ,
    }  # fmt: skip
    command = [sys.executable, "-c", KILL, str(root), call, str(nth)]
    process = subprocess.run(command, cwd=ROOT, input=pickle.dumps(arguments), check=False)
    assert process.returncode == -signal.SIGKILL
    assert settle(root) is (call != "link")
    assert tree(root) == clean


# ---- preview and the record of a run --------------------------------------------------------------------------------


def test_preview_replaces_the_one_before(tmp_path: Path) -> None:
    """What an earlier preview had is gone; nothing is in ledger or release; folders are 0700 and files 0600."""
    publish.preview(tmp_path, "run-1", staged(tmp_path, "preview"))
    (tmp_path / "preview" / "old.txt").write_text("old")
    publish.preview(tmp_path, "run-2", staged(tmp_path, "preview", "run-2", 41)[:1])
    assert files(tmp_path) == [f"preview/{PAGES}"]
    modes = {
        (path.is_dir(), path.stat().st_mode & 0o777) for path in [tmp_path / "preview", *tmp_path.rglob("preview/**/*")]
    }
    assert modes == {(True, 0o700), (False, 0o600)}


def test_replayed_preview_changes_nothing(tmp_path: Path) -> None:
    """A bundle that an engine repeats gives the same preview."""
    tables = staged(tmp_path, "preview")
    publish.preview(tmp_path, "run-1", tables)
    before = tree(tmp_path)
    publish.preview(tmp_path, "run-1", tables)
    assert tree(tmp_path) == before


def test_preview_of_nothing_is_empty(tmp_path: Path) -> None:
    """When everything is withheld, no earlier preview may stand for the answer."""
    publish.preview(tmp_path, "run-1", staged(tmp_path, "preview"))
    publish.preview(tmp_path, "run-2", staged(tmp_path, "preview", "run-2")[2:])
    assert list((tmp_path / "preview").iterdir()) == []


def test_run_record_is_private_and_replaced_whole(tmp_path: Path) -> None:
    """run.json holds the record, mode 0600, and a second write replaces it."""
    publish.write_run(tmp_path, "run-1", {"lines": 1})
    file = publish.write_run(tmp_path, "run-1", {"lines": 2})
    assert file == tmp_path / "internal" / "runs" / "run-1" / "run.json"
    assert (json.loads(file.read_text()), file.stat().st_mode & 0o777) == ({"lines": 2}, 0o600)
    assert os.listdir(file.parent) == ["run.json"]


def test_run_id_that_could_leave_the_folder_is_refused(tmp_path: Path) -> None:
    """A run's name is letters, digits and hyphens."""
    with pytest.raises(ValueError, match="no such run"):
        publish.write_run(tmp_path, "../x", {})
