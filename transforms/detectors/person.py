"""Names of people, where the name of the parameter or a title tells them."""

from __future__ import annotations

import re

KIND = "person"
SOURCE = "names in schemas/telling.toml; a name that nothing tells is a word like any other, and needs a crowd"
SLOTTED = False
FOUND = (
    "?fname=Adam", "?lastName=Lynch", "?customer[first_name]=Jo", "?name=jo doe", "Mr. John Doe", "Mrs_Jane_Doe",
    "dr.-jane-doe", "DR. DOE", "Herr Müller", "?gender=f",
)  # fmt: skip
LEFT_ALONE = ("mr-robot-poster", "dr-who", "adam", "?page=about", "prof", "john-deere")

_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Monsieur|Madame|Sig|Sra?|Sr)\.?[ _+-]+[A-ZÄÖÜÉ][\w'-]+"
    r"|\b(?i:dr|mr|mrs|ms|prof)\.[ _+-]?[^\W\d_]{2,}"
)


def detect(text: str, told: frozenset[str]) -> bool:
    if told & {"person", "private"}:
        return any(character.isalnum() for character in text)
    return bool(_TITLE.search(text))
