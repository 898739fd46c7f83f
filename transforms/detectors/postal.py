"""Postal addresses and postcodes."""

from __future__ import annotations

import re

KIND = "postal address"
SOURCE = "street words of nine languages behind or before a house number; UK and Canadian postcodes; US ZIP+4; PO boxes"
SLOTTED = False
FOUND = (
    "18810 Yoder Pine Suite 655", "373 Greer Mission Apt. 12", "12 High Street", "1600-Pennsylvania-Ave",
    "Musterstraße 12", "Hauptstr. 5a", "12 rue de la Paix", "calle Mayor 7", "via Roma 10", "SW1A 1AA", "EC1A1BB",
    "K1A 0B6", "PO Box 123", "Postfach 12 34", "?zip=10115", "?street=x", "?city=Berlin", "DC 20500-0003",
    "742_Evergreen_Terrace", "50303 Fisher Villages",
    "cv-502 High Street", "cv-BN3 7AB",
)  # fmt: skip
LEFT_ALONE = (
    "10 ways to drive traffic", "main-street-bank", "2024 road map", "top 10 place", "week-of-unix-tools",
    "100-court-cases", "X11", "sw1a",
)  # fmt: skip

_WORD = (
    r"(?:street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd|drive|dr|terrace|terr|crescent|close|square|sq|parkway|pkwy|highway|hwy|circle|cir|suite|ste|apt|apartment"
    r"|villages?|mission|plaza|alley|mews|trail|trl|court|ct|way|row|hill|gardens|grove|mount|views?|ridge|springs?|isle|locks?|loop|turnpike|route|unit|floor|flat)"
)
_BEFORE = re.compile(
    rf"(?<![\w.])[0-9]{{1,5}}[a-z]?[ _,+-]+(?:[A-Z][\w'.]*[ _,+-]+){{1,3}}(?i:{_WORD})\b\.?(?:[ _,+-]+[0-9]{{1,5}})?"
)
# A house number and capitalised words are all there is: no year, and no "10 Ways".
_BARE = re.compile(
    r"(?!(?:19|20)[0-9]{2}\b)[0-9]{3,5}[ _+-](?:[A-Z][a-z'.]+[ _+-]){1,3}[A-Z][a-z'.]+"
    r"(?:[ _+-](?:Suite|Apt\.?|Unit)?[ _+-]?[0-9]+)?"
)
_UNIT = re.compile(r"\b(?:suite|apt\.?|apartment|unit|flat)[ _-]+#?[0-9]{1,5}\b", re.IGNORECASE)
_GERMAN = re.compile(
    r"\b[^\W\d_]{3,}(?:straße|strasse|str\.|weg|gasse|allee|platz|ring|damm|ufer)[ _-]+[0-9]{1,4}[a-z]?\b",
    re.IGNORECASE,
)
_ROMANCE = re.compile(
    r"(?:\b[0-9]{1,4},? )?\b(?:rue|avenue|boulevard|via|viale|piazza|corso|calle|avenida|plaza|rua|travessa|ulica|ul\.)"
    r"[ _-](?:[\w']+[ _-]){0,4}[0-9]{1,4}\b",
    re.IGNORECASE,
)
_FRENCH = re.compile(
    r"\b[0-9]{1,4}(?: ?bis| ?ter)?,?[ _-](?:rue|avenue|boulevard|place|chemin|impasse|allée|quai)[ _-](?:d|l|\w{3})",
    re.IGNORECASE,
)
_BOX = re.compile(r"\b(?:p\.?o\.?[ _-]?box|postfach|apartado|boîte postale)[ _-]*[0-9]", re.IGNORECASE)
_UK = re.compile(r"(?<![\w.-])(?:[A-Z]{1,2}[0-9][A-Z0-9]?[ _+-]?[0-9][ABD-HJLNP-UW-Z]{2})(?![\w-])")
_UK_SPACED = re.compile(r"(?<![\w.])[A-Z]{1,2}[0-9][A-Z0-9]?[ +][0-9][ABD-HJLNP-UW-Z]{2}(?![\w-])", re.IGNORECASE)
_CANADA = re.compile(
    r"(?<![\w.-])[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][ _+-]?[0-9][ABCEGHJ-NPRSTV-Z][0-9](?![\w-])", re.IGNORECASE
)
_ZIP4 = re.compile(r"(?<![\w-])[A-Z]{2}[ ,_+-]+[0-9]{5}(?:-[0-9]{4})?(?![\w-])")
_ALL = (_BEFORE, _UNIT, _GERMAN, _ROMANCE, _FRENCH, _BOX, _UK, _UK_SPACED, _CANADA, _ZIP4)


def detect(text: str, told: frozenset[str]) -> bool:
    if "postal" in told:
        return True
    if not any(map(str.isdigit, text)):
        return False
    return bool(_BARE.fullmatch(text)) or any(pattern.search(text) for pattern in _ALL)
