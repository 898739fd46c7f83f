"""Subject: which raw lines there are of an address; their numbers are printed, their content goes to one file alone."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.chosen import chosen_clock, chosen_formats, chosen_policy
from pipeline.durable import PRIVATE_FILE, sync_folders
from pipeline.find import find
from pipeline.options import Wanted
from pipeline.search import Found, Search, Take
from pipeline.whose import END, given
from schemas.trouble import Trouble, only_codes
from transforms.kernels import calls
from transforms.tombstones import KEY_BYTES, Tombstones

RANGES = 1000  # of line numbers that are printed of a file; --json has them all


def subject(options: argparse.Namespace, now: int) -> tuple[str, str]:
    """`crowdlog subject`: what goes to standard output, and the closing words. Raises Trouble; then there is no export."""
    wanted = Wanted(
        tuple(options.inputs), Path(), policy=options.policy, format=options.format, log_date=options.log_date
    )
    policy = chosen_policy(wanted)
    asked = given(options, policy)
    inputs = find(wanted.inputs)
    formats, names = chosen_formats(wanted, policy, inputs)
    calls.warm()
    key = secrets.token_bytes(KEY_BYTES)
    sought = Tombstones(key, asked.tombstones(key, END), policy.ip)
    search = Search(policy, formats, chosen_clock(wanted, now), sought)
    with only_codes(), exported(options.export) as take:
        found = [search.file(source, name, take) for source, name in zip(inputs, names, strict=True)]
    return json.dumps(record_of(found)) if options.json else "\n".join(told(found)), closing(found, options.export)


@contextmanager
def exported(file: Path | None) -> Iterator[Take | None]:
    """What writes each line that is found, and before it the header line that counts for it, to a new private file.

    Raises Trouble E104; the file is there when the block ends without an error, and not before.
    """
    if file is None:
        yield None
        return
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.tmp")
    last = b""
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise Trouble("E104", f"--export: {file} cannot be written ({error.strerror})") from None
    try:
        with os.fdopen(handle, "wb") as out:

            def take(header: bytes, line: bytes) -> None:
                nonlocal last
                out.write(header + b"\n" + line if header and header != last else line)
                last = header

            yield take
            out.flush()
            os.fsync(out.fileno())
        os.link(part, file)
    except OSError as error:
        raise Trouble("E104", f"--export: {file} cannot be written ({error.strerror})") from None
    finally:
        os.unlink(part)
    sync_folders([file.absolute().parent])


def ranges(numbers: Sequence[int]) -> list[str]:
    """Line numbers in order, as 3 and 5-8."""
    if not numbers:
        return []
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    stops = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    return [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, stops, strict=True)]


def told(found: Sequence[Found]) -> Iterator[str]:
    """The files in which something was found, for a person."""
    for one in found:
        if one.numbers:
            places = ranges(one.numbers)
            more = f", … ({len(places) - RANGES:,} more ranges: --json)" if len(places) > RANGES else ""
            yield f"{one.source.path}: {len(one.numbers):,} of {one.lines:,} lines: {', '.join(places[:RANGES])}{more}"


def record_of(found: Sequence[Found]) -> dict[str, Any]:
    """The same as data."""
    files = [
        {"path": one.source.path, "lines": one.lines, "unread": one.unread, "addressless": one.addressless,
         "found": list(one.numbers)}
        for one in found
    ]  # fmt: skip
    return {"found": sum(len(one.numbers) for one in found), "files": files}


def closing(found: Sequence[Found], export: Path | None) -> str:
    """What was searched, and what could not be."""
    hits, lines = sum(len(one.numbers) for one in found), sum(one.lines for one in found)
    words = [f"crowdlog: {hits:,} of {lines:,} lines in {len(found)} files are of that visitor and span"]
    words += [f"  {text}" for text in not_searched(found)]
    if export is not None:
        words.append(f"  exported    {export} (0600): personal data; check whose before you hand it over")
    return "\n".join(words)


def not_searched(found: Sequence[Found]) -> Iterator[str]:
    """Lines that nobody can know of whose they are."""
    if count := sum(one.unread for one in found):
        yield f"unread      {count:,} lines are of no format or too long: whose they are is not known"
    if count := sum(one.addressless for one in found):
        yield f"not sought  {count:,} lines are of formats without addresses (--visitor), or without ids of visitors"


def run(options: argparse.Namespace, now: int) -> int:
    """Print what was found."""
    text, words = subject(options, now)
    if text:
        print(text)
    print(words, file=sys.stderr)
    return 0
