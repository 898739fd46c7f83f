"""A live pipe: lines are written as soon as the input pauses, a day's key is gone when the day is, and every end is in order."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from pipeline.cut import padded
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.parsers.blocks import LONGEST_LIST
from transforms.parsers.directive import DirectiveError
from transforms.parsers.reader import LONGEST_LINE
from transforms.shape import shape
from transforms.treatments import when

CHUNK = 8 << 20  # bytes after which lines are written though more are waiting
READ = 1 << 20
HOLD = 0.5  # seconds that a whole line waits at most while the input does not pause
TICK = 60.0  # seconds after which the clock is looked at though nothing comes


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
        self._handle, self._rest = handle, b""
        self._skipping = self._ended = False
        self.overlong = 0
        self._bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the bell is enough

    def batches(self) -> Iterator[memoryview]:
        """Lines, each with its newline, as soon as no more are waiting; nothing at every tick without any."""
        stopping = False
        while not self._ended:
            parts, size, since = [], 0, None
            while size < CHUNK and (since is None or time.monotonic() - since < HOLD):
                wait = 0.0 if stopping or size else TICK
                ready = select.select([self._handle] if stopping else [self._handle, self._bell], [], [], wait)[0]
                if self._bell in ready:
                    stopping = True
                elif self._handle not in ready:
                    self._ended = stopping
                    break
                elif block := self._read():
                    since = time.monotonic() if since is None else since
                    parts.append(block)
                    size += len(block)
                else:
                    self._ended = True
                    break
            yield self._whole_lines(parts)

    def _read(self) -> bytes:
        try:
            return os.read(self._handle, READ)
        except OSError as error:
            raise Trouble("E302", f"standard input cannot be read: {error.strerror}") from None

    def _whole_lines(self, parts: Sequence[bytes]) -> memoryview:
        """The whole lines so far; a line that grows past the longest is let go of, and the rest of it skipped."""
        if self._skipping:
            _, newline, block = b"".join(parts).partition(b"\n")
            self._skipping, parts = not newline, [block]
        block = b"".join([self._rest, *parts])
        cut = block.rfind(b"\n") + 1
        self._rest = block[cut:]
        if self._ended and self._rest:
            block, cut, self._rest = block + b"\n", len(block) + 1, b""
        elif len(self._rest) > LONGEST_LINE:
            self._rest, self._skipping = b"", True
            self.overlong += 1
        return memoryview(block)[:cut]


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
        for lines in self._feed.batches():
            if (day := self._day()) != today:
                today = day
                self._by.forget()
            self._count_overlong()
            if lines:
                self._write(lines)
        self._count_overlong()
        return self._total

    def _day(self) -> int:
        days, _ = self._when.treat(np.array([int(self._clock())], np.int64), self._by.policy.timezone)
        return int(days[0])

    def _write(self, lines: memoryview) -> None:
        if self._format is None:
            self._format = self._recognised(lines)
            if self._format is None:
                return
        chunk = Chunk(0, self._format, *padded(lines), Accounts())
        for content in self._by.rewrite(chunk):
            self._out.write(content)
        adding.add(self._total, chunk.accounts)

    def _recognised(self, lines: memoryview) -> str | None:
        """The format of the first lines; where none reads them they are dropped, and the next ones are tried."""
        found = bytes(lines).split(b"\n")[:-1]
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
