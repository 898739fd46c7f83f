"""Made-up personal values by kind, and the ways in which they are written into URLs; for bench/recall.py and tests."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import uuid
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

from faker import Faker
from stdnum import iban as iban_numbers
from stdnum import luhn
from stdnum.es import dni

SEED = 20261121
Make = Callable[[Faker, random.Random], str]
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits


def form(pattern: str) -> Make:
    """A value by a picture: 9 digit, A capital, a small letter, X capital or digit, x small letter or digit, * any of them."""
    sets = {
        "9": DIGITS,
        "A": UPPER,
        "a": LOWER,
        "X": UPPER + DIGITS,
        "x": LOWER + DIGITS,
        "*": UPPER + LOWER + DIGITS,
        "h": "0123456789abcdef",
    }
    return lambda _, rng: "".join(rng.choice(sets[c]) if c in sets else c for c in pattern.replace("\\", ""))


def literal(prefix: str, pattern: str, end: str = "") -> Make:
    """A picture between two literal texts."""
    inner = form(pattern)
    return lambda fake, rng: prefix + inner(fake, rng) + end


def _card(_: Faker, rng: random.Random) -> str:
    digits = "4" + "".join(rng.choice(DIGITS) for _ in range(14))
    return digits + luhn.calc_check_digit(digits)


def _iban(_: Faker, rng: random.Random) -> str:
    bban = "".join(rng.choice(DIGITS) for _ in range(18))
    return f"DE{iban_numbers.calc_check_digits('DE00' + bban)}{bban}"


def _ssn(_: Faker, rng: random.Random) -> str:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03}-{rng.randrange(1, 100):02}-{rng.randrange(1, 10000):04}"


def _dni(_: Faker, rng: random.Random) -> str:
    number = f"{rng.randrange(10**8):08}"
    return number + dni.calc_check_digit(number)


def _jwt(fake: Faker, rng: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": rng.randrange(10**8), "email": fake.safe_email()})
    packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*packed, form("*" * 43)(fake, rng)])


def _mbi(_: Faker, rng: random.Random) -> str:
    a, b, c, d, e, f = rng.choices("ACDEFGHJKM", k=6)
    return f"1{a}{b}4-{c}{d}5-{e}{f}{rng.randrange(100):02}"


def _spread(value: str, size: int) -> str:
    return " ".join(value[at : at + size] for at in range(0, len(value), size))


# kind → (name of the parameter that holds it, how to make one). Those of PRIVACY.md 2.8 first.
KINDS: Mapping[str, tuple[str, Make]] = {
    "e-mail": ("e", lambda fake, _: fake.safe_email()),
    "e-mail md5": ("eh", lambda fake, _: hashlib.md5(fake.safe_email().encode()).hexdigest()),
    "e-mail sha256": ("eh", lambda fake, _: hashlib.sha256(fake.safe_email().encode()).hexdigest()),
    "phone E.164": ("tel", lambda _, rng: f"+1{rng.choice((212, 303, 415))}{rng.randrange(2, 10)}{rng.randrange(10**6):06}"),
    "phone grouped": ("v", lambda _, rng: f"({rng.choice((212, 303, 415))}) {rng.randrange(200, 999)}-{rng.randrange(10**4):04}"),
    "phone national": ("tel", lambda _, rng: f"0{rng.randrange(30, 99)}{rng.randrange(10**7):07}"),
    "card": ("cc", _card),
    "card grouped": ("v", lambda fake, rng: _spread(_card(fake, rng), 4)),
    "iban": ("v", _iban),
    "iban grouped": ("v", lambda fake, rng: _spread(_iban(fake, rng), 4)),
    "US SSN": ("v", _ssn),
    "Spanish DNI": ("v", _dni),
    "UK NINO": ("v", form("AB999999C")),
    "jwt": ("token", _jwt),
    "AWS key": ("k", literal("AKIA", "XXXXXXXXXXXXXXXX")),
    "GitHub token": ("v", literal("ghp_", "*" * 36)),
    "random token": ("v", form("*" * 24)),
    "uuid": ("v", lambda _, rng: str(uuid.UUID(int=rng.getrandbits(128), version=4))),
    "ipv4": ("v", lambda _, rng: f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(1, 255)}"),
    "ipv6": ("v", lambda _, rng: f"2001:db8:{rng.getrandbits(16):x}:{rng.getrandbits(16):x}::{rng.getrandbits(16):x}"),
    "coordinates": ("v", lambda _, rng: f"{rng.uniform(-89, 89):.6f},{rng.uniform(-179, 179):.6f}"),
    "date of birth": ("dob", lambda fake, _: fake.date_of_birth().isoformat()),
    "credentials in a URL": ("u", lambda fake, rng: f"ftp://{fake.user_name()}:{form('******')(fake, rng)}@files.example.com/"),
    "PHP session": ("PHPSESSID", form("x" * 26)),
    "gclid": ("gclid", literal("Cj0KCQ", "*" * 60)),
    "WHMCS ticket c": ("c", form("********")),
    "WordPress reset key": ("key", form("*" * 20)),
    "wc_order": ("key", literal("wc_order_", "*" * 13)),
    "postal address": ("addr", lambda fake, _: fake.street_address()),
}  # fmt: skip

# Kinds that no detector was measured on while it was written: structure and names must make them harmless.
OTHERS: Mapping[str, tuple[str, Make]] = {
    "VIN": ("v", lambda fake, rng: form("AAAAA9X9XXX999999")(fake, rng).translate(str.maketrans("IOQ", "JPR"))),
    "MAC": ("v", form("hh:hh:hh:hh:hh:hh")),
    "IMEI": ("v", lambda fake, rng: (lambda d: d + luhn.calc_check_digit(d))(form("35999999999999")(fake, rng))),
    "bitcoin": ("v", lambda _, rng: "1" + "".join(rng.choice(B58) for _ in range(33))),
    "ethereum": ("v", literal("0x", "h" * 40)),
    "UK plate": ("v", form("AA99 AAA")),
    "German plate": ("v", lambda _, rng: f"B-{rng.choice(UPPER)}{rng.choice(UPPER)} {rng.randrange(100, 9999)}"),
    "UK postcode": ("v", lambda _, rng: rng.choice(("SW1A", "EC1A", "M1")) + f" {rng.randrange(10)}B{rng.choice('ABDEF')}"),
    "passport": ("v", form("A99A99A99")),
    "passport digits": ("v", form("A9999999")),
    "PNR": ("v", lambda _, rng: rng.choice(UPPER) + rng.choice("23456789") + "".join(rng.choices(UPPER + "23456789", k=4))),
    "UPS parcel": ("v", literal("1Z", "XXX999AA99999999")),
    "MBI": ("v", _mbi),
    "Indian PAN": ("v", form("AAAPA9999A")),
    "ULID": ("v", literal("01", "X" * 24)),
    "nanoid": ("v", form("*" * 21)),
    "short id": ("v", form("*******")),
    "YouTube-like id": ("v", form("*" * 11)),
    "geohash": ("v", lambda _, rng: "u" + "".join(rng.choice("0123456789bcdefghjkmnpqrstuvwxyz") for _ in range(9))),
    "plus code": ("v", lambda _, rng: "8F" + "".join(rng.choice("23456789CFGHJMPQRVWX") for _ in range(6)) + "+6X"),
    "what3words": ("v", lambda fake, _: f"///{fake.word()}.{fake.word()}.{fake.word()}"),
    "bcrypt": ("v", literal("$2b$12$", "*" * 53)),
    "Slack token": ("v", literal("xoxb-", "999999999999-************************")),
    "Telegram bot": ("v", literal("", "999999999", ":AAF-abcdefghijklmnopqrstuvwxyz012345")),
    "licence key": ("v", form("XXXX-XXXX-XXXX-XXXX")),
    "Owned licence": ("licensekey", literal("Owned-", "hhhhhhhhhh")),
    "number of 6": ("otp", form("999999")),
    "number of 9": ("v", form("199999999")),
    "password": ("password", lambda fake, _: fake.password(special_chars=False)),
    "user by its number": ("uid", form("9999999")),
    "@handle": ("v", lambda fake, _: "@" + fake.user_name()),
    "~home": ("v", lambda fake, _: "~" + fake.user_name()),
    "e-mail spelled": ("v", lambda fake, _: fake.safe_email().replace("@", "(at)")),
    "title and name": ("v", lambda fake, _: f"Dr. {fake.last_name()}"),
    "base64url id": ("v", lambda _, rng: base64.urlsafe_b64encode(rng.randbytes(12)).decode()),
    "ObjectId": ("v", form("h" * 24)),
    "EIN": ("v", form("99-9999999")),
    "sort code, account": ("v", form("99-99-99 99999999")),
    "BR CPF": ("cpf", form("999.999.999-99")),
    "insurance no": ("insurance", form("A999999999")),
    "medical record": ("mrn", form("999999")),
    "device id": ("idfa", lambda _, rng: str(uuid.UUID(int=rng.getrandbits(128))).upper()),
    "GA client id": ("_ga", literal("GA1.2.", "999999999.9999999999")),
    "fbp": ("fbp", literal("fb.1.", "9999999999999.999999999")),
    "IP as integer": ("ip", lambda _, rng: str(rng.randrange(1 << 24, 1 << 32))),
    "IP dashed": ("v", lambda _, rng: f"ip-198-51-{rng.randrange(10, 256)}-{rng.randrange(1, 255)}"),
    "XML date": ("birthdate", lambda fake, _: fake.date_of_birth().strftime("%d.%m.%Y")),
}  # fmt: skip

# Values that are words in themselves: nothing but their name tells what they are.
WORDS: Mapping[str, tuple[str, Make]] = {
    "name by parameter": ("lastname", lambda fake, _: fake.last_name()),
    "full name by parameter": ("name", lambda fake, _: fake.name()),
    "typed search": ("s", lambda fake, _: f"{fake.first_name().lower()} {fake.last_name().lower()} divorce lawyer"),
    "domain search": ("domain", lambda fake, _: f"{fake.last_name().lower()}-family.com"),
    "user name by parameter": ("login", lambda fake, _: fake.user_name()),
    "user name with digits": ("v", lambda fake, rng: f"{fake.first_name().lower()}{rng.randrange(60, 99)}"),
    "user name with year": ("v", lambda fake, rng: f"{fake.first_name().lower()}{rng.randrange(1950, 2009)}"),
    "gender": ("gender", lambda _, rng: rng.choice(("male", "female"))),
    "salary": ("salary", form("99999")),
}  # fmt: skip


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# the ways in which a value is written as the value of a parameter, or as a path segment
ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: (
        quote(text, safe="@:;,()'!*$~+<>/") if not text.isascii() or set(text) & set(" %&#?") else text
    ),
    "%": lambda text: quote(text, safe=""),
    "%25": lambda text: quote(quote(text, safe=""), safe=""),
    "%2525": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "all %": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "+": quote_plus,
    "base64": lambda text: quote(_b64(text.encode()), safe=""),
    "base64 twice": lambda text: quote(_b64(_b64(text.encode()).encode()), safe=""),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text: base64.b32encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "entities": lambda text: quote("".join(f"&#{ord(c)};" for c in text), safe=""),
    "\\u": lambda text: quote("".join(f"\\u{ord(c):04x}" for c in text), safe=""),
    "NFKC": lambda text: quote("".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text), safe=""),
    "JSON": lambda text: quote(json.dumps({"v": text, "n": 1}), safe=""),
    "nested URL": lambda text: quote(f"https://blog.example.com/p?v={quote(text, safe='')}", safe=""),
    "zlib+base64": lambda text: quote(_b64(zlib.compress(text.encode())), safe=""),
}


def values(kind: str, count: int) -> list[str]:
    """So many made-up values of a kind; always the same ones."""
    fake, rng = Faker("en_US"), random.Random(f"{SEED}{kind}")
    fake.seed_instance(rng.getrandbits(64))
    make = {**KINDS, **OTHERS, **WORDS}[kind][1]
    return [make(fake, rng) for _ in range(count)]
