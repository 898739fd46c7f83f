"""Scrub: files or a live pipe in, the same lines without what names or follows a person out; to stdout or to Parquet."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.chosen import HEAD, chosen_database, chosen_policy
from pipeline.find import Input, find
from pipeline.live import Feed, Live
from pipeline.options import Wanted
from pipeline.read import Read, head
from pipeline.rejects import refuse_rejects
from schemas import load
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk, Range
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import check, readers
from transforms.scrub.addresses import DayKeys
from transforms.scrub.by_line import LineRewriter
from transforms.scrub.columns import NOTED, Treatments
from transforms.scrub.family import UNDECLARED, Directive
from transforms.scrub.lines import Rewriter

SHAPES = 3  # shapes of dropped lines that the summary shows
WARNING = "crowdlog: what scrub writes is pseudonymised, still personal data: keep it as you keep the log"


def scrub(options: argparse.Namespace) -> int:
    """`crowdlog scrub`. Raises Trouble; then --output was not made, and what stdout has got is not the whole."""
    wanted = Wanted(tuple(options.inputs), Path(), policy=options.policy, site=options.site, geo_db=options.geo_db)
    policy = chosen_policy(wanted)
    treatment = options.ip or policy.ip.treatment
    if not options.quiet:
        print(WARNING, file=sys.stderr)
    scrubber = Scrubber(policy, options.site, treatment, options.format or policy.format)
    live = list(options.inputs) in ([], ["-"])
    if options.output is not None:
        from pipeline.events import write_events

        if live:
            raise Trouble("E201", "--output takes files: a pipe has no end at which the folder could be put in place")
        inputs, countries = find(options.inputs), chosen_database(wanted)
        total = write_events(options.output, inputs, scrubber, countries, options.max_reject_rate)
    elif live:
        total = Live(Feed(0), Out(1), scrubber).run()
    else:
        total = to_stdout(find(options.inputs), scrubber)
    if not options.quiet:
        print(summary(total), file=sys.stderr)
    if not live:
        refuse_rejects(total.parsed, total.rejected, options.max_reject_rate)
    return 0


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


class Out:
    """A file descriptor that is written to at once and in full."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, content: memoryview) -> None:
        """Raises BrokenPipeError when nobody reads any more, Trouble E104 for any other error."""
        while content:
            try:
                content = content[os.write(self._handle, content) :]
            except BrokenPipeError:
                raise
            except OSError as error:
                raise Trouble("E104", f"standard output cannot be written to: {error.strerror}") from None


def chunks(source: Input, number: int, scrubber: Scrubber) -> Iterator[Chunk]:
    """The chunks of a file in the order of its lines. Raises Trouble E302, E303, E304."""
    lines = [line for line in head(source) if line.strip()]
    try:
        name = scrubber.format_of(lines) if lines else next(iter(scrubber.formats))  # an empty file is of any format
    except DirectiveError as error:
        raise Trouble("E304", f"{source.path}: {error}. Name it with --format") from None
    yield from Read(formats=scrubber.formats)(iter([Range(number, source.place, 0, source.size, name)]))


def to_stdout(inputs: Sequence[Input], scrubber: Scrubber) -> Accounts:
    """Every file in turn, each in its own format."""
    total, out = Accounts(), Out(1)
    for number, source in enumerate(inputs):
        for chunk in chunks(source, number, scrubber):
            for lines in scrubber.rewrite(chunk):
                out.write(lines)
            adding.add(total, chunk.accounts)
    return total


def summary(total: Accounts) -> str:
    """What was done, for a person."""
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in (total.rejected + total.skipped).items())
    lines = [
        f"crowdlog: {total.lines:,} lines read, {total.parsed:,} written" + (f"; dropped: {dropped}" * bool(dropped))
    ]
    lines += [f"  {reason} x{count}: {shape}" for (reason, shape), count in total.shapes.most_common(SHAPES)]
    if count := total.noted[NOTED]:
        lines.append(f"  {count:,} clients were no address (a host name, or malformed) and are written as 0.0.0.0")
    if count := total.noted[UNDECLARED]:
        lines.append(f"  {count:,} values whose key, label or column the format does not declare were left out")
    return "\n".join(lines)
