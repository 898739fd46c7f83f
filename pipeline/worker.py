"""Workers of `--workers N`: forked from one process that has imported everything; silent, for what engines print may hold values.

A worker that starts from nothing spends two seconds of CPU on imports and on loading kernels; a fork has all of it at once.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from pipeline import apart, collector, spared

PR_SET_PDEATHSIG = 1  # prctl(2)
READY = b"ready\n"
# for libraries that would start threads when they are imported: a process with several of them is not forked
ALONE = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
ANEW = "--anew"


def die_with(parent: int) -> None:
    """A worker whose run was killed must not commit when the next run holds the folder. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), signal.SIGKILL)


def be_silent() -> None:
    """Shut standard output, and logging and stderr as well; CROWDLOG_DEBUG=1 lets these two speak."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    if os.environ.get("CROWDLOG_DEBUG") != "1":
        logging.disable(logging.CRITICAL)
        os.dup2(nowhere, 2)


def get_ready() -> None:
    """Import what workers need and compile the kernels, or load them; all of it for good."""
    import apache_beam.runners.worker.sdk_worker_main  # noqa: F401

    import pipeline.flow  # noqa: F401
    from transforms.kernels import calls

    calls.warm()
    collector.leave_alone()  # else that of each worker would touch, and so copy, what they share


def serve(workers: int) -> None:
    """Get ready, say so, and start a worker for each line of standard input: its environment, as JSON. Ends after them."""
    said = os.fdopen(os.dup(1), "wb", buffering=0)
    be_silent()
    get_ready()
    if can_fork():
        from transforms import held

        held.share(workers)
    signal.signal(signal.SIGCHLD, end_with_worker)
    said.write(READY)
    for number, line in enumerate(sys.stdin.buffer):
        start(json.loads(line), number)
    with suppress(ChildProcessError):  # there is none left
        while True:
            os.wait()


def end_with_worker(_: int, __: object) -> None:
    """A worker has ended: if it was not in order, the others must not go on without it, and the run hears of it by our end."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[1]:
                os._exit(1)


def start(environment: Mapping[str, str], number: int = 0) -> int:
    """The id of a new worker process: a fork; where that cannot be, a process of its own."""
    if not can_fork():
        return subprocess.Popen(apart.command("pipeline.worker", ANEW), env={**os.environ, **environment}).pid
    parent = os.getpid()
    if worker := os.fork():
        return worker
    from transforms import held

    held.take(number)
    work(environment, parent)


def can_fork() -> bool:
    """Whether this process has one thread: others would not survive a fork, nor would the locks that they hold be opened."""
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


def work(environment: Mapping[str, str], parent: int) -> NoReturn:
    """Be Beam's worker, to the end of the process."""
    status = 1
    try:
        die_with(parent)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(environment)
        from apache_beam.runners.worker import sdk_worker_main

        sdk_worker_main.main(sys.argv)
        status = 0
    finally:
        os._exit(status)  # nothing of the process that it was forked from is its own to clean up


def main() -> None:
    """The process that forks workers, or with ANEW a single worker."""
    collector.relax()
    spared.spare()
    parent = os.getppid()
    die_with(parent)
    if sys.argv[1:] == [ANEW]:
        be_silent()
        work({}, parent)
    serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
