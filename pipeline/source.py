"""Find, Plan and Read: from what the operator names to line-aligned chunks of bytes."""

from __future__ import annotations

import glob
import hashlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.unpack import BLOCK, PACKED, unpack
from schemas.load import Format
from schemas.stages import Accounts, Chunk, Range
from schemas.trouble import Trouble
from transforms.parsers.blocks import end_of_lines
from transforms.parsers.families import next_header
from transforms.parsers.reader import LONGEST_LINE

CHUNK = 16 << 20
DIGESTED = 16 << 20  # bytes at once: a thread that works beside others waits for its turn after each
PADDING = 64
NEWLINE = 10
Buffer = NDArray[np.uint8]
PLAIN = (".log", ".txt", ".access", ".clf", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".w3c", ".ltsv", "")
_ROTATION = re.compile(r"(?:[-.][0-9]+)+\Z")  # logrotate: .1, and -20261120 of dateext
REMOTE = ("s3://", "gs://", "hdfs://", "http://", "https://")


@dataclass(frozen=True)
class Input:
    """One input file as it was when the run began: only its first `size` bytes are read."""

    path: str
    size: int
    packed: bool
    inode: int | None = None

    @property
    def place(self) -> str:
        """The path for workers, whose working folder may be another."""
        return self.path if self.path.startswith(REMOTE) else os.path.abspath(self.path)


# ---- Find -----------------------------------------------------------------------------------------------------------


def find(patterns: Sequence[str]) -> list[Input]:
    """Inputs for files, folders, globs and URLs, each once, sorted by path. Raises Trouble E301, E302."""
    paths = sorted({path for pattern in patterns for path in _expand(pattern)})
    return [_look_at(path) for path in paths]


def _expand(pattern: str) -> list[str]:
    if pattern == "-":
        raise Trouble("E201", "standard input has no end that a run can publish up to; give files")
    if pattern.startswith(REMOTE):
        found = _remote_paths(pattern)
    elif os.path.isdir(pattern):
        found = [
            str(file) for file in sorted(Path(pattern).iterdir()) if file.is_file() and not file.name.startswith(".")
        ]
    elif os.path.exists(pattern):
        if not os.path.isfile(pattern):  # it would be read twice, and is gone after the first time
            raise Trouble("E302", f"{pattern}: a pipe or device, expected a file; save it first")
        found = [pattern]
    else:
        found = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not found:
        raise Trouble("E301", f"nothing matches {pattern}")
    return found


def _remote_paths(pattern: str) -> list[str]:
    from apache_beam.io.filesystems import FileSystems

    try:
        return [found.path for match in FileSystems.match([pattern]) for found in match.metadata_list]
    except Exception as error:
        raise Trouble("E302", f"{pattern} cannot be listed ({type(error).__name__})") from None


def is_plain(path: str) -> bool:
    """Whether a name is that of a plain log: a known ending, or a rotation number or date behind one."""
    ending = os.path.splitext(_ROTATION.sub("", path.lower()))[1]
    return ending in PLAIN


def _look_at(path: str) -> Input:
    packed = path.lower().endswith(PACKED)
    if not packed and not is_plain(path):
        raise Trouble(
            "E302", f"{path}: unknown ending; known are {' '.join(filter(None, PLAIN + PACKED))} and rotation numbers"
        )
    with open_bytes(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if packed and size == 0:
            raise Trouble("E303", f"{path}: a compressed file of 0 bytes is truncated")
        file.read(1)
    return Input(path, size, packed, None if path.startswith(REMOTE) else os.stat(path).st_ino)


def open_bytes(path: str) -> BinaryIO:
    """The raw bytes of a file or URL. Raises Trouble E302."""
    try:
        if path.startswith(REMOTE):
            from apache_beam.io.filesystem import CompressionTypes
            from apache_beam.io.filesystems import FileSystems

            remote: BinaryIO = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
            return remote
        return open(path, "rb")
    except OSError as error:
        raise Trouble("E302", f"{path}: {error.strerror or type(error).__name__}") from None


def digest(source: Input, stopped: Callable[[], bool] = lambda: False) -> str:
    """sha256 of the bytes that will be read. Raises Trouble E303 when it is `stopped`, too."""
    state, left = hashlib.sha256(), source.size
    block = memoryview(bytearray(min(left, DIGESTED)))
    with open_bytes(source.path) as file:
        while left and not stopped() and (size := file.readinto(block[:left])):  # type: ignore[attr-defined]
            state.update(block[:size])
            left -= size
    if left:
        raise Trouble("E303", f"{source.path} became shorter while it was read")
    return state.hexdigest()


def head(source: Input, size: int = 96 << 10) -> list[bytes]:
    """The first whole lines of an input. Raises Trouble E303 when it cannot be unpacked that far."""
    with open_bytes(source.path) as raw:
        stream = Bounded(raw, Range(0, source.path, 0, source.size, ""))
        for buffer, length, overlong in cut(stream.lines(), size):
            if length:
                return buffer[:length].tobytes().split(b"\n")[:-1]
            if overlong:  # and nothing else: copytruncate leaves such a line in front of others, so this is the end
                raise Trouble("E304", f"{source.path} has no line of at most 64 KiB")
    return []


# ---- Plan -----------------------------------------------------------------------------------------------------------


def plan(
    inputs: Sequence[Input], formats: Sequence[str], target: int, known: Mapping[str, Format] | None = None
) -> list[Range]:
    """Ranges of about `target` bytes, largest first; `formats` are those of the inputs.

    A packed file is one Range. So is a file whose format (of `known`) has header lines: they may come anywhere, so that
    what a line in the middle says is known only after all lines before it were read.
    """
    ranges = []
    for number, (source, format_) in enumerate(zip(inputs, formats, strict=True)):
        whole = source.packed or has_header(format_, known or {})
        step = max(source.size, 1) if whole else target
        for start in range(0, source.size, step):
            ranges.append(Range(number, source.place, start, min(start + step, source.size), format_))
    return sorted(ranges, key=lambda r: (r.start - r.stop, r.file, r.start))


def has_header(format_: str, known: Mapping[str, Format]) -> bool:
    """Whether the columns of a file are in header lines of its own."""
    return format_ in known and bool(known[format_].header)


# ---- Read -----------------------------------------------------------------------------------------------------------


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
            with open_bytes(range_.path) as raw:
                stream = Bounded(raw, range_, min(BLOCK, self.chunk_bytes))
                format_, header = self.headed.get(range_.format), b""
                for buffer, size, overlong in cut(stream.lines(), self.chunk_bytes, self._buffers):
                    accounts = Accounts(lines=overlong)
                    if overlong:
                        accounts.rejected["too_long"] = overlong
                    yield Chunk(range_.file, range_.format, buffer, size, accounts, header)
                    if format_ is not None:
                        header = next_header(format_, header, buffer[:size].tobytes())
                    if self.progress:
                        self.progress(stream.done(), int(np.count_nonzero(buffer[:size] == 10)))


class Bounded:
    """The bytes of one Range, decompressed, from its first line to the end of its last."""

    def __init__(self, raw: BinaryIO, range_: Range, block: int = BLOCK) -> None:
        self.raw, self.range, self.block = raw, range_, block
        self.packed = range_.path.lower().endswith(PACKED)
        self._reported = range_.start

    def done(self) -> int:
        """Bytes of the input that were consumed since the last call."""
        # Arrow closes what it has read to the end
        at = self.range.stop if self.raw.closed else min(self.raw.tell(), self.range.stop)
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
                while block := stream.read(self.block):
                    yield block
        except Exception as error:  # each library has errors of its own, some of no common class
            raise Trouble("E303", f"{self.range.path} is truncated or corrupt ({type(error).__name__})") from None


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


def padded(lines: bytes | memoryview) -> tuple[Buffer, int]:
    """Lines as uint8 with the padding that kernels need."""
    return np.concatenate([np.frombuffer(lines, np.uint8), np.zeros(PADDING, np.uint8)]), len(lines)
