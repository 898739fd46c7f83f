"""Labelled lines (LTSV, http://ltsv.org): label:value pairs with tabs between them."""

from __future__ import annotations

from schemas.load import Format
from transforms.kernels.block import Block, Rows
from transforms.kernels.lines import Labelled
from transforms.parsers.named import NamedReader
from transforms.parsers.reader import LONGEST_LINE, Read, Span


class LabelledReader(NamedReader):
    """A pair without a label, or a label that is read and stands twice, makes a line none of the format."""

    def __init__(self, format: Format) -> None:
        super().__init__(format)
        self._slots = {field.variable.encode(): i for i, field in enumerate(self.fields)}
        self._kernel = Labelled(list(self._slots), LONGEST_LINE)

    def scan(self, block: Block, rows: Rows) -> None:
        self._kernel.scan(block, rows)
        self.settle(block, rows)

    def read(self, line: bytes) -> Read | None:
        spans: list[Span | None] = [None] * len(self.fields)
        at = 0
        for pair in line.removesuffix(b"\r").split(b"\t"):
            label, colon, _ = pair.partition(b":")
            if not label or not colon:
                return None
            if (slot := self._slots.get(label)) is not None:
                if spans[slot] is not None:
                    return None
                spans[slot] = (at + len(label) + 1, at + len(pair))
            at += len(pair) + 1
        return self.settled(line, spans)
