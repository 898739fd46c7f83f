"""Lines as scrub writes them: chunks of lines in, the same lines without what names or follows a person out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from schemas.stages import Chunk
from transforms.kernels.writing import BELOW_SECONDS, Lexicon, Template, cut_to_seconds
from transforms.scrub.columns import Columns, Treatments, View, Writer
from transforms.scrub.family import NOTHING, Family

WRITTEN = 64 << 20  # bytes of words that are remembered
_COPIED = frozenset({"time", "status", "bytes", "duration"})
_TIMES = frozenset({"clf", *BELOW_SECONDS})


class Rewriter:
    """Writes the lines of one format anew. What it remembers is raw, in memory alone, and bounded."""

    def __init__(self, family: Family, treatments: Treatments) -> None:
        self._family, self._treatments = family, treatments
        self._time = next(i for i, slot in enumerate(family.slots) if slot.column == "time")
        self._fractions = [(i, slot.type) for i, slot in enumerate(family.slots) if slot.type in BELOW_SECONDS]
        self.forget()

    def forget(self) -> None:
        """Drop all that is remembered of lines, and begin anew."""
        self._lexicon = Lexicon()
        self._columns = Columns(self._family, self._treatments, self._lexicon)
        self._writers: list[tuple[int, int, int, Writer]] = []
        literals, copied = [self._family.literals[0]], list[tuple[int, int, int] | None]()
        for i, slot in enumerate(self._family.slots):
            if slot.column in _COPIED or slot.type in _TIMES:
                before = copied[-1] if copied else None
                if before and before[1] == i - 1:  # with what stands between the two
                    copied[-1] = before[0], i, before[2] + len(literals.pop())
                else:
                    copied.append((i, i, 0))
                literals.append(b"")
            elif found := self._columns.writer(i):
                pieces, writer = found
                self._writers.append((i, len(copied), pieces, writer))
                copied += [None] * pieces
                literals += [b""] * pieces
            else:
                literals[-1] += self._family.fitting(i, NOTHING)
            literals[-1] += self._family.literals[i + 1]
        for i, first, pieces, _ in self._writers:  # a word and what stands behind it are one; a number is no word
            self._columns.behind[i] = b""
            if i not in self._columns.by_number:
                self._columns.behind[i], literals[first + pieces] = literals[first + pieces], b""
        self._template = Template(self._lexicon, literals, copied, self._treatments.addresses.form)

    def rewrite(self, chunk: Chunk) -> Iterator[memoryview]:
        """Blocks of lines, in order, each gone when the next is asked for.

        `chunk.accounts` counts every line, also those that nothing is written for.
        """
        for block, starts, lens, numbers in self._family.spans(chunk, chunk.accounts):
            addresses = np.zeros(starts.shape[1], np.uint64)
            view = View(block, starts, lens, numbers[self._time], 0, addresses, chunk.accounts)
            view = view._replace(sites=self._columns.sites(view))
            codes = np.zeros((len(self._template.copied), starts.shape[1]), np.int32)
            for _, first, pieces, writer in self._writers:
                codes[first : first + pieces] = writer(view)
            for field, kind in self._fractions:
                cut_to_seconds(kind, *view.span(field))
            yield self._template.write(block, starts, lens, codes, addresses)
        if self._columns.full or self._lexicon.size > WRITTEN:
            self.forget()
