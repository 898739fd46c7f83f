"""Bank accounts: IBAN anywhere, national numbers and BIC where a name tells them."""

from __future__ import annotations

import re

from stdnum import iban

KIND = "bank account"
SOURCE = "ISO 13616 by python-stdnum (length and check digits by country); UK sort code with account"
SLOTTED = False
FOUND = (
    "DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "de10-8516-5492-4605-2318-92", "NL91ABNA0417164300",
    "?acct=12345678", "?bic=DEUTDEFF500", "20-00-00 55779911", "?iban=x1",
)  # fmt: skip
LEFT_ALONE = ("DE89370400440532013001", "XX00123456789012", "GB82", "ab12-cd34")

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[-. ]?[A-Za-z0-9]){11,30}")
_UK = re.compile(r"(?<![0-9-])[0-9]{2}-[0-9]{2}-[0-9]{2}[ ,/_-][0-9]{8}(?![0-9])")


def detect(text: str, told: frozenset[str]) -> bool:
    if "bank" in told:
        return any(map(str.isdigit, text)) or len(text) >= 8
    return bool(_UK.search(text)) or any(map(_is_iban, _IBAN.findall(text)))


def _is_iban(text: str) -> bool:
    # What follows an IBAN may look like a part of it: its length is its country's, so all lengths are tried.
    compact = re.sub(r"[-. ]", "", text).upper()
    return any(iban.is_valid(compact[:length], check_country=False) for length in range(15, len(compact) + 1))
