"""Stream: the bytes of one Range, unpacked, in blocks that are whole lines together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.find import PACKED
from pipeline.unpack import BLOCK, unpack
from schemas.stages import Range
from schemas.trouble import Trouble

STRIPE = 16 << 20  # unpacked bytes that one of several parts takes before it is the turn of the next


class Stream:
    """The bytes of one Range, decompressed, from its first line to the end of its last."""

    def __init__(self, raw: BinaryIO, range_: Range, block: int = BLOCK) -> None:
        self.raw, self.range, self.block = raw, range_, block
        self.packed = range_.path.lower().endswith(PACKED)
        self._reported = range_.start

    def done(self) -> int:
        """Bytes of the input that were consumed since the last call."""
        part, parts = self.range.part, self.range.parts
        # Arrow closes what it has read to the end
        at = self.range.stop if self.raw.closed else min(self.raw.tell(), self.range.stop)
        at = at * (part + 1) // parts - at * part // parts  # of a file in parts each counts for its share
        fresh, self._reported = at - self._reported, max(at, self._reported)
        return max(fresh, 0)

    def lines(self) -> Iterator[bytes]:
        """Blocks of bytes, together whole lines."""
        return self._unpacked() if self.packed else self._plain()

    def _plain(self) -> Iterator[bytes]:
        start, stop = self.range.start, self.range.stop
        self.raw.seek(max(start - 1, 0))
        at = max(start - 1, 0)
        skipping = start > 0  # the line that holds the byte before belongs to the Range before
        while True:
            block = self.raw.read(self.block)
            if not block:
                if at < stop:
                    raise Trouble("E303", f"{self.range.path} became shorter while it was read")
                return
            begin, at = at, at + len(block)
            if skipping:
                newline = block.find(b"\n")
                if newline < 0 and at < stop:
                    continue
                if newline < 0 or begin + newline + 1 >= stop:
                    return
                block, begin, skipping = block[newline + 1 :], begin + newline + 1, False
            if at >= stop:
                newline = block.find(b"\n", max(stop - 1 - begin, 0))
                if newline >= 0:
                    yield block[: newline + 1]
                    return
            yield block

    def _unpacked(self) -> Iterator[bytes]:
        try:
            with unpack(self.raw, self.range.path) as stream:
                blocks = iter(lambda: stream.read(self.block), b"")
                yield from dealt(blocks, self.range.part, self.range.parts, STRIPE)
        except Exception as error:  # each library has errors of its own, some of no common class
            raise Trouble("E303", f"{self.range.path} is truncated or corrupt ({type(error).__name__})") from None


def dealt(blocks: Iterator[bytes], part: int, parts: int, stripe: int) -> Iterator[bytes]:
    """Of blocks of bytes the lines whose first byte is in a stripe of a part: the stripes go round among `parts`.

    The same lines whatever the blocks are: other parts are dealt the rest by other processes, which may read other blocks.
    """
    start, mine, border = 0, part == 0, stripe  # of the block, the line under way, and the stripe in which it began
    for block in blocks:
        at = 0
        while newline := block.find(b"\n", max(border - 1 - start, at)) + 1:
            if mine:
                yield block[at:newline]
            number = (start + newline) // stripe
            at, mine, border = newline, number % parts == part, (number + 1) * stripe
        if mine and at < len(block):
            yield block[at:]
        start += len(block)
