"""Parquet page by page: the audit's own decoder, which also sees what readers skip: dictionaries, statistics, gaps.

Flat columns, PLAIN and dictionary encodings, pages of both versions; whatever else is Unreadable, so that nothing hides
behind an encoding. Source: https://github.com/apache/parquet-format (parquet.thrift, Encodings.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from audit.thrift import Reader, Unreadable

MAGIC = b"PAR1"
CODECS = {0: None, 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
FIXED = {1: ("<i", 4), 2: ("<q", 8), 4: ("<f", 4), 5: ("<d", 8)}
BOOLEAN, INT96, BYTE_ARRAY, FIXED_BYTES = 0, 3, 6, 7
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_2 = 0, 2, 3
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
LARGEST_PAGE = 1 << 26  # bytes, and values

Value = int | float | bool | bytes | None


@dataclass
class Column:
    """One column chunk: values in rows, all values of its dictionary page, statistics as (min, max) and what hides."""

    name: str
    type: int
    is_text: bool
    values: list[Value] = field(default_factory=list)
    dictionary: list[Value] | None = None
    bounds: list[tuple[Value, Value]] = field(default_factory=list)
    has_bloom: bool = False
    pages: list[bytes] = field(default_factory=list)

    def shown(self) -> list[Value | str]:
        """Values as a reader gives them: text decoded."""
        return [value.decode("utf-8", "replace") if self.is_text and isinstance(value, bytes) else value
                for value in self.values]  # fmt: skip


@dataclass
class File:
    """A whole file: column chunks of all row groups, metadata, and the bytes that belong to no part of the format."""

    columns: list[Column]
    rows: int
    metadata: list[tuple[bytes, bytes]]
    created_by: bytes
    unaccounted: int

    def names(self) -> list[str]:
        """Columns in the order of the file."""
        return list(dict.fromkeys(column.name for column in self.columns))

    def values(self) -> dict[str, list[Value | str]]:
        """{column: its values over all row groups}."""
        return {
            name: list(chain.from_iterable(c.shown() for c in self.columns if c.name == name)) for name in self.names()
        }


def read(path: Path) -> File:
    """Take a file apart. Raises Unreadable, also for encodings that crowdlog never writes."""
    content = path.read_bytes()
    try:
        return _read(content)
    except (ValueError, LookupError, TypeError, OverflowError, struct.error, pa.ArrowException, OSError):
        raise Unreadable("not a Parquet file that the audit can read to its end") from None


def _read(content: bytes) -> File:
    if len(content) < 12 or content[:4] != MAGIC or content[-4:] != MAGIC:
        raise Unreadable("no Parquet")
    size = struct.unpack("<I", content[-8:-4])[0]
    start = len(content) - 8 - size
    reader = Reader(content[:-8], start)
    footer = reader.struct()
    seen = [(0, 4), (start, reader.at), (len(content) - 8, len(content))]
    schema = footer[2][1:]
    columns = [
        _column(content, chunk, element, seen)
        for group in footer[4]
        for chunk, element in zip(group[1], schema, strict=True)
    ]
    metadata = [(pair[1], pair.get(2, b"")) for pair in footer.get(5, [])]
    return File(columns, footer[3], metadata, footer.get(6, b""), len(content) - _covered(seen))


def _covered(spans: list[tuple[int, int]]) -> int:
    total = end = 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


def _column(content: bytes, chunk: dict[int, Any], element: dict[int, Any], seen: list[tuple[int, int]]) -> Column:
    """Decode a chunk: its pages one after another, then its indexes."""
    about = chunk[3]
    is_text = element.get(6) == 0 or 1 in element.get(10, {})
    column = Column(element[4].decode(), about[1], is_text, has_bloom=14 in about)
    repetition = element.get(3, 0)
    if repetition == 2 or element.get(5):
        raise Unreadable("nested columns")
    width = element.get(2, 0)
    at = min((offset for offset in (about[9], about.get(11)) if offset), default=0)  # none where there are no values
    end = at + about[7] if at else 0
    seen.append((at, end))
    while at < end:
        reader = Reader(content, at)
        header = reader.struct()
        number = (header.get(5) or header.get(7) or header.get(8) or {1: 0})[1]
        if header[2] > LARGEST_PAGE or number > LARGEST_PAGE:
            raise Unreadable("a page too large")
        body = reader.take(header[3])
        _page(column, header, body, CODECS[about[4]], bool(repetition), width)
        at = reader.at
    if len(column.values) != about[5]:
        raise Unreadable("values are missing")
    column.bounds.extend(_bounds(about.get(12, {}), column.type, width))
    _indexes(content, chunk, column, width, seen)
    return column


def _indexes(content: bytes, chunk: dict[int, Any], column: Column, width: int, seen: list[tuple[int, int]]) -> None:
    for offset, length, has_values in ((4, 5, False), (6, 7, True)):
        if offset not in chunk:
            continue
        seen.append((chunk[offset], chunk[offset] + chunk[length]))
        if has_values:
            index = Reader(content, chunk[offset]).struct()
            column.bounds += [
                (_plain_one(low, column.type, width), _plain_one(high, column.type, width))
                for low, high, empty in zip(index[2], index[3], index[1], strict=True)
                if empty != 1
            ]


def _bounds(statistics: dict[int, Any], kind: int, width: int) -> list[tuple[Value, Value]]:
    return [
        (_plain_one(statistics[low], kind, width), _plain_one(statistics[high], kind, width))
        for high, low in ((1, 2), (5, 6))
        if low in statistics and high in statistics
    ]


def _plain_one(content: bytes, kind: int, width: int) -> Value:
    return content if kind in (BYTE_ARRAY, FIXED_BYTES, INT96) else _plain(content, 1, kind, width)[0]


def _page(
    column: Column, header: dict[int, Any], body: bytes, codec: str | None, is_optional: bool, width: int
) -> None:
    kind = header[1]
    if kind == DATA_PAGE_2:
        about = header[8]
        levels, body = body[: about[5] + about[6]], body[about[5] + about[6] :]
        if about.get(7, True):
            body = _unpacked(body, codec, header[2] - len(levels))
        column.pages.append(levels + body)
        present = _hybrid(levels, 1, about[1]) if is_optional else [1] * about[1]
        return _fill(column, body, about[4], present, width)
    body = _unpacked(body, codec, header[2])
    column.pages.append(body)
    if kind == DICTIONARY_PAGE:
        column.dictionary = (column.dictionary or []) + _plain(body, header[7][1], column.type, width)
        return None
    if kind != DATA_PAGE:
        raise Unreadable("a page of unknown kind")
    number, present = header[5][1], [1] * header[5][1]
    if is_optional:
        length = struct.unpack_from("<I", body)[0]
        present, body = _hybrid(body[4 : 4 + length], 1, number), body[4 + length :]
    return _fill(column, body, header[5][2], present, width)


def _unpacked(body: bytes, codec: str | None, size: int) -> bytes:
    if codec is None or size <= 0:
        return body if codec is None else b""
    return bytes(pa.Codec(codec).decompress(body, decompressed_size=size, asbytes=True))


def _fill(column: Column, body: bytes, encoding: int, present: list[int], width: int) -> None:
    number = sum(present)
    if encoding == PLAIN:
        found = _plain(body, number, column.type, width)
    elif encoding == RLE and column.type == BOOLEAN:
        found = [bool(one) for one in _hybrid(body[4:], 1, number)]
    elif encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY) and column.dictionary is not None:
        found = [column.dictionary[i] for i in _hybrid(body[1:], body[0], number)] if number else []
    else:
        raise Unreadable("an encoding that crowdlog does not write")
    values = iter(found)
    column.values += [next(values) if there else None for there in present]


def _hybrid(body: bytes, bits: int, number: int) -> list[int]:
    """The RLE and bit-packing hybrid: `number` integers of so many bits."""
    if bits > 32:
        raise Unreadable("integers too wide")
    found: list[int] = []
    reader, size, mask = Reader(body), (bits + 7) // 8, (1 << bits) - 1
    while len(found) < number:
        head = reader.varint()
        if not head:
            raise Unreadable("an empty run")
        if head & 1:
            packed = int.from_bytes(reader.take((head >> 1) * bits), "little")
            count = min((head >> 1) * 8, number - len(found))
            found += [packed >> (i * bits) & mask for i in range(count)]
        else:
            value = int.from_bytes(reader.take(size), "little")
            found += [value] * min(head >> 1, number - len(found))
    return found


def _plain(body: bytes, number: int, kind: int, width: int) -> list[Value]:
    """`number` values one after the other."""
    if kind in FIXED:
        letter, size = FIXED[kind]
        return list(struct.unpack(f"<{number}{letter[1]}", body[: number * size]))
    if kind == BOOLEAN:
        return [bool(body[i // 8] >> i % 8 & 1) for i in range(number)]
    reader = Reader(body)
    if kind == BYTE_ARRAY:
        return [reader.take(struct.unpack("<I", reader.take(4))[0]) for _ in range(number)]
    return [reader.take(12 if kind == INT96 else width) for _ in range(number)]
