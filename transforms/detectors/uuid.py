"""UUIDs."""

from __future__ import annotations

import re

KIND = "uuid"
SOURCE = "RFC 9562 section 4, with or without hyphens and braces; version and variant are not looked at"
SLOTTED = True
FOUND = (
    "550e8400-e29b-41d4-a716-446655440000", "{550E8400-E29B-41D4-A716-446655440000}",
    "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "x_550e8400e29b41d4a716446655440000",
)  # fmt: skip
LEFT_ALONE = ("550e8400-e29b", "2024-0131-1234", "550e8400-e29b-41d4-a716-44665544000")

_UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)


def detect(text: str, told: frozenset[str]) -> bool:
    return len(text) >= 32 and bool(_UUID.search(text))
