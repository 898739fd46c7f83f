"""A worker process of `--workers N`: Beam's own, but silent, for what engines print may hold values."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """A worker whose run was killed must not commit when the next run holds the folder. Linux only."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run Beam's worker; CROWDLOG_DEBUG=1 lets it speak."""
    die_with_parent()
    if os.environ.get("CROWDLOG_DEBUG") != "1":
        logging.disable(logging.CRITICAL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
