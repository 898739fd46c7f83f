"""Read: Range → line-aligned chunks of bytes, unpacked and cut ahead of who parses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import BinaryIO

from pipeline.ahead import ahead
from pipeline.cut import Buffer, count_lines, cut
from pipeline.find import Input, open_bytes
from pipeline.stream import Stream
from pipeline.unpack import BLOCK
from schemas.load import Format
from schemas.stages import Accounts, Chunk, Range
from schemas.trouble import Trouble
from transforms.parsers.families import next_header

CHUNK = 16 << 20


class Read:
    """A step of the fused stage: Range → chunks of whole lines."""

    def __init__(
        self,
        chunk_bytes: int = CHUNK,
        progress: Callable[[int, int], None] | None = None,
        formats: Mapping[str, Format] | None = None,
    ) -> None:
        self.chunk_bytes, self.progress = chunk_bytes, progress
        self.headed = {name: one for name, one in (formats or {}).items() if one.header}
        self._buffers: list[Buffer] = []

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_buffers": []}

    def release(self) -> None:
        """Drop the buffers: the bundle is over."""
        self._buffers = []

    def __call__(self, ranges: Iterator[Range]) -> Iterator[Chunk]:
        for range_ in ranges:
            format_, header = self.headed.get(range_.format), b""
            with open_bytes(range_.path) as raw, closing(ahead(self._chunks(raw, range_))) as chunks:
                for buffer, size, overlong, done in chunks:
                    accounts = Accounts(lines=overlong)
                    if overlong:
                        accounts.rejected["too_long"] = overlong
                    yield Chunk(range_.file, range_.format, buffer, size, accounts, header)
                    if format_ is not None:
                        header = next_header(format_, header, buffer[:size].tobytes())
                    if self.progress:
                        self.progress(done, count_lines(buffer[:size]))

    def _chunks(self, raw: BinaryIO, range_: Range) -> Iterator[tuple[Buffer, int, int, int]]:
        """(padded buffer, size, lines that were too long, bytes of the input since the one before)."""
        stream = Stream(raw, range_, min(BLOCK, self.chunk_bytes))
        for chunk in cut(stream.lines(), self.chunk_bytes, self._buffers):
            yield *chunk, stream.done()


def head(source: Input, size: int = 96 << 10) -> list[bytes]:
    """The first whole lines of an input. Raises Trouble E303 when it cannot be unpacked that far."""
    with open_bytes(source.path) as raw:
        stream = Stream(raw, Range(0, source.path, 0, source.size, ""))
        for buffer, length, overlong in cut(stream.lines(), size):
            if length:
                return buffer[:length].tobytes().split(b"\n")[:-1]
            if overlong:  # and nothing else: copytruncate leaves such a line in front of others, so this is the end
                raise Trouble("E304", f"{source.path} has no line of at most 64 KiB")
    return []
