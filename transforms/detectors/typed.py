"""What people typed: site search, domain search, messages."""

from __future__ import annotations

KIND = "typed text"
SOURCE = "PRIVACY.md 2.4; names in schemas/telling.toml: all that stands under them is free text"
SLOTTED = False
FOUND = (
    "?s=eric thompson divorce lawyer", "?q=x1", "?domain=jenniferhernandez-family.com", "?searchTerm=jo",
    "?whois=example.com", "?message=hello",
)  # fmt: skip
LEFT_ALONE = ("?page=2", "search", "?p=2", "?s=1", "?p=")


def detect(text: str, told: frozenset[str]) -> bool:
    # Numbers under these names are pages (?p=2) and sizes (?s=80).
    return "typed" in told and any(character.isalpha() for character in text)
