"""One day of what trackers, shops and installations report: a small sample log for each format of events."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import faker
from people import Person
from small import HOST, requests
from visits import UTC, Hit

Leak = Callable[[str], str]
FEATURES = ("backup", "dns-manager", "two-factor", "api", "reports", "white-label")
BROWSERS = {"Chrome": "142.0", "Safari": "18.6", "Firefox": "145.0", "Edge": "141.0"}
SYSTEMS = ("Windows", "Macintosh", "iOS", "Android", "Linux")
COUNTRIES = {"DE": "Germany", "FR": "France", "US": "United States", "TR": "Türkiye", "CI": "Côte d\u2019Ivoire"}
SERVERS = ("AlmaLinux 9.5", "AlmaLinux 8.10", "AlmaLinux 9.4", "Ubuntu 24.04.1 LTS")


class Day:
    """The hits of the small samples, with ids that trackers would have given their visitors, and what leaks."""

    def __init__(self, cast: Mapping[str, Any], seed: int, name: str) -> None:
        self.hits = [hit for hit in requests(cast, seed).hits if "bot" not in hit.agent.lower() and hit.status < 400]
        self.rng, self.fake = random.Random(f"{seed} {name}"), faker.Faker(["en_GB", "de_DE"])
        self.fake.seed_instance(f"{seed} {name}")
        self.clients = sorted({hit.client for hit in self.hits})
        self.ids = {client: self.value("uuid") for client in self.clients}
        self.planted: list[dict[str, str]] = []

    def value(self, kind: str) -> str:
        """A value of somebody's."""
        return Person(self.rng, self.fake).value(kind)

    def leak(self, kind: str) -> str:
        """A personal value that must not come out; it is noted."""
        value = self.value(kind)
        self.planted.append({"kind": kind, "value": value, "written": value})
        return value

    def pick(self, client: str, things: Sequence[str]) -> str:
        """The same thing for the same client."""
        return things[self.clients.index(client) % len(things)]


def stamp(hit: Hit) -> str:
    return f"{dt.datetime.fromtimestamp(hit.time, UTC):%Y-%m-%d %H:%M:%S}"


def page(hit: Hit) -> str:
    return f"https://{HOST}{hit.target}"


def params(**values: str) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"string_value": value}} for key, value in values.items() if value != "-"]


def ga4(day: Day, hit: Hit) -> str:
    """A page view, and now and then something else, as BigQuery exports it: int64 are strings."""
    browser = day.pick(hit.client, tuple(BROWSERS))
    seen = params(page_location=page(hit), page_referrer=hit.referrer, page_title="Shop")
    number = {"key": "ga_session_id", "value": {"int_value": str(day.rng.randrange(10**9, 2 * 10**9))}}
    return dumps({
        "event_date": f"{dt.datetime.fromtimestamp(hit.time, UTC):%Y%m%d}", "event_timestamp": f"{hit.time}123456",
        "event_name": day.rng.choice(("page_view", "page_view", "page_view", "scroll")),
        "event_params": [number, *seen], "user_id": day.leak("email"), "user_pseudo_id": day.ids[hit.client],
        "device": {"category": "desktop", "operating_system": day.pick(hit.client, SYSTEMS), "language": "en-gb",
                   "web_info": {"browser": browser, "browser_version": BROWSERS[browser], "hostname": HOST}},
        "geo": {"continent": "Europe", "country": day.pick(hit.client, tuple(COUNTRIES.values())), "city": day.leak("name")},
        "traffic_source": {"name": "(direct)", "medium": "(none)", "source": "(direct)"},
    })  # fmt: skip


def snowplow(day: Day, hit: Hit) -> str:
    """131 columns with tabs between them."""
    url = urlsplit(page(hit))
    told = {
        "app_id": "shop", "platform": "web", "collector_tstamp": f"{stamp(hit)}.042", "event": "page_view",
        "event_id": day.value("uuid"), "user_id": day.leak("email"), "user_ipaddress": hit.client,
        "domain_userid": day.ids[hit.client], "geo_city": "Berlin", "page_url": page(hit), "page_title": "Shop",
        "page_referrer": hit.referrer.strip("-"), "page_urlhost": url.netloc, "page_urlpath": url.path,
        "page_urlquery": url.query, "useragent": hit.agent, "derived_tstamp": f"{stamp(hit)}.000",
    }  # fmt: skip
    return "\t".join(told.get(name, "") for name in snowplow_columns())


@cache
def snowplow_columns() -> Sequence[str]:
    """The names of the columns in their order."""
    declared = Path(__file__).resolve().parents[1] / "schemas" / "formats" / "snowplow.toml"
    names: list[str] = tomllib.loads(declared.read_text(encoding="utf-8"))["names"]
    return names


def plausible(day: Day, hit: Hit) -> str:
    """A row of ClickHouse as JSONEachRow."""
    browser, url = day.pick(hit.client, tuple(BROWSERS)), urlsplit(page(hit))
    return dumps({
        "name": "pageview", "site_id": "1", "hostname": HOST, "pathname": url.path, "user_id": str(hash_of(hit.client)),
        "session_id": str(day.rng.getrandbits(63)), "timestamp": stamp(hit), "referrer": urlsplit(hit.referrer).netloc,
        "country_code": day.pick(hit.client, tuple(COUNTRIES)), "city_geoname_id": 2950159, "screen_size": "Desktop",
        "operating_system": day.pick(hit.client, SYSTEMS), "browser": browser, "browser_version": BROWSERS[browser],
        "utm_source": "", "utm_medium": "", "utm_campaign": "", "meta.key": ["author"], "meta.value": [day.leak("name")],
    })  # fmt: skip


def umami(day: Day, hit: Hit) -> str:
    """A row of website_event."""
    url = urlsplit(page(hit))
    return dumps({
        "website_id": "3b7f5a4e-0000-4000-8000-000000000001", "session_id": day.ids[hit.client], "hostname": HOST,
        "browser": day.pick(hit.client, ("chrome", "safari", "firefox", "edge-chromium")), "os": "Windows 10",
        "device": "laptop", "country": day.pick(hit.client, tuple(COUNTRIES)), "city": "Berlin", "url_path": url.path,
        "url_query": url.query, "referrer_domain": urlsplit(hit.referrer).netloc, "event_type": 1, "event_name": "",
        "distinct_id": day.leak("email"), "created_at": stamp(hit),
    })  # fmt: skip


def segment(day: Day, hit: Hit) -> str:
    """A call of page()."""
    seen = {"url": page(hit), "path": urlsplit(page(hit)).path, "referrer": hit.referrer.strip("-"), "title": "Shop"}
    return dumps({
        "type": "page", "messageId": day.value("uuid"), "anonymousId": day.ids[hit.client], "userId": day.leak("email"),
        "timestamp": f"{stamp(hit).replace(' ', 'T')}.042Z", "properties": seen,
        "context": {"ip": hit.client, "userAgent": hit.agent, "page": seen, "traits": {"name": day.leak("name")}},
    })  # fmt: skip


def click(day: Day, hit: Hit) -> dict[str, Any]:
    which = {"affiliate": str(12 + day.rng.randrange(2))} if day.rng.random() < 0.6 else {"link": "7"}
    return {"time": f"{stamp(hit).replace(' ', 'T')}Z", "ip": hit.client, **which, "referrer": hit.referrer,
            "agent": hit.agent, "visitor": day.leak("session")}  # fmt: skip


def clicks(day: Day, hit: Hit) -> str:
    """A click on an affiliate's link, or on a trackable one."""
    return dumps(click(day, hit))


def clicks_csv(day: Day, hit: Hit) -> str:
    """The same as CSV."""
    return row([click(day, hit).get(name, "") for name in CSV])


def licence_pings(day: Day, hit: Hit) -> str:
    """An installation asks whether its licence is good."""
    chosen = [name for name in FEATURES if day.rng.random() < 0.5]
    return dumps({
        "time": f"{stamp(hit).replace(' ', 'T')}Z", "server_ip": hit.client, "licensekey": day.leak("licence"),
        "domain": day.leak("customer"), "dir": f"/home/{day.leak('user')}/public_html", "check_token": day.leak("hex40"),
        "licence_status": day.rng.choice(("Active", "Active", "Expired")),
        "licence_source": day.pick(hit.client, ("shop", "shop", "shop", "reseller")), "os": day.pick(hit.client, SERVERS),
        "virtualisation": day.pick(hit.client, ("kvm", "kvm", "kvm", "none", "kvm")), "features": chosen, "agent": "PHP/8.3",
    })  # fmt: skip


def hash_of(client: str) -> int:
    return random.Random(client).getrandbits(63)


def dumps(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def row(values: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


CSV = ("time", "ip", "affiliate", "link", "referrer", "agent", "visitor")
WRITERS: Mapping[str, Callable[[Day, Hit], str]] = {
    "ga4": ga4, "snowplow": snowplow, "plausible": plausible, "umami": umami, "segment": segment, "clicks": clicks,
    "clicks_csv": clicks_csv, "licence_pings": licence_pings,
}  # fmt: skip
HEADERS = {"clicks_csv": row(CSV)}


def write_all(cast: Mapping[str, Any], seed: int, folder: Path, only: Sequence[str] = ()) -> None:
    """Write input.log and planted.json of each format of events, or of `only` those."""
    for name, line in WRITERS.items():
        if only and name not in only:
            continue
        day = Day(cast, seed, name)
        lines = [HEADERS[name]] if name in HEADERS else []
        lines += [line(day, hit) for hit in day.hits]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "input.log").write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
        planted = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in day.planted)
        (folder / name / "planted.json").write_text(f"[\n{planted}\n]\n", encoding="utf-8")
