"""One day of the shop, small: the same few requests for the sample log of every format, written by sample_logs/writers/."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import faker
from people import ENCODINGS, Person
from visits import SLOT, UTC, Hit, Pick, Visitor, address

HERE = Path(__file__).resolve().parent
DAY = int(dt.datetime(2026, 11, 19, tzinfo=UTC).timestamp())  # the day that is covered: hits stand on both its edges
HOST = "shop.example"
PEOPLE, GOOGLEBOTS = 17, 11
PAGES = (
    [40, "/knowledgebase/2/Change-your-nameservers.html"], [30, "/clientarea.php?action=products"],
    [20, "/cart.php?a=view"], [10, "/contact.php"], [9, "/announcements/41/Black-Friday-2026.html"],
)  # fmt: skip
LANDINGS = (
    [3, "/"], [2, "/?utm_source=newsletter&utm_medium=email&utm_campaign=black-friday-2026"],
    [1, "/?utm_source=google&utm_medium=cpc&utm_campaign=brand"],
)  # fmt: skip
ASSET, GONE = "/assets/img/logo.png", "/pricing.html"
# What should not be in a log, and is: as in cast.toml, each from one visitor.
LEAKS: tuple[Mapping[str, str], ...] = (
    {"target": "/viewticket.php?tid={ticket}&c={secret}"},
    {"target": "/register.php?email={email:percent}&firstname={name:plus}"},
    {"target": "/unsubscribe/{email:percent}"},
    {"target": "/clientarea.php?PHPSESSID={session}"},
    {"target": "/oauth/userinfo.php?access_token={jwt}"},
    {"target": "/author/{user}/"},
    {"target": "/domainchecker.php?search={domain}.com", "user": "{user}"},
    {"target": "/modules/reports/annual.php", "user": "{email}"},
    {"target": "/", "referrer": "https://www.google.com/search?q={search:plus}"},
    {"target": "/", "agent": "Acme Mailer/2.1 (contact {email}; {phone})"},
    {
        "target": "/modules/servers/licensing/verify.php?licensekey={licence}&domain={customer}&check_token={hex40}",
        "agent": "PHP/8.3",
    },
)


@dataclass(frozen=True)
class Small:
    """The requests in the order of time, and what is planted in them."""

    hits: tuple[Hit, ...]
    planted: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Writer:
    """How a format is written: `line` of a hit, by the chance of its own; `header` stands in front of all lines.

    `named`: lines that another format reads otherwise, so that the format has to be said. `read_as`: the format as which
    the lines are found, for it reads them just so.
    """

    line: Callable[[Hit, random.Random], str]
    header: Sequence[str] = ()
    named: bool = False
    read_as: str = ""


@cache
def writers() -> Mapping[str, Writer]:
    """All formats that have a small sample: by writer.py in their folder, or by WRITERS and the like of a file in writers/."""
    found = {file.parent.name: own_writer(file) for file in sorted(HERE.glob("*/writer.py"))}
    for file in sorted((HERE / "writers").glob("*.py")):
        module = importlib.import_module(f"writers.{file.stem}")
        for name, line in module.WRITERS.items():
            if name in found:
                raise ValueError(f"{file.name} writes {name}, and another file does too")
            more = (getattr(module, "HEADERS", {}).get(name, ()), name in getattr(module, "NAMED", ()))
            found[name] = Writer(line, *more, getattr(module, "READ_AS", {}).get(name, name))
    return found


def own_writer(file: Path) -> Writer:
    """What writes the sample beside it: `line`, and where they are needed HEADER, NAMED and READ_AS (see Writer)."""
    spec = importlib.util.spec_from_file_location(f"writer_of_{file.parent.name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    read_as = getattr(module, "READ_AS", file.parent.name)
    return Writer(module.line, getattr(module, "HEADER", ()), getattr(module, "NAMED", False), read_as)


def visitors(rng: random.Random, count: int, agents: Callable[[], str]) -> list[Visitor]:
    """So many visitors, each of a neighbourhood of its own; addresses as every server writes them."""
    found: dict[str, Visitor] = {}
    while len(found) < count:
        written, canonical = address(rng)
        visitor = Visitor(written, canonical, agents())
        if written == canonical and visitor.neighbourhood not in found:
            found[visitor.neighbourhood] = visitor
    return list(found.values())


def requests(cast: Mapping[str, Any], seed: int) -> Small:
    """About 120 requests: a crowd at the start page, some pages and a robot's; and what leaks from single visitors."""
    rng, fake = random.Random(f"{seed} small"), faker.Faker(["en_GB", "de_DE", "fr_FR", "es_ES"])
    fake.seed_instance(f"{seed} small")
    browsers, referrers = Pick(cast["agents"]["browsers"]), Pick(cast["arrivals"]["referrers"])
    people = visitors(rng, PEOPLE, lambda: browsers(rng))
    hits = [hit for visitor in people for hit in visit(visitor, DAY + rng.randrange(86000), referrers(rng), rng)]
    hits += visit(people[0], DAY - 1200, "-", rng)[:2] + visit(people[1], DAY + 86400 + 600, "-", rng)[:2]
    bot = cast["bot"][0]["agent"]
    for crawler in visitors(rng, GOOGLEBOTS, lambda: bot):
        hits.append(Hit(DAY + rng.randrange(86400), HOST, crawler.written, bot, Pick(PAGES)(rng)))
    planted: list[Mapping[str, str]] = []
    for leak in LEAKS:
        person, visitor = Person(rng, fake), rng.choice(people)
        said = {field: fill(template, person, planted) for field, template in leak.items()}
        more = {"agent": visitor.agent, "method": rng.choice(("GET", "POST")), **said}
        hits.append(Hit(DAY + rng.randrange(86400), HOST, visitor.written, **more))
    return Small(tuple(sorted(hits, key=lambda hit: hit.time)), tuple(planted))


def visit(visitor: Visitor, time: int, referrer: str, rng: random.Random) -> list[Hit]:
    """The start page, what it loads, one page more, and one that is no longer there."""
    landing, page = Pick(LANDINGS)(rng), Pick(PAGES)(rng)
    seen = [(landing, 200, referrer), (ASSET, rng.choice((200, 304)), f"https://{HOST}{landing}"),
            (page, 200, f"https://{HOST}{landing}")]  # fmt: skip
    seen += [(GONE, 404, f"https://{HOST}{page}")] * (rng.random() < 0.7) + [("/", 200, "-")]
    pauses = sorted(rng.randrange(300) for _ in seen)
    return [
        Hit(time + pause, HOST, visitor.written, visitor.agent, target, status, source)
        for pause, (target, status, source) in zip(pauses, seen, strict=True)
    ]


def fill(template: str, person: Person, planted: list[Mapping[str, str]]) -> str:
    """The template with this person's values in it; each is noted as planted."""

    def noted(slot: re.Match[str]) -> str:
        value = person.value(slot[1])
        written = ENCODINGS[slot[2] or ""](value)
        planted.append({"kind": slot[1], "value": value, "written": written})
        return written

    return SLOT.sub(noted, template)


def write_all(cast: Mapping[str, Any], seed: int, folder: Path, only: Sequence[str] = ()) -> None:
    """Write input.log of each format that has a writer (or `only` those), and the list of what is planted in them."""
    small = requests(cast, seed)
    for name, writer in writers().items():
        if only and name not in only:
            continue
        rng = random.Random(f"{seed} {name}")
        lines = [*writer.header, *(writer.line(hit, rng) for hit in small.hits)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "input.log").write_bytes("".join(f"{line}\n" for line in lines).encode())
    planted = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in small.planted)
    (folder / "planted_small.json").write_text(f"[\n{planted}\n]\n", encoding="utf-8")
