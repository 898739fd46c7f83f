"""Inside of the attacked program: notes where it reads its log and changes files, and ends or fails it at one of these places.

The interpreter loads this at its start, from PYTHONPATH; its own audit hook (PEP 578) tells of every file that is opened for
writing, moved or removed. AUDIT_FOLDER: what lies elsewhere is not counted; AUDIT_LOG: the log; AUDIT_PLACES: a file that
gets a line for each place, `read` or `write` with the time; AUDIT_CRASH: `kill N` or `fail N` at place N, or `kill N S`, S
seconds behind it.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from typing import Any

CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Watch:
    """The hook: counts places, and does what is to be done at one of them."""

    def __init__(self, folder: str, log: str, places: str, crash: str) -> None:
        self.folder, self.log, self.passed = folder, log, 0
        self.notes = os.open(places, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        how, at, behind = (*crash.split(), "", "", "")[:3]
        self.how, self.at, self.behind = how, int(at or 0), float(behind or 0)

    def __call__(self, event: str, told: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = told
            if not isinstance(path, str | bytes | os.PathLike):
                return
            kind = "write" if flags & WRITING else "read"
        elif event in CHANGES:
            path, kind = told[0], "write"
        else:
            return
        name = os.path.abspath(os.fsdecode(path)) if not isinstance(path, int) else ""
        if name.startswith(self.folder) if kind == "write" else name == self.log:
            self.passes(kind)

    def passes(self, kind: str) -> None:
        """A place: note it, and crash here if it is the one."""
        self.passed += 1
        os.write(self.notes, f"{kind} {time.monotonic()}\n".encode())
        if self.passed != self.at:
            return
        if self.how == "fail":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.behind:
            timer = threading.Timer(self.behind, _end)
            timer.daemon = True
            timer.start()
        else:
            _end()


if "AUDIT_FOLDER" in os.environ:
    sys.addaudithook(Watch(*(os.environ.get(f"AUDIT_{name}", "") for name in ("FOLDER", "LOG", "PLACES", "CRASH"))))
