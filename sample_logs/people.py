"""Invented customers: what a leak in the sample logs may hold, and how it may be written there."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import re
import string
import unicodedata
import uuid
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import faker

HEX = "0123456789abcdef"
LETTERS = string.ascii_letters + string.digits


def plain(text: str) -> str:
    """The text in lower-case ASCII letters, for mail boxes and domains."""
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode())


class Person:
    """An invented customer: faker gives the name, the rest is made from the generator's own chance."""

    def __init__(self, rng: random.Random, fake: faker.Faker) -> None:
        self.rng = rng
        self.first, self.last = fake.first_name(), fake.last_name()
        self.login = f"{plain(self.first)}.{plain(self.last)}{rng.randrange(10, 100)}"
        self.street = f"{fake.street_name()} {rng.randrange(1, 200)}"
        self.known: dict[str, str] = {}

    def chars(self, count: int, alphabet: str = LETTERS) -> str:
        """So many characters of the alphabet."""
        return "".join(self.rng.choices(alphabet, k=count))

    def value(self, kind: str) -> str:
        """This person's value of a kind: always the same one."""
        if kind not in self.known:
            self.known[kind] = KINDS[kind](self)
        return self.known[kind]


def token(person: Person) -> str:
    """A JSON web token with a random signature."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": person.value("email")})
    packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*packed, person.chars(43)])


def phone(person: Person) -> str:
    """A number from the ranges that regulators keep for films (US 555-01xx, Ofcom, Bundesnetzagentur)."""
    start, digits = person.rng.choice((("+1 212 555 01", 2), ("+44 7700 900", 3), ("+49 30 23125", 3)))
    return start + person.chars(digits, string.digits)


KINDS: dict[str, Callable[[Person], str]] = {
    "name": lambda p: f"{p.first} {p.last}",
    "user": lambda p: p.login,
    "email": lambda p: f"{p.login}@example.{p.rng.choice(('org', 'net', 'com'))}",
    "phone": phone,
    "birth": lambda p: f"{p.rng.randrange(1950, 2005)}-{p.rng.randrange(1, 13):02}-{p.rng.randrange(1, 29):02}",
    "search": lambda p: f"{p.first} {p.last} {p.street}",
    "domain": lambda p: (
        f"{plain(p.last)}-{p.rng.choice(('bau', 'photo', 'design', 'family', 'law', 'yoga'))}-{p.chars(3, HEX)}"
    ),
    "customer": lambda p: f"{p.value('domain')}.example",
    "folder": lambda p: f"/home/{plain(p.last)}{p.chars(2, string.digits)}/public_html/whmcs",
    "number": lambda p: p.chars(1, "123456789") + p.chars(7, string.digits),
    "ticket": lambda p: f"{p.chars(3, string.ascii_uppercase)}-{p.chars(6, string.digits)}",
    "secret": lambda p: p.chars(8),
    "key": lambda p: p.chars(20),
    "hex32": lambda p: p.chars(32, HEX),
    "hex40": lambda p: p.chars(40, HEX),
    "session": lambda p: p.chars(26, string.ascii_lowercase + string.digits),
    "licence": lambda p: f"{p.rng.choice(('Leased', 'Owned'))}-{p.chars(20, HEX)}",
    "password": lambda p: f"{p.chars(5)}!{p.chars(4, string.digits)}%",
    "order": lambda p: f"wc_order_{p.chars(13)}",
    "jwt": token,
    "uuid": lambda p: str(uuid.UUID(int=p.rng.getrandbits(128), version=4)),
    "click": lambda p: f"EAIaIQobChMI{p.chars(40)}_BwE",
    # the examples that banks and card companies publish for tests
    "iban": lambda p: p.rng.choice(("DE89370400440532013000", "GB29NWBK60161331926819")),
    "card": lambda p: "4111111111111111",
    "server": lambda p: f"198.{p.rng.randrange(18, 20)}.{p.rng.randrange(256)}.{p.rng.randrange(1, 255)}",
    "peer": lambda p: f"host-{p.value('server').replace('.', '-')}.dsl.example.net",
}
ENCODINGS: dict[str, Callable[[str], str]] = {
    "": str,
    "plus": quote_plus,
    "percent": lambda text: quote(text, safe=""),
    "double": lambda text: quote(quote(text, safe=""), safe=""),
    "full": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "escaped": lambda text: "".join(chr(byte) if byte < 128 else f"\\x{byte:02X}" for byte in text.encode()),
    "upper": str.upper,
    "slug": lambda text: "-".join(plain(word) for word in text.split()),
    "base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "html": lambda text: quote_plus(html.escape(text).replace(" ", "&#32;"), safe="&#;"),
}
