"""E-mail addresses, plain or spelled out."""

from __future__ import annotations

import re

KIND = "e-mail"
SOURCE = "RFC 5321 section 4.1.2, RFC 6531; hosts of one label and IP literals count too"
SLOTTED = False
FOUND = (
    "jo@example.com", "jo.doe+x@mail.example.org", "mailto:jo@example.com", "<jo@example.com>", "jo@[192.0.2.1]",
    "jörg@exämple.de", "jo(at)example.com", "jo at example dot com", "jo[at]example[dot]com", "jo_at_example.com",
    "?email=jo", "?e=x", "jo @ example.com", "jo@localhost", "@jo_doe",
)  # fmt: skip
LEFT_ALONE = ("logo@2x.png", "jquery@3.6.0", "meet-us-at-the-fair", "look at example", "?page=2")

_AT = re.compile(r"[^\s@]\s?@\s?(?:\[|[^\W\d_][\w-]*(?:\.|\b)|[0-9][\w-]*\.[^\W\d_])")
_SIZE = re.compile(r"@[0-9](?:\.[0-9])?x\.[a-z]{3,4}\b")
_HANDLE = re.compile(r"(?:^|[\s/])@\w{2,}")
_SPELLED = re.compile(
    r"\w\s?[\[({<]\s?at\s?[\])}>]\s?\w|\w[ _]at[ _][\w-]+(?: dot |\.|[\[(_ ]dot[\])_ ])[a-z]{2,}\b|\w-at-[\w-]+-dot-[a-z]{2,}\b",
    re.I,
)


def detect(text: str, told: frozenset[str]) -> bool:
    if "email" in told:
        return True
    if "@" in text:
        text = _SIZE.sub("", text)
        return bool(_AT.search(text) or _HANDLE.search(text))
    return "at" in text.lower() and bool(_SPELLED.search(text))
