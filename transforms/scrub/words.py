"""What is written for each field of one line, by the column that it gives: the slow way, for formats of every family."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.stages import Accounts
from transforms.kernels import plain
from transforms.kernels.calls import WRONG
from transforms.kernels.modes import NAMED
from transforms.parsers.escapes import ESCAPES, from_percent
from transforms.parsers.reader import Field, Read, Reader
from transforms.parsers.times import from_zone, is_yearless, is_zoneless, with_year
from transforms.scrub import targets
from transforms.scrub.addresses import NO_ADDRESS
from transforms.scrub.columns import NOTED, Treatments
from transforms.scrub.events import Facts
from transforms.scrub.family import NOTHING
from transforms.scrub.times import cut, filler
from transforms.scrub.whole import Wholes, parts

REMEMBERED, LONGEST = 1 << 14, 1 << 10  # rows of values that a treatment remembers, and bytes of one that it does
COPIED = frozenset({"status", "bytes", "duration"})
TIMES = frozenset({"time", "date", "clock"})
_WHOLES = ("request", "target", "url", "location", "path")
_EMPTY = (b"", b"-")
# No quote, backslash, control character and nothing beyond ASCII: whatever a treatment should give, no line is broken.
_PLAIN = re.compile(rb"[ !#-\[\]-~]*\Z")
_URL = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


class Memo:
    """A treatment of short values, asked once for each row of them. What it remembers is raw, in memory alone, bounded."""

    def __init__(self, treat: Callable[..., Any]) -> None:
        self._treat = treat
        self._known: dict[tuple[Hashable, ...], Any] = {}

    def __call__(self, *values: Hashable) -> Any:
        found = self._known.get(values)
        if found is None:
            found = self._treat(*values)
            if all(len(value) <= LONGEST for value in values if isinstance(value, bytes)):
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[values] = found
        return found

    def forget(self) -> None:
        """Drop all of it."""
        self._known.clear()


class Written:
    """The treatments, and what they gave so far; the formats of a scrub share it."""

    def __init__(self, by: Treatments, now: int | None = None) -> None:
        """`now`: by when the lines were written, in seconds since the epoch, for times that say no year."""
        self.by, self.facts, self._now = by, Facts(by.policy), now
        self._wholes = Wholes(by.targets, by.hosts, by.parameters)
        self.whole, self.target = Memo(self._wholes.treat), Memo(self._wholes.target)
        self.referrer, self.agent = Memo(by.referrers.treat), Memo(by.agents.treat)
        self.host, self.site = Memo(by.hosts.treat), Memo(self._site)
        self.address, self.visitor = Memo(self._address), Memo(self._visitor)
        self.day, self.dated, self.zoned = Memo(self._day), Memo(self._dated), Memo(_zoned)
        self._numbers = {one.name: i for i, one in enumerate(by.sites)}

    def forget(self) -> None:
        """Drop all that is remembered of lines."""
        for one in vars(self).values():
            if isinstance(one, Memo):
                one.forget()

    def _site(self, has_host: bool, host: bytes | None) -> int:
        return self._numbers[self.by.site[has_host].treat(host)]

    def _day(self, time: int) -> int:
        """The day of a time; one for all where nothing depends on it."""
        if not self.by.addresses.daily:
            return 0
        days, _ = self.by.when.treat(np.array([time], np.int64), self.by.policy.timezone)
        return int(days[0])

    def _dated(self, time: int) -> int:
        """A time in its year; in the year that it was read in where that is not known: its day still has its own key."""
        found = int(with_year(np.array([time], np.int64), self._now)[0])
        return time if found == WRONG else found

    def _address(
        self, day: int, site: int, client: bytes | None, forwarded: bytes | None
    ) -> tuple[bytes | None, bytes]:
        return self.by.addresses.treat(day, self.by.sites[site], client, forwarded)

    def _visitor(self, day: int, site: int, visitor: bytes) -> bytes:
        return self.by.addresses.visitor(day, self.by.sites[site], visitor)


def _zoned(time: int, zone: str) -> int:
    return int(from_zone(np.array([time], np.int64), zone)[0])


class Words:
    """The words of the lines that a reader reads."""

    def __init__(self, reader: Reader, written: Written) -> None:
        self.reader, self._written = reader, written
        self._typed = [i for i, field in enumerate(reader.fields) if field.typed]
        at = reader.positions
        self._whole = next((name for name in _WHOLES if name in at), None)
        self._has_host = "host" in reader.columns
        self._mark, self._plain = ESCAPES[reader.escapes]
        self._bracketed = [i for i in self._typed if reader.fields[i].mode == NAMED and "clf" in reader.fields[i].type]
        kinds = [field.type for field in reader.fields if field.column in ("time", "date")]
        self._yearless = any(map(is_yearless, reader.fields))
        zoneless = reader.zone != "UTC" and all(map(is_zoneless, kinds))
        self._zone = reader.zone if zoneless else None

    def of(self, line: bytes, read: Read, accounts: Accounts) -> list[bytes]:
        """A word for each field. What was "" or "-" stays what it was."""
        spans, numbers = read
        raw = [line[start:stop] for start, stop in spans]
        values: dict[str, bytes | None] = {}
        for field, text in zip(self.reader.fields, raw, strict=True):
            if not field.typed and field.column != "ignored" and values.get(field.column) is None:
                values[field.column] = self._text(field, text)
        seen = _Line(self, self._written, values, self._time(raw, numbers))
        words = [self._word(field, text, seen) for field, text in zip(self.reader.fields, raw, strict=True)]
        for i in self._bracketed:
            start, stop = spans[i]
            if line[start - 1 : start] + line[stop : stop + 1] == b"[]":
                words[i] = b"[" + words[i] + b"]"
        if seen.is_nowhere:
            accounts.noted[NOTED] += 1
        return words

    def _text(self, field: Field, raw: bytes) -> bytes | None:
        """A value without the escapes of the format, None where there is none."""
        if raw in _EMPTY:
            return None
        is_plus = field.column in self.reader.plus and b" " not in raw  # where a blank stands as such, a + is one
        text = raw.replace(b"+", b" ") if is_plus else raw
        text = self._plain(text) if self._mark in text else text
        return from_percent(text) if field.column in self.reader.percent else text

    def _time(self, raw: Sequence[bytes], numbers: Sequence[int]) -> int:
        """Seconds since the epoch as TextParser has them, at the start of the minute: a day begins with one."""
        found: dict[str, int] = {}
        for i, number in zip(self._typed, numbers, strict=True):
            column = self.reader.fields[i].column
            if column in TIMES and column not in found and raw[i] not in _EMPTY:
                found[column] = number
        time = found["time"] if "time" in found else found.get("date", 0) + found.get("clock", 0)
        time -= time % 60
        time = self._written.dated(time) if self._yearless else time
        return self._written.zoned(time, self._zone) if self._zone else time

    def _word(self, field: Field, raw: bytes, seen: _Line) -> bytes:
        if raw in _EMPTY:
            return raw
        if field.typed:
            given = cut if field.column in TIMES else (lambda _, text: text) if field.column in COPIED else filler
            return given(field.type, raw) or NOTHING
        word = seen.word(field.column, self._text(field, raw) or b"")
        return word if _PLAIN.match(word) else NOTHING


class _Line:
    """One line: its values, site and day."""

    def __init__(self, of: Words, written: Written, values: Mapping[str, bytes | None], time: int) -> None:
        self._written, self._values = written, values
        self._whole = of._whole
        host = values.get("host")
        if host is None and "url" in of.reader.positions:
            host = _authority(values.get("url"))
        self._site: int = written.site(of._has_host, host)
        self._day: int = written.day(time)
        self.is_nowhere = False

    def word(self, column: str, text: bytes) -> bytes:
        """What is written for a text of a column; "-" for a column that is none of those shown."""
        written = self._written
        if column in written.facts.columns:
            return written.facts.columns[column](self._values, written.by.sites[self._site])
        way = _WAYS.get(column)
        return NOTHING if way is None else way(self, text)

    def _client(self, text: bytes) -> bytes:
        found: bytes | None = self._visitor_address()[0]
        self.is_nowhere = found is None
        return NO_ADDRESS if found is None else found

    def _visitor_address(self) -> tuple[bytes | None, bytes]:
        values = self._values
        found: tuple[bytes | None, bytes] = self._written.address(
            self._day, self._site, values.get("client"), values.get("forwarded")
        )
        return found

    def _path(self, text: bytes) -> bytes:
        """The path alone where the query has a field of its own."""
        if "query" not in self._values:
            return self._wholly("path", text)
        path = parts("path", text).path
        found: bytes = self._written.target(self._site, path, self._values["query"])[0]
        return found

    def _query(self, text: bytes) -> bytes:
        """The query as it was written: with its question mark, or without."""
        path = parts(self._whole, self._values.get(self._whole)).path if self._whole else None
        found: bytes = self._written.target(self._site, path, text)[1]
        return found if text.startswith(b"?") else found[1:] or NOTHING

    def _wholly(self, column: str, text: bytes) -> bytes:
        found: bytes = self._written.whole(self._site, column, text)
        return found

    def _referrer(self, text: bytes) -> bytes:
        found: bytes = self._written.referrer(self._site, text)
        return found

    def _referrer_host(self, text: bytes) -> bytes:
        """A host alone: what is behind the scheme and in front of the path."""
        found = self._referrer(b"https://" + _URL.sub(b"", text.strip(), count=1))
        return found.partition(b"://")[2].partition(b"/")[0] or NOTHING


def _authority(url: bytes | None) -> bytes | None:
    """The host of a URL, where there is one."""
    if url is None:
        return None
    begin, end = plain.authority(url)
    return url[begin:end] or None


_WAYS: Mapping[str, Callable[[_Line, bytes], bytes]] = {
    "client": _Line._client,
    "forwarded": lambda line, text: line._visitor_address()[1],
    "visitor": lambda line, text: line._written.visitor(line._day, line._site, text),
    "host": lambda line, text: line._written.host(text),
    "path": _Line._path,
    "query": _Line._query,
    **{name: lambda line, text, name=name: line._wholly(name, text) for name in _WHOLES[:-1]},  # type: ignore[misc]
    "referrer": _Line._referrer,
    "referrer_host": _Line._referrer_host,
    "agent": lambda line, text: line._written.agent(text),
    "method": lambda line, text: targets.method(text),
    "protocol": lambda line, text: targets.protocol(text),
}
"""How each column is written that is shown: a list, so that a new one is not until somebody has thought of it."""
