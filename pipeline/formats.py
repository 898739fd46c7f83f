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
from transforms.parsers.directive import DirectiveError
from transforms.parsers.example import example
from transforms.parsers.families import readers_behind


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
    """Title, family, specification, the columns that are read and kept, those that are dropped, and example lines."""
    lines = example(format)
    columns = {name for reader in readers_behind(format, lines[0]) for name in reader.columns}
    fields = load.fields()
    return {
        "title": format.title,
        "family": "envelope" if format.envelope else format.family,
        "spec": format.spec,
        "fields": [name for name in fields.columns if name in columns & fields.kept],
        "dropped": [name for name in fields.columns if name in columns - fields.kept - {"ignored"}],
        "directive": format.directive,
        "sample": [line.decode() for line in lines],
    }


def drawn(name: str, one: Mapping[str, Any]) -> str:
    """A format as lines for a person."""
    rows = {
        "family": one["family"], "spec": one["spec"], "fields": " ".join(one["fields"]) or "those of the lines inside",
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
        fields = ", ".join(one["fields"]) or "those of the lines inside"
        rows.append(f"| `{name}` {_in_table(one['title'])} | {fields} | <{one['spec']}> | {sample} |")
    return "\n".join(rows)


def _in_table(text: str) -> str:
    """A text for a cell: a bar would end it, a tab would not be seen."""
    return text.replace("|", "\\|").replace("\t", "⇥")
