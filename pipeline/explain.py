"""Explain: each field of one line, what happens to it and by which rule; for the operator's own eyes."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.options import Wanted
from pipeline.run import chosen_database, chosen_policy
from pipeline.source import padded
from schemas import load
from schemas.stages import Accounts, Chunk, Events, PseudonymousEvents
from schemas.trouble import Trouble
from transforms.anonymise import Bench
from transforms.parse import allowed_parameters
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError, compile_layout
from transforms.parsers.layout import Layout
from transforms.parsers.text import TextParser
from transforms.shape import shape

DROPPED = "not read into memory: the column is declared `drop`"


def explain(line: bytes, options: argparse.Namespace) -> str:
    """A text, or with --json an object, of what becomes of the line. Raises Trouble E201, E202, E203, E304."""
    asked = {"policy": options.policy, "format": options.format, "site": options.site, "geo_db": options.geo_db}
    wanted = Wanted((), Path(), **asked)
    policy = chosen_policy(wanted)
    name, directive = chosen(line, wanted.format or policy.format, {**load.formats(), **policy.formats})
    fields = load.fields()
    parser = TextParser(directive, allowed_parameters=allowed_parameters(policy), columns=fields.kept)
    buffer, size = padded(line + b"\n")
    events = parser.parse(Chunk(0, name, buffer, size, Accounts()))
    if not events.accounts.parsed:
        reason = next(iter(events.accounts.rejected | events.accounts.skipped), "no_format")
        raise Trouble("E304", f"the line is rejected ({reason}) by format {name}; its shape: {shape(line)}")
    bench = Bench(policy, wanted.site, chosen_database(wanted), secrets.token_bytes(32))
    rows = list(described(events, bench.anonymise(events), fields, columns_of(compile_layout(directive))))
    if options.json:
        return json.dumps({"format": name, "fields": rows})
    return "\n".join([f"format {name}: {directive}", "", *map(drawn, rows)])


def chosen(line: bytes, asked: str, formats: Mapping[str, load.Format]) -> tuple[str, str]:
    """(name, directive) of the format that reads the line."""
    if asked in formats:
        return asked, formats[asked].directive
    if asked != "auto":
        try:
            compile_layout(asked)
        except DirectiveError as error:
            raise Trouble("E201", f"--format: {error}") from None
        return "(given)", asked
    try:
        name, _ = detect([line], {name: compile_layout(one.directive) for name, one in formats.items()})
    except DirectiveError as error:
        raise Trouble("E304", f"{error}; the shape of the line: {shape(line)}") from None
    return name, formats[name].directive


def columns_of(layout: Layout) -> list[str]:
    """Canonical columns in the order of the line, each once."""
    columns: list[str] = []
    for field in layout.fields:
        columns += {"request": ["method", "path", "query", "protocol"], "target": ["path", "query"]}.get(
            field.column, [field.column]
        )
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
        read = shown(name, events.batch[name][0].as_py())
        yield {"field": name, "class": column.privacy, "rule": treatment.name, "read": read, "gives": gives}


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
    return f"{row['field']:<12} {read}\n{'':<12} → {row['rule']} ({row['class']}): {gives}"
