"""Numbers that a state or a health service gave to a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

KIND = "national id"
SOURCE = (
    "python-stdnum's checks for the ids of 20 countries; US SSN by structure (SSA, randomised since 2011), MBI (CMS)"
)
SLOTTED = False
FOUND = (
    "534-56-8870", "900-70-1234", "?s=322274396", "?ssn=123", "AB123456C", "AB 12 34 56 C", "RSSMRA85T10A562S",
    "12345678Z", "X2482300W", "ABCPE1234F", "131052-308T", "390.533.447-05", "1EG4-TE5-MK73", "811228-9874",
    "295109912611193", "HEGG560427MVZRRL04", "S1234567D", "?nino=QQ", "756.9217.0769.85", "?passport=X1",
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
)  # fmt: skip
LEFT_ALONE = (
    "000-12-3456", "666-12-3456", "123-00-4567", "2024-01-31", "?id=322274396", "4050123456", "1-2-3",
    "ubuntu-12.04.5",
)  # fmt: skip

_SSN = re.compile(r"(?<![0-9-])(?!000|666)[0-9]{3}([- .])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9-])")
_SSN_DIGITS = re.compile(r"(?!000|666)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
_MBI = re.compile(
    r"(?<!\w)[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}(?!\w)",
    re.I,
)
_MRZ = re.compile(r"[PIAV][A-Z<][A-Z<]{3}[A-Z]+<<?[A-Z<]+<<")
# Formats that are not digits alone, so that the check is worth making anywhere: pattern, module of python-stdnum.
_FORMATS = {
    r"[A-Z]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[A-D]": "",  # UK national insurance: has no check digit
    r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]": "it.codicefiscale",
    r"[0-9]{8}-?[A-Z]": "es.dni",
    r"[XYZ][- ]?[0-9]{7}-?[A-Z]": "es.nie",
    r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]": "mx.curp",
    r"[A-Z]{3}[ABCFGHLJPTK][A-Z][0-9]{4}[A-Z]": "in_.pan",
    r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]": "fi.hetu",
    r"(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}": "se.personnummer",
    r"[0-9]{6}-[0-9]{4}": "dk.cpr",
    r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}": "br.cpf",
    r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]": "cl.rut",
    r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}": "ch.ssn",
    r"[12][ -]?[0-9]{2}[ -]?(?:0[1-9]|1[0-2]|[2-9][0-9])[ -]?[0-9][0-9AB][ -]?[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{2}": "fr.nir",
    r"[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9X]": "cn.ric",
    r"[STFGM][0-9]{7}[A-Z]": "",  # Singapore NRIC and FIN
    r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)": "",  # Hong Kong
    r"[0-9]{6}/[0-9]{3,4}": "cz.rc",
    r"[0-9]{6}-[1-4][0-9]{6}": "kr.rrn",
    r"[2-9][0-9]{3} [0-9]{4} [0-9]{4}": "in_.aadhaar",
    r"[0-9]{3} [0-9]{3} [0-9]{4}": "gb.nhs",
    r"[0-9]{3}[- ][0-9]{3}[- ][0-9]{3}": "ca.sin",
    r"[0-9]{3}-[0-9]{3}-[0-9]{3} [0-9]{2}": "",  # Russian SNILS
}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Callable[[str], bool] | None], ...]:
    return tuple(
        (re.compile(rf"(?<![\w.-]){form}(?![\w-])"), import_module(f"stdnum.{name}").is_valid if name else None)
        for form, name in _FORMATS.items()
    )


def detect(text: str, told: frozenset[str]) -> bool:
    if told & {"national", "health"}:
        return True
    if sum(map(str.isdigit, text)) < 4:
        return "<<" in text and bool(_MRZ.search(text))
    if _SSN.search(text) or _MBI.search(text) or (told & {"typed", "key"} and _SSN_DIGITS.fullmatch(text)):
        return True
    upper = text.upper()
    return any(
        check is None or check(match.group()) for pattern, check in _patterns() for match in pattern.finditer(upper)
    )
