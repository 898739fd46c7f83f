"""Nonces: seeded pieces of values, of which none is drawn twice; each is a needle of the value that it is part of."""

from __future__ import annotations

import random

from faker import Faker

from bench.people import Make, form

CONSONANTS, VOWELS = "bdfgklmnprstv", "aeiou"


class Nonces:
    """Draws pieces; `needles` are those of the value that is being made."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._fake = Faker("en_US")
        self._fake.seed_instance(self.chance.getrandbits(64))
        self._drawn: set[str] = set()
        self.needles: list[str] = []

    def word(self) -> str:
        """Ten small letters that can be said, and so could be a word of the site: zq, and four syllables."""
        return self._new(
            lambda: "zq" + "".join(self.chance.choice(CONSONANTS) + self.chance.choice(VOWELS) for _ in range(4))
        )

    def like(self, picture: str) -> str:
        """A piece by a picture of bench/people.py, such as 99-999 or hhhhhhhh."""
        return self.made(form(picture))

    def made(self, make: Make) -> str:
        """A value that a maker of bench/people.py gives, as one piece."""
        return self._new(lambda: make(self._fake, self.chance))

    def hunted(self, text: str) -> str:
        """A text that is computed from pieces, to be hunted too."""
        self.needles.append(text)
        return text

    def _new(self, draw) -> str:  # type: ignore[no-untyped-def]
        while (piece := draw()).casefold() in self._drawn:
            pass
        self._drawn.add(piece.casefold())
        self.needles.append(piece)
        return piece
