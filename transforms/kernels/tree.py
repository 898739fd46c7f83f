"""The kernel that walks the search tree of a MaxMind DB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.modes import DEPTH
from transforms.kernels.words import Text, signed


@part
def record(tree: Text, node: int, bits: int, right: int) -> int:
    """One of the two records of a node (MaxMind DB format 2.0, "Node Layout")."""
    if bits == 24:
        at = node * 6 + right * 3
        return signed(tree[at]) << 16 | signed(tree[at + 1]) << 8 | signed(tree[at + 2])
    if bits == 28:  # the byte in the middle has the highest four bits of both
        at = node * 7 + right * 4
        middle = signed(tree[node * 7 + 3])
        high = middle & 15 if right else middle >> 4
        return high << 24 | signed(tree[at]) << 16 | signed(tree[at + 1]) << 8 | signed(tree[at + 2])
    at = node * 8 + right * 4
    first = signed(tree[at]) << 24 | signed(tree[at + 1]) << 16
    return first | signed(tree[at + 2]) << 8 | signed(tree[at + 3])


@kernel
def walk(tree: Text, nodes: int, bits: int, start: int, quads: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
    """What each IPv4 address leads to from the node `start`: a place in the data (above `nodes`), nothing (`nodes`), or a node
    (below), which is an error of the tree. `bits` is the size of a record, and the tree has `nodes` nodes.
    """
    for i in range(quads.size):
        node = signed(start)
        left = DEPTH
        while left > 0 and node < nodes:
            left -= 1
            node = signed(record(tree, node, bits, (quads[i] >> left) & 1))
        ends[i] = node
