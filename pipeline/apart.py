"""Apart: how what we do is done in a process of its own: a module of ours, or a fork of this process."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
PR_SET_PDEATHSIG = 1  # prctl(2)
# for libraries that would start threads when they are imported: a process with several of them is not forked
ALONE = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def command(module: str, *arguments: str) -> list[str]:
    """The command line of a module. -P: a folder of that name where the operator happens to stand is not ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Its environment, in which modules are those of this very checkout."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **(more or {}), "PYTHONPATH": path}


def can_fork() -> bool:
    """Whether this process has one thread: others would not survive a fork, nor would the locks that they hold be opened."""
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


def begin(method: str, work: Callable[..., None], *given: Any) -> tuple[BaseProcess, Connection]:
    """A process that does `work(line, *given)`, silent, and our end of its line; it ends with this one.

    `method` of multiprocessing: "fork", where `can_fork` allows it, or "spawn".
    """
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process: BaseProcess = context.Process(target=_do, args=(work, os.getpid(), ours, theirs, *given), daemon=True)
    process.start()
    theirs.close()  # so that the end of the one process is the end of the line for the other
    return process, ours


def _do(work: Callable[..., None], parent: int, theirs: Connection, ours: Connection, *given: Any) -> None:
    theirs.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent)
    be_silent()
    work(ours, *given)


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
