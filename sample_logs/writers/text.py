"""Lines of text formats, as their servers write them."""

from __future__ import annotations

import datetime as dt
import random
from urllib.parse import quote

from clf import combined, common, size, stamp
from visits import UTC, Hit

PROXY = "198.51.100.1"  # the shop's own, trusted by its policy


def behind(hit: Hit, rng: random.Random) -> str:
    """X-Forwarded-For as the last proxy wrote it: at times the visitor's own claim stands in front."""
    return f"192.0.2.7, {hit.client}" if rng.random() < 0.2 else hit.client


def through_proxy(hit: Hit) -> str:
    """Combined, with the proxy as the client."""
    return PROXY + combined(hit)[len(hit.client) :]


def seconds(rng: random.Random) -> str:
    """A time taken, with three decimals."""
    return f"{rng.choice((0.002, 0.017, 0.04, 0.12, 0.6)) + rng.randrange(9) / 1000:.3f}"


def iso(hit: Hit, rng: random.Random, digits: int = 6) -> str:
    """The time in UTC by ISO 8601, with a fraction."""
    return f"{dt.datetime.fromtimestamp(hit.time, UTC):%Y-%m-%dT%H:%M:%S}.{rng.randrange(10**digits):0{digits}}Z"


def absolute(hit: Hit, line: str) -> str:
    """The line with the host in its request, as proxies and caches log it."""
    return line.replace(f" {hit.target} ", f" https://{hit.host}:443{hit.target} ", 1)


def combined_timed(hit: Hit, rng: random.Random) -> str:
    """$request_time and $upstream_response_time, which a file has no answer from."""
    taken = seconds(rng)
    return f'{through_proxy(hit)} "{behind(hit, rng)}" {taken} {taken if rng.random() < 0.8 else "-"}'


def nginx_ingress(hit: Hit, rng: random.Random) -> str:
    """One line in twenty was tried with two upstreams."""
    taken, request = seconds(rng), "".join(rng.choices("0123456789abcdef", k=32))
    upstream = f"198.51.100.{rng.randrange(32, 39)}:8080 {size(hit)} {taken} {hit.status}"
    if rng.random() < 0.05:
        upstream = f"198.51.100.32:8080, 198.51.100.33:8080 0, {size(hit)} 0.001, {taken} 502, {hit.status}"
    return f"{combined(hit)} {rng.randrange(300, 900)} {taken} [shop-web-80] [] {upstream} {request}"


def nginx_proxy_manager(hit: Hit, rng: random.Random) -> str:
    """Most lines are of proxy hosts, some of others."""
    rest = f'{hit.method} https {hit.host} "{hit.target}" [Client {hit.client}] [Length {size(hit)}] [Gzip -]'
    if rng.random() < 0.2:
        return f'{stamp(hit.time)} {hit.status} - {rest} "{hit.agent}" "{hit.referrer}"'
    return (
        f'{stamp(hit.time)} - {hit.status} {hit.status} - {rest} [Sent-to 198.51.100.32] "{hit.agent}" "{hit.referrer}"'
    )


def ovh(hit: Hit, rng: random.Random) -> str:
    """Client, virtual host, user."""
    return combined(hit).replace(" - ", f" {hit.host} ", 1)


def gandi(hit: Hit, rng: random.Random) -> str:
    """The virtual host in front, whole seconds behind the time."""
    return f"{hit.host} {combined(hit)}".replace('] "', f'] ({rng.choice((0, 0, 0, 1))} s) "', 1)


def traefik(hit: Hit, rng: random.Random) -> str:
    """Behind combined: number of the request, router, server, milliseconds."""
    return f'{combined(hit)} {rng.randrange(9000)} "shop@docker" "http://web.example:80" {rng.randrange(900)}ms'


def envoy(hit: Hit, rng: random.Random) -> str:
    """The default text: no address but those of X-Forwarded-For, to which Envoy itself has added the last."""
    request = f"{hit.method} {hit.target} {hit.protocol}"
    taken = rng.randrange(2, 400)
    return (
        f'[{iso(hit, rng, 3)}] "{request}" {hit.status} - 0 {size(hit)} {taken} {taken - 1} "{behind(hit, rng)}" '
        f'"{hit.agent}" "{rng.getrandbits(64):016x}" "{hit.host}" "198.51.100.32:8080"'
    )


def squid(hit: Hit, rng: random.Random) -> str:
    """Seconds with three decimals, the time taken filled up to six characters, the URL with its host."""
    url = f"https://{hit.host}{hit.target}"
    return (
        f"{hit.time}.{rng.randrange(1000):03} {rng.randrange(2, 3000):6} {hit.client} TCP_MISS/{hit.status} {size(hit)} "
        f"{hit.method} {url} {hit.user} HIER_DIRECT/198.51.100.32 text/html"
    )


def uwsgi(hit: Hit, rng: random.Random) -> str:
    """The time as ctime(3) writes it; the user, if there is one, in the brackets."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    return (
        f"[pid: {rng.randrange(300, 309)}|app: 0|req: {rng.randrange(1, 99)}/{rng.randrange(99, 999)}] {hit.client} "
        f"({hit.user.strip('-')}) {{{rng.randrange(30, 50)} vars in {rng.randrange(500, 900)} bytes}} "
        f"[{at:%a %b} {at.day:2} {at:%H:%M:%S %Y}] {hit.method} {hit.target} => generated {size(hit)} bytes in "
        f"{rng.randrange(2, 300)} msecs (HTTP/1.1 {hit.status}) 5 headers in 214 bytes (1 switches on core 0)"
    )


def _timers(rng: random.Random) -> str:
    return f"0.000{rng.randrange(100, 999)} {seconds(rng)} 0.000{rng.randrange(100, 999)}"


def elb(hit: Hit, rng: random.Random) -> str:
    """Classic load balancer."""
    request = absolute(hit, f"{hit.method} {hit.target} HTTP/1.1")
    return (
        f"{iso(hit, rng)} shop-lb {hit.client}:{rng.randrange(1024, 65536)} 198.51.100.32:80 {_timers(rng)} {hit.status} "
        f'{hit.status} 0 {size(hit)} "{request}" "{hit.agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2'
    )


def alb(hit: Hit, rng: random.Random) -> str:
    """Application load balancer; what it answers itself was sent to no target."""
    request = absolute(hit, f"{hit.method} {hit.target} {hit.protocol}")
    target, timers, status = "198.51.100.32:80", _timers(rng), str(hit.status)
    if hit.status == 404:
        target, timers, status = "-", "-1 -1 -1", "-"
    return (
        f"h2 {iso(hit, rng)} app/shop/50dc6c495c0c9188 {hit.client}:{rng.randrange(1024, 65536)} {target} {timers} "
        f'{hit.status} {status} 0 {size(hit)} "{request}" "{hit.agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 '
        f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop/73e2d6bc24d8a067 "
        f'"Root=1-{rng.getrandbits(32):08x}-{rng.getrandbits(96):024x}" "{hit.host}" "-" 0 {iso(hit, rng)} "forward" "-" '
        f'"-" "{target}" "{status}" "-" "-"'
    )


def s3(hit: Hit, rng: random.Random) -> str:
    """A bucket that is a web site, named as its host."""
    key = hit.target.partition("?")[0].lstrip("/") or "index.html"
    error = "NoSuchKey" if hit.status == 404 else "-"
    return (
        f"{'79a59df900b949e5' * 4} {hit.host} {stamp(hit.time)} {hit.client} - {rng.getrandbits(64):016X} "
        f'WEBSITE.GET.OBJECT {key} "{hit.method} {hit.target} HTTP/1.1" {hit.status} {error} {size(hit) or "-"} '
        f'{size(hit) or "-"} {rng.randrange(5, 90)} {rng.randrange(5) or "-"} "{hit.referrer}" "{hit.agent}" - '
        f"s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3= - - - {hit.host} - - -"
    )


def haproxy(hit: Hit, rng: random.Random) -> str:
    """The HTTP log with two captured request headers; an IPv6 address stands without brackets in front of its port."""
    timers = f"0/0/{rng.randrange(3)}/{rng.randrange(2, 90)}/{rng.randrange(90, 200)}"
    time = f"{stamp(hit.time)[1:21]}.{rng.randrange(1000):03}"
    return (
        f"{hit.client}:{rng.randrange(1024, 65536)} [{time}] https~ web/web{rng.randrange(1, 3)} {timers} {hit.status} "
        f"{size(hit)} - - ---- 12/12/3/1/0 0/0 {{{hit.host}|{hit.agent[:40]}}} "
        f'"{hit.method} {hit.target} {hit.protocol}"'
    )


def shoutcast(hit: Hit, rng: random.Random) -> str:
    """The stream's path, no referrer; blanks in the agent are escaped."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    agent = quote(hit.agent, safe="")
    return (
        f"{hit.client} {hit.client} {at:%Y-%m-%d %H:%M:%S} {hit.target} {hit.status} {agent} {size(hit)} "
        f"{rng.randrange(1, 900)} {rng.randrange(9, 400) * 1000}"
    )


def incapsula(hit: Hit, rng: random.Random) -> str:
    """All values in quotes, the path behind its host, no question mark in front of the query."""
    at = dt.datetime.fromtimestamp(hit.time, UTC)
    path, _, query = hit.target.partition("?")
    values = (
        f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}", f"{rng.getrandbits(128):032x}", "Chrome", hit.client, "774502", hit.agent,
        str(rng.getrandbits(50)), "DE", "Berlin", hit.host, hit.host + path, "REQ_PASSED", hit.referrer * (hit.referrer != "-"),
        hit.method, query, str(hit.status), hit.client, str(size(hit)),
    )  # fmt: skip
    return " ".join(f'"{value}"' for value in values)


def syslog(hit: Hit, rng: random.Random) -> str:
    """Combined behind the header of RFC 3164, which knows no year and no zone."""
    at = stamp(hit.time)
    return f"<190>{at[4:7]} {at[1:3].lstrip('0'):>2} {at[13:21]} web1 nginx[{rng.randrange(900, 910)}]: {combined(hit)}"


WRITERS = {
    "alb": alb,
    "combined_behind_proxy": lambda hit, rng: behind(hit, rng) + combined(hit)[len(hit.client) :],
    "combined_forwarded": lambda hit, rng: f'{through_proxy(hit)} "{behind(hit, rng)}"',
    "combined_micros": lambda hit, rng: f"{combined(hit)} {rng.randrange(900, 400000)}",
    "combined_timed": combined_timed,
    "common_vhost": lambda hit, rng: f"{hit.host}:443 {common(hit)}",
    "elb": elb,
    "envoy": envoy,
    "ezproxy": lambda hit, rng: absolute(hit, common(hit)).replace(" - ", f" {rng.getrandbits(80):020x} ", 1),
    "fastly": lambda hit, rng: f"<134>{iso(hit, rng)[:19]}Z cache-fra1-FRA shop[{rng.randrange(9000)}]: {common(hit)}",
    "gandi": gandi,
    "haproxy": haproxy,
    "icecast": lambda hit, rng: f"{combined(hit)} {rng.randrange(3600)}",
    "incapsula": incapsula,
    "litespeed": lambda hit, rng: f'"{combined(hit)}"',
    "netscaler": lambda hit, rng: common(hit),
    "nginx_ingress": nginx_ingress,
    "nginx_proxy_manager": nginx_proxy_manager,
    "ovh": ovh,
    "s3": s3,
    "shoutcast": shoutcast,
    "squid": squid,
    "squid_combined": lambda hit, rng: f"{absolute(hit, combined(hit))} TCP_MISS:HIER_DIRECT",
    "syslog": syslog,
    "traefik_clf": traefik,
    "uwsgi": uwsgi,
    "varnish": lambda hit, rng: absolute(hit, combined(hit)),
}
HEADERS = {
    "incapsula": (
        "#Software: Incapsula LOGS API", "#Version: 1.1", "#Date: 19/Nov/2026 00:00:00",
        "#Fields: date time cs-vid cs-clapp c-ip s-suid cs(User-Agent) cs-sessionid cs-countrycode cs-cicode s-computername "
        "cs-uri sc-action cs(Referrer) cs-method cs-uri-query sc-status s-xff cs-bytes",
    ),
    "shoutcast": (
        "#Software: SHOUTcast", "#Version: 2.6",
        "#Fields: c-ip c-dns date time cs-uri-stem c-status cs(User-Agent) sc-bytes x-duration avgbandwidth",
    ),
}  # fmt: skip
NAMED = frozenset({"combined_micros", "icecast"})
READ_AS = {"ezproxy": "common", "fastly": "common", "netscaler": "common", "varnish": "combined"}
