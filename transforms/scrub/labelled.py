"""Labelled lines (LTSV) with words in the place of their values: labels in their order, only those that are declared."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.stages import Accounts
from transforms.parsers.labelled import LabelledReader
from transforms.parsers.reader import Read
from transforms.scrub.family import UNDECLARED


class LabelledLine:
    """Leaves out the pairs of labels that the format does not declare."""

    def __init__(self, reader: LabelledReader) -> None:
        self._slots = {field.variable.encode(): slot for slot, field in enumerate(reader.fields)}

    def put(self, line: bytes, read: Read, words: Sequence[bytes], accounts: Accounts) -> bytes:
        """See Puts."""
        pairs = []
        for pair in line.removesuffix(b"\r").split(b"\t"):
            label = pair.partition(b":")[0]
            if (slot := self._slots.get(label)) is None:
                accounts.noted[UNDECLARED] += 1
            else:
                pairs.append(label + b":" + words[slot])
        return b"\t".join(pairs)
