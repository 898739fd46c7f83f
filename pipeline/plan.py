"""Plan: Ranges of the input files, which workers are given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.find import Input
from pipeline.stream import STRIPE
from schemas.load import Format
from schemas.stages import Range

PACKED_BY = 10  # a guess of how much longer the lines of a packed log are
CHEAP = (".gz", ".zst")  # unpacking them takes a tenth of what parsing does, that of .bz2 more than parsing
MOST_PARTS = 4  # each costs that tenth once more
TOLERANCE = 0.25  # of a fair share: two files of about the same size are one Range each for two workers


def plan(
    inputs: Sequence[Input],
    formats: Sequence[str],
    target: int,
    known: Mapping[str, Format] | None = None,
    workers: int = 1,
) -> list[Range]:
    """Ranges of at most `target` bytes, largest first; `formats` are those of the inputs.

    A packed file is cut by `parts_of`. A file whose format (of `known`) has header lines is one Range: they may come
    anywhere, so that what a line in the middle says is known only after all lines before it were read.
    """
    ranges, total = [], expected_bytes(inputs)
    for number, (source, format_) in enumerate(zip(inputs, formats, strict=True)):
        headed = has_header(format_, known or {})
        parts = 1 if headed else parts_of(source, total, workers)
        pieces = 1 if headed or source.packed else max(1, math.ceil(source.size / target))
        step = max(1, math.ceil(source.size / pieces))  # all of one size, for they may be dealt out before any is read
        for start in range(0, source.size, step):
            stop = min(start + step, source.size)
            ranges += [Range(number, source.place, start, stop, format_, part, parts) for part in range(parts)]
    return sorted(ranges, key=lambda r: (r.start - r.stop, r.file, r.start, r.part))


def expected_bytes(inputs: Sequence[Input]) -> int:
    """About how many bytes there will be to parse."""
    return sum(source.size * (PACKED_BY if source.packed else 1) for source in inputs)


def parts_of(source: Input, total: int, workers: int) -> int:
    """Of how many Ranges a file is whose bytes cannot be had from the middle on: one, unless one worker would have more of it
    than a fair share of the `total` bytes while others wait. Each unpacks all of it, so only what is cheap to unpack is cut.
    """
    size = source.size * PACKED_BY
    if not source.path.lower().endswith(CHEAP) or size < 2 * STRIPE:
        return 1
    return min(MOST_PARTS, workers, max(1, math.ceil(size * workers / total - TOLERANCE)))


def has_header(format_: str, known: Mapping[str, Format]) -> bool:
    """Whether the columns of a file are in header lines of its own."""
    return format_ in known and bool(known[format_].header)
