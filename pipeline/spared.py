"""Spared: packages that our libraries look for and no command uses, which are not found, and threads that nobody needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType

# By package, in whose imports it is spared: pandas for types of data frames (pyarrow, which is no Python, asks in the name of its
# caller), sources of MongoDB and BigQuery, linear algebra and C declarations in kernels. Together a fifth of a start.
OURS = ("schemas", "transforms", "pipeline")
SPARED: Mapping[str, tuple[str, ...]] = {
    "pandas": ("pyarrow", "apache_beam", *OURS),
    "bson": ("apache_beam.io.mongodbio",),
    "apache_beam.io.gcp.bigquery": ("apache_beam.io",),
    "scipy.linalg": ("numba",),
    "cffi": ("numba",),
}


class Finder:
    """An entry of sys.meta_path, before all others. Raises ModuleNotFoundError, as if a package were not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Nothing, so that the next one is asked."""
        if name in SPARED and _importer(sys._getframe(1)).startswith(tuple(f"{one}." for one in SPARED[name])):
            raise ModuleNotFoundError(f"{name} is spared (pipeline/spared.py)", name=name)
        return None


def _importer(frame: FrameType | None) -> str:
    """The name of the module that imports, with a dot behind it: of Python's own machinery it is the one in front."""
    while frame is not None and _name(frame).startswith("importlib."):
        frame = frame.f_back
    return f"{_name(frame)}." if frame is not None else ""


def _name(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def spare() -> None:
    """From here on. For the entry of a command: what a process that merely imports us has is not ours to say.

    Nor does a command need threads for linear algebra: numpy starts one a core, which spin for a while. Whoever set their
    number has his reasons.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, Finder())
