"""A block of lines in memory that kernels may read, and the spans of its fields: owns sizes and padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled
from transforms.kernels.modes import COLLAPSE

SIZE = 512 << 10  # bytes of a block: one that stays in the cache, with all its columns
PADDING = 64  # bytes behind a block that kernels may read (they hold newlines)
Text = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """The table of a layout as `scan` takes it: (mode, flags, literal behind it) a field, and the literal in front."""

    lead: bytes
    fields: tuple[tuple[int, int, bytes], ...]

    def tables(self) -> tuple[Int64, NDArray[np.uint64]]:
        """plan and literals of kernels.scan.scan."""
        plan = np.array([(mode, flags, len(literal)) for mode, flags, literal in self.fields], np.int64)
        tail = next((literal[1:] for _, flags, literal in self.fields if flags & COLLAPSE), b"")
        texts = [*(literal for _, _, literal in self.fields), tail, self.lead]
        width = 8 * (max(map(len, texts)) // 8 + 1)
        return plan, np.frombuffer(b"".join(text.ljust(width, b"\0") for text in texts), "<u8").reshape(
            len(texts), -1
        ).copy()


class Block:
    """Up to SIZE bytes of whole lines, copied to aligned memory with padding behind them."""

    def __init__(self, capacity: int = SIZE) -> None:
        self.capacity = capacity
        self.words = np.empty((capacity + 2 * PADDING) // 8, np.uint64)
        self.text: Text = self.words.view(np.uint8)
        self.size = 0

    def fill(self, source: Text) -> None:
        """Take `source`, which ends with a newline."""
        self.size = source.size
        self.text[: self.size] = source
        self.text[self.size : self.size + PADDING] = 10


class Rows:
    """Spans of a block's lines: starts, lens int32[fields, rows], line_starts int32[rows + 1], refused int32[any].

    `scanned`: a kernel has refused the latter; else nobody has looked at them.
    """

    def __init__(self, fields: int) -> None:
        self.fields = fields
        self._capacity = 0
        self.rows, self.scanned = 0, False
        self._reserve(4096)

    def _reserve(self, rows: int) -> None:
        if rows > self._capacity:
            self._capacity = 2 * rows | 16  # no power of two: columns that far apart would share the same cache lines
            self._spans = np.empty((2, self.fields, self._capacity), np.int32)
            self._lines = np.empty(self._capacity + 1, np.int32)
            self._refused = np.empty(self._capacity, np.int32)

    def scan(
        self, block: Block, plan: Plan, tables: tuple[Int64, NDArray[np.uint64]], longest_line: int, longest_user: int
    ) -> None:
        """Find the fields of all lines by the table of a layout."""
        if not compiled():
            self.refuse_all(block)
            return
        from transforms.kernels.scan import scan

        self.fill(block, _with_tail(scan, longest_line, longest_user), len(plan.lead), *tables)

    def refuse_all(self, block: Block) -> None:
        """The plain way: find the lines alone, and leave them all to the exact path."""
        self.scanned = False
        lines = np.flatnonzero(block.text[: block.size] == 10)
        self._reserve(lines.size)
        self._lines[0], self._lines[1 : lines.size + 1] = 0, lines + 1
        self._settle(lines.size, np.arange(lines.size, dtype=np.int32))

    def fill(self, block: Block, kernel: Callable[..., tuple[int, int]], *given: Any) -> None:
        """Run a scan: kernel(words, text, size, *given, starts, lens, line_starts, refused)."""
        from transforms.kernels.scan import count_lines

        self.scanned = True
        self._reserve(count_lines(block.words, block.size))
        rows, refused = kernel(
            block.words, block.text, block.size, *given, self._spans[0], self._spans[1], self._lines, self._refused
        )
        self._settle(rows, self._refused[:refused])

    def _settle(self, rows: int, refused: Int32) -> None:
        self.rows, self.refused = rows, refused
        self.line_starts = self._lines[: rows + 1]
        self.starts, self.lens = self._spans[0, :, :rows], self._spans[1, :, :rows]


def _with_tail(kernel: Callable[..., tuple[int, int]], *tail: Any) -> Callable[..., tuple[int, int]]:
    """A scan that takes its bounds behind the arrays."""
    return lambda *arguments: kernel(*arguments, *tail)
