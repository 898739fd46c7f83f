"""Names and numbers of accounts, bookings and parcels, where the name of the parameter tells them."""

from __future__ import annotations

import re

KIND = "user"
SOURCE = "names in schemas/telling.toml; profile addresses of large networks; UPS parcels by their check digit's place"
SLOTTED = False
FOUND = (
    "?user=jo", "?login=qmiller", "?customerId=9792686", "?uid=7", "linkedin.com/in/jo-doe", "1Z999AA10123456784",
    "?pnr=K7XQ2M", "?tracking=RR123456785DE", "RR123456785DE", "t.me/jodoe", "~jo",
)  # fmt: skip
LEFT_ALONE = ("?page=2", "user-guide", "linkedin.com/company", "in/out", "~")

_PROFILE = re.compile(
    r"(?:linkedin\.com/(?:in|pub)|facebook\.com|instagram\.com|twitter\.com|\bx\.com|t\.me|github\.com|tiktok\.com/@?|wa\.me)/(?!company|groups|pages|sharer|share|intent)[\w.@-]{2,}",
    re.I,
)
_PARCEL = re.compile(r"(?<!\w)1Z[0-9A-Z]{16}(?!\w)|(?<!\w)[A-Z]{2}[0-9]{9}[A-Z]{2}(?!\w)", re.IGNORECASE)
_HOME = re.compile(r"(?:^|/)~\w")


def detect(text: str, told: frozenset[str]) -> bool:
    if told & {"user", "travel"}:
        return any(character.isalnum() for character in text)
    return bool(
        ("/" in text and _PROFILE.search(text))
        or ("~" in text and _HOME.search(text))
        or (len(text) >= 13 and _PARCEL.search(text))
    )
