"""A live pipe: lines are written as soon as the input pauses, a day's key is gone when the day is, and every end is in order."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from pipeline.cut import Buffer
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.kernels.block import PADDING
from transforms.parsers.blocks import LONGEST_LIST
from transforms.parsers.directive import DirectiveError
from transforms.parsers.reader import LONGEST_LINE
from transforms.shape import shape
from transforms.treatments import when

CHUNK = 8 << 20  # bytes after which lines are written though more are waiting
READ = 1 << 20
HOLD = 0.5  # seconds that a whole line waits at most while the input does not pause
TICK = 60.0  # seconds after which the clock is looked at though nothing comes

Batch = tuple[Buffer, int]
"""buffer and size of a Chunk."""


class Rewrites(Protocol):
    """What a live pipe needs of a scrubber."""

    policy: Policy

    def format_of(self, lines: list[bytes]) -> str: ...
    def rewrite(self, chunk: Chunk) -> Iterator[memoryview]: ...
    def forget(self) -> None: ...


class Writes(Protocol):
    def write(self, content: memoryview) -> None: ...


class Feed:
    """Whole lines of a file descriptor, in batches; SIGTERM and SIGINT end it when what has arrived is read."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = bytearray(LONGEST_LINE + CHUNK + READ + 1 + PADDING)
        self._memory, self._lines = memoryview(self._buffer), np.frombuffer(self._buffer, np.uint8)
        self._rest = slice(0, 0)  # where a line is that has not ended yet
        self._skipping = self._ended = False
        self.overlong = 0
        self._bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the bell is enough

    def batches(self) -> Iterator[Batch]:
        """Lines, each with its newline, as soon as no more are waiting; nothing at every tick without any.

        They are in memory that the next ones use again: to read into fresh memory, and to copy, cost as much as a column.
        """
        stopping = False
        while not self._ended:
            at = start = self._to_the_front()
            since = None
            while at - start < CHUNK and (since is None or time.monotonic() - since < HOLD):
                wait = 0.0 if stopping or at > start else TICK
                ready = select.select([self._handle] if stopping else [self._handle, self._bell], [], [], wait)[0]
                if self._bell in ready:
                    stopping = True
                elif self._handle not in ready:
                    self._ended = stopping
                    break
                elif more := self._read(at):
                    since = time.monotonic() if since is None else since
                    at += more
                else:
                    self._ended = True
                    break
            lines = self._whole_lines(at)
            yield self._lines[lines.start :], lines.stop - lines.start

    def _to_the_front(self) -> int:
        """Move what has not ended to the front of the buffer; returns how much it is."""
        rest = self._memory[self._rest]
        self._memory[: len(rest)] = rest
        return len(rest)

    def _read(self, at: int) -> int:
        try:
            return os.readv(self._handle, [self._memory[at : at + READ]])
        except OSError as error:
            raise Trouble("E302", f"standard input cannot be read: {error.strerror}") from None

    def _whole_lines(self, stop: int) -> slice:
        """The whole lines so far; a line that grows past the longest is let go of, and the rest of it skipped."""
        start = 0
        if self._skipping:
            newline = self._buffer.find(b"\n", 0, stop)
            self._skipping, start = newline < 0, stop if newline < 0 else newline + 1
        cut = max(start, self._buffer.rfind(b"\n", start, stop) + 1)
        if self._ended and cut < stop:
            self._buffer[stop] = ord("\n")
            cut = stop = stop + 1
        elif stop - cut > LONGEST_LINE:
            stop, self._skipping = cut, True
            self.overlong += 1
        self._rest = slice(cut, stop)
        return slice(start, cut)


class Live:
    """Reads a feed and writes what becomes of it."""

    def __init__(self, feed: Feed, out: Writes, by: Rewrites, clock: Callable[[], float] = time.time) -> None:
        self._feed, self._out, self._by, self._clock = feed, out, by, clock
        self._when = when.Treatment()
        self._format: str | None = None
        self._total = Accounts()

    def run(self) -> Accounts:
        """Until the input ends, or the process is told to."""
        today = self._day()
        for lines, size in self._feed.batches():
            if (day := self._day()) != today:
                today = day
                self._by.forget()
            self._count_overlong()
            if size:
                self._write(lines, size)
        self._count_overlong()
        return self._total

    def _day(self) -> int:
        days, _ = self._when.treat(np.array([int(self._clock())], np.int64), self._by.policy.timezone)
        return int(days[0])

    def _write(self, lines: Buffer, size: int) -> None:
        if self._format is None:
            self._format = self._recognised(lines[:size].tobytes())
            if self._format is None:
                return
        chunk = Chunk(0, self._format, lines, size, Accounts())
        for content in self._by.rewrite(chunk):
            self._out.write(content)
        adding.add(self._total, chunk.accounts)

    def _recognised(self, lines: bytes) -> str | None:
        """The format of the first lines; where none reads them they are dropped, and the next ones are tried."""
        found = lines.split(b"\n")[:-1]
        try:
            return self._by.format_of(found)
        except DirectiveError:
            self._total.lines += len(found)
            for line in found:
                if not line.strip():
                    self._total.skipped["blank"] += 1
                    continue
                self._total.rejected["no_format"] += 1
                if self._total.shapes.total() < LONGEST_LIST:
                    self._total.shapes["no_format", shape(line)] += 1
            return None

    def _count_overlong(self) -> None:
        count, self._feed.overlong = self._feed.overlong, 0
        if count:
            self._total.lines += count
            self._total.rejected["too_long"] += count
