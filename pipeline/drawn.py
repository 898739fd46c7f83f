"""Drawn: what becomes of a line, for a person at a terminal, in 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

EYES = "For your own eyes: this shows what the line says of a visitor. Keep it out of tickets and mails."
WIDTH = 100
PAD = " " * 13
DROPPED = "not read into memory: the column is declared `drop`"


def drawn(record: Mapping[str, Any]) -> Iterator[str]:
    """What becomes of a line, for a person, in 100 columns."""
    yield EYES
    directive = f": {record['directive']}" if record["directive"] else ""
    yield from wrapped(f"format {record['format']}{directive}", "", "  ")
    yield f"site {record['site']}"
    yield ""
    for row in record["fields"]:
        yield from _field(row)


def _field(row: Mapping[str, Any]) -> Iterator[str]:
    """A field as lines."""
    if row["rule"] == "drop":
        yield f"{row['field']:<12} {DROPPED} ({row['class']})"
    else:
        gives = ", ".join(
            f"{name} = {value if value is not None else '(none)'}" for name, value in row["gives"].items()
        )
        yield from wrapped("-" if row["read"] is None else str(row["read"]), f"{row['field']:<12} ", PAD)
        yield from wrapped(f"→ {row['rule']} ({row['class']}): {gives}", PAD, PAD + "  ")
    for part in row["parts"]:
        gives = "" if part["gives"] is None else f" → {part['gives']}"
        found = f"; found: {', '.join(part['found'])}" if part.get("found") else ""
        inside = f"; wrapped in {', '.join(part['wrapped'])}" if part.get("wrapped") else ""
        yield from wrapped(f"{part['part']}{gives}: {part['why']}{found}{inside}", PAD + "  ", PAD + "    ")
    for layer in row.get("layers", ()):
        if layer["found"] or len(layer["by"].split()) == 1:  # what was wrapped, and what was found
            name = f" of {layer['name']}" if layer["name"] else ""
            said = f"{layer['by']}{name}: {layer['text']} ({', '.join(layer['found']) or 'nothing found'})"
            yield from wrapped(said, PAD + "  ", PAD + "    ")


def wrapped(text: str, first: str, other: str) -> list[str]:
    """A text in lines of at most WIDTH characters, words whole where they fit."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=other, drop_whitespace=True, break_on_hyphens=False
    )
