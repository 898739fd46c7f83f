"""Scrub: files or a live pipe in, the same lines without what names or follows a person out; to stdout or to Parquet."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.chosen import chosen_database, chosen_policy
from pipeline.find import Input, find
from pipeline.live import Feed, Live
from pipeline.options import Wanted
from pipeline.rejects import refuse_rejects
from pipeline.scrubber import Scrubber, chunks
from schemas.stages import Accounts
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.scrub.columns import NOTED
from transforms.scrub.family import UNDECLARED

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
