"""Scrubber: the rewriters of the formats that are met, and the chunks of a file that they take."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from pipeline.chosen import HEAD
from pipeline.find import Input
from pipeline.read import Read, head
from schemas import load
from schemas.policy import Policy
from schemas.stages import Chunk, Range
from schemas.trouble import Trouble
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import check, readers
from transforms.scrub.addresses import DayKeys
from transforms.scrub.by_line import LineRewriter
from transforms.scrub.columns import Treatments
from transforms.scrub.family import Directive
from transforms.scrub.lines import Rewriter


class Scrubber:
    """The rewriters of the formats that were met, with one set of treatments and keys."""

    def __init__(self, policy: Policy, site: str | None, treatment: str, asked: str) -> None:
        self.policy, self.site, self.keys = policy, site, DayKeys()
        self.treatments = Treatments(policy, site, treatment, self.keys)
        self.formats = {**load.formats(), **policy.formats}
        if asked != "auto" and not set(re.split("[/+]", asked)) <= set(self.formats):
            self.formats, asked = {"(given)": load.Format("(given)", "", "", asked)}, "(given)"
        self._asked = asked
        try:
            if asked != "auto":
                check(asked, self.formats)
        except DirectiveError as error:
            raise Trouble("E201", f"--format: {error}") from None
        self._rewriters: dict[str, Rewriter | LineRewriter] = {}
        self.parse = Parse(policy, load.fields(), self.formats, int(time.time()))

    def format_of(self, lines: Sequence[bytes]) -> str:
        """The format that was asked for, else what reads these lines. Raises DirectiveError."""
        if self._asked != "auto":
            return self._asked
        return detect([line for line in lines if line.strip()][:HEAD], self.formats)[0]

    def rewrite(self, chunk: Chunk) -> Iterator[memoryview]:
        """The lines of a chunk, scrubbed, in blocks."""
        if chunk.format not in self._rewriters:
            self._rewriters[chunk.format] = self._rewriter(chunk.format)
        return self._rewriters[chunk.format].rewrite(chunk)

    def _rewriter(self, made: str) -> Rewriter | LineRewriter:
        """By columns where a server's directive says all; line by line for other families, mixtures and envelopes."""
        format = self.formats.get(made)
        if format is not None and is_by_column(format):
            (reader,) = readers(format)
            return Rewriter(Directive(self.parse.parser(reader)), self.treatments)
        return LineRewriter(made, self.formats, self.treatments, self.parse.now)

    def forget(self) -> None:
        """A new day: other keys, and nothing that was remembered under the old ones."""
        self.keys.forget()
        for rewriter in self._rewriters.values():
            rewriter.forget()


def is_by_column(format: load.Format) -> bool:
    """Whether lines can be written by columns: a server's directive, with times that are known to be cut to the second."""
    if format.family != "directive":
        return False
    (reader,) = readers(format)
    types = {field.type for field in reader.fields if field.typed and ("%" in field.type or "|" in field.type)}
    return not types and not reader.others and reader.escapes == "server" and "time" in reader.positions


def chunks(source: Input, number: int, scrubber: Scrubber) -> Iterator[Chunk]:
    """The chunks of a file in the order of its lines. Raises Trouble E302, E303, E304."""
    lines = [line for line in head(source) if line.strip()]
    try:
        name = scrubber.format_of(lines) if lines else next(iter(scrubber.formats))  # an empty file is of any format
    except DirectiveError as error:
        raise Trouble("E304", f"{source.path}: {error}. Name it with --format") from None
    yield from Read(formats=scrubber.formats)(iter([Range(number, source.place, 0, source.size, name)]))
