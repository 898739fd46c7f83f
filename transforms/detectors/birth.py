"""Dates of birth: a date where the name or a word beside it says so."""

from __future__ import annotations

import re

KIND = "date of birth"
SOURCE = "names in schemas/telling.toml; a bare date is left alone, for articles have dates"
SLOTTED = False
FOUND = (
    "?dob=1982-07-02", "?birthday=0131", "?age=37", "born 1984-01-31", "geb. 31.01.1984", "?yob=1984",
    "date-of-birth-1984", "*31.01.1984",
)  # fmt: skip
LEFT_ALONE = ("2024-01-31", "/2013/05/17/post", "best-of-2013", "born-to-run", "20240131", "?date=2024-01-31")

_BESIDE = re.compile(
    r"(?:\b(?:born|birth|birthday|dob|geb(?:oren)?\.?|né|nee|naissance|nato|nacido)\b|\*)[^0-9]{0,12}[0-9]{2}",
    re.IGNORECASE,
)


def detect(text: str, told: frozenset[str]) -> bool:
    if "birth" in told:
        return any(map(str.isdigit, text)) or len(text) > 2
    return any(map(str.isdigit, text)) and bool(_BESIDE.search(text.replace("_", " ")))
