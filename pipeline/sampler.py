"""Sampler: Beam ends a bundle when the thread wakes that samples where its time goes, which may be a fifth of a second later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

PERIOD = 10  # milliseconds; Beam's own is 200, and nobody asks for its samples


@contextmanager
def awake() -> Iterator[None]:
    """Samplers that this process makes while the block runs wake every PERIOD."""
    from apache_beam.runners.worker.statesampler import StateSampler

    with patch.object(StateSampler.__init__, "__defaults__", (PERIOD,)):
        yield
