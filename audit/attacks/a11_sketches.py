"""A11: a column that deserialises as a sketch (HLL, theta, Bloom): it answers who is in it to whoever can guess."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
import re
from collections import Counter

from audit.case import Case, Evidence, Tried

ID = "A11"
TITLE = "sketches"
NEEDS = ()

# DataSketches: preamble longs, serial version, family (https://datasketches.apache.org/docs/Architecture/SketchFeatures)
FAMILIES = {2: "theta", 3: "theta", 7: "HLL", 15: "KLL", 16: "CPC", 17: "REQ", 21: "Bloom"}
ENCODED = re.compile(r"[0-9A-Fa-f]{32,}|[A-Za-z0-9+/_-]{22,}={0,2}")


def attack(case: Case) -> Tried:
    """Try every value of bytes, and every text that is hex or base64, as each kind; bytes that nothing explains count too."""
    evidence, columns, values = [], 0, 0
    for part in case.parts:
        for name, column in part.columns.items():
            columns += 1
            kinds = Counter(kind for value in column for one in _bytes(value) if (kind := _kind(one)))
            values += len(column)
            opaque = sum(isinstance(value, bytes) for value in column)
            if kinds:
                said = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
                evidence.append(Evidence(f"{part.place}: {name}", said))
            elif opaque:
                evidence.append(Evidence(f"{part.place}: {name}", f"{opaque:,} values of bytes that are no text"))
    return Tried(f"{values:,} values in {columns:,} columns", tuple(evidence))


def _bytes(value: object) -> list[bytes]:
    if isinstance(value, bytes):
        return [value]
    if not isinstance(value, str) or not ENCODED.fullmatch(value):
        return []
    made = [bytes.fromhex(value)] if len(value) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]+", value) else []
    with contextlib.suppress(binascii.Error):
        made.append(base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)))
    return [one for one in made if _kind(one) and not one.isascii()]


def _kind(content: bytes) -> str:
    """The sketch that some bytes look like, else ""."""
    if content.startswith(b"HYLL"):  # https://redis.io/docs/latest/develop/data-types/probabilistic/hyperloglogs/
        return "HLL"
    if len(content) >= 8 and 1 <= content[0] & 0x3F <= 10 and 1 <= content[1] <= 4 and content[2] in FAMILIES:
        return FAMILIES[content[2]]
    size = len(content)
    if size >= 64 and math.log2(size).is_integer():
        if max(content) <= 64:
            return "HLL"  # registers, one a byte: no rank is larger
        ones = sum(byte.bit_count() for byte in content) / (8 * size)
        if 0.005 < ones < 0.6:
            return "Bloom"
    return ""
