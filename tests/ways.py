"""Both ways of the kernels: compiled, and in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from transforms.kernels import compiled


@contextmanager
def plain_way() -> Iterator[None]:
    """Inside, all kernels go the plain way, as where numba is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROWDLOG_KERNEL", "regex")
        compiled.cache_clear()
        yield
    compiled.cache_clear()
