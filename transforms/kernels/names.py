"""Names in a list: which of them stands at a place of a text."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from transforms.kernels.jit import part
from transforms.kernels.words import Text, signed


@part
def number_of(text: Text, i: int, n: int, names: Text, offsets: NDArray[Any]) -> int:
    """Number of the name of `n` bytes at `i`, -1 for one that is not in the list (names, offsets: Arrow's layout)."""
    for k in range(offsets.size - 1):
        begin = signed(offsets[k])
        if offsets[k + 1] - begin != n:
            continue
        same = 0
        while same < n and names[begin + same] == text[i + same]:
            same += 1
        if same == n:
            return k
    return -1
