"""Patterns of ours for text lines that no server directive describes: '{client}:{ignored:count} [{time:%d/%b/%Y}] …'."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from schemas import load
from transforms import clocks
from transforms.kernels.modes import BARE, FIXED, LAST, LAZY, LIST, QUOTED, REST, WORD
from transforms.parsers.directive import DirectiveError
from transforms.parsers.layout import Layout
from transforms.parsers.reader import Field, is_typed
from transforms.parsers.times import refuse_unclear

_FIELD = re.compile(r"\{\{|\}\}|\{([a-z]+)([<>!]?)(?::([^{}]*))?\}")
_OTHER = frozenset({"text", "word", "list"})


def compile_pattern(pattern: str, zone: str = "UTC", plus: Iterable[str] = (), percent: Iterable[str] = ()) -> Layout:
    """The Layout of a pattern.

    {column} or {column:type} is a field, {{ and }} are braces, all else stands as it is. A field ends at the first byte
    of what stands behind it; between double quotes at a quote that no backslash escapes; {client<} at the last such
    byte in front of a space, so that an IPv6 address may stand in front of its port. {duration>} may have blanks in front
    that fill it up, {host!} is neither empty nor a dash. The types of a time are those of schemas/directives.toml, or a
    pattern of strptime(3). `plus` and `percent` are as in Reader. Raises DirectiveError.
    """
    names, types, marks, texts = _pieces(pattern)
    literals = [text.encode() for text in texts]
    if re.search(r"[\x00-\x08\x0a-\x1f]", "".join(texts)):
        raise DirectiveError("bad_text: the pattern holds a line break or control character, expected one line")
    fields = []
    for i, (name, kind) in enumerate(zip(names, types, strict=True)):
        before, after = literals[i], literals[i + 1]
        if not after and i < len(names) - 1:
            raise DirectiveError(
                f"no_separator: nothing stands behind {name}, so its value cannot be told from the next"
            )
        if is_typed(kind) and after[:1].isdigit():
            raise DirectiveError(f"no_end: what stands behind {name} may be a part of it")
        mode = LAST if marks[i] == "<" else _mode(name, kind, before, after)
        fields.append(Field(f"{name}{i}", name, kind, mode, some=marks[i] == "!", padded=marks[i] == ">"))
    _check(fields)
    rest = tuple(literals[1:])
    return Layout(pattern, literals[0], tuple(fields), rest, zone, frozenset(plus), frozenset(percent))


def _pieces(pattern: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Columns, types, marks, and the texts around them (one more)."""
    names, types, marks, texts, held, end = [], [], [], [], "", 0
    for match in _FIELD.finditer(pattern):
        held += pattern[end : match.start()]
        end = match.end()
        if match[1] is None:
            held += match[0][0]
            continue
        names.append(match[1])
        types.append(match[3] or load.DEFAULT_TYPES.get(match[1], "text"))
        marks.append(match[2])
        texts.append(held)
        held = ""
    rest = held + pattern[end:]
    if not names or re.search(r"\{[a-z]", "".join((*texts, rest)).replace("{{", "")):
        raise DirectiveError("bad_pattern: expected fields such as {client} or {time:iso8601}")
    return names, types, marks, [*texts, rest]


def _mode(name: str, kind: str, before: bytes, after: bytes) -> int:
    if before.endswith(b'"') and after.startswith(b'"'):
        return QUOTED
    if after and clocks.is_clock(kind) and clocks.holds(kind, after[:1].decode("latin-1")):
        if not clocks.width(kind):
            raise DirectiveError(f"no_end: what stands behind {name} may be a part of it, and its length may differ")
        return FIXED
    if not after:
        return WORD if kind == "word" or is_typed(kind) else REST
    if kind == "list" and after.startswith(b" "):
        return LIST
    return LAZY if name == "user" else BARE


def _check(fields: list[Field]) -> None:
    """Each column once, of a type that fits it, and what the pipeline needs."""
    columns = [field.column for field in fields if field.column != "ignored"]
    for field in fields:
        if field.column not in load.fields().columns and field.column not in load.PIECES:
            raise DirectiveError(f"no_column: {field.column!r}, expected a column of fields.toml")
        if columns.count(field.column) > 1:
            raise DirectiveError(f"repeated: {field.column} stands more than once, expected each column once")
        if not is_typed(field.type) and field.type not in _OTHER:
            raise DirectiveError(f"bad_type: {field.type!r} of {field.column}, expected text, a number or a time")
        if field.column in load.DEFAULT_TYPES and not is_typed(field.type):
            raise DirectiveError(f"bad_type: {field.type!r} does not fit the column {field.column}")
        if is_typed(field.type):
            refuse_unclear(field)
    if any((field.padded and not field.typed) or (field.some and field.typed) for field in fields):
        raise DirectiveError("bad_pattern: {column>} needs a number or time, and {column!} a text")
    if sum(field.mode == LAZY for field in fields) > 1 or any(
        a.mode == LAST and b.type != "count" for a, b in pairwise(fields)
    ):
        raise DirectiveError("bad_pattern: {column<} needs a count behind it, and a user stands once")
    if "message" in columns:
        return
    ways = {
        "client": [{"client"}],
        "time": [{"time"}, {"date", "clock"}],
        "path": [{"path"}, {"request"}, {"target"}, {"url"}, {"location"}],
    }
    for need, sets in ways.items():
        if not any(way <= set(columns) for way in sets):
            raise DirectiveError(f"no_{need}: nothing gives it, and an access log needs it")
