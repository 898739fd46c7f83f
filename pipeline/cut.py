"""Cut: blocks of bytes into chunks of whole lines, in buffers that are used again."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.unpack import BLOCK
from transforms.kernels.block import PADDING
from transforms.parsers.blocks import end_of_lines
from transforms.parsers.reader import LONGEST_LINE

NEWLINE = 10
Buffer = NDArray[np.uint8]


def cut(
    blocks: Iterator[bytes], chunk_bytes: int, made: list[Buffer] | None = None
) -> Iterator[tuple[Buffer, int, int]]:
    """(padded buffer, size, lines that were too long) from blocks of bytes.

    A chunk ends with a newline, also where the file does not. A line of more than 64 KiB is left out and counted, so
    that memory is bounded whatever a log holds. Buffers that were made are used again.
    """
    made = [] if made is None else made
    buffer, size, overlong, skipping = room_for(chunk_bytes, made), 0, 0, False
    for block in blocks:
        if skipping:
            newline = block.find(b"\n")
            if newline < 0:
                continue
            block, skipping = block[newline + 1 :], False
        if size + len(block) > len(buffer) - PADDING:
            buffer = np.concatenate([buffer[:size], room_for(len(block), [])])
        buffer[size : size + len(block)] = np.frombuffer(block, np.uint8)
        size += len(block)
        if size < chunk_bytes:
            continue
        whole = end_of_lines(buffer[:size])
        rest = buffer[whole:size].copy()
        if whole:
            buffer[whole : whole + PADDING] = 0
            yield buffer, whole, overlong
            buffer, size, overlong = room_for(chunk_bytes, made), 0, 0
        if len(rest) > LONGEST_LINE:
            overlong, skipping, rest = overlong + 1, True, rest[:0]
        buffer[: len(rest)] = rest
        size = len(rest)
    if size and buffer[size - 1] != NEWLINE:
        buffer[size], size = NEWLINE, size + 1
    if size or overlong:
        buffer[size : size + PADDING] = 0
        yield buffer, size, overlong


def room_for(size: int, made: list[Buffer]) -> Buffer:
    """A buffer for so many bytes and a block more: one of those that were made and are held by nobody any more, or a new one.

    The pages of a new one cost more than filling it. Mostly there are two: a chunk is held until the next one is there.
    """
    for place in range(len(made)):
        if sys.getrefcount(made[place]) == 2:  # that of the list, and that of the question
            return made[place]
    made.append(np.empty(size + BLOCK + LONGEST_LINE + 2 * PADDING, np.uint8))
    return made[-1]


def count_lines(text: Buffer) -> int:
    """How many newlines there are; in pieces, for numpy makes an array as large as what it compares."""
    return sum(int(np.count_nonzero(text[at : at + BLOCK] == NEWLINE)) for at in range(0, len(text), BLOCK))


def padded(lines: bytes | memoryview) -> tuple[Buffer, int]:
    """Lines as uint8 with the padding that kernels need."""
    return np.concatenate([np.frombuffer(lines, np.uint8), np.zeros(PADDING, np.uint8)]), len(lines)
