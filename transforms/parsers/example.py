"""A line that a format reads, made from its declaration alone: to show what the format looks like."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from schemas.load import Format
from transforms import clocks
from transforms.kernels.lines import Key
from transforms.kernels.plain import MONTHS
from transforms.parsers.delimited import FIELDS
from transforms.parsers.families import readers, readers_behind
from transforms.parsers.json_lines import key_path
from transforms.parsers.layout import Layout
from transforms.parsers.reader import Field, Reader

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_VALUES = {
    "client": "198.51.100.7", "forwarded": "203.0.113.9", "host": "www.example.com", "path": "/kb/setup",
    "query": "lang=en", "target": "/kb/setup?lang=en", "request": "GET /kb/setup?lang=en HTTP/1.1", "method": "GET",
    "event": "page_view", "visitor": "6f1c2d", "country": "DE", "browser": "Firefox", "browser_version": "145.0",
    "os": "Linux", "device": "desktop", "referrer_host": "www.example.org", "utm_source": "newsletter",
    "utm_medium": "email", "utm_campaign": "spring", "affiliate": "12", "link": "7", "licence_status": "active",
    "licence_source": "shop", "server_os": "Debian 12", "virtualisation": "kvm", "features": "backup,api",
    "url": "https://www.example.com/kb/setup?lang=en", "protocol": "HTTP/1.1",
    "referrer": "https://www.example.org/", "agent": _AGENT,
    "message": f'198.51.100.7 - - [20/Nov/2026:08:30:12 +0000] "GET /kb/setup HTTP/1.1" 200 5120 "-" "{_AGENT}"',
}  # fmt: skip
_NUMBERS = {
    "epoch": "1795163412.250", "epoch_ms": "1795163412250", "epoch_us": "1795163412250000", "status": "200",
    "decimal": "0.012", "fraction": "0.012", "unclear": "12", "whole": "12", "zero": "0", "count": "5120",
    "seconds": "0.012", "millis": "12", "micros": "12000",
    "clf": "20/Nov/2026:08:30:12 +0000", "iso8601": "2026-11-20T08:30:12+00:00",
}  # fmt: skip
_CLOCK = {
    "Y": "2026", "m": "11", "d": "20", "e": "20", "H": "08", "I": "08", "M": "30", "S": "12", "f": ".250",
    "b": list(MONTHS)[10].decode(), "p": "AM", "z": "+0000",
}  # fmt: skip


def example(format: Format) -> list[bytes]:
    """Lines: the header line where the format has one, and one that holds an event."""
    if format.header:
        names = tuple(one.variable for one in _shown([Field(s.name, s.column, s.type) for s in format.sources]))
        header = (FIELDS + b" " if format.header == "fields" else b"") + format.separator.join(names).encode()
        (reader,) = readers_behind(format, header)
        return [header, _delimited(reader, names, format.separator)]
    reader = readers(format)[0]
    if isinstance(reader, Layout):
        return [_laid_out(reader)]
    if format.family == "delimited":
        return [_delimited(reader, format.names, format.separator)]
    if format.family == "labelled":
        return ["\t".join(f"{field.variable}:{value(field)}" for field in _shown(reader.fields)).encode()]
    return [_object(_shown(reader.fields))]


def value(field: Field) -> str:
    """What may stand in a field: documentation addresses and domains."""
    kind = field.type.split("|")[0]
    if (field.column, kind) == ("ignored", "count"):
        return "14"
    if kind in _NUMBERS:
        return _NUMBERS[kind]
    if clocks.is_clock(kind):
        return "".join(_CLOCK[letter] if letter else text for letter, text in clocks.pieces(kind))
    return _VALUES.get(field.column, "-")


def _shown(fields: Iterable[Field]) -> list[Field]:
    """The first field of each column, and of several ways to say what was asked for one; date and clock in front."""
    first: dict[str, Field] = {}
    for field in fields:
        first.setdefault(field.column, field)
    hidden: set[str] = set()
    if "request" in first:
        hidden = {"target", "path", "query", "method", "protocol"}
    elif "path" in first:
        hidden = {"target"}
    shown = [field for column, field in first.items() if column not in hidden]
    return sorted(shown, key=lambda field: field.column not in ("date", "clock"))


def _laid_out(layout: Layout) -> bytes:
    line = layout.lead
    for field, literal in zip(layout.fields, layout.literals, strict=True):
        text = value(field).encode()
        line += (text.replace(b" ", b"+") if field.column in layout.plus else text) + literal
    return line


def _delimited(reader: Reader, names: tuple[str, ...], separator: str) -> bytes:
    by_name = {field.variable: field for field in reader.fields}
    cells = []
    for name in names:
        text = value(by_name[name]) if name in by_name else "-"
        if separator in text:
            plus = name in by_name and by_name[name].column in reader.plus
            text = text.replace(separator, "+") if plus else f'"{text}"'
        cells.append(text)
    return separator.join(cells).encode()


def _object(fields: list[Field]) -> bytes:
    root: dict[Key, Any] = {}
    for field in fields:
        *above, last = key_path(field.variable)
        node = root
        for step in above:
            node = node.setdefault(step, {})
        if isinstance(node, dict):
            node[last] = float(value(field)) if _is_number(field) else value(field)
    return json.dumps(_with_arrays(root), separators=(",", ":")).encode()


def _is_number(field: Field) -> bool:
    kind = field.type.split("|")[0]
    return kind in _NUMBERS and kind not in ("clf", "iso8601")


def _with_arrays(node: Any) -> Any:
    """Objects whose keys are numbers are the arrays that they stand for; whole numbers lose their fraction."""
    if isinstance(node, float):
        return int(node) if node == int(node) else node
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(key, tuple) for key in node):  # entries that say what they are
        return [{key[0]: key[1], **_with_arrays(below)} for key, below in node.items()]
    if node and all(isinstance(key, int) for key in node):
        return [_with_arrays(node.get(at)) for at in range(max(node) + 1)]
    return {key: _with_arrays(below) for key, below in node.items()}
