"""Progress: one line on a terminal that says how far a run is, how fast, and when it will be done."""

from __future__ import annotations

import threading
import time
from typing import TextIO


class Progress:
    """Counts bytes and lines; draws at most five times a second, and only on a terminal."""

    def __init__(self, total: int, out: TextIO, enabled: bool) -> None:
        self.total, self.out = total, out
        self.enabled = enabled and out.isatty()
        self.done = self.lines = 0
        self._began = time.monotonic()
        self._drawn = 0.0
        self._lock = threading.Lock()

    def __call__(self, done: int, lines: int) -> None:
        """Add bytes done and lines read."""
        with self._lock:
            self.done, self.lines = min(self.done + done, self.total), self.lines + lines
            now = time.monotonic()
            if self.enabled and now - self._drawn > 0.2:
                self._drawn = now
                self.out.write(f"\r\033[K{self.text(now - self._began)}")
                self.out.flush()

    def text(self, seconds: float) -> str:
        """The line, after that many seconds."""
        share = self.done / self.total if self.total else 1.0
        bar = ("█" * round(share * 24)).ljust(24, "░")
        left = clock(seconds / share - seconds) if share > 0.01 else "?"
        rate = f"{self.lines / max(seconds, 1e-9):,.0f} lines/s"
        return f"{bar} {share:4.0%}  {size(self.done)} of {size(self.total)}  {rate}  {left} left"

    def stage(self, text: str) -> None:
        """Say what is being done where bytes no longer tell."""
        if self.enabled:
            self.out.write(f"\r\033[K{text}")
            self.out.flush()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self.enabled:
            self.out.write("\r\033[K")
            self.out.flush()


def size(count: float) -> str:
    """Bytes for people: 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def clock(seconds: float) -> str:
    """Seconds as 1:02 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
