"""Invented visits: who comes when to which page, and what is planted on the way."""

from __future__ import annotations

import datetime as dt
import ipaddress
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import faker
from people import ENCODINGS, Person

UTC = dt.UTC
DAYS = (dt.date(2026, 11, 18), dt.date(2026, 11, 19), dt.date(2026, 11, 20))
TAIL_AGENTS = 90
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")


class Span:
    """The days of a log, whole in UTC and in Berlin: there days begin and end an hour earlier."""

    def __init__(self, days: Sequence[dt.date]) -> None:
        first, *others = [int(dt.datetime.combine(day, dt.time(), UTC).timestamp()) for day in days]
        after = (others or [first])[-1] + 86400
        self.days, self.start, self.stop = days, first - 7200, after + 3600
        self.midnights = tuple(time - shift for time in (first, *others, after) for shift in (0, 3600))


@dataclass(frozen=True)
class Visitor:
    """Someone with an address: `written` as the server logs it, `address` in canonical form."""

    written: str
    address: str
    agent: str

    @property
    def neighbourhood(self) -> str:
        """The /24 or /48 that the address is in."""
        length = 24 if "." in self.address else 48
        return str(ipaddress.ip_network(f"{self.address}/{length}", strict=False))


@dataclass(frozen=True)
class Hit:
    """One request, before it is written in the words of a log format."""

    time: int
    host: str
    client: str
    agent: str
    target: str
    status: int = 200
    referrer: str = "-"
    user: str = "-"
    method: str = "GET"
    protocol: str = "HTTP/2.0"


class Pick:
    """A weighted choice among fixed things."""

    def __init__(self, weighted: Sequence[Sequence[Any]]) -> None:
        self.things = [entry[1:] if len(entry) > 2 else entry[1] for entry in weighted]
        self.cumulated = list(accumulate(entry[0] for entry in weighted))

    def __call__(self, rng: random.Random) -> Any:
        """One of the things; a list where the entry had more than a weight and a thing."""
        return rng.choices(self.things, cum_weights=self.cumulated)[0]


def address(rng: random.Random) -> tuple[str, str]:
    """An address as logged and in canonical form, from RFC 5737, RFC 2544 and RFC 3849 space only."""
    draw = rng.random()
    bench = f"198.{rng.randrange(18, 20)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    if draw < 0.70:
        return bench, bench
    if draw < 0.76:
        block = rng.choice(("192.0.2", "198.51.100", "203.0.113"))
        doc = f"{block}.{rng.randrange(32, 255)}"  # the first ones of 198.51.100 are the proxies
        return doc, doc
    six = str(ipaddress.IPv6Address((0x20010DB8 << 96) | (rng.getrandbits(24) << 72) | rng.getrandbits(64)))
    if draw < 0.96:
        return six, six
    first, second, third, fourth = (int(part) for part in bench.split("."))
    shapes = (
        (f"2002:{first:02x}{second:02x}:{third:02x}{fourth:02x}::1", bench),
        (f"::ffff:{bench}", bench),
        (f"{bench}:{rng.randrange(1024, 65536)}", bench),
        (f"[{six}]:{rng.randrange(1024, 65536)}", six),
        (f"[{six}]", six),
        (six.upper(), six),
    )
    return rng.choice(shapes)


class Town:
    """All who may visit one file's sites, the popular ones first."""

    def __init__(self, cast: dict[str, Any], count: int, rng: random.Random, fake: faker.Faker) -> None:
        self.cast, self.rng = cast, rng
        agents = Pick(cast["agents"]["browsers"])
        # not fake.firefox: its builds are of the year 5023
        kinds = (fake.chrome, fake.safari, fake.opera, fake.internet_explorer)
        tail = [rng.choice(kinds)() for _ in range(TAIL_AGENTS)]
        share = cast["agents"]["tail_share"]
        self.visitors = [
            Visitor(*address(rng), rng.choice(tail) if rng.random() < share else agents(rng)) for _ in range(count)
        ]
        # Zipf with a flat head, so that the first one does not make up half a site
        self.popularity = list(accumulate(1 / (rank + count / 8) for rank in range(count)))
        self.bots = [(bot, self.crowd(bot["networks"])) for bot in cast["bot"]]
        self.bot = Pick([[bot["weight"], at] for at, bot in enumerate(cast["bot"])])

    def visitor(self) -> Visitor:
        """Whoever comes next."""
        return self.rng.choices(self.visitors, cum_weights=self.popularity)[0]

    def crowd(self, count: int) -> list[Visitor]:
        """Visitors of so many different neighbourhoods."""
        found: dict[str, Visitor] = {}
        while len(found) < count:
            visitor = self.visitor()
            found.setdefault(visitor.neighbourhood, visitor)
        return list(found.values())


class Traffic:
    """The requests of one log file, and the list of what was planted in them. `plan` as in cast.toml, else that of `name`."""

    def __init__(
        self, cast: dict[str, Any], name: str, seed: int,
        plan: dict[str, Any] | None = None, days: Sequence[dt.date] = DAYS,
    ) -> None:  # fmt: skip
        self.cast, self.name, self.plan, self.span = cast, name, plan or cast["file"][name], Span(days)
        self.rng = random.Random(f"{seed} {name}")
        self.fake = faker.Faker(["en_GB", "de_DE", "fr_FR", "es_ES"])
        self.fake.seed_instance(f"{seed} {name}")
        self.town = Town(cast, self.plan["visitors"], self.rng, self.fake)
        self.hours = Pick([[weight, hour] for hour, weight in enumerate(cast["hours"])])
        self.sites = Pick([[weight, site] for site, weight in self.plan["sites"].items()])
        self.pages = {site: Pick(menu(cast["site"][site])) for site in self.plan["sites"]}
        self.campaigns, self.referrers = Pick(cast["arrivals"]["campaigns"]), Pick(cast["arrivals"]["referrers"])
        self.planted: list[dict[str, str | int]] = []
        self.addresses: dict[str, str] = {}

    def hits(self) -> list[Hit]:
        """As many requests as planned, in about the order in which a server writes them."""
        hits = [hit for leak in self.cast["leak"] if leak["file"] == self.name for hit in self.leaked(leak)]
        for site in self.plan["sites"]:
            for midnight in self.span.midnights:
                for edge in (-600, 600):
                    hits += self.session(site, midnight + edge + self.rng.randrange(-500, 500))
        while len(hits) < self.plan["lines"]:
            site = self.sites(self.rng)
            machine = self.rng.random() < self.plan["machines"] * 1.8  # a session of people has more than one line
            hits += [self.crawl(site)] if machine else self.session(site, self.moment())
        # a line is written when its answer is sent: up to 2 seconds later than what the line says
        return sorted(hits, key=lambda hit: hit.time + self.rng.random() * 2)

    def moment(self) -> int:
        """A time within the log, more often by day than by night."""
        first, last = self.span.start // 86400, self.span.stop // 86400
        while True:
            day = first + self.rng.randrange(last - first + 1)
            time = day * 86400 + self.hours(self.rng) * 3600 + self.rng.randrange(3600)
            if self.span.start <= time < self.span.stop:
                return int(time)

    def from_visitor(self, visitor: Visitor, site: str, time: int, target: str, **more: Any) -> Hit:
        """One request of that visitor."""
        client = more.pop("client", visitor.written)
        if client == visitor.written:
            self.addresses[client] = visitor.address
        return Hit(time, self.cast["site"][site]["host"], client, more.pop("agent", visitor.agent), target, **more)

    def session(self, site: str, time: int) -> list[Hit]:
        """One visit: pages, and what pages load."""
        rng, visitor, hits = self.rng, self.town.visitor(), list[Hit]()
        depths = self.plan.get("depth", self.cast["site"][site]["depth"])
        depth = rng.choices(range(1, len(depths) + 1), depths)[0]
        referrer = self.referrers(rng)
        for page in range(depth):
            target, status = self.page(site)
            if page == 0 and status == 200 and rng.random() < self.cast["arrivals"]["campaign_share"]:
                target += ("&" if "?" in target else "?") + self.campaigns(rng)
            method = "POST" if rng.random() < 0.04 else "GET"
            hits.append(self.from_visitor(visitor, site, time, target, status=status, referrer=referrer, method=method))
            referrer = self.origin(site) + target
            if status == 200 and rng.random() < 0.4:
                hits.append(self.asset(visitor, site, time, referrer))
            time += rng.randrange(2, 90)
        return hits

    def page(self, site: str) -> tuple[str, int]:
        """A target of the site and its status."""
        entry = self.pages[site](self.rng)
        return (entry, 200) if isinstance(entry, str) else (entry[0], entry[1])

    def asset(self, visitor: Visitor, site: str, time: int, referrer: str) -> Hit:
        """A style sheet, script or picture that a page loads; a third are in the visitor's cache."""
        target, status = self.rng.choice(self.cast["site"][site]["assets"]), self.rng.choice((200, 200, 304))
        return self.from_visitor(visitor, site, time + self.rng.randrange(2), target, status=status, referrer=referrer)

    def origin(self, site: str) -> str:
        """The site as it stands in its own referrers."""
        host: str = self.cast["site"][site]["host"]
        return "https://" + host.removesuffix(":443")

    def crawl(self, site: str) -> Hit:
        """One request of a machine, at any time of the day."""
        bot, crowd = self.town.bots[self.town.bot(self.rng)]
        entry = Pick(bot["targets"])(self.rng) if "targets" in bot else self.page(site)
        target, status = (entry, 200) if isinstance(entry, str) else entry
        time = self.rng.randrange(self.span.start, self.span.stop)
        method = bot.get("method", "GET")
        return self.from_visitor(
            self.rng.choice(crowd),
            site,
            time,
            target,
            status=status,
            agent=bot["agent"],
            method=method,
            protocol="HTTP/1.1",
        )

    def leaked(self, leak: dict[str, Any]) -> list[Hit]:
        """What the [[leak]] asks for: some people, each from some neighbourhoods within one day."""
        hits = []
        site = leak.get("site", next(iter(self.plan["sites"])))
        spread = leak.get("spread", 1)
        for _ in range(leak.get("times", 1)):
            person, day = Person(self.rng, self.fake), self.rng.choice(self.span.days)
            wanted = ("target", "referrer", "agent", "user", "client")
            said = {field: self.fill(leak[field], person, spread) for field in wanted if field in leak}
            crowd = self.town.crowd(spread)
            if leak.get("one_agent"):
                said["agent"] = crowd[0].agent
            for visitor in crowd:
                time = int(
                    dt.datetime.combine(day, dt.time(self.hours(self.rng)), UTC).timestamp()
                ) + self.rng.randrange(3600)
                more: dict[str, Any] = {"status": leak.get("status", 200), "method": leak.get("method", "GET"), **said}
                hit = self.from_visitor(visitor, site, time, **more)
                hits.append(hit)
                if leak.get("follow"):
                    hits.append(self.asset(visitor, site, time + 1, self.origin(site) + hit.target))
        return hits

    def fill(self, template: str, person: Person, spread: int) -> str:
        """The template with this person's values in it; each is noted as planted."""

        def planted(slot: re.Match[str]) -> str:
            value = person.value(slot[1])
            written = ENCODINGS[slot[2] or ""](value)
            entry: dict[str, str | int] = {
                "kind": slot[1],
                "value": value,
                "written": written,
                "file": f"{self.name}/input.log",
            }
            self.planted.append(entry | {"neighbourhoods": spread})
            return written

        return SLOT.sub(planted, template)


def menu(site: dict[str, Any]) -> list[list[Any]]:
    """All pages of a site with weights: those of cast.toml, and the articles by a Zipf law."""
    total = sum(1 / (rank + 1) for rank in range(len(site["articles"])))
    articles = [[site["articles_weight"] / (rank + 1) / total, target] for rank, target in enumerate(site["articles"])]
    return [*site["pages"], *articles]
