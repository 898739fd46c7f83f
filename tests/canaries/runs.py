"""Runs over the planted logs, in a process of their own or in this one, and all that they have written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from canaries.hooks import WHEN
from canaries.hunt import files_below
from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys\nfrom pipeline.cli import main\nsys.exit(main(sys.argv[1:]))"
DEADLINE = 180


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its status and all that it has written; `kept` is what it has deleted, its graph and metrics."""

    status: int
    out: bytes
    err: bytes
    output: Path
    temporary: Path
    kept: Path | None = None

    @property
    def written(self) -> bytes:
        """All bytes, as they are."""
        folders = [folder for folder in (self.output, self.temporary, self.kept) if folder]
        return b"\0".join([*files_below(*folders), self.out, self.err])


def run_apart(folder: Path, command: list[str], *hooks: str, **environment: str) -> Ran:
    """A run in a process of its own, with a temporary folder of its own, and with hooks in it and in its workers."""
    output, temporary, kept = Path(command[command.index("--output") + 1]), folder / "t", folder / "kept"
    for made in (temporary, kept, folder / "hooks"):
        made.mkdir(parents=True)
    (folder / "hooks" / "sitecustomize.py").write_text("".join([WHEN, *hooks]), encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if key not in ("CROWDLOG_DEBUG", "XDG_RUNTIME_DIR")}
    paths = os.pathsep.join([str(folder / "hooks"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command], cwd=ROOT, capture_output=True, timeout=DEADLINE,
        env={**inherited, "PYTHONPATH": paths, "TMPDIR": str(temporary), "KEPT": str(kept), **environment},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, output, temporary, kept)


def run_here(folder: Path, command: list[str], capfd: pytest.CaptureFixture[str]) -> Ran:
    """A run in this process, where defences can be taken off."""
    folder.joinpath("t").mkdir(exist_ok=True)
    status = main(command)
    out, err = capfd.readouterr()
    return Ran(status, out.encode(), err.encode(), Path(command[command.index("--output") + 1]), folder / "t")
