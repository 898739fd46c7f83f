"""Explain: each field of one line, what happens to it and by which rule; for the operator's own eyes."""

from __future__ import annotations

import argparse
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pipeline import reasons
from pipeline.chosen import chosen_database, chosen_policy
from pipeline.cut import padded
from pipeline.drawn import drawn
from pipeline.options import Wanted
from schemas import load
from schemas.policy import Policy, Site
from schemas.stages import Accounts, Chunk, Events, PseudonymousEvents
from schemas.trouble import Trouble
from transforms.anonymise import Bench
from transforms.detectors import kinds
from transforms.parse import Parse
from transforms.parsers.detect import detect, unwrapped
from transforms.parsers.directive import DirectiveError
from transforms.parsers.escapes import ESCAPES
from transforms.parsers.families import atoms, check, readers_behind
from transforms.parsers.reader import Reader
from transforms.reading import read
from transforms.shape import shape

HEADER = "#Fields:"
FORMS = {"path": "path", "query": "query", "referrer": "url"}  # URL-like fields, and how they are split


def explain(lines: Iterable[bytes], options: argparse.Namespace, complain: Callable[[str], None]) -> Iterator[str]:
    """A text, or with --json an object, of what becomes of each line. Raises Trouble E201, E202, E203, E304.

    `lines` stand behind header lines where their format has them; a #Fields: line may also be given as the format. One that
    no format reads is told to `complain`, by its number and shape; E304 is raised where all are so. All lines are read for
    "-", else the first one.
    """
    given, lines = options.format, iter(lines)
    if given and given.startswith(HEADER):
        lines, given = chain([given.encode()], lines), None
    wanted = Wanted((), Path(), policy=options.policy, format=given, site=options.site, geo_db=options.geo_db)
    policy = chosen_policy(wanted)
    asked = wanted.format or policy.format
    bench = Bench(policy, wanted.site, chosen_database(wanted), secrets.token_bytes(32))
    unread: list[tuple[int, Trouble]] = []
    number = 0
    found = headed(lines, {**load.formats(), **policy.formats}.get(asked))
    for number, (header, line) in enumerate(found if options.line == "-" else islice(found, 1), 1):
        try:
            record = explained(line, header, asked, policy, bench)
        except Trouble as trouble:
            if trouble.code != "E304":
                raise
            unread.append((number, trouble))
            continue
        yield json.dumps(record) if options.json else "\n".join(drawn(record))
    if len(unread) == number:
        raise unread[0][1]
    for at, why in unread:
        complain(f"line {at}: {why.message}")


def explained(line: bytes, header: bytes, asked: str, policy: Policy, bench: Bench) -> dict[str, Any]:
    """What becomes of one line, as data. Raises Trouble E201, E304."""
    name, formats = chosen(line, header, asked, {**load.formats(), **policy.formats})
    fields, now = load.fields(), int(time.time())
    buffer, size = padded(line + b"\n")
    *_, events = Parse(policy, fields, formats, now).events(Chunk(0, name, buffer, size, Accounts(), header))
    reader = reader_of(line, header, name, formats)
    if not events.accounts.parsed or reader is None:
        reason = next(iter(events.accounts.rejected | events.accounts.skipped), "no_format")
        raise Trouble("E304", f"the line is rejected ({reason}) by format {name}; its shape: {shape(line)}")
    whole = Parse(policy, fields, formats, now)
    whole.allowed = None  # of parameters that are dropped the names are shown, and the rules
    *_, everything = whole.events(Chunk(0, name, buffer, size, Accounts(), header))
    dropped = dropped_of(line, name, formats, reader)
    out = bench.anonymise(events)
    site = policy.site(out.batch["site"][0].as_py())
    columns = columns_of(reader)
    # what the query told of, where the path is an endpoint
    told = [name for name in events.batch.schema.names if name not in columns and events.batch[name].null_count == 0]
    rows = list(described(events, out, fields, [*columns, *told]))
    for row in rows:
        row["parts"] = list(parts_of(row, everything, dropped, site, policy, out))
    directive = formats[name].directive if name in formats else ""
    return {"format": name, "directive": directive, "site": site.name, "fields": rows}


def headed(lines: Iterable[bytes], format: load.Format | None) -> Iterator[tuple[bytes, bytes]]:
    """(header line that counts, b"" where there is none; line that may hold an event) of each line; b"" when all are blank."""
    header, found = b"", False
    for line in (line.rstrip(b"\r\n") for line in lines):
        if line.startswith(HEADER.encode()) or (format is not None and format.header == "row" and not header):
            header = line
        elif line.strip() and not line.startswith(b"#"):
            found = True
            yield header, line
    if not found:
        yield header, b""


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


def dropped_of(line: bytes, name: str, formats: Mapping[str, load.Format], reader: Reader) -> dict[str, bytes]:
    """The bytes of each field that is there, by column, also of those that a run never builds."""
    envelope = name.rpartition("/")[0]
    text = unwrapped(formats[envelope], [line])[0] if envelope else line
    read_ = reader.read(text)
    found: dict[str, bytes] = {}
    for field, (start, stop) in zip(reader.fields, read_[0] if read_ else (), strict=False):
        if value := text[start:stop]:
            found.setdefault(field.column, ESCAPES[reader.escapes][1](value))
    return found


def parts_of(
    row: Mapping[str, Any],
    everything: Events,
    dropped: Mapping[str, bytes],
    site: Site,
    policy: Policy,
    out: PseudonymousEvents,
) -> Iterator[reasons.Part]:
    """The rules that decided on the parts of a field."""

    def raw(column: str) -> bytes | None:
        value: bytes | None = everything.batch[column][0].as_py() if column in everything.batch.schema.names else None
        return value

    name, route = row["field"], out.batch["route"][0].as_py()
    if name == "path" and raw("path"):
        found = reasons.of_path(raw("path") or b"", route, site)
    elif name == "query" and raw("query"):
        found = reasons.of_query(raw("path") or b"", raw("query") or b"", route, site)
    elif name == "client":
        found = reasons.of_client(raw("client") or b"", raw("forwarded"), policy)
    elif name == "referrer" and raw("referrer"):
        found = reasons.of_referrer(raw("referrer") or b"", row["gives"])
    elif name == "agent" and raw("agent"):
        found = reasons.of_agent(row["gives"])
    elif name == "cookie" and name in dropped:
        found = reasons.of_cookie(dropped[name])
    elif row["rule"] == "drop" and row["class"] == "identity" and name in dropped:
        found = reasons.of_dropped(dropped[name])
    else:
        return
    for part in found:
        yield {key: shown("", value) for key, value in part.items()}


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
    if isinstance(value, list):
        return [shown(name, one) for one in value]
    if isinstance(value, str):
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return value
