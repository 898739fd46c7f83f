"""Telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

KIND = "phone"
SOURCE = "phonenumbers (libphonenumber's data); national numbers only where they are grouped or a name tells them"
SLOTTED = True
FOUND = (
    "+13039262372", "+49 30 123456", "tel:+44-20-7946-0958", "0049 30 901820", "(212) 555-0134", "212-555-0134",
    "212.555.0134", "+44 (0)20 7946 0958", "?tel=2123790981", "?phone=030/901820", "?mobile=07700 900123",
    "+33 1 99 00 12 34",
)  # fmt: skip
LEFT_ALONE = (
    "2024-01-31", "978-3-16-148410-0", "1422345600", "1.2.3.4", "/article/4050123456", "10.1000/182", "?page=12",
    "1-800",
)  # fmt: skip

_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00)[1-9][0-9 ()./-]{5,22}[0-9]")
_GROUPED = re.compile(
    r"(?<![\w.-])(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}([-. ]))[2-9][0-9]{2}(?:\1|[-. ])[0-9]{4}(?![\w-])"
)
_NATIONAL = re.compile(r"(?<![\w.-])0[1-9][0-9]{0,4}[ /-][0-9]{3,4}[ -]?[0-9]{2,6}(?:[ -][0-9]{2,4}){0,3}(?![\w-])")
_DATE = re.compile(r"(?<![0-9])(?:0?[1-9]|[12][0-9]|3[01])[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:19|20)[0-9]{2}(?![0-9])")


def detect(text: str, told: frozenset[str]) -> bool:
    digits = sum(map(str.isdigit, text))
    if "phone" in told:
        return digits >= 5
    if digits < 7:
        return False
    if _GROUPED.search(text) or _NATIONAL.search(_DATE.sub(" ", text)):
        return True
    return any(map(_is_number, _international(text)))


def _international(text: str) -> Iterator[str]:
    for match in _INTERNATIONAL.finditer(text):
        number = re.sub(r"\(0\)|[^0-9+]", "", match.group())
        yield number if number.startswith("+") else "+" + number[2:]


def _is_number(text: str) -> bool:
    import phonenumbers  # 50 ms that most runs never need

    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(text, None)))
    except phonenumbers.NumberParseException:
        return False
