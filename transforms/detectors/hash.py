"""Hashes and other hex: of an e-mail, a session, a user."""

from __future__ import annotations

import re

KIND = "hash"
SOURCE = "PRIVACY.md 2.8: any hex of 16 digits and more; Gravatar, hashed audiences; grouped or with 0x"
SLOTTED = True
FOUND = (
    "b1e931578edb71b26fcc13d9166cb918", "39bc65606e1a4271da63ad0d28ed90104b29feeb", "DEADBEEFCAFEBABE",
    "x=0x1234567890abcdef", "avatar-b1e931578edb71b26fcc13d9166cb918.png", "507f1f77bcf86cd799439011",
)  # fmt: skip
LEFT_ALONE = ("deadbeef", "1234567890123456", "decade-facade", "acceded")

_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?(?=[0-9]*[a-f])[0-9a-f]{16,}(?![0-9A-Za-z])", re.IGNORECASE)


def detect(text: str, told: frozenset[str]) -> bool:
    return len(text) >= 16 and bool(_HEX.search(text))
