"""Clusters on loopback: engines of several processes, started with a log each and stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
READY = 60  # seconds that a process gets until it answers
STOP = 2  # seconds between being asked to end and being ended


def environment() -> dict[str, str]:
    """For processes that must find this checkout and this interpreter: engines start workers as `python`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {key: value for key, value in os.environ.items() if key != "CROWDLOG_DEBUG"}
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """A port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(is_ready: Callable[[], bool], what: str, seconds: float = READY) -> None:
    """Ask ten times a second; RuntimeError when it takes too long."""
    limit = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > limit:
            raise RuntimeError(f"{what}: not ready after {seconds:g} s")
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@dataclass
class Cluster:
    """Processes of one engine. `folder` holds their logs, `*.log`, and whatever they leave on a disk."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a Python module with arguments, as the leader of a group: it may start workers of its own."""
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def listen(self, name: str, port: int, *command: str) -> None:
        """Start it and wait until it listens. Raises RuntimeError when it ends instead."""
        process = self.start(name, *command)
        wait_until(lambda: answers(port) or process.poll() is not None, name)
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}")

    def stop(self) -> None:
        """End all processes and what they have started: first asked, then made to."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self.processes):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            limit = time.monotonic() + STOP
            for process in self.processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, limit - time.monotonic()))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A cluster without processes yet, which ends with the context."""
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


def dask_worker(cluster: Cluster, name: str, scheduler: str) -> subprocess.Popen[bytes]:
    """One more worker of a Dask cluster: one process, one thread."""
    return cluster.start(
        name, "dask", "worker", scheduler, "--host", HOST, "--name", name, "--nthreads", "1", "--nworkers", "1",
        "--no-nanny", "--dashboard-address", f"{HOST}:0", "--local-directory", str(cluster.folder / name),
    )  # fmt: skip


@contextlib.contextmanager
def dask(folder: Path) -> Iterator[tuple[Cluster, str]]:
    """A Dask scheduler with the workers `one` and `two`, and its address."""
    port = free_port()
    address = f"tcp://{HOST}:{port}"
    with running(folder) as cluster:
        cluster.listen(
            "scheduler",
            port,
            "dask",
            "scheduler",
            "--host",
            HOST,
            "--port",
            str(port),
            "--dashboard-address",
            f"{HOST}:0",
        )
        for name in ("one", "two"):
            dask_worker(cluster, name, address)
        yield cluster, address


@contextlib.contextmanager
def portable(folder: Path) -> Iterator[tuple[Cluster, int, int]]:
    """Beam's portable job service and a pool of external workers, with their ports."""
    jobs, pool = free_port(), free_port()
    with running(folder) as cluster:
        service = "apache_beam.runners.portability.local_job_service_main"
        cluster.listen("jobs", jobs, service, "--port", str(jobs), "--staging_dir", str(folder / "staging"))
        cluster.listen("pool", pool, "apache_beam.runners.worker.worker_pool_main", "--service_port", str(pool))
        yield cluster, jobs, pool
