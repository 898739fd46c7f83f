"""The lock: one run a folder, whatever becomes of the process that held it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.lock import hold
from schemas.trouble import Trouble

ROOT = Path(__file__).resolve().parents[1]
HOLDER = """
import sys, pathlib
from pipeline.lock import hold
with hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_holder_is_refused(tmp_path: Path) -> None:
    """While another process holds the folder, a run is refused with exit 4."""
    with holder(tmp_path), pytest.raises(Trouble) as refused, hold(tmp_path):
        pass
    assert (refused.value.code, refused.value.exit) == ("E401", 4)


def test_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """After SIGKILL of the holder the next run gets the lock."""
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        with hold(tmp_path):
            assert (tmp_path / "internal" / "lock").exists()


def test_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    """A run that fails inside the block frees the folder."""
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    with hold(tmp_path), pytest.raises(Trouble), hold(tmp_path):
        pass


def test_modes_are_private(tmp_path: Path) -> None:
    """internal/ is 0700 and the lock 0600, also when the folder stood open before."""
    (tmp_path / "internal").mkdir(mode=0o755)
    with hold(tmp_path):
        assert (tmp_path / "internal").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "internal" / "lock").stat().st_mode & 0o777 == 0o600
