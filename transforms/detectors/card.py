"""Payment cards."""

from __future__ import annotations

import re

from transforms.detectors._checks import luhn

KIND = "card"
SOURCE = (
    "ISO/IEC 7812 (Luhn); brand prefixes; only grouped, or where a name or a word beside it tells: ids pass Luhn too"
)
SLOTTED = True
FOUND = (
    "4111 1111 1111 1111", "5500-0000-0000-0004", "3400 000000 00009", "?cc=4389512392555147",
    "visa 4111111111111111", "?cardnumber=30000000000004", "?cvv=123", "6011.0000.0000.0004",
)  # fmt: skip
LEFT_ALONE = (
    "/article/4539578763621486", "4111 1111 1111 1112", "1422345600000", "?id=4539578763621486", "9783161484100",
)  # fmt: skip

_GROUPS = re.compile(
    r"(?<![0-9])(?:[2-6][0-9]{3}([-. ])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|3[0-9]{3}([-. ])[0-9]{6}\2[0-9]{4,5})(?![0-9])"
)
_DIGITS = re.compile(r"(?<![0-9])[0-9]{12,19}(?![0-9])")
_BESIDE = re.compile(r"card|visa|master|amex|maestro|discover|cvv|cvc|kredit", re.IGNORECASE)


def detect(text: str, told: frozenset[str]) -> bool:
    if "card" in told:
        return sum(map(str.isdigit, text)) >= 3
    if any(luhn(re.sub(r"\D", "", match.group())) for match in _GROUPS.finditer(text)):
        return True
    return bool(_BESIDE.search(text)) and any(luhn(match.group()) for match in _DIGITS.finditer(text))
