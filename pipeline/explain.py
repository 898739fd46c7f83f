"""Explain: each field of one line, what happens to it and by which rule; for the operator's own eyes."""

from __future__ import annotations

import argparse
import json
import secrets
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
from transforms.parsers.text import TextParser

DROPPED = "not read into memory: the column is declared `drop`"


def explain(line: bytes, options: argparse.Namespace) -> str:
    """A text, or with --json an object, of what becomes of the line. Raises Trouble E201, E202, E203, E304."""
    wanted = Wanted(
        (), output=Path(), policy=options.policy, format=options.format, site=options.site, geo_db=options.geo_db
    )
    policy = chosen_policy(wanted)
    name, directive = chosen(line, wanted.format or policy.format, {**load.formats(), **policy.formats})
    fields = load.fields()
    parser = TextParser(directive, allowed_parameters=allowed_parameters(policy), columns=fields.kept)
    buffer, size = padded(line + b"\n")
    events = parser.parse(Chunk(0, name, buffer, size, Accounts()))
    if not events.accounts.parsed:
        reason = next(iter(events.accounts.rejected | events.accounts.skipped), "no_format")
        shape = next((shape for _, shape in events.accounts.shapes), "")
        raise Trouble("E304", f"the line is rejected ({reason}) by format {name}; its shape: {shape}")
    bench = Bench(policy, wanted.site, chosen_database(wanted), secrets.token_bytes(32))
    rows = described(events, bench.anonymise(events), fields, compile_layout(directive))
    if options.json:
        return json.dumps({"format": name, "fields": rows})
    return "\n".join([f"format {name}: {directive}", "", *map(drawn, rows)])


def chosen(line: bytes, asked: str, formats: Any) -> tuple[str, str]:
    """(name, directive) of the format that reads the line."""
    try:
        if asked in formats:
            return asked, formats[asked].directive
        if asked != "auto":
            compile_layout(asked)
            return "(given)", asked
        name, _ = detect([line], {name: compile_layout(one.directive) for name, one in formats.items()})
        return name, formats[name].directive
    except DirectiveError as error:
        raise Trouble("E304" if asked == "auto" else "E201", str(error)) from None


def described(events: Events, out: PseudonymousEvents, fields: load.Fields, layout: Any) -> list[dict[str, Any]]:
    """One record a field of the line: what was read, the rule, and what comes out."""
    rows = []
    for name in layout.columns:
        column = fields.columns[name]
        if column.treatment == "drop":
            rows.append({"field": name, "class": column.privacy, "rule": "drop", "read": None, "gives": {}})
            continue
        treatment = fields.treatments[column.treatment]
        gives = {given: shown(out.batch[given][0].as_py()) for given in treatment.gives}
        rows.append(
            {
                "field": name, "class": column.privacy, "rule": treatment.name,
                "read": shown(events.batch[name][0].as_py()), "gives": gives,
            }
        )  # fmt: skip
    return rows


def shown(value: Any) -> Any:
    """A value for a terminal: bytes as text; a network's keyed hash only as what it is."""
    if isinstance(value, bytes):
        return (
            "keyed hash, in flight only"
            if len(value) == 16 and not value.isascii()
            else value.decode("utf-8", "backslashreplace")
        )
    return value


def drawn(row: dict[str, Any]) -> str:
    """A record as lines for a person."""
    if row["rule"] == "drop":
        return f"{row['field']:<12} {DROPPED} ({row['class']})"
    gives = ", ".join(f"{name} = {value if value is not None else '(none)'}" for name, value in row["gives"].items())
    read = "-" if row["read"] is None else row["read"]
    return f"{row['field']:<12} {read}\n{'':<12} → {row['rule']} ({row['class']}): {gives}"
