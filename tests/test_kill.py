"""SIGKILL at every point of a real run: nothing half-published, no row data on disk, and the same release afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 60.0  # seconds until a run is where it should be
GONE = 20.0  # seconds until its workers are gone
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHUNKS = ("--", "--chunk_bytes=65536")

# In the folder that PYTHONPATH names: the interpreter runs it at its start, in workers too. When the module is imported
# that POINT names, one of its functions is replaced by one that leaves a flag, with the process id, and waits for the end.
CUSTOMIZE = """
import importlib.abc, importlib.util, os, sys, time

module, path, number = os.environ["POINT"].split(":")


def stop_in(loaded):
    *parents, name = path.split(".")
    for parent in parents:
        loaded = getattr(loaded, parent)
    real, calls = getattr(loaded, name), []

    def stopping(*arguments, **named):
        calls.append(1)
        if len(calls) == int(number):
            open(os.path.join(os.environ["FLAGS"], str(os.getpid())), "w").close()
            time.sleep(600)
        return real(*arguments, **named)

    setattr(loaded, name, stopping)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda loaded: (load(loaded), stop_in(loaded))
        return spec


sys.meta_path.insert(0, Finder())
"""

# point -> (function and number of the call that is not reached, whether the ledger has its entry by then)
POINTS = {
    "reading-the-second-chunk": ("transforms.anonymise:Bench.anonymise:2", False),
    "staging-the-fifth-file": ("pipeline.sink:_write:5", False),
    "staged": ("pipeline.publish:_check_staging:1", False),
    "committed": ("pipeline.publish:_promote:1", True),
    "third-file-promoted": ("pipeline.publish:_umask:4", True),
    "promoted": ("pipeline.publish:_clear:1", True),
    "manifest-written": ("pipeline.publish:discard:1", True),
}


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def marked_line(i: int, number: int) -> str:
    """A request whose address, user, query, referrer and agent are unlike all others."""
    when = f"{18 + i * 3 // number}/Nov/2025:{i * 72 // number % 24:02d}:{i % 60:02d}:00 +0000"
    page = ("docs/start", "pricing", "blog/welcome")[i % 3]
    return (
        f'198.18.{i % 60}.{i // 60 % 250 + 1} - rowuser{i} [{when}] "GET /{page}?rowquery={i} HTTP/1.1" 200 {i}'
        f' "https://row{i}.example/rowpath{i}" "{FIREFOX} rowagent{i}"'
    )


MARKS = (b"rowuser", b"rowquery", b"rowpath", b"rowagent", b"198.18.")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of requests, in several chunks."""
    file = tmp_path_factory.mktemp("kill") / "access.log"
    file.write_text("\n".join(marked_line(i, 1500) for i in range(1500)) + "\n")
    assert file.stat().st_size > 4 * 65536
    return file


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def undisturbed(log: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The release of a run that nobody killed."""
    output = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", str(log), "--output", str(output), "--quiet", *CHUNKS]) == 0
    release = tree(output / "release")
    assert len(release) > 20
    return release


class Killed:
    """A run that was killed: where it wrote, and the workers that it had."""

    def __init__(self, folder: Path) -> None:
        self.output, self.temporary, self.flags = folder / "out", folder / "t", folder / "flags"
        self.customized = folder / "python"
        self.workers: set[int] = set()

    def start(self, log: Path, point: str, *options: str) -> subprocess.Popen[bytes]:
        """The run, in a process of its own."""
        for made in (self.temporary, self.flags, self.customized):
            made.mkdir()
        (self.customized / "sitecustomize.py").write_text(CUSTOMIZE)
        environment = {
            **os.environ, "POINT": point, "FLAGS": str(self.flags), "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(self.customized), str(ROOT)]),
        }  # fmt: skip
        environment.pop("CROWDLOG_DEBUG", None)
        environment.pop("XDG_RUNTIME_DIR", None)
        command = [sys.executable, "-m", "pipeline", "run", str(log), "--output", str(self.output), *options, *CHUNKS]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill_at(self, log: Path, point: str, *options: str) -> Killed:
        """Start a run, wait until it is at the point, and kill it without warning."""
        run = self.start(log, point, *options)
        try:
            until(lambda: any(self.flags.iterdir()) or run.poll() is not None, DEADLINE)
            assert run.poll() is None, (run.stdout and run.stdout.read(), "the run ended before the point")
            self.workers = descendants(run.pid)
        finally:
            run.kill()
            run.wait(DEADLINE)
            if run.stdout:
                run.stdout.close()
        assert run.returncode == -signal.SIGKILL
        return self


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; whether it does in the end."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def descendants(pid: int) -> set[int]:
    """All processes below one, by /proc."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found, left = set(), [pid]
    while left:
        children = parents.get(left.pop(), [])
        found |= set(children)
        left += children
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def hunt(*folders: Path) -> list[str]:
    """Files, and names of files, in which something of a log line is."""
    found = []
    for folder in folders:
        for file in folder.rglob("*"):
            content = os.fsencode(file) + (file.read_bytes() if file.is_file() and not file.is_symlink() else b"")
            found += [f"{file}: {mark.decode()}" for mark in MARKS if mark in content]
    return found


def test_hunt_finds_row_data(log: Path, tmp_path: Path) -> None:
    """The hunt is no empty one: it finds a line in a file, and a name."""
    (tmp_path / "spill").write_bytes(log.read_bytes()[:500])
    (tmp_path / "rowuser7").touch()
    assert {found.rpartition(": ")[2] for found in hunt(tmp_path)} == {mark.decode() for mark in MARKS}


def entries(output: Path) -> int:
    """How many entries the ledger has."""
    return len(list((output / "internal" / "ledger").glob("[0-9]*.json")))


def check_after_kill(killed: Killed, undisturbed: dict[str, bytes], committed: bool) -> None:
    """What a killed run may leave: before the commit no release at all, afterwards whole files of it, never row data."""
    assert entries(killed.output) == committed
    left = tree(killed.output / "release")
    assert committed or left == {}
    assert [name for name, content in left.items() if undisturbed.get(name) != content] == []
    assert hunt(killed.output, killed.temporary) == []


def check_after_rerun(killed: Killed, log: Path, undisturbed: dict[str, bytes]) -> None:
    """After the next run the release is what it would have been, and nothing is left over."""
    assert main(["run", str(log), "--output", str(killed.output), "--quiet", *CHUNKS]) == 0
    assert tree(killed.output / "release") == undisturbed
    assert entries(killed.output) == 1
    staging = killed.output / "internal" / "staging"
    assert not staging.exists() or tree(staging) == {}
    assert [file for file in killed.output.rglob("*.tmp")] == []
    assert hunt(killed.output, killed.temporary) == []


@pytest.mark.parametrize(("point", "committed"), POINTS.values(), ids=POINTS)
def test_killed_run_leaves_nothing_half_done(
    log: Path, tmp_path: Path, undisturbed: dict[str, bytes], point: str, committed: bool
) -> None:
    """Killed at this point, a run has published nothing or all; the next one ends with the same bytes."""
    killed = Killed(tmp_path).kill_at(log, point)
    check_after_kill(killed, undisturbed, committed)
    check_after_rerun(killed, log, undisturbed)


def test_killed_between_two_profiles(log: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Killed when one of two profiles of a commit is promoted: the next run has both, from the one commit."""
    both = ("--profile", "internal", "--profile", "partner")
    assert main(["run", str(log), "--output", str(tmp_path / "whole"), "--quiet", *both, *CHUNKS]) == 0
    killed = Killed(tmp_path).kill_at(log, "pipeline.publish:_promote:2", *both)
    assert tree(killed.output / "release") == {n: c for n, c in undisturbed.items() if n != "manifest.json"}
    assert tree(killed.output / "release-partner") == {}
    check_after_rerun(killed, log, undisturbed)
    assert tree(killed.output / "release-partner") == tree(tmp_path / "whole" / "release-partner") != {}


def test_workers_go_with_the_run(log: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """With --workers 2, killed in the middle of the work: its processes end, and the rest is as with one."""
    killed = Killed(tmp_path).kill_at(log, "transforms.anonymise:Bench.anonymise:2", "--workers", "2")
    busy = {int(flag.name) for flag in killed.flags.iterdir()}
    try:
        assert busy <= killed.workers
        assert until(lambda: not any(map(is_running, killed.workers)), GONE), "workers outlive their run"
    finally:
        for pid in filter(is_running, killed.workers):
            os.kill(pid, signal.SIGKILL)
    check_after_kill(killed, undisturbed, committed=False)
    check_after_rerun(killed, log, undisturbed)


def test_run_ends_with_one_of_its_workers(log: Path, tmp_path: Path) -> None:
    """With --workers 2, a worker that is killed (as for want of memory) ends the run at once, with one line and E103."""
    killed = Killed(tmp_path)
    run = killed.start(log, "transforms.anonymise:Bench.anonymise:2", "--workers", "2")
    try:
        assert until(lambda: any(killed.flags.iterdir()), DEADLINE)
        killed.workers = descendants(run.pid)
        os.kill(int(next(killed.flags.iterdir()).name), signal.SIGKILL)
        said, _ = run.communicate(timeout=DEADLINE)
    finally:
        run.kill()
    assert run.returncode == 1
    assert said.startswith(b"crowdlog: E103: a worker process died") and said.count(b"\n") == 1
    assert until(lambda: not any(map(is_running, killed.workers)), GONE)
    assert tree(killed.output / "release") == {} and entries(killed.output) == 0


def test_killed_preview_leaves_the_old_one(log: Path, tmp_path: Path) -> None:
    """Killed while a preview is staged: the earlier preview stands, and there is neither release nor ledger."""
    killed = Killed(tmp_path)
    again = ["run", str(log), "--output", str(killed.output), "--quiet", "--preview", *CHUNKS]
    assert main(again) == 0
    before = tree(killed.output / "preview")
    killed.kill_at(log, "pipeline.publish:preview:1", "--preview")
    assert tree(killed.output / "preview") == before != {}
    assert entries(killed.output) == 0
    assert not (killed.output / "release").exists()
    assert hunt(killed.output, killed.temporary) == []
    assert main(again) == 0
    assert tree(killed.output / "preview") == before


def test_stopped_run_publishes_nothing(log: Path, tmp_path: Path) -> None:
    """SIGINT (Ctrl-C) in the middle: one line, exit 130, no release, no socket left, no row data."""
    killed = Killed(tmp_path)
    run = killed.start(log, "transforms.anonymise:Bench.anonymise:2")
    try:
        assert until(lambda: any(killed.flags.iterdir()), DEADLINE)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=DEADLINE)
    finally:
        run.kill()
        run.wait(DEADLINE)
    assert (run.returncode, said) == (130, b"crowdlog: stopped; the next run does what was not committed\n")
    assert (entries(killed.output), tree(killed.output / "release")) == (0, {})
    assert hunt(killed.output, killed.temporary) == []
    assert list(killed.temporary.glob("crowdlog-*")) == []


def test_record_of_a_killed_run_is_not_missed(log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Killed behind its commit, a run is found to be complete: the next one has nothing new, and says so."""
    killed = Killed(tmp_path).kill_at(log, "pipeline.publish:_clear:1")
    assert main(["run", str(log), "--output", str(killed.output), "--json"]) == 0
    out, err = capfd.readouterr()
    assert "nothing new to publish" in err
    assert json.loads(out)["files_skipped"] == 1
