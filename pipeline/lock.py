"""The lock that keeps a second run out of an output folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.durable import PRIVATE_FILE, PRIVATE_FOLDER, make_folder
from schemas.trouble import Trouble


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Hold DIR/internal/lock while the block runs. Raises Trouble E401 when another run has it.

    It is an flock(2): the kernel drops it with the process, so that a killed run never leaves a folder locked, and the
    file stays, for one that is removed could be locked twice.
    """
    internal = make_folder(root, "internal", mode=PRIVATE_FOLDER)
    handle = os.open(internal / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble("E401", f"another run holds {root}: wait for its end, then start again") from None
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing alone would leave it to a process forked meanwhile
    finally:
        os.close(handle)
