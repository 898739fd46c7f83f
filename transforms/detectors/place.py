"""Where somebody is: coordinates, plus codes, what3words, geohashes."""

from __future__ import annotations

import re

KIND = "place"
SOURCE = "ISO 6709, RFC 5870 (geo:), Open Location Code, what3words; three decimals are a hundred metres"
SLOTTED = False
FOUND = (
    "52.5163,13.3777", "-36.363386, 27.874687", "geo:37.786971,-122.399677", "@48.8584,2.2945,17z",
    "?lat=-85.963182", "?lon=27", "8FVC9G8F+6X", "9C3W9QCJ+2V", "///filled.count.soap", "?geohash=u4pruydqqvj",
    '48°51\'29"N', "?loc=Berlin", "POINT(13.3777 52.5163)",
)  # fmt: skip
LEFT_ALONE = ("1.234,5", "3.14159", "1.5,2.5", "jquery-1.11.1", "12.5%", "?v=1.234", "640,480")

_PAIR = re.compile(
    r"(?<![\w.])[-+]?(?:[1-8]?[0-9]|90)\.[0-9]{3,}[,; /_|]{1,2}[-+]?(?:1[0-7][0-9]|180|[1-9]?[0-9])\.[0-9]{3,}(?![\w.])"
)
_REVERSED = re.compile(r"POINT ?Z?\(|geo:[-+]?[0-9]", re.IGNORECASE)
_PLUS = re.compile(r"(?<!\w)[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?!\w)", re.IGNORECASE)
_WORDS = re.compile(r"///\w+\.\w+\.\w+|what3words\.com/\w+\.\w+\.\w+")
_DEGREES = re.compile(r"[0-9]{1,3} ?[°º] ?[0-9]{0,2}")


def detect(text: str, told: frozenset[str]) -> bool:
    if "place" in told:
        return True
    return bool(
        _PAIR.search(text)
        or _REVERSED.search(text)
        or _PLUS.search(text)
        or _WORDS.search(text)
        or _DEGREES.search(text)
    )
