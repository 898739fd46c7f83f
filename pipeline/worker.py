"""Workers of `--workers N`: forked from one process that has imported everything; silent, for what engines print may hold values.

A worker that starts from nothing spends two seconds of CPU on imports and on loading kernels; a fork has all of it at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import NoReturn

from pipeline import collector, sampler, spared
from pipeline.apart import be_silent, can_fork, command, die_with
from schemas.policy import Policy

_running: set[int] = set()  # workers that have not ended


def load() -> None:
    """Import what workers need, for good."""
    import apache_beam.runners.worker.sdk_worker_main  # noqa: F401

    import pipeline.flow  # noqa: F401


def get_ready(policy: Policy) -> None:
    """Compile the kernels, or load them, and open what treatments look things up in."""
    from transforms import anonymise
    from transforms.kernels import calls

    calls.warm()
    with suppress(Exception):  # what is wrong is met again, and said, by the worker that needs it
        anonymise.warm(policy)


def serve(line: Connection, workers: int, policy: Policy) -> None:
    """Get ready, say so, and start a worker for each environment that comes; the end of the line is that of the workers."""
    load()
    get_ready(policy)
    collector.leave_alone()  # else that of each worker would touch, and so copy, what they share
    if can_fork():
        from transforms import held

        held.share(workers)
    signal.signal(signal.SIGCHLD, end_with_worker)
    line.send("ready")
    with suppress(EOFError):
        for number in count():
            _running.add(start(line.recv(), number))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the run is over, and they have nothing left to do
    for worker in _running:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def end_with_worker(_: int, __: object) -> None:
    """A worker has ended: if it was not in order, the others must not go on without it, and the run hears of it by our end."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _running.discard(ended[0])  # its number may be another's from now on
            if ended[1]:
                os._exit(1)


def start(environment: Mapping[str, str], number: int = 0) -> int:
    """The id of a new worker process: a fork; where that cannot be, a process of its own."""
    if not can_fork():
        return subprocess.Popen(command("pipeline.worker"), env={**os.environ, **environment}).pid
    parent = os.getpid()
    if worker := os.fork():
        return worker
    from transforms import held

    held.take(number)
    work(environment, parent)


def work(environment: Mapping[str, str], parent: int) -> NoReturn:
    """Be Beam's worker, to the end of the process."""
    status = 1
    try:
        die_with(parent)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(environment)
        from apache_beam.runners.worker import sdk_worker_main

        with sampler.awake():
            sdk_worker_main.main(sys.argv)
        status = 0
    finally:
        os._exit(status)  # nothing of the process that it was forked from is its own to clean up


def main() -> None:
    """A worker that starts from nothing: its environment is that of the process."""
    collector.relax()
    spared.spare()
    be_silent()
    work({}, os.getppid())


if __name__ == "__main__":
    main()
