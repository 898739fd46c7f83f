"""Explain: each field of one line, what happens to it and by which rule; for the operator's own eyes."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.options import Wanted
from pipeline.run import chosen_database, chosen_policy
from pipeline.source import padded
from schemas import load
from schemas.stages import Accounts, Chunk, Events, PseudonymousEvents
from schemas.trouble import Trouble
from transforms.anonymise import Bench
from transforms.detectors import kinds
from transforms.parse import Parse
from transforms.parsers.detect import detect, unwrapped
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import atoms, check, readers_behind
from transforms.parsers.reader import Reader
from transforms.reading import read
from transforms.shape import shape

FORMS = {"path": "path", "query": "query", "referrer": "url"}  # URL-like fields, and how they are split
HEADER = "#Fields:"
DROPPED = "not read into memory: the column is declared `drop`"


def explain(lines: Iterable[bytes], options: argparse.Namespace) -> str:
    """A text, or with --json an object, of what becomes of a line. Raises Trouble E201, E202, E203, E304.

    `lines` are the line, behind header lines where its format has them; a #Fields: line may also be given as the format.
    """
    given, lines = options.format, iter(lines)
    if given and given.startswith(HEADER):
        lines, given = chain([given.encode()], lines), None
    asked = {"policy": options.policy, "format": given, "site": options.site, "geo_db": options.geo_db}
    wanted = Wanted((), Path(), **asked)
    policy = chosen_policy(wanted)
    formats = {**load.formats(), **policy.formats}
    header, line = behind_header(lines, formats.get(wanted.format or policy.format))
    name, formats = chosen(line, header, wanted.format or policy.format, formats)
    fields = load.fields()
    buffer, size = padded(line + b"\n")
    *_, events = Parse(policy, fields, formats).events(Chunk(0, name, buffer, size, Accounts(), header))
    reader = reader_of(line, header, name, formats)
    if not events.accounts.parsed or reader is None:
        reason = next(iter(events.accounts.rejected | events.accounts.skipped), "no_format")
        raise Trouble("E304", f"the line is rejected ({reason}) by format {name}; its shape: {shape(line)}")
    bench = Bench(policy, wanted.site, chosen_database(wanted), secrets.token_bytes(32))
    rows = list(described(events, bench.anonymise(events), fields, columns_of(reader)))
    if options.json:
        return json.dumps({"format": name, "fields": rows})
    directive = formats[name].directive if name in formats else ""
    return "\n".join([f"format {name}: {directive}" if directive else f"format {name}", "", *map(drawn, rows)])


def behind_header(lines: Iterator[bytes], format: load.Format | None) -> tuple[bytes, bytes]:
    """(header line that counts, b"" where there is none; the first line that may hold an event)."""
    header = b""
    for line in (line.rstrip(b"\r\n") for line in lines):
        if line.startswith(HEADER.encode()) or (format is not None and format.header == "row" and not header):
            header = line
        elif not line.startswith(b"#"):
            return header, line
    return header, b""


def chosen(
    line: bytes, header: bytes, asked: str, formats: dict[str, load.Format]
) -> tuple[str, dict[str, load.Format]]:
    """(name of the format that reads the line, all formats by name)."""
    if asked == "auto":
        try:
            return detect([header, line], formats)[0], formats
        except DirectiveError as error:
            raise Trouble("E304", f"{error}; the shape of the line: {shape(line)}") from None
    if not set(atoms(asked)) <= set(formats):
        formats, asked = {"(given)": load.Format("(given)", "", "", asked)}, "(given)"
    try:
        check(asked, formats)
    except DirectiveError as error:
        raise Trouble("E201", f"--format: {error}") from None
    return asked, formats


def reader_of(line: bytes, header: bytes, name: str, formats: Mapping[str, load.Format]) -> Reader | None:
    """What reads the line, of the formats in a name such as "a+b" or "e/a"."""
    envelope, _, inner = name.rpartition("/")
    for text in unwrapped(formats[envelope], [line]) if envelope else [line]:
        tried = (reader for one in inner.split("+") for reader in readers_behind(formats[one], header))
        return next((reader for reader in tried if reader.read(text) is not None), None)
    return None


def columns_of(reader: Reader) -> list[str]:
    """Canonical columns in the order of the line, each once."""
    columns: list[str] = []
    for field in reader.fields:
        columns += {
            "request": ["method", "path", "query", "protocol"],
            "target": ["path", "query"],
            "url": ["host", "path", "query"],
            "date": ["time"],
            "clock": ["time"],
        }.get(field.column, [field.column])
    return list(dict.fromkeys(columns))


def described(
    events: Events, out: PseudonymousEvents, fields: load.Fields, columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """One record a field of the line: what was read, the rule, and what comes out."""
    for name in columns:
        column = fields.columns[name]
        if column.treatment == "drop":
            yield {"field": name, "class": column.privacy, "rule": "drop", "read": None, "gives": {}}
            continue
        treatment = fields.treatments[column.treatment]
        gives = {given: shown(given, out.batch[given][0].as_py()) for given in treatment.gives}
        said = shown(name, events.batch[name][0].as_py())
        row = {"field": name, "class": column.privacy, "rule": treatment.name, "read": said, "gives": gives}
        yield {**row, "layers": list(layered(events.batch[name][0].as_py(), FORMS[name]))} if name in FORMS else row


def layered(raw: bytes | None, form: str) -> Iterator[dict[str, Any]]:
    """One record a text that was found in a URL-like field: what was undone to find it, and what detectors say of it."""
    for layer in read(raw or b"", form).layers:
        found = sorted(kinds(layer.text, layer.name))
        yield {"by": layer.by, "name": shown("", layer.name), "text": shown("", layer.text), "found": found}


def shown(name: str, value: Any) -> Any:
    """A value for a terminal: no control characters; of a network's keyed hash only what it is."""
    if name == "network":
        return None if value is None else "(keyed hash, in flight only)"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return value


def drawn(row: dict[str, Any]) -> str:
    """A record as lines for a person."""
    if row["rule"] == "drop":
        return f"{row['field']:<12} {DROPPED} ({row['class']})"
    gives = ", ".join(f"{name} = {value if value is not None else '(none)'}" for name, value in row["gives"].items())
    read = "-" if row["read"] is None else row["read"]
    lines = [f"{row['field']:<12} {read}", f"{'':<12} → {row['rule']} ({row['class']}): {gives}"]
    for layer in row.get("layers", ()):
        if layer["found"] or len(layer["by"].split()) == 1:  # what was wrapped, and what was found
            name = f" of {layer['name']}" if layer["name"] else ""
            lines.append(
                f"{'':<12}   {layer['by']}{name}: {layer['text']} ({', '.join(layer['found']) or 'nothing found'})"
            )
    return "\n".join(lines)
