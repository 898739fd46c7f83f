"""Sample: a safe imitation of the first lines of a log, for bug reports: nothing of what they say is in it."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.chosen import chosen_formats, chosen_policy
from pipeline.find import find
from pipeline.options import Wanted
from pipeline.read import head
from schemas.load import Format
from schemas.trouble import Trouble
from transforms.imitate import RUN, Imitator
from transforms.parsers.escapes import from_bytes, from_json
from transforms.parsers.families import next_header, readers_behind
from transforms.parsers.json_lines import key_path
from transforms.parsers.layout import Layout
from transforms.parsers.reader import Reader
from transforms.shape import shape

MOST = 1000
_W3C = b"Fields Version Date Software Remark Start-Date End-Date GMT-Offset Microsoft Internet Information Services"


def sample(options: argparse.Namespace) -> bytes:
    """Imitations of the first lines; one that no format reads is shown as its shape. Raises Trouble E201, E301 to E303."""
    if not 1 <= options.lines <= MOST:
        raise Trouble("E201", f"--lines is {options.lines}, expected 1 to {MOST}")
    wanted = Wanted((options.file,), Path(), policy=options.policy, format=options.format)
    inputs = find(wanted.inputs)
    if len(inputs) != 1:
        raise Trouble("E201", f"{options.file} is {len(inputs)} files, expected one")
    lines = [line for line in head(inputs[0]) if line.strip()][: options.lines]
    try:
        formats, (name,) = chosen_formats(wanted, chosen_policy(wanted), inputs)
    except Trouble as trouble:
        if trouble.code != "E304":
            raise
        print(f"crowdlog: {trouble.message}; below are the shapes of the lines", file=sys.stderr)
        return b"".join(b"(no_format) " + shape(line).encode() + b"\n" for line in lines)
    print(f"crowdlog: {options.file} is read as {name}; nothing below stands in it", file=sys.stderr)
    return b"".join(line + b"\n" for line in imitated(lines, name, formats, secrets.token_bytes(32)))


def imitated(lines: Sequence[bytes], name: str, formats: Mapping[str, Format], key: bytes) -> Iterator[bytes]:
    """An imitation or the shape of each line, by formats such as "a+b" or "e/a"."""
    envelope, _, inner = name.rpartition("/")
    asked = [formats[one] for one in inner.split("+")]
    named = [*asked, *([formats[envelope]] if envelope else [])]
    imitator = Imitator(key, lines, frozenset(declared(named)))
    header = b""
    for line in lines:
        header = next_header(asked[0], header, line)
        readers = [
            reader for one in asked for reader in (readers_behind(one, header) if header or not one.header else ())
        ]
        if (asked[0].header == "fields" and line.startswith(b"#")) or line == header:
            made = imitator.header(line)
        elif envelope:
            made = _wrapped(line, readers_behind(formats[envelope], b""), readers, imitator)
        else:
            made = _first(line, readers, imitator)
        yield made if made is not None else b"(no_format) " + shape(line).encode()


def _first(line: bytes, readers: Sequence[Reader], imitator: Imitator) -> bytes | None:
    """By the first reader that reads the line, and reads what is made of it too."""
    for reader in readers:
        made = imitator.line(line, reader)
        if made is not None and reader.read(made) is not None:
            return made
    return None


def _wrapped(line: bytes, outer: Sequence[Reader], inner: Sequence[Reader], imitator: Imitator) -> bytes | None:
    for reader in outer:
        read = reader.read(line)
        if read is None:
            continue
        start, stop = read[0][reader.positions["message"]]
        text, escape = _opened(line[start:stop], reader.escapes == "json")
        made = _first(text.rstrip(b"\n"), inner, imitator)
        return None if made is None else imitator.line(line, reader, escape(made))
    return None


def _opened(message: bytes, json: bool) -> tuple[bytes, Callable[[bytes], bytes]]:
    """A message as it was before it was wrapped, and what wraps another one alike; JSON has texts or arrays of bytes."""
    if not json:
        return message, bytes
    if message.startswith(b"["):
        return from_bytes(message), lambda made: b"[" + b",".join(b"%d" % byte for byte in made) + b"]"
    return from_json(message), lambda made: made.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def declared(formats: Iterable[Format]) -> Iterator[bytes]:
    """The words of formats themselves: keys, labels, columns, and the text of directives."""
    yield from _W3C.split()
    for one in formats:
        for source in one.sources:
            yield source.name.encode()
            if one.family == "json":
                yield from (step.encode() for step in key_path(source.name) if isinstance(step, str))
        for reader in () if one.header else readers_behind(one, b""):
            if isinstance(reader, Layout):
                yield from (run for text in (reader.lead, *reader.literals) for run in RUN.findall(text))
