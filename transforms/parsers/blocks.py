"""Lines of a chunk in blocks that stay in the cache, the lines that another format is to try, and those that are rejected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.stages import Accounts, Chunk
from transforms.kernels.block import SIZE, Block, Rows
from transforms.parsers.reader import LONGEST_LINE
from transforms.shape import shape

LONGEST_LIST = 20  # shapes of rejected lines that a chunk keeps


def runs(block: Block, rows: Rows, left: NDArray[np.bool_]) -> list[bytes]:
    """The lines of rows, those that stand together in one piece."""
    edges = np.flatnonzero(np.diff(left, prepend=False, append=False))
    ends = rows.line_starts[edges].reshape(-1, 2).tolist()
    return [block.text[start:stop].tobytes() for start, stop in ends]


def blocks(chunk: Chunk, accounts: Accounts) -> Iterator[NDArray[np.uint8]]:
    """The chunk's lines in blocks of at most SIZE bytes; a line that is longer than that is counted and left out."""
    lines = chunk.buffer[: chunk.size]
    if lines.size and lines[-1] != 10:
        lines = np.append(lines, np.uint8(10))
    start = 0
    while start < lines.size:
        stop = start + end_of_lines(lines[start : start + SIZE])
        if stop == start:
            stop = start + SIZE
            while not (found := np.flatnonzero(lines[stop : stop + SIZE] == 10)[:1]).size:
                stop += SIZE
            stop += int(found[0]) + 1
            accounts.lines += 1
            reject(lines[start : start + LONGEST_LINE].tobytes(), "too_long", accounts)
        else:
            yield lines[start:stop]
        start = stop


def end_of_lines(text: NDArray[np.uint8]) -> int:
    """How many bytes of `text` are whole lines."""
    for step in (LONGEST_LINE, text.size):  # mostly the last line is short
        found = np.flatnonzero(text[-step:] == 10)
        if found.size:
            return max(text.size - step, 0) + int(found[-1]) + 1
    return 0


def reject(line: bytes, reason: str, accounts: Accounts) -> None:
    accounts.rejected[reason] += 1
    if accounts.shapes.total() < LONGEST_LIST:
        accounts.shapes[reason, shape(line)] += 1
