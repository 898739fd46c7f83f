"""Memory that was freed, given back: the C library keeps it, and the stages of a run need it one after the other."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return freed memory to the system (glibc's malloc_trim(3)); nothing happens with other C libraries."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
