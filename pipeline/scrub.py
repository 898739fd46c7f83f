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
from pipeline.live import Feed, Live
from pipeline.options import Wanted
from pipeline.source import Input, Read, find, head
from schemas import load
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk, Range
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.kernels import calls, writing
from transforms.parse import Parse
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import check, readers
from transforms.scrub.addresses import DayKeys
from transforms.scrub.columns import NOTED, Treatments
from transforms.scrub.family import Directive
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
    scrubber = Scrubber(policy, options.site, treatment, options.format or policy.format, options.output is not None)
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
        refuse_many_rejects(total, options.max_reject_rate)
    return 0


class Scrubber:
    """The rewriters of the formats that were met, with one set of treatments and keys.

    Lines can be written anew in formats that are a server's directive; `events` can come of any.
    """

    def __init__(self, policy: Policy, site: str | None, treatment: str, asked: str, events: bool = False) -> None:
        self.policy, self.site, self.keys = policy, site, DayKeys()
        self.treatments = Treatments(policy, site, treatment, self.keys)
        known = {**load.formats(), **policy.formats}
        if asked != "auto" and not set(re.split("[/+]", asked)) <= set(known):
            known, asked = {"(given)": load.Format("(given)", "", "", asked)}, "(given)"
        self._asked = asked
        try:
            self.formats = {name: one for name, one in known.items() if events or is_writable(one)}
            if asked != "auto":
                check(asked, known)
        except DirectiveError as error:
            raise Trouble("E201", f"--format: {error}") from None
        if asked != "auto" and not set(re.split("[/+]", asked)) <= set(self.formats):
            raise Trouble(
                "E201", f"--format {asked}: lines of it cannot be written anew yet; --output DIR makes events of it"
            )
        self._rewriters: dict[str, Rewriter] = {}
        self.parse = Parse(policy, load.fields(), self.formats, int(time.time()))
        calls.warm()
        writing.warm()

    def format_of(self, lines: Sequence[bytes]) -> str:
        """The format that was asked for, else what reads these lines. Raises DirectiveError."""
        if self._asked != "auto":
            return self._asked
        return detect([line for line in lines if line.strip()][:HEAD], self.formats)[0]

    def rewrite(self, chunk: Chunk) -> Iterator[memoryview]:
        """The lines of a chunk, scrubbed, in blocks."""
        name = chunk.format.partition("+")[0]  # of a mixture the first: in turns, lines would lose their order
        if name not in self._rewriters:
            (reader,) = readers(self.formats[name])
            self._rewriters[name] = Rewriter(Directive(self.parse.parser(reader)), self.treatments)
        return self._rewriters[name].rewrite(chunk)

    def forget(self) -> None:
        """A new day: other keys, and nothing that was remembered under the old ones."""
        self.keys.forget()
        for rewriter in self._rewriters.values():
            rewriter.forget()


def is_writable(format: load.Format) -> bool:
    """Whether scrub can write lines of a format: a server's directive, with times that it knows how to cut to the second."""
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


def refuse_many_rejects(total: Accounts, limit: float) -> None:
    """Raise Trouble E305 where too many lines were dropped."""
    dropped = total.rejected.total()
    if dropped > limit * total.lines:
        raise Trouble(
            "E305",
            f"{dropped:,} of {total.lines:,} lines were dropped ({dropped / total.lines:.1%}), more than"
            f" --max-reject-rate {limit}: the format is probably another one",
        )


def summary(total: Accounts) -> str:
    """What was done, for a person."""
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in (total.rejected + total.skipped).items())
    lines = [
        f"crowdlog: {total.lines:,} lines read, {total.parsed:,} written" + (f"; dropped: {dropped}" * bool(dropped))
    ]
    lines += [f"  {reason} x{count}: {shape}" for (reason, shape), count in total.shapes.most_common(SHAPES)]
    if count := total.noted[NOTED]:
        lines.append(f"  {count:,} clients were no address (a host name, or malformed) and are written as 0.0.0.0")
    return "\n".join(lines)
