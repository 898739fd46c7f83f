"""Click ids and ids of a mailing's recipients."""

from __future__ import annotations

import re

KIND = "click id"
SOURCE = "names in schemas/telling.toml; Google's own values begin with Cj0K, CjwK or EAIaIQ, Meta's with IwAR and IwZX"
SLOTTED = False
FOUND = (
    "?gclid=abc", "?fbclid=IwAR0x", "?mc_eid=1", "?_hsenc=p2", "Cj0KCQZq5GBJ8FEs1Gvmn1Z", "EAIaIQobChMI4abcdefg",
    "fb.1.1554763741205.AbCdEf", "GA1.2.1033501218.1368477899",
)  # fmt: skip
LEFT_ALONE = ("?ref=home", "click-here", "?page=2", "GA1")

_VALUE = re.compile(r"\b(?:Cj[0w]KC|EAIaIQob|Iw(?:AR|ZX|Y2)[\w-]{4}|fb\.[0-9]\.[0-9]{10}|GA[0-9]\.[0-9]\.[0-9]{5})")


def detect(text: str, told: frozenset[str]) -> bool:
    return "click" in told or (len(text) >= 8 and bool(_VALUE.search(text)))
