"""Formats: what each known log format is called, what is read of it and what a line of it looks like."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.chosen import chosen_policy
from pipeline.options import Wanted
from schemas import load
from schemas.load import Format
from schemas.trouble import Trouble
from transforms.clocks import is_clock, is_yearless
from transforms.parsers.directive import DirectiveError
from transforms.parsers.example import example
from transforms.parsers.families import readers_behind

UNITS = ("time", "bytes", "duration")  # columns whose numbers are shown with their units
WORDS = {
    "clf": "with its offset", "iso8601": "with its offset", "epoch": "seconds since 1970", "epoch_ms": "milliseconds since 1970",
    "epoch_us": "microseconds since 1970", "epoch_ns": "nanoseconds since 1970", "seconds": "seconds",
    "millis": "milliseconds", "micros": "microseconds", "nanos": "nanoseconds", "units": "units behind it (12ms)",
    "whole": "whole seconds", "decimal": "seconds", "fraction": "seconds", "unclear": "", "zero": "",
}  # fmt: skip


def formats(options: argparse.Namespace) -> str:
    """All formats as a text, or with --json as an object by name; one alone if it is named. Raises Trouble E201, E202."""
    known = {**load.formats(), **chosen_policy(Wanted((), Path(), policy=options.policy)).formats}
    if options.name is not None and options.name not in known:
        raise Trouble("E201", f"no format {options.name!r}, expected one of {', '.join(sorted(known))}")
    asked = {name: one for name, one in sorted(known.items()) if options.name in (None, name)}
    try:
        found = {name: described(one) for name, one in asked.items()}
    except DirectiveError as error:
        raise Trouble("E202", f"a format of the policy: {error}") from None
    return json.dumps(found, indent=1) if options.json else "\n\n".join(drawn(name, one) for name, one in found.items())


def described(format: Format) -> dict[str, Any]:
    """Title, family, specification, the columns that are read and kept, units, what is dropped, and example lines."""
    lines = example(format)
    columns = {name for reader in readers_behind(format, lines[0]) for name in reader.columns}
    fields = load.fields()
    return {
        "title": format.title,
        "family": "envelope" if format.envelope else format.family,
        "spec": format.spec,
        "fields": [name for name in fields.columns if name in columns & fields.kept],
        "units": units(format, lines[0]),
        "dropped": [name for name in fields.columns if name in columns - fields.kept - {"ignored"}],
        "directive": format.directive,
        "sample": [line.decode() for line in lines],
    }


def units(format: Format, header: bytes) -> dict[str, str]:
    """In what the numbers of each column are written, and on which clock its times: by all types that they may have."""
    found: dict[str, list[str]] = {}
    for reader in readers_behind(format, header):
        for field in reader.fields:
            column = {"date": "time"}.get(field.column, field.column)
            if field.typed and column in UNITS:
                words = [unit(column, kind, reader.zone) for kind in field.type.split("|")]
                found.setdefault(column, []).extend(
                    word for word in words if word and word not in found.get(column, ())
                )
    return {column: ", ".join(found[column]) for column in UNITS if found.get(column)}


def unit(column: str, kind: str, zone: str) -> str:
    """What numbers of a type count, or on which clock its times stand; "" for what stands for no number."""
    if kind == "count":  # a whole number, as it is
        return {"bytes": "bytes", "duration": "microseconds"}[column]
    if not is_clock(kind):
        return WORDS[kind]
    if "%z" in kind:
        return WORDS["iso8601"]
    return f"on the clock of {zone}" + (", without a year" if is_yearless(kind) else "")


def drawn(name: str, one: Mapping[str, Any]) -> str:
    """A format as lines for a person."""
    rows = {
        "family": one["family"], "spec": one["spec"], "fields": " ".join(one["fields"]) or "those of the lines inside",
        "units": "; ".join(f"{column} {words}" for column, words in one["units"].items()),
        "dropped": " ".join(one["dropped"]), "directive": one["directive"],
    }  # fmt: skip
    said = [f"  {label:<10} {text}" for label, text in rows.items() if text]
    return "\n".join([f"{name}: {one['title']}", *said, *(f"  {'sample':<10} {line}" for line in one["sample"])])


def table(known: Mapping[str, Format]) -> str:
    """A Markdown table of formats: name and title, fields, specification, sample."""
    rows = ["| format | fields read | specification | sample |", "|---|---|---|---|"]
    for name, format in sorted(known.items()):
        one = described(format)
        sample = "<br>".join(f"`{_in_table(line)}`" for line in one["sample"])
        taken = one["units"].get("duration")
        fields = ", ".join(f"{name} ({taken})" if taken and name == "duration" else name for name in one["fields"])
        fields = fields or "those of the lines inside"
        rows.append(f"| `{name}` {_in_table(one['title'])} | {fields} | <{one['spec']}> | {sample} |")
    return "\n".join(rows)


def _in_table(text: str) -> str:
    """A text for a cell: a bar would end it, a tab would not be seen."""
    return text.replace("|", "\\|").replace("\t", "⇥")
