"""From which of its fields a line has path and query, and where in them these stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.block import Block
from transforms.kernels.calls import split_requests

WHOLES = ("request", "target", "url", "location", "path")  # what a path may be part of, the first goes before
_DASH = 45
Int32 = NDArray[np.int32]


def absent(block: Block, starts: Int32, lens: Int32) -> NDArray[np.bool_]:
    """Rows in which a field says nothing: it is not there, empty, or a dash."""
    gone: NDArray[np.bool_] = (lens == 0) | ((lens == 1) & (block.text[starts] == _DASH))
    return gone


def first_given(block: Block, starts: Int32, lens: Int32, fields: Sequence[int]) -> tuple[Int32, Int32, Int32]:
    """By row: begins and sizes of the first of the fields that says something, and its number among them."""
    begins, sizes, number = starts[fields[0]], lens[fields[0]], np.zeros(starts.shape[1], np.int32)
    for at, field in enumerate(fields[1:], 1):
        gone = absent(block, begins, sizes) & ~absent(block, starts[field], lens[field])
        begins, sizes = np.where(gone, starts[field], begins), np.where(gone, lens[field], sizes)
        number[gone] = at
    return begins, sizes, number


def split(text: Block, begins: Int32, sizes: Int32, number: Int32, names: Sequence[str]) -> Int32:
    """int32[4, rows]: start and length of the path, then of the query, of texts that are by number a request, a target, …"""
    found = np.zeros((4, begins.size), np.int32)
    for at, name in enumerate(names):
        here: slice | NDArray[np.bool_] = number == at if len(names) > 1 else slice(None)
        found[:, here] = split_requests(text, begins[here], sizes[here], name == "request", name == "location")
    return found
