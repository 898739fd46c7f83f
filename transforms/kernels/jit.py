"""How kernels are compiled: bounds checks stay on, and the cache is a folder that only its owner can write."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder() -> Path | None:
    """The folder of compiled kernels: $NUMBA_CACHE_DIR, else crowdlog/numba in the user's cache; None if not safe.

    Cached code is run when it is loaded, so a folder that others could write to is refused (then nothing is cached).
    """
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        folder = Path(named)
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = Path(base) / "crowdlog" / "numba"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError:
        return None
    private = about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if private and os.access(folder, os.W_OK) else None


_FOLDER = cache_folder()
_njit: Any = numba.njit
_config: Any = config
# _nrt: no counting of references, which took two thirds of the time of a scan. Kernels therefore make no arrays: those that
# they are given are held by the caller.
_OPTIONS = {"nogil": True, "boundscheck": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile a kernel that Python calls, on its first call, and keep the result."""
    if _FOLDER is None:
        return cast(Function, _njit(**_OPTIONS)(function))
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_FOLDER)  # numba reads it when a function is decorated
    try:
        return cast(Function, _njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # numba found no place that it can write to
        return cast(Function, _njit(**_OPTIONS)(function))
    finally:
        _config.CACHE_DIR = before


def part(function: Function) -> Function:
    """A function that only kernels call: compiled into them, not cached by itself."""
    return cast(Function, _njit(**_OPTIONS)(function))
