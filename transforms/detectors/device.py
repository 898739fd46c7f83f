"""Numbers of devices and vehicles: IMEI, IMSI, ICCID, VIN, licence plates, serial numbers."""

from __future__ import annotations

import re

from transforms.detectors._checks import luhn

KIND = "device or vehicle"
SOURCE = (
    "ISO 3779 with the check digit of 49 CFR 565.15 (not all makers use it); 3GPP TS 23.003; national plate formats"
)
SLOTTED = False
FOUND = (
    "1HGCM82633A004352", "?vin=WVWZZZ1JZXW000001", "WVWZZZ1JZXW000001", "49-015420-323751-8",
    "?imei=490154203237518", "?plate=B MW 1234", "AB12 CDE", "AB12CDE", "AB-123-CD", "B-MW 1234", "M-AB-1234", "cv-B-AV 2039",
    "?serial=1", "?udid=00008030-001A2D3C", "89490200001234567890", "7ABC123",
)  # fmt: skip
LEFT_ALONE = (
    "490154203237519", "X11", "html5", "A4", "sha256", "win32", "mp3player", "4050123456", "CVE-2014-0160",
    "RFC-2616", "ISO-8601", "UTF-8",
)  # fmt: skip

_VIN = re.compile(
    r"(?<!\w)(?=[A-HJ-NPR-Z]*[0-9])(?=[0-9]*[A-HJ-NPR-Z])[A-HJ-NPR-Z0-9]{11}[A-HJ-NPR-Z0-9]{2}[0-9]{4}(?!\w)",
    re.IGNORECASE,
)
_IMEI = re.compile(r"(?<![0-9-])[0-9]{2}([- ])[0-9]{6}\1[0-9]{6}\1[0-9](?![0-9-])")
_ICCID = re.compile(r"(?<![0-9])89[0-9]{17,18}(?![0-9])")
_PLATE = re.compile(
    r"(?:(?<![\w-])|(?<=[a-z]-))(?:[A-Z]{2}[0-9]{2} ?[A-Z]{3}|[A-Z]{2}-[0-9]{3}-[A-Z]{2}"
    r"|[A-ZÄÖÜ]{1,3}-[A-Z]{1,2}[- ][0-9]{1,4}[EH]?"
    r"|[0-9][A-Z]{3}[0-9]{3}|[0-9]{4} ?[B-DF-HJ-NP-TV-Z]{3})(?![\w-])"
)
_STANDARDS = re.compile(r"\b(?:CVE|RFC|ISO|UTF|IEEE|EN|DIN)[- ][0-9]", re.IGNORECASE)


def detect(text: str, told: frozenset[str]) -> bool:
    if told & {"device", "plate"}:
        return any(map(str.isdigit, text))
    if len(text) < 6 or _STANDARDS.search(text):
        return False
    if _VIN.search(text) or _ICCID.search(text) or _PLATE.search(text):
        return True
    return any(luhn(re.sub(r"\D", "", match.group())) for match in _IMEI.finditer(text))
