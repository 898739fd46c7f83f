"""Which of the known formats the first lines of a file are in: one, several where it mixes them, or one in an envelope."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas import load
from schemas.load import Format
from transforms.parsers.directive import DirectiveError
from transforms.parsers.escapes import from_bytes, from_json
from transforms.parsers.families import HEADERS, by_header, readers, readers_behind
from transforms.parsers.reader import LONGEST_LINE, Field, Reader, Span
from transforms.parsers.times import is_zoneless

_HOST = re.compile(rb"[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*\Z")
_ADDRESS = re.compile(rb"\[([^\]]+)\](?::\d+)?\Z|([\d.]+):\d+\Z")
ENOUGH = 0.5
_SINGLE = frozenset({"host", "ident"})  # columns that are one word, of no address
SHOWN = 5  # formats that an error names
ANOTHER = 0.05  # share of lines that the formats before do not read for which another format is taken


@dataclass(frozen=True)
class Fit:
    """What a format reads of some lines: by number, the column's bytes; and how many columns it builds."""

    read: Mapping[int, Mapping[str, bytes]]
    columns: int


def detect(lines: Iterable[bytes], candidates: Mapping[str, Reader | Format]) -> tuple[str, float]:
    """Name of the formats that read most of the lines, and the share of those that are not blank.

    "a+b": what a does not read is in b; "e/a": a is inside the lines of the envelope e. A line counts for a format that
    reads it with a plausible client. Of formats that read the same share one with header lines wins, for these name the
    columns, and then the one with more columns. Raises DirectiveError, which names candidates and shares, where no
    share reaches 0.5, and where two that read the same share with as many columns would read a line differently.
    """
    filled = [line for line in (line.rstrip(b"\n") for line in lines) if line.strip()]
    if not filled or not candidates:
        raise DirectiveError(
            f"no_format: {len(filled)} lines and {len(candidates)} formats to try, expected some of both"
        )
    plain = {name: one for name, one in candidates.items() if not _is_envelope(one)}
    found = _mixed(filled, plain)
    shares = dict(found[2])
    for name, envelope in candidates.items():
        if isinstance(envelope, Format) and envelope.envelope:
            inside = [line for line in unwrapped(envelope, filled) if line.strip()]
            headless = {inner: one for inner, one in plain.items() if not _has_header(one)}
            if len(inside) <= len(filled) * ENOUGH:
                continue
            inner = _mixed(inside, headless)
            share = inner[1] * len(inside) / len(filled)
            shares.update({f"{name}/{one}": part for one, part in inner[2].items()})
            if share >= max(found[1], ENOUGH):  # the header is read to its last byte: no column is taken for another
                found = [f"{name}/" + "+".join(inner[0])], share, inner[2]
    names, share, _ = found
    if share < ENOUGH:
        raise DirectiveError(_unknown(filled, shares))
    return "+".join(names), share


def _unknown(lines: Sequence[bytes], shares: Mapping[str, float]) -> str:
    """What is said of lines that no format reads: those that read some of them, and what would help."""
    best = sorted((name for name in shares if shares[name] > 0), key=lambda name: -shares[name])[:SHOWN]
    seen = ", ".join(f"{name} {shares[name]:.0%}" for name in best)
    inside = sorted({name.partition("/")[0] for name in shares if "/" in name})
    if not seen:
        seen = f"{len({name.rpartition('/')[2] for name in shares})} formats, each 0%"
        seen += f", nor what is inside {' or '.join(inside)}" if inside else ""
    columns = any(line.startswith(HEADERS["fields"]) for line in lines)
    need = "the columns of its #Fields line must have date, time, c-ip and cs-uri-stem among them, or "
    return (
        f"no_format: no known format reads half of the first lines ({seen}); {need if columns else ''}give the server's "
        "own directive, if it is an access log"
    )


def _is_envelope(one: Reader | Format) -> bool:
    return isinstance(one, Format) and one.envelope


def _mixed(
    lines: Sequence[bytes], candidates: Mapping[str, Reader | Format]
) -> tuple[list[str], float, dict[str, float]]:
    """Names in the order in which they are tried, their share together, and the share of each by itself."""
    fits_ = _fits(lines, candidates)
    headers = sum(line.startswith(b"#") for line in lines)
    total = len(lines) - (headers if any(_has_header(one) for one in candidates.values()) else 0)
    total = max(total, 1)
    tried = {name: len(one.read) / total for name, one in fits_.items()}
    names: list[str] = []
    done: set[int] = set()
    while fits_:
        news = {name: len(set(one.read) - done) for name, one in fits_.items()}
        best = max(fits_, key=lambda name: (news[name], _has_header(candidates[name]), fits_[name].columns))
        if news[best] == 0 or (names and news[best] < ANOTHER * total):
            break
        _refuse_ambiguous(best, _alike(best, fits_, candidates), news, done)
        names.append(best)
        done |= set(fits_.pop(best).read)
        if len(done) >= total or _has_header(candidates[names[0]]):  # a header says of all lines what they are
            break
        fits_ = {name: one for name, one in fits_.items() if not _has_header(candidates[name])}
    return names, len(done) / total, tried


def _fits(lines: Sequence[bytes], candidates: Mapping[str, Reader | Format]) -> dict[str, Fit]:
    """What each candidate reads, but for those that cannot matter any more.

    Where one reads all lines, no other is taken that builds fewer columns; header lines go before all.
    """
    columns = {name: math.inf if _has_header(one) else most_columns(one) for name, one in candidates.items()}
    found: dict[str, Fit] = {}
    needed = 0
    for name in sorted(candidates, key=lambda name: -columns[name]):
        if columns[name] >= needed:
            found[name] = fit(candidates[name], lines)
            if len(found[name].read) == len(lines):
                needed = max(needed, found[name].columns)
    return {name: found[name] for name in candidates if name in found}


def most_columns(one: Reader | Format) -> int:
    """How many columns a format can build of a line."""
    tried = readers(one) if isinstance(one, Format) else (one,)
    return max((len(reader.columns & load.fields().kept) + _marks(reader) for reader in tried), default=0)


def _alike(best: str, all_fits: Mapping[str, Fit], candidates: Mapping[str, Reader | Format]) -> Mapping[str, Fit]:
    """Of the fits those that rest on as much as the best: on header lines, or on the lines alone."""
    is_headed = _has_header(candidates[best])
    return {name: one for name, one in all_fits.items() if _has_header(candidates[name]) is is_headed}


def _has_header(one: Reader | Format) -> bool:
    return isinstance(one, Format) and bool(one.header)


def _refuse_ambiguous(best: str, all_fits: Mapping[str, Fit], news: Mapping[str, int], done: set[int]) -> None:
    """Raise where another format is as good and reads the same bytes as something else."""
    chosen = all_fits[best]
    for name, other in all_fits.items():
        if name == best or news[name] != news[best] or other.columns != chosen.columns:
            continue
        if any(chosen.read[i] != other.read[i] for i in set(chosen.read) & set(other.read) - done):
            raise DirectiveError(
                f"ambiguous: {best} and {name} read as many of the first lines, with as many columns, but not alike"
            )


def fit(one: Reader | Format, lines: Sequence[bytes]) -> Fit:
    """What a format reads of the lines."""
    found: dict[int, dict[str, bytes]] = {}
    most, header = 0, b""
    tried = [Taker(reader) for reader in (readers(one) if isinstance(one, Format) else (one,))]
    for i, line in enumerate(lines):
        if isinstance(one, Format) and one.header:
            before, ((header, _),) = header, by_header(one, header, line).items()
            if header != before:
                tried = [Taker(reader) for reader in readers_behind(one, header)]
        for taker in tried:
            if (read := taker.take(line)) is not None:
                found[i] = read
                most = max(most, taker.known(read))
                break
    return Fit(found, most)


def fits(reader: Reader, line: bytes) -> bool:
    """Whether the reader reads the line, and what it takes for the client may be one."""
    return Taker(reader).take(line) is not None


class Taker:
    """What a reader takes of lines for the columns that would be built."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._is_named = reader, is_named(reader)
        built = load.fields().kept | set(load.PIECES)
        self._fields = [
            (
                one.column,
                _unit(one) + _clock(one, reader) if one.typed else None,
                one.column in _SINGLE,
                one.column in built,
            )
            for one in reader.fields
        ]
        self._columns = reader.columns & load.fields().kept
        self._marks = _marks(reader)

    def take(self, line: bytes) -> dict[str, bytes] | None:
        """Text of each column that would be built (a number as its value), None where the line does not fit."""
        reader = self._reader
        if len(line) > LONGEST_LINE or not reader.may_read(line) or reader.is_directive(line):
            return None
        read = reader.read(line)
        if read is None:
            return None
        texts: dict[str, bytes] = {}
        numbers = iter(read[1])
        for (column, behind, single, built), (start, stop) in zip(self._fields, read[0], strict=True):
            text = line[start:stop]
            if behind is not None:
                text = b"%d" % next(numbers) + behind if text else b""
            if single and (b"," in text or text.endswith(b":")):  # a list, or a tag in front of the line
                return None
            if built and not texts.get(column):
                texts[column] = text
        return texts if "client" not in texts or plausible(texts["client"]) or self._no_client(texts) else None

    def known(self, texts: Mapping[str, bytes]) -> int:
        """How many columns the format builds; of named values only those that the line has, for names tell formats apart."""
        if not self._is_named:
            return len(self._columns)
        return sum(bool(texts.get(name, b"-")) for name in self._columns) + self._marks

    def _no_client(self, texts: Mapping[str, bytes]) -> bool:
        """Whether lines of named values say that there was no client: their other names tell the format."""
        return self._is_named and texts["client"] in (b"", b"-")


def _marks(reader: Reader) -> int:
    """Of named values, sources that are ignored and required: each is a mark of its format."""
    return sum(field.column == "ignored" for field in reader.fields) if is_named(reader) else 0


def _unit(field: Field) -> bytes:
    """Of a duration: seconds or microseconds, for 0 is 0 in both."""
    return field.type.partition("|")[0].replace("decimal", "seconds").encode() if field.column == "duration" else b""


def _clock(field: Field, reader: Reader) -> bytes:
    """Of a time on the clock of a machine: its zone, for the same digits are another time in another one."""
    return reader.zone.encode() if field.column in ("time", "date") and is_zoneless(field.type) else b""


def is_named(reader: Reader) -> bool:
    """Whether lines are of named values."""
    return bool(reader.fields) and all(field.mode < 0 for field in reader.fields)


def unwrapped(envelope: Format, lines: Iterable[bytes]) -> list[bytes]:
    """What is inside those lines that are of the envelope, as TextParser.inside has it."""
    found = []
    tried = [(reader, reader.positions["message"]) for reader in readers_behind(envelope, b"")]
    for line in lines:
        for reader, message in tried:
            read = reader.read(line) if len(line) <= LONGEST_LINE and reader.may_read(line) else None
            if read is not None:
                span: Span = read[0][message]
                text = line[span[0] : span[1]]
                is_json = reader.escapes == "json"
                text = (from_json(text) if is_json else text).rstrip(b"\r\n").replace(b"\n", b" ")
                found.append(from_bytes(text) if is_json else text)
                break
    return found


def plausible(client: bytes) -> bool:
    """An IP address (with brackets or port, or a zone), or a host name with a letter in it."""
    if _HOST.match(client):
        return True
    if b"," in client:
        client = client.rpartition(b",")[2].strip()
    if match := _ADDRESS.match(client):
        client = match[1] or match[2]
    try:
        ipaddress.ip_address(client.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        return False
    return True
