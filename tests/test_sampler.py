"""Sampler: a bundle that took long ends when its work does, not up to a fifth of a second later."""

from __future__ import annotations

import time

from apache_beam.runners.worker.statesampler import DEFAULT_SAMPLING_PERIOD_MS, StateSampler
from apache_beam.utils.counters import CounterFactory

from pipeline.sampler import PERIOD, awake

APART = 0.04  # seconds between two of five, so that of those that sleep 0.2 s each wakes as long after the one before


def stopping() -> float:
    """Seconds that five samplers of a second's age need to stop, one after the other."""
    samplers = [StateSampler(f"step{number}", CounterFactory()) for number in range(5)]
    for sampler in samplers:
        sampler.start()
        time.sleep(APART)
    time.sleep(1.5)
    began = time.monotonic()
    for sampler in samplers:
        sampler.stop()
    return time.monotonic() - began


def test_samplers_stop_at_once() -> None:
    """Those of before and after are Beam's own, which do not."""
    with awake():
        assert StateSampler("step", CounterFactory()).sampling_period_ms == PERIOD
        assert stopping() < 3 * APART
    assert StateSampler("step", CounterFactory()).sampling_period_ms == DEFAULT_SAMPLING_PERIOD_MS
    assert stopping() > 3 * APART
