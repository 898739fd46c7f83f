"""Compiled loops over bytes, and their plain twins; reached only through their wrappers, which own the arrays and their sizes."""

from __future__ import annotations

import os
import secrets
import sys
from functools import cache


@cache
def compiled() -> bool:
    """Whether the kernels run compiled: numba is installed, and CROWDLOG_KERNEL is not "regex".

    Results are the same either way. Words are read as little-endian, so that a big-endian machine takes the plain way.
    """
    wanted = os.environ.get("CROWDLOG_KERNEL", "")
    if wanted not in ("", "numba", "regex"):
        raise ValueError(f"CROWDLOG_KERNEL is {wanted!r}, expected 'numba' or 'regex'")
    if wanted == "regex" or sys.byteorder != "little":
        return False
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def seed() -> int:
    """Secret 64-bit seed of this process's hash tables: it decides where values lie in them, never a result."""
    return secrets.randbits(64)
