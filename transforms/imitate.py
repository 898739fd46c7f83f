"""Imitations of log lines, for bug reports: structure, quotes and escapes stay; words, numbers, addresses, times do not."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import random
import re
from collections.abc import Iterable, Sequence

from transforms import clocks
from transforms.kernels.plain import MONTHS
from transforms.parsers.reader import Field, Reader, value_of

REDRAWN = 8  # times that the numbers of a line are made up anew
LONGEST = 8192  # bytes of a line that is imitated
# What every access log may hold: these words stand for nobody. 2001 is of 2001:db8::/32, the documentation prefix.
WORDS = frozenset(
    b"http https get head post put delete options patch connect trace propfind true false null 2001".split()
)
ZONE = re.compile(rb"(?:0\d|1[0-4])(?:00|15|30|45)\Z")  # digits of +0100: they are kept behind a time
ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[bfnrtv]")
RUN = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
_QUAD = rb"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
_SIX = rb"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}(?![\w:.])"
_KEPT = (
    rb"(?<![A-Za-z0-9])(?:HTTP/\d(?:\.\d)?|https?(?=://)|GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE|PROPFIND)"
    rb"(?![A-Za-z0-9])"
)
_PIECE = re.compile(
    b"(?P<escape>" + ESCAPE.pattern + b")|(?P<kept>" + _KEPT + b")|(?P<quad>" + _QUAD + b")|(?P<six>" + _SIX
    + b")|(?P<run>" + RUN.pattern + b")|(?P<control>[\\x00-\\x08\\x0a-\\x1f\\x7f])"
)  # fmt: skip
_NAMES = re.compile(  # of JSON and LTSV: a key in quotes, a label in front of its colon; other strings as a whole
    rb'(?P<key>"(?:[^"\\]|\\.)*"(?=[ \t]*:))|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>(?<![\w"])(?:true|false|null)(?![\w"]))'
    rb"|(?P<label>(?:(?<=\t)|\A)[^:\t\"]+(?=:))"
)
_PATTERNS = {"clf": "%d/%b/%Y:%H:%M:%S %z", "iso8601": "%Y-%m-%dT%H:%M:%S%f%z"}
_EPOCHS = {"epoch": 1, "epoch_ms": 1000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
_DIGITS = re.compile(rb"[0-9]+")
_SOUNDS = (b"bdfgklmnprstvz", b"aeiou")


class Imitator:
    """Makes up what stands in lines; the same word becomes the same word throughout.

    `key` (32 random bytes) decides what becomes of a word, `lines` are all that will be imitated: no letters and digits
    of theirs, four together or more, may be in what is made up. `names` are words that formats declare; they stay where
    a format has its names.
    """

    def __init__(self, key: bytes, lines: Iterable[bytes], names: frozenset[bytes]) -> None:
        self._key, self._names = key, names
        self._declared = {run.lower() for name in names for run in RUN.findall(name)}
        runs = {run.lower() for line in lines for run in RUN.findall(ESCAPE.sub(b"\0", line))}
        self._original = {run for run in runs - self._declared - WORDS if len(run) >= 4 and not ZONE.match(run)}
        self._sizes = sorted({len(run) for run in self._original})
        self._redrawn = 0
        self._days, self._seconds = self._shift()

    def line(self, line: bytes, reader: Reader, message: bytes | None = None) -> bytes | None:
        """An imitation of a line of the reader's format, None where none was found.

        `message` is the imitation of what is inside an envelope.
        """
        read = reader.read(line) if len(line) <= LONGEST else None
        if read is None:
            return None
        for self._redrawn in range(REDRAWN):  # numbers are short: now and then one is another number of the lines
            made = self._line(line, reader, read[0], message)
            if made is None or self.is_clean(made):
                return made
        return None

    def _line(
        self, line: bytes, reader: Reader, spans: Sequence[tuple[int, int]], message: bytes | None
    ) -> bytes | None:
        named = all(field.mode < 0 for field in reader.fields)
        out, at = b"", 0
        for (start, stop), n in sorted((span, n) for n, span in enumerate(spans) if span[1] > span[0]):
            field, text = reader.fields[n], line[start:stop]
            made = message if field.column == "message" else self._value(field, text)
            if made is None:
                return None
            if named and line[start - 1 : start] == line[stop : stop + 1] == b'"':  # what is between are whole strings
                start, stop, made = start - 1, stop + 1, b'"' + made + b'"'
            out, at = out + self._between(line[at:start], named) + made, stop
        return out + self._between(line[at:], named)

    def header(self, line: bytes) -> bytes | None:
        """A line that names columns: those that formats declare keep their names."""
        out = b"".join(
            part if part.strip(b'"') in self._names else self.text(part) for part in re.split(rb"([ ,;\t]+)", line)
        )
        return out if self.is_clean(out) else None

    def is_clean(self, made: bytes) -> bool:
        """Whether nothing of the lines is in what was made; a word that the format declares is the format's own."""
        runs = RUN.findall(ESCAPE.sub(b"\0", made))
        return not any(self._holds(run) for run in runs if run.lower() not in self._declared)

    def text(self, text: bytes) -> bytes:
        """A text with other words, numbers and addresses."""
        return _PIECE.sub(self._piece, text)

    # ---- parts of a line --------------------------------------------------------------------------------------------

    def _between(self, text: bytes, named: bool) -> bytes:
        """What stands between the fields: text of the format itself, or names and values that nobody reads."""
        return self._named(text) if named else text

    def _named(self, text: bytes) -> bytes:
        out, at = b"", 0
        for match in _NAMES.finditer(text):
            out += self.text(text[at : match.start()])
            kept = match["word"] or (match[0].strip(b'"') in self._names and not match["string"])
            out += match[0] if kept else self.text(match[0])
            at = match.end()
        return out + self.text(text[at:])

    def _value(self, field: Field, text: bytes) -> bytes | None:
        if not field.typed:
            return self.text(text)
        for kind in field.type.split("|"):
            if value_of(kind, text) is None:
                continue
            if kind in ("status", "zero"):
                return text
            if kind in _EPOCHS:
                return self._epoch(kind, text)
            pattern = _PATTERNS.get(kind, kind)
            # of a number the digits alone: the letters of "0.25s" are its unit
            return self._time(pattern, text) if "%" in pattern else _DIGITS.sub(lambda run: self._word(run[0]), text)
        return self.text(text)

    def _epoch(self, kind: str, text: bytes) -> bytes:
        whole, point, fraction = text.partition(b".")
        moved = int(whole) + (self._days * 86400 + self._seconds) * _EPOCHS[kind]
        return str(abs(moved)).encode() + point + self.text(fraction)

    def _time(self, pattern: str, text: bytes) -> bytes | None:
        """A time by a pattern, moved: dates by whole days, clocks around the day."""
        found = clocks.parts(pattern, text)
        if found is None:
            return None
        month = MONTHS[found["b"]] if "b" in found else int(found.get("m", b"1"))
        hour = int(found.get("H", found.get("I", b"0"))) % (24 if "H" in found else 12)
        hour += 12 if found.get("p") == b"PM" else 0
        try:
            then = dt.datetime(int(found.get("Y", b"2000")), month, int(found.get("d", found.get("e", b"1"))), hour)
            minutes = dt.timedelta(minutes=int(found.get("M", b"0")), seconds=min(int(found.get("S", b"0")), 59))
            clock = bool({"H", "I"} & set(found))
            now = then + minutes + dt.timedelta(days=self._days, seconds=self._seconds if clock else 0)
        except (ValueError, OverflowError):
            return None
        given = {
            "Y": f"{now:%Y}", "m": f"{now:%m}", "d": f"{now:%d}", "e": f"{now.day:2d}", "H": f"{now:%H}", "I": f"{now:%I}",
            "M": f"{now:%M}", "S": f"{now:%S}", "b": list(MONTHS)[now.month - 1].decode(),
            "p": ("AM", "PM")[now.hour > 11],
            "f": self.text(found.get("f", b"")).decode(), "z": found.get("z", b"").decode(),
        }  # fmt: skip
        return "".join(given[letter] if letter else byte for letter, byte in clocks.pieces(pattern)).encode()

    def _shift(self) -> tuple[int, int]:
        """Days (about two to eleven years back, to years that no line names if there are such) and seconds."""
        draw = self._draw(b"shift", 0)
        years = {int(run) for run in self._original if len(run) == 4 and run.isdigit()}
        epochs = sorted(int(run) for run in self._original if len(run) == 10 and run.isdigit())[:50]
        best = (len(epochs) + 2, 0, 0)
        for _ in range(50):
            days, seconds = -draw.randrange(800, 4000), draw.randrange(1, 86400)
            back = -days // 365
            named = any({year - back - 1, year - back, year - back + 1} & years for year in years)
            held = sum(self._holds(str(epoch + days * 86400 + seconds).encode()) for epoch in epochs)
            best = min(best, (held + named, days, seconds))
            if best[0] == 0:
                break
        return best[1:]

    # ---- pieces of a text -------------------------------------------------------------------------------------------

    def _piece(self, match: re.Match[bytes]) -> bytes:
        kind = match.lastgroup
        text = match[0]
        if kind == "kept":
            return text
        if kind == "control":
            return text if text == b"\r" else b"?"
        if kind == "escape":
            return _escaped(text)
        if kind in ("quad", "six") and (address := self._address(text)) is not None:
            return address
        return text if kind == "six" and not RUN.search(text) else RUN.sub(lambda run: self._word(run[0]), text)

    def _address(self, text: bytes) -> bytes | None:
        """Another address, of documentation space (RFC 5737, 2544, 3849); None if it is none."""
        try:
            version = ipaddress.ip_address(text.decode("ascii")).version
        except ValueError:
            return None
        for attempt in range(50):
            draw = self._draw(text.lower(), attempt)
            if version == 4:
                made = f"198.{draw.choice((18, 19))}.{draw.randrange(256)}.{draw.randrange(1, 255)}"
            else:
                made = f"2001:db8:{draw.randrange(1, 1 << 16):x}:{draw.randrange(1, 1 << 16):x}::{draw.randrange(1, 1 << 16):x}"
            if self.is_clean(made.encode()):
                break
        return made.encode()

    def _word(self, word: bytes) -> bytes:
        """Another word of the same length, letters for letters in their case, digits for digits."""
        made = word
        for attempt in range(50):
            made = _made_up(word, self._draw(word.lower(), attempt))
            if made.lower() != word.lower() and not self._holds(made):
                break
        return made

    def _holds(self, run: bytes) -> bool:
        """Whether a run of letters and digits of the lines is in this one."""
        small = run.lower()
        return any(
            small[i : i + n] in self._original
            for n in self._sizes
            if n <= len(small)
            for i in range(len(small) - n + 1)
        )

    def _draw(self, word: bytes, attempt: int) -> random.Random:
        again = self._redrawn * 100 if word.isdigit() else 0
        return random.Random(hashlib.blake2b(word + b"\0%d" % (attempt + again), key=self._key).digest())


def _made_up(word: bytes, draw: random.Random) -> bytes:
    if exponent := re.fullmatch(rb"(\d+)([eE])(\d+)", word):  # of a number in JSON
        return _made_up(exponent[1], draw) + exponent[2] + _made_up(exponent[3], draw)
    hexadecimal = len(word) >= 8 and re.fullmatch(rb"[0-9a-fA-F]+", word) is not None
    turn = draw.randrange(2)
    out = ""
    try:
        characters = word.decode()
    except UnicodeDecodeError:
        characters = word.decode("ascii", "surrogateescape")
    for i, character in enumerate(characters):
        if character.isascii() and character.isdigit():
            # a number does not begin with a zero, unless it did
            out += (
                "0"
                if i == 0 and character == "0" and len(characters) > 1
                else str(draw.randrange(1 if i == 0 else 0, 10))
            )
        elif character.isascii():
            letter = chr(draw.choice(b"abcdef" if hexadecimal else _SOUNDS[(i + turn) % 2]))
            out += letter.upper() if character.isupper() else letter
        else:
            out += _foreign(character, draw)
    return out.encode("utf-8", "surrogateescape")


def _foreign(character: str, draw: random.Random) -> str:
    """A letter of as many bytes; a byte that is no UTF-8 becomes another such byte."""
    if "\ud800" <= character <= "\udfff":
        return chr(0xDCF8 + draw.randrange(8))
    size = len(character.encode())
    return chr((0xE0, 0x4E00, 0x1F600)[size - 2] + draw.randrange((0x17, 2000, 60)[size - 2]))


def _escaped(text: bytes) -> bytes:
    """An escape: of a mark it stays, of a letter or digit it becomes that of another."""
    if text[:2] == b"\\u":
        code = int(text[2:], 16)
        if code < 128 and not chr(code).isalnum():
            return text
        return b"\\ud83d" if 0xD800 <= code < 0xDC00 else b"\\ude00" if 0xDC00 <= code < 0xE000 else b"\\u00e4"
    if text[:1] == b"\\" and text[1:2] != b"x":
        return text
    lead, code = text[:-2], int(text[-2:], 16)
    if code < 128:
        return text if not chr(code).isalnum() else lead + (b"37" if code < 58 else b"6b")
    return lead + (b"A4" if code < 0xC0 else b"C3")
