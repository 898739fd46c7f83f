"""Apart: how a module of ours is started as a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def command(module: str, *arguments: str) -> list[str]:
    """Its command line. -P: a folder of that name where the operator happens to stand is not ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Its environment, in which modules are those of this very checkout."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **(more or {}), "PYTHONPATH": path}
