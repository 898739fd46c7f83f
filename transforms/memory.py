"""Memory that was freed, given back: the C library keeps it, and the stages of a run need it one after the other."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Return freed memory to the system: that of Arrow's pool, and with glibc that of the process (malloc_trim(3))."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
