"""From a declared format to what reads its lines: the one place that knows all families."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from schemas.load import Format
from transforms.parsers.delimited import delimited
from transforms.parsers.directive import DirectiveError, compile_layout
from transforms.parsers.json_lines import JsonReader
from transforms.parsers.labelled import LabelledReader
from transforms.parsers.pattern import compile_pattern
from transforms.parsers.reader import Reader

HEADERS = {"fields": b"#Fields:"}


@cache
def readers(format: Format) -> tuple[Reader, ...]:
    """The readers of a format, to be tried in this order; none where its columns are in the file's own header lines.

    Raises DirectiveError where it could not be read without guessing.
    """
    match format.family:
        case "directive":
            return (compile_layout(format.directive),)
        case "pattern":
            if not format.patterns:
                raise DirectiveError("empty: a format of patterns has none")
            return tuple(compile_pattern(one, format.zone, format.plus, format.percent) for one in format.patterns)
        case "json":
            return (JsonReader(format),)
        case "labelled":
            return (LabelledReader(format),)
        case _:
            reader = None if format.header else delimited(format, b"")
            return () if reader is None else (reader,)


def readers_behind(format: Format, header: bytes) -> tuple[Reader, ...]:
    """The readers of lines behind a header line (b"": behind none): none where the format cannot read them."""
    if not format.header:
        return readers(format)
    reader = delimited(format, header)
    return () if reader is None else (reader,)


def next_header(format: Format, header: bytes, lines: bytes) -> bytes:
    """The header line that counts behind `lines`, when `header` counted before them.

    A header row is the first line of its file, #Fields: may come again (W3C working draft WD-logfile-960323).
    """
    if format.header == "row":
        return header or lines.partition(b"\n")[0]
    if format.header == "fields":
        last = lines.rfind(b"\n" + HEADERS["fields"])
        if last >= 0:
            return lines[last + 1 :].partition(b"\n")[0]
        return lines.partition(b"\n")[0] if lines.startswith(HEADERS["fields"]) else header
    return b""


def by_header(format: Format, header: bytes, lines: bytes) -> dict[bytes, bytes]:
    """Lines by the header line that counts for them, header lines with those behind them."""
    if format.header != "fields":
        return {next_header(format, header, lines): lines}
    found: dict[bytes, list[bytes]] = {}
    for part in _parts(lines):
        header = next_header(format, header, part)
        found.setdefault(header, []).append(part)
    return {header: b"".join(parts) for header, parts in found.items()}


def _parts(lines: bytes) -> Iterable[bytes]:
    """Lines, cut in front of each header line."""
    start = 0
    while True:
        mark = lines.find(b"\n" + HEADERS["fields"], start)
        if mark < 0:
            yield lines[start:]
            return
        yield lines[start : mark + 1]
        start = mark + 1


def atoms(made: str) -> list[str]:
    """The names in "a", "a+b" or "e/a+b"."""
    return re.split("[/+]", made)


def check(made: str, known: Mapping[str, Format]) -> None:
    """Refuse what could not be read: "a", "a+b" or "e/a+b" of known names. Raises DirectiveError."""
    envelope, slash, inner = made.rpartition("/")
    formats = [known[name] for name in inner.split("+")]
    for one in (*formats, *([known[envelope]] if slash else [])):
        readers(one)
    if any(one.envelope for one in formats) or (slash and not known[envelope].envelope):
        raise DirectiveError("bad_envelope: expected ENVELOPE/FORMAT, such as syslog/combined")
    if any(one.header for one in formats) and (slash or len(formats) > 1):
        raise DirectiveError("bad_mixture: a format with header lines stands alone")
