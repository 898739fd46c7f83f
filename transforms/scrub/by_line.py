"""Lines of formats of every family as scrub writes them, one at a time: envelopes, mixtures and header lines included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.load import Format
from schemas.stages import Accounts, Chunk
from transforms.parsers.blocks import reject
from transforms.parsers.delimited import DelimitedReader
from transforms.parsers.escapes import from_bytes, from_json
from transforms.parsers.families import next_header, readers, readers_behind
from transforms.parsers.json_lines import JsonReader
from transforms.parsers.labelled import LabelledReader
from transforms.parsers.layout import Layout
from transforms.parsers.reader import LONGEST_LINE, UNREAD, Read, Reader
from transforms.scrub.columns import Treatments
from transforms.scrub.delimited import DelimitedLine, version_line
from transforms.scrub.family import Puts
from transforms.scrub.json_lines import JsonLine
from transforms.scrub.labelled import LabelledLine
from transforms.scrub.laid_out import LaidOut
from transforms.scrub.words import Words, Written

BLOCK = 512 << 10  # bytes that are written at once
UNWRITABLE = "unwritable"
"""Why a line was dropped that was read, but would not be read alike as it would be written."""


class Form(NamedTuple):
    """A reader with what writes its lines anew."""

    reader: Reader
    words: Words
    puts: Puts


def puts_of(reader: Reader) -> Puts:
    """What writes the lines of a reader anew: the one place that knows all families."""
    match reader:
        case Layout():
            return LaidOut(reader)
        case JsonReader():
            return JsonLine(reader)
        case LabelledReader():
            return LabelledLine(reader)
        case DelimitedReader():
            return DelimitedLine(reader)
    raise TypeError(f"{type(reader).__name__} is of no family whose lines can be written")


class Forms:
    """The forms of some formats, to be tried in their order."""

    def __init__(self, tried: Sequence[Reader], written: Written) -> None:
        self.all = [Form(reader, Words(reader, written), puts_of(reader)) for reader in tried]
        self._sure = len(self.all) == 1 and not isinstance(self.all[0].reader, Layout)

    def read(self, line: bytes) -> tuple[Form, Read] | None:
        """The first that reads the line."""
        for form in self.all:
            read = form.reader.read(line)
            if read is not None:
                return form, read
        return None

    def is_read_alike(self, form: Form, line: bytes) -> bool:
        """Whether a line that was written is read by the same one again, and not by another that is tried before it.

        Named values are written where the names say; text has to be read to know.
        """
        again = None if self._sure else self.read(line)
        return self._sure or (again is not None and again[0] is form)


class LineRewriter:
    """Writes lines of "a", "a+b" or "e/a+b" anew. What it remembers is raw, in memory alone, and bounded."""

    def __init__(
        self, made: str, formats: Mapping[str, Format], treatments: Treatments, now: int | None = None
    ) -> None:
        self._written = Written(treatments, now)
        envelope, _, inner = made.rpartition("/")
        named = [formats[name] for name in inner.split("+")]
        self._headed = named[0] if named[0].header else None
        self._inner = Forms([] if self._headed else [one for each in named for one in readers(each)], self._written)
        self._outer = Forms(readers(formats[envelope]), self._written) if envelope else None
        self._file, self._header = -1, b""

    def forget(self) -> None:
        """Drop all that is remembered of lines, and begin anew; the header line of the file still counts."""
        self._written.forget()

    def rewrite(self, chunk: Chunk) -> Iterator[memoryview]:
        """Blocks of lines, in order. `chunk.accounts` counts every line, also those that nothing is written for."""
        if chunk.header or chunk.file != self._file:
            self._file, self._header = chunk.file, b""
            self._behind(chunk.header)
        out, size = [], 0
        for line in _lines(chunk):
            chunk.accounts.lines += 1
            if (written := self._line(line, chunk.accounts)) is not None:
                out.append(written)
                size += len(written) + 1
            if size > BLOCK:
                yield memoryview(b"\n".join([*out, b""]))
                out, size = [], 0
        if out:
            yield memoryview(b"\n".join([*out, b""]))

    def _line(self, line: bytes, accounts: Accounts) -> bytes | None:
        """What is written for a line, if anything."""
        if len(line) > LONGEST_LINE:
            reject(line, "too_long", accounts)
            return None
        if not line.strip():
            accounts.skipped["blank"] += 1
            return None
        if self._headed is not None:
            header = next_header(self._headed, self._header, line + b"\n")
            if header != self._header:
                self._behind(header)
            if self._is_header(line):
                accounts.skipped["directive"] += 1
                writer = self._inner.all[0].puts if self._inner.all else None
                return writer.header(line) if isinstance(writer, DelimitedLine) else version_line(line)
        return self._inside(line, accounts) if self._outer else self._event(self._inner, line, accounts)

    def _is_header(self, line: bytes) -> bool:
        """Whether a line says something of the columns of a file that names them."""
        known = [form.reader for form in self._inner.all] or [UNREAD]
        return any(reader.is_directive(line) for reader in known)

    def _behind(self, header: bytes) -> None:
        """Read by a header line from here on."""
        if self._headed is not None:
            self._header = header
            self._inner = Forms(readers_behind(self._headed, header) if header else (), self._written)

    def _event(self, forms: Forms, line: bytes, accounts: Accounts) -> bytes | None:
        """A line that holds an event, counted."""
        found = forms.read(line)
        if found is None:
            reject(line, "no_format", accounts)
            return None
        form, read = found
        written = form.puts.put(line, read, form.words.of(line, read, accounts), accounts)
        return self._counted(forms, form, written, line, accounts)

    def _counted(self, forms: Forms, form: Form, written: bytes, line: bytes, accounts: Accounts) -> bytes | None:
        if not forms.is_read_alike(form, written):
            reject(line, UNWRITABLE, accounts)
            return None
        accounts.parsed += 1
        return written

    def _inside(self, line: bytes, accounts: Accounts) -> bytes | None:
        """A line of an envelope, with the line that is inside it written anew."""
        assert self._outer is not None
        found = self._outer.read(line)
        if found is None:
            reject(line, "no_format", accounts)
            return None
        form, read = found
        at, is_json = form.reader.positions["message"], form.reader.escapes == "json"
        start, stop = read[0][at]
        text = from_json(line[start:stop]) if is_json else line[start:stop]
        inner = text.rstrip(b"\r\n").replace(b"\n", b" ")
        inner = from_bytes(inner) if is_json else inner
        if not inner.strip():
            accounts.skipped["blank"] += 1
            return None
        message = self._event(self._inner, inner, accounts)
        if message is None:
            return None
        accounts.parsed -= 1  # it is counted with its envelope
        words = form.words.of(line, read, accounts)
        words[at] = message + (b"\n" if is_json and text.endswith(b"\n") else b"")
        return self._counted(self._outer, form, form.puts.put(line, read, words, accounts), line, accounts)


def _lines(chunk: Chunk) -> Iterator[bytes]:
    """The lines of a chunk without their newlines."""
    content = chunk.buffer[: chunk.size].tobytes()
    return iter(content.removesuffix(b"\n").split(b"\n") if content else ())
