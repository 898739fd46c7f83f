"""One type per stage of the flow: what travels from each room to the next, and what may be in it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Range(NamedTuple):
    """A part of one input file: what workers are given. About 100 bytes, no content.

    `start` and `stop` are byte offsets. A line belongs to the Range that holds its first byte. A compressed file goes from
    0 to its size, in each of its `parts` Ranges: whoever has one unpacks all, and takes the stripes of unpacked bytes
    whose number, by modulo, is `part`. `file` is the position of the file in the plan, `format` made of names of declared
    formats: "a", "a+b" where a file mixes them, "e/a" where lines of a are inside those of e.
    """

    file: int
    path: str
    start: int
    stop: int
    format: str
    part: int = 0
    parts: int = 1


@dataclass
class Accounts:
    """Counts that travel as data beside the events of a chunk, so that every line is accounted for.

    `lines` = sum of `skipped` + `parsed` + sum of `rejected`. `noted` counts what happened inside parsed lines (host
    name in the client field, invalid address, ...). `not_applicable` counts events per table that do not concern it,
    `repeated` how often events were counted once more, in a table with a row for each word of a list.
    `days` counts parsed events by (file, site, the site's own day in days since 1970-01-01); `edges` has the extreme event
    times of each file, in seconds since the epoch. `shapes` holds a few rejected lines by (reason, shape), as shapes
    only: see transforms.shape.
    """

    lines: int = 0
    parsed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    not_applicable: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    shapes: Counter[tuple[str, str]] = field(default_factory=Counter)
    edges: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Chunk:
    """Whole lines of one file, as read.

    `buffer` is uint8 with `size` bytes of lines (each ended by a newline, also the last: where the file has none, it is
    added) and at least 64 bytes of padding behind them. `accounts` already counts the lines that were too long to read.
    `header` is the header line of the file that counts for the first of the lines, where its format has such lines.
    """

    file: int
    format: str
    buffer: NDArray[np.uint8]
    size: int
    accounts: Accounts
    header: bytes = b""


@dataclass
class Events:
    """Parsed requests: canonical columns (schemas/fields.toml), one row per parsed line, in the order of the lines.

    Text columns are dictionary<int32, binary> with distinct values; time, status, bytes and duration are the integers that
    fields.toml describes. A column that the format lacks is absent. Dropped columns are never built.
    """

    batch: pa.RecordBatch
    file: int
    accounts: Accounts


@dataclass
class PseudonymousEvents:
    """Events after every treatment: no identity is left, but words are still in it that the guard has not passed.

    Columns are those that the treatments give: `site` and all keys are dictionary<int32, string> (null where the event has
    no value), `day` is int32 (days since 1970-01-01, of the site's own day), `network` is dictionary<int32, binary(16)>
    (null for an invalid address; first 8 bytes: the neighbourhood's keyed hash), measures are int64, `feature` is a list of
    dictionary<int32, string>.
    """

    batch: pa.RecordBatch
    file: int
    accounts: Accounts


class Sealed(NamedTuple):
    """Partial tallies as they cross a process boundary: a small integer and bytes sealed with AES-GCM under the run's key."""

    number: int
    content: bytes


@dataclass(frozen=True)
class Released:
    """Rows of one table, site and period that the guard has passed. Made by transforms/guard alone (kept by a test).

    `rows`: the table's keys (string), hits, visitors and further measures (int64), sorted by keys, no nulls. `withheld`
    counts the events behind no row, `generalised` the leaf cells that climbed, `cells` the leaf cells in all. Where hits
    are noisy `counted` are the events behind the rows, else their sum is.
    """

    table: str
    site: str
    grain: str
    date: dt.date
    rows: pa.Table
    withheld: int
    generalised: int
    cells: int
    partial: bool = False
    counted: int | None = None
