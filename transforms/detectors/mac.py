"""Hardware addresses."""

from __future__ import annotations

import re

KIND = "mac address"
SOURCE = "IEEE 802 (EUI-48, EUI-64), also Cisco's groups of four"
SLOTTED = False
FOUND = (
    "00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e", "00:1a:2b:ff:fe:3c:4d:5e", "?mac=001a2b3c4d5e",
    "ap-de:ad:be:ef:ca:fe",
)  # fmt: skip
LEFT_ALONE = ("12:34:56", "2024-01-31-10-20-30", "00-11", "1a.2b.3c")

_PAIRS = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?:(?:\1[0-9a-f]{2}){2})?(?![0-9a-f])", re.IGNORECASE
)
_GROUPS = re.compile(r"(?<![\w.])[0-9a-f]{4}([.-])[0-9a-f]{4}\1[0-9a-f]{4}(?![\w.])", re.IGNORECASE)


def detect(text: str, told: frozenset[str]) -> bool:
    if len(text) < 12:
        return False
    has_letter = any(character.isalpha() for character in text)
    return bool(_PAIRS.search(text) or (has_letter and _GROUPS.search(text)) or ("device" in told and len(text) == 12))
