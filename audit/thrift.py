"""Thrift's compact protocol, as far as Parquet's headers and footers need it: bytes → nested dicts by field id.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from typing import Any

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
WHOLE = (4, 5, 6)  # i16, i32, i64: zigzag varints
DEEPEST = 32


class Unreadable(ValueError):
    """The bytes are not what the format says."""


class Reader:
    """A place in some bytes; `at` moves on as values are read. Raises Unreadable, never reads beyond the end."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size < 0 or self.at + size > len(self.content):
            raise Unreadable("cut short")
        self.at += size
        return self.content[self.at - size : self.at]

    def varint(self) -> int:
        """An unsigned LEB128 number of at most ten bytes."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Unreadable("a number without end")

    def zigzag(self) -> int:
        """A signed varint."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """A struct: {field id: value}."""
        if depth > DEEPEST:
            raise Unreadable("nested too deeply")
        fields: dict[int, Any] = {}
        last = 0
        while (head := self.take(1)[0]) != 0:
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            fields[last] = kind == TRUE if kind in (TRUE, FALSE) else self.value(kind, depth)
        return fields

    def value(self, kind: int, depth: int) -> Any:
        """One value of a kind, as it stands in a list (a truth value is a byte there)."""
        if kind in WHOLE:
            return self.zigzag()
        if kind == BINARY:
            return self.take(self.varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self.list(depth + 1)
        if kind in (TRUE, FALSE, BYTE):
            return self.take(1)[0]
        if kind == DOUBLE:
            return struct.unpack("<d", self.take(8))[0]
        raise Unreadable("a kind that Parquet does not use")

    def list(self, depth: int) -> list[Any]:
        """A list: all its values are of one kind."""
        head = self.take(1)[0]
        size = head >> 4 if head >> 4 != 15 else self.varint()
        if size > len(self.content):
            raise Unreadable("a list longer than the file")
        return [self.value(head & 15, depth) for _ in range(size)]
