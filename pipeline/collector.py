"""Collector: how seldom Python looks for cycles of garbage in a process that is a command's own."""

from __future__ import annotations

import gc

# Containers made, less those freed, before the young ones are looked at. Imports and loaded kernels are 400,000, which live to
# the end and were walked over 600 times; after that a run of five million lines makes 70,000, however many lines it reads. Next
# to nothing of it is cycles: arrays, tables and what is remembered of lines go when the last reference to them goes.
YOUNG = 1_000_000
OLDER = 10  # times that happens before those that stayed are looked at again


def relax() -> None:
    """Look seldom. For the entry of a command: the collector of a process that merely imports us is not ours to set."""
    gc.set_threshold(YOUNG, OLDER, OLDER)


def leave_alone() -> None:
    """Never look again at what there is: forks share its memory until it is touched, and a process that ends needs no order."""
    gc.freeze()
