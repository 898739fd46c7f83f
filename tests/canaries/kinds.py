"""Kinds of personal values, an entry each: the parameter that would hold one, how one is made, and whether it is a word.

What machines make comes from bench/people.py, whole; what people write is made here around words that stand nowhere else.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faker import Faker

from bench.people import KINDS as TELLING
from bench.people import OTHERS, Make
from canaries.nonces import Nonces


@dataclass(frozen=True)
class Kind:
    """A kind: `parameter` is the name under which it is sent; words alone may be published, once a crowd has seen them."""

    parameter: str
    make: Callable[[Nonces], str]
    is_word: bool = False


def _whole(name: str) -> Kind:
    parameter, make = {**TELLING, **OTHERS}[name]
    return Kind(parameter, lambda nonces: nonces.made(make))


def _hashed(name: str) -> Callable[[Nonces], str]:
    return lambda n: n.hunted(hashlib.new(name, f"{n.word()}@{n.word()}.example".encode()).hexdigest())


def _jwt(n: Nonces) -> str:
    parts = {"alg": "HS256", "typ": "JWT"}, {"sub": n.like("99999999"), "email": f"{n.word()}@example.com"}
    packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([packed[0], n.hunted(packed[1]), n.like("*" * 43)])


def _mapped(n: Nonces) -> str:
    return f"::ffff:{n.made(TELLING['ipv4'][1])}"


def _postcode(_: Faker, chance: random.Random) -> str:
    inward = "".join(chance.choices("ABDEFGHJLNPQRSTUWXYZ", k=2))  # never C I K M O V
    area = chance.choice(("AB", "BN", "CV", "EH", "LS", "NG", "OX", "SW"))
    return f"{area}{chance.randrange(1, 30)} {chance.randrange(10)}{inward}"


def _birthday(picture: str) -> Make:
    return lambda _, chance: dt.date(
        chance.randrange(1920, 2010), chance.randrange(1, 13), chance.randrange(1, 29)
    ).strftime(picture)


# as bench/people.py makes them: the value is drawn as a whole
WHOLE = (
    "phone E.164", "phone grouped", "phone national", "card", "card grouped", "iban", "iban grouped", "US SSN", "Spanish DNI",
    "UK NINO", "AWS key", "GitHub token", "random token", "uuid", "ipv4", "ipv6", "coordinates", "PHP session", "gclid",
    "WHMCS ticket c", "WordPress reset key", "wc_order", "VIN", "MAC", "IMEI", "bitcoin", "ethereum", "UK plate", "German plate",
    "passport", "passport digits", "PNR", "UPS parcel", "MBI", "Indian PAN", "ULID", "nanoid", "short id", "YouTube-like id",
    "geohash", "plus code", "bcrypt", "Slack token", "Telegram bot", "licence key", "Owned licence", "number of 6", "number of 9",
    "password", "user by its number", "base64url id", "ObjectId", "EIN", "sort code, account", "BR CPF", "insurance no",
    "medical record", "device id", "GA client id", "fbp", "IP as integer", "IP dashed",
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    **{name: _whole(name) for name in WHOLE},
    "e-mail": Kind("e", lambda n: f"{n.word()}.quux@{n.word()}.example"),
    "e-mail with a tag": Kind("v", lambda n: f"{n.word()}+{n.word()}@mail.example.com"),
    "e-mail spelled": Kind("v", lambda n: f"{n.word()}(at){n.word()}.example"),
    "e-mail with a name": Kind("v", lambda n: f"{n.word().title()} {n.word().title()} <{n.word()}@example.org>"),
    "mailto": Kind("v", lambda n: f"mailto:{n.word()}@{n.word()}.example"),
    "e-mail md5": Kind("eh", _hashed("md5")),
    "e-mail sha1": Kind("eh", _hashed("sha1")),
    "e-mail sha256": Kind("eh", _hashed("sha256")),
    "jwt": Kind("token", _jwt),
    "session": Kind("sid", lambda n: n.like("h" * 32)),
    "cookie": Kind("v", lambda n: f"SESSID={n.like('x' * 26)}q9z8"),
    "mapped ipv4": Kind("v", _mapped),
    "credentials in a URL": Kind("u", lambda n: f"ftp://{n.word()}:{n.like('********')}@files.example.com/"),
    "basic credentials": Kind("v", lambda n: "Basic " + n.hunted(base64.b64encode(f"{n.word()}:{n.word()}".encode()).decode())),
    "profile address": Kind("v", lambda n: f"linkedin.com/in/{n.word()}-{n.word()}"),
    "postal address": Kind("addr", lambda n: f"{n.chance.randrange(1, 900)} {n.word().title()} Street"),
    "UK postcode": Kind("v", lambda n: n.made(_postcode)),
    "date of birth": Kind("dob", lambda n: n.made(_birthday("%Y-%m-%d"))),
    "date of birth, dots": Kind("v", lambda n: n.made(_birthday("%d.%m.%Y"))),
    "what3words": Kind("v", lambda n: f"///{n.word()}.{n.word()}.{n.word()}"),
    "@handle": Kind("v", lambda n: f"@{n.word()}"),
    "~home": Kind("v", lambda n: f"~{n.word()}"),
    "title and name": Kind("v", lambda n: f"Dr. {n.word().title()}"),
    "profile as JSON": Kind("v", lambda n: json.dumps({"name": n.word(), "mail": f"{n.word()}@example.net"})),
    # words in themselves: nothing but their name or their place tells what they are
    "last name": Kind("lastname", lambda n: n.word().title(), is_word=True),
    "full name": Kind("name", lambda n: f"{n.word().title()} {n.word().title()}", is_word=True),
    "name as a slug": Kind("v", lambda n: f"{n.word()}-{n.word()}", is_word=True),
    "user name with digits": Kind("v", lambda n: f"{n.word()}_73", is_word=True),
    "user name with year": Kind("v", lambda n: f"{n.word()}1984", is_word=True),
    "user name": Kind("login", lambda n: n.word(), is_word=True),
    "typed search": Kind("s", lambda n: f"{n.word()} {n.word()} divorce lawyer", is_word=True),
    "domain search": Kind("domain", lambda n: f"{n.word()}-family.com", is_word=True),
    "host name": Kind("v", lambda n: f"pc-{n.word()}.isp.example", is_word=True),
    "illness": Kind("v", lambda n: f"{n.word()} syndrome", is_word=True),
}  # fmt: skip
