"""The same flow on engines of several processes: the same bytes, the same errors, nothing readable in their logs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cluster
import pytest

LIMIT = 90  # seconds of a run: an engine that lost a worker may wait for ever
WORD = 12  # shorter words of a path may be an engine's own


@dataclass(frozen=True)
class Engine:
    """An engine that is up, and its first run: of the whole log, in ten Ranges.

    `options` stand behind `--` to use it; `tasks` counts what each of its workers did, where the engine tells.
    """

    cluster: cluster.Cluster
    options: tuple[str, ...]
    output: Path
    done: subprocess.CompletedProcess[str]
    tasks: dict[str, int] = field(default_factory=dict)


def command(output: Path, log: Path, *arguments: str) -> list[str]:
    run = [sys.executable, "-m", "pipeline", "run", str(log), "--partial", "--output", str(output)]
    return [*run, "--profile", "internal", "--profile", "partner", *arguments]


def crowdlog(output: Path, log: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`crowdlog run LOG --partial --output OUTPUT ARGUMENTS` for both profiles, in a process of its own."""
    return subprocess.run(
        command(output, log, *arguments), cwd=cluster.ROOT, env=cluster.environment(), timeout=LIMIT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def released(output: Path) -> dict[str, bytes]:
    """All files of both releases, manifest.json too, by path."""
    below = sorted(file for name in ("release", "release-partner") for file in (output / name).rglob("*"))
    return {str(file.relative_to(output)): file.read_bytes() for file in below if file.is_file()}


@pytest.fixture(scope="session")
def log(shared: Path) -> Path:
    """10,000 lines of one real small site, four days of May 2015."""
    return shared / "logs" / "elastic_apache" / "access.log"


@pytest.fixture(scope="session")
def expected(log: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The releases by the local engine in one process."""
    output = tmp_path_factory.mktemp("local")
    done = crowdlog(output, log)
    assert done.returncode == 0, done.stderr
    release = released(output)
    assert min(sum(name.startswith(f"{folder}/") for name in release) for folder in ("release", "release-partner")) > 10
    return release


# ---- the engines ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a Dask cluster, to ask it how it is."""
    distributed = pytest.importorskip("distributed")
    with distributed.Client(address, timeout=30, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="session")
def dask(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One scheduler and two worker processes with a thread each."""
    with cluster.dask(tmp_path_factory.mktemp("dask")) as (processes, address):
        with connected(address) as client:
            client.wait_for_workers(2, timeout=cluster.READY)
        runner = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
        options = (runner, f"--dask_client_address={address}", "--dask_partition_size=1")
        output = tmp_path_factory.mktemp("by_dask")
        done = crowdlog(output, log, "--", *options, "--chunk_bytes=262144")
        yield Engine(processes, options, output, done, asked(address, "executed_count"))


@pytest.fixture(scope="session")
def portable(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Beam's portable job service with an EXTERNAL worker pool: what Flink would be given."""
    with cluster.portable(tmp_path_factory.mktemp("portable")) as (processes, jobs, pool):
        service = ("--runner=PortableRunner", f"--job_endpoint=localhost:{jobs}")
        options = (*service, "--environment_type=EXTERNAL", f"--environment_config=localhost:{pool}")
        output = tmp_path_factory.mktemp("by_portable")
        yield Engine(processes, options, output, crowdlog(output, log, "--", *options, "--chunk_bytes=262144"))


@pytest.fixture(params=["dask", "portable"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def asked(address: str, count: str) -> dict[str, int]:
    """A count of each worker of a Dask cluster by its name: tasks done (executed_count), at work (executing_count)."""
    with connected(address) as client:
        found = client.run(lambda dask_worker: (str(dask_worker.name), int(getattr(dask_worker.state, count))))
    return dict(found.values())


# ---- the same release -----------------------------------------------------------------------------------------------


def test_same_bytes(engine: Engine, expected: dict[str, bytes]) -> None:
    """Ten Ranges of the log, wherever they are worked on, give the releases of the local engine."""
    assert engine.done.returncode == 0, engine.done.stderr
    assert released(engine.output) == expected


def test_both_workers_work(dask: Engine) -> None:
    """The work is spread: both workers of the cluster have done tasks of the run."""
    assert dask.tasks.keys() == {"one", "two"}
    assert min(dask.tasks.values()) >= 5


def test_killed_worker(dask: Engine, log: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    """A third worker that is killed while it works costs time, and not a byte."""
    address = dask.options[1].partition("=")[2]
    third = cluster.dask_worker(dask.cluster, "three", address)
    cluster.wait_until(lambda: "three" in asked(address, "executing_count"), "worker three")
    run = subprocess.Popen(
        command(tmp_path, log, "--quiet", "--", *dask.options, "--chunk_bytes=65536"),
        cwd=cluster.ROOT, env=cluster.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        cluster.wait_until(lambda: asked(address, "executing_count")["three"] > 0, "a task of worker three")
        assert run.poll() is None
        third.kill()
        _, said = run.communicate(timeout=LIMIT)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0, said
    assert released(tmp_path) == expected


# ---- the same errors, and silence -----------------------------------------------------------------------------------


def secrets_of(lines: Sequence[bytes]) -> set[str]:
    """All addresses and agents of combined lines, and the longer words of their paths."""
    found = set()
    for line in lines:
        quoted = line.decode("latin-1").split('"')
        found |= {quoted[0].split(" ")[0], *quoted[5:6]}
        found |= {word for word in quoted[1].split("?")[0].split("/") if len(word) >= WORD and " " not in word}
    return found - {"-", ""}


def test_refusal(engine: Engine, log: Path, tmp_path: Path) -> None:
    """Too many broken lines end the run with its own code and one clear line, whatever an engine makes of exceptions."""
    lines = log.read_bytes().splitlines(keepends=True)[:400]
    broken = [b'192.0.2.77 jane.canary@example.org "GET /wp-login/canary-of-a-broken-line\n'] * 200
    mixed = tmp_path / "mixed.log"
    mixed.write_bytes(b"".join([*lines, *broken]))
    done = crowdlog(tmp_path / "X", mixed, "--", *engine.options)
    assert done.returncode == 3
    assert done.stderr.startswith("crowdlog: E305: 200 of 600 lines were rejected")
    assert len(done.stderr.splitlines()) == 1
    assert released(tmp_path / "X") == {}
    left = written(engine.cluster) + done.stderr
    assert "canary" not in left and "192.0.2.77" not in left
    assert [secret for secret in secrets_of(lines) if secret in left] == []


def written(processes: cluster.Cluster) -> str:
    """All that the processes of an engine have written: logs at their default level, and files they keep."""
    files = [file for file in processes.folder.rglob("*") if file.is_file()]
    logs = {file.name: file.stat().st_size for file in files if file.suffix == ".log"}
    assert logs and all(logs.values())
    return "".join(file.read_bytes().decode("latin-1") for file in files)


def test_nothing_readable_in_logs(engine: Engine, log: Path) -> None:
    """What the engine's processes log or keep on a disk has no address, no agent and no word of a path of the log."""
    secrets = secrets_of(log.read_bytes().splitlines())
    assert len(secrets) > 2_000
    left = written(engine.cluster) + engine.done.stdout + engine.done.stderr
    assert [secret for secret in secrets if secret in left] == []
