"""JSON lines: one object a line (RFC 8259), values at declared key paths such as request.headers.User-Agent[0]."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.load import Format
from transforms.kernels.block import Block, Rows
from transforms.kernels.lines import Entries, Json, Key, is_utf8
from transforms.kernels.modes import DEEPEST
from transforms.parsers.directive import DirectiveError
from transforms.parsers.escapes import from_json
from transforms.parsers.named import NamedReader
from transforms.parsers.reader import LONGEST_LINE, Read, Span

_BYTES = re.compile(rb"\[[ \t]*\d{1,3}(?:[ \t]*,[ \t]*\d{1,3})*[ \t]*\]")  # a text, byte by byte
_STEP = re.compile(r"""(?:\A|\.)([^.\[\]"]+)|(?:\A|\.)"([^"]+)"|\[(\d{1,4})\]|\[(\w+)=([^\]"]+)\]""")
_BLANKS = (b" ", b"\t", b"\r")
_STRING = re.compile(rb'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_SCALAR = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")


def key_path(text: str) -> tuple[Key, ...]:
    """The steps of a.b[0]: names of keys, in quotes where they hold a dot, and numbers of entries.

    a[key=x] is the entry of a that has x under its key.
    """
    steps: list[Key] = []
    at = 0
    for match in _STEP.finditer(text):
        if match.start() != at:
            break
        selected = (match[4], match[5]) if match[4] else match[1] or match[2]
        steps.append(int(match[3]) if match[3] is not None else selected)
        at = match.end()
    if at != len(text) or not steps or not isinstance(steps[0], str):
        raise DirectiveError(f'bad_path: {text!r}, expected keys and entries such as request.headers."X.Y"[0]')
    return tuple(steps)


class JsonReader(NamedReader):
    """A key that leads to a value which is read must stand once, and unescaped where the kernel is to find it.

    null, an object and an array are no value; but a message may be an array of bytes (journald). Other
    keys may stand twice: nobody reads them.
    """

    escapes = "json"

    def __init__(self, format: Format) -> None:
        super().__init__(format)
        paths = [key_path(field.variable) for field in self.fields]
        # what is searched by what stands beside it, and what may be an array
        self._sought = {
            slot: path
            for slot, path in enumerate(paths)
            if self.fields[slot].type == "list" or any(isinstance(key, tuple) for key in path)
        }
        if any(isinstance(key, int) for path in self._sought.values() for key in path):
            raise DirectiveError("bad_path: the number of an entry, and [key=text] or a list; expected one of them")
        self._slots = {path: slot for slot, path in enumerate(paths) if slot not in self._sought}
        self._messages = {path for path, field in zip(paths, self.fields, strict=True) if field.column == "message"}
        self._above = {path[:n] for path in self._slots for n in range(len(path))}
        # no key is a NUL: the slots of what is sought stay empty
        self._kernel = Json(
            [(f"\0{slot}",) if slot in self._sought else p for slot, p in enumerate(paths)], LONGEST_LINE
        )
        self._entries = Entries([(slot, p, self._is_list(slot)) for slot, p in self._sought.items()])

    def _is_list(self, slot: int) -> bool:
        return self.fields[slot].type == "list"

    def scan(self, block: Block, rows: Rows) -> None:
        self._kernel.scan(block, rows)
        if self._sought:
            self._entries.find(block, rows)
        self.settle(block, rows)

    def may_read(self, line: bytes) -> bool:
        return line.lstrip(b" \t\r").startswith(b"{")

    def read(self, line: bytes) -> Read | None:
        if not is_utf8(line):
            return None
        spans: list[Span | None] = [None] * len(self.fields)
        try:
            start = _blank(line, 0)
            end = self._value(line, start, (), 0, spans)
            for slot, path in self._sought.items():
                spans[slot] = self._found(line, start, path, self._is_list(slot))
        except _NoJson:
            return None
        if not self.may_read(line) or _blank(line, end) != len(line):
            return None
        return self.settled(line, spans)

    def _value(self, line: bytes, i: int, path: tuple[Key, ...] | None, depth: int, spans: list[Span | None]) -> int:
        """Place behind the value at `i`; `path` leads to it, None where nobody reads anything of it."""
        if path in self._messages and (match := _BYTES.match(line, i)):
            spans[self._slots[path]] = match.span()
            return match.end()
        if line[i : i + 1] in (b"{", b"["):
            return self._members(line, i, path if path in self._above else None, depth, spans)
        if match := _STRING.match(line, i):
            span = match.span(1)
        elif match := _SCALAR.match(line, i):
            span = match.span()
        else:
            raise _NoJson
        if path is not None and (slot := self._slots.get(path)) is not None and match[0] != b"null":
            spans[slot] = span
        return match.end()

    def _members(self, line: bytes, i: int, path: tuple[Key, ...] | None, depth: int, spans: list[Span | None]) -> int:
        """Place behind the object or array at `i`."""
        if depth >= DEEPEST:
            raise _NoJson
        keyed = line[i : i + 1] == b"{"
        close = b"}" if keyed else b"]"
        i = _blank(line, i + 1)
        if line[i : i + 1] == close:
            return i + 1
        seen: set[Key] = set()
        count = 0
        while True:
            key: Key = count
            if keyed:
                match = _STRING.match(line, i)
                if match is None:
                    raise _NoJson
                i = _blank(line, match.end())
                if line[i : i + 1] != b":":
                    raise _NoJson
                i = _blank(line, i + 1)
                key = from_json(match[1]).decode("utf-8", "surrogatepass")
            here = None if path is None else (*path, key)
            if here is not None and (here in self._slots or here in self._above):
                if key in seen:
                    raise _NoJson
                seen.add(key)
            i = _blank(line, self._value(line, i, here, depth + 1, spans))
            count += 1
            if line[i : i + 1] == close:
                return i + 1
            if line[i : i + 1] != b",":
                raise _NoJson
            i = _blank(line, i + 1)

    def _found(self, line: bytes, i: int, path: tuple[Key, ...], whole: bool) -> Span | None:
        """The span of what the path leads to from the value at `i`."""
        for key in path:
            ways = [at for name, at in self._below(line, i) if name == key] if isinstance(key, str) else []
            if isinstance(key, tuple) and line[i : i + 1] == b"[":
                ways = [at for _, at in self._below(line, i) if self._text_of(line, at, key[0]) == key[1]]
            if len(ways) > 1:
                raise _NoJson
            if not ways:
                return None
            i = ways[0]
        if line[i : i + 1] in b"{n" or (line[i : i + 1] == b"[" and not whole):
            return None
        end = self._value(line, i, None, 0, [])
        return (i + 1, end - 1) if line[i : i + 1] == b'"' else (i, end)

    def _text_of(self, line: bytes, i: int, name: str) -> str | None:
        """The string under a key of the object at `i`, which may stand there once."""
        ways = [at for key, at in self._below(line, i) if key == name] if line[i : i + 1] == b"{" else []
        if len(ways) > 1:
            raise _NoJson
        match = _STRING.match(line, ways[0]) if ways else None
        return from_json(match[1]).decode("utf-8", "surrogatepass") if match else None

    def _below(self, line: bytes, i: int) -> Iterator[tuple[Key, int]]:
        """(key or number, place of its value) of an object or array of a line that is JSON; nothing of another value."""
        if line[i : i + 1] not in (b"{", b"["):
            return
        keyed, count = line[i : i + 1] == b"{", 0
        i = _blank(line, i + 1)
        while line[i : i + 1] not in (b"}", b"]"):
            key: Key = count
            if keyed and (match := _STRING.match(line, i)):
                key = from_json(match[1]).decode("utf-8", "surrogatepass")
                i = _blank(line, _blank(line, match.end()) + 1)
            yield key, i
            i = _blank(line, self._value(line, i, None, 0, []))
            if line[i : i + 1] == b",":
                i = _blank(line, i + 1)
            count += 1


class _NoJson(Exception):
    """A line is no JSON text, or one that is not read."""


def _blank(line: bytes, i: int) -> int:
    while line[i : i + 1] in _BLANKS:
        i += 1
    return i
