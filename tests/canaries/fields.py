"""Fields of a line, an entry each: which part of the line holds the value; and lines of four formats, made of parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
FIREFOXES = tuple(FIREFOX.replace("145", str(major)) for major in (143, 144, 145))
PROXY = "198.51.100.1"

# all that a server can write of a request; nginx's way, and Apache's
TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer"'
    ' "$http_user_agent" $request_time "$http_x_forwarded_for" "$http_cookie"'
)
WIDE = (
    '%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D "%{X-Forwarded-For}i" "%{Cookie}i" "%{Authorization}i"'
    ' "%{Set-Cookie}o" "%{X-Session}i"'
)
POLICY = f"""
[ip]
trusted_proxies = ["198.51.100.0/28"]
[[site]]
name = "shop"
hosts = ["shop.example"]
presets = ["whmcs", "wordpress"]
routes = ["/kb/{{slug}}", "/order/{{int}}"]
parameters = {{ lang = "word", page = "int", tab = ["one", "two"] }}
[[format]]
name = "timed"
directive = '{TIMED}'
[[format]]
name = "wide"
directive = '{WIDE}'
"""

Parts = Mapping[str, str]
# name → the parts of a line that hold the value; `url` is the value as a part of a URL, `raw` as other text has it
Fill = Callable[[str, str, str], Parts]


def _joined(text: str) -> str:
    """A text where a blank would end the field."""
    return text.replace(" ", "_")


def _over_long(_: str, url: str, raw: str) -> Parts:
    return {"target": f"/docs/{url}?x=" + f"{url}&" * (70_000 // (len(url) + 1) + 1)}


FIELDS: Mapping[str, Fill] = {
    "client": lambda name, url, raw: {"client": _joined(raw)},
    "ident": lambda name, url, raw: {"ident": _joined(raw)},
    "user": lambda name, url, raw: {"user": raw},
    "time": lambda name, url, raw: {"time": raw},
    "method": lambda name, url, raw: {"method": _joined(raw)},
    "protocol": lambda name, url, raw: {"protocol": f"HTTP/{_joined(raw)}"},
    "request": lambda name, url, raw: {"request": raw},
    "binary": lambda name, url, raw: {"request": r"\x16\x03\x01" + raw},
    "malformed": lambda name, url, raw: {"malformed": f"{raw} {url}"},
    "over-long": _over_long,
    "status": lambda name, url, raw: {"status": _joined(raw)},
    "bytes": lambda name, url, raw: {"bytes": _joined(raw)},
    "duration": lambda name, url, raw: {"duration": _joined(raw)},
    "host": lambda name, url, raw: {"host": _joined(raw)},
    "forwarded": lambda name, url, raw: {"forwarded": f"{raw}, 198.18.1.1, {raw}, {PROXY}"},
    "forwarded-last": lambda name, url, raw: {"forwarded": f"198.18.1.1, {raw}"},
    "cookie-value": lambda name, url, raw: {"cookie": f"PHPSESSID={raw}; WHMCSAffiliateID={url}; {name}={raw}"},
    "cookie-name": lambda name, url, raw: {"cookie": f"wp-settings-{url}=a; wp-auth-{raw}=b"},
    "authorization": lambda name, url, raw: {"authorization": f"Bearer {raw}"},
    "set-cookie": lambda name, url, raw: {"set-cookie": f"{name}={raw}; Path=/"},
    "header": lambda name, url, raw: {"header": raw},
    "path": lambda name, url, raw: {"target": f"/docs/{url}"},
    "path-first": lambda name, url, raw: {"target": f"/{url}/index.html"},
    "path-within": lambda name, url, raw: {"target": f"/docs/{url}/end"},
    "path-file": lambda name, url, raw: {"target": f"/files/cv-{url}.pdf"},
    "path-author": lambda name, url, raw: {"target": f"/author/{url}/"},
    "path-slot": lambda name, url, raw: {"target": f"/kb/{url}"},
    "path-number": lambda name, url, raw: {"target": f"/order/{url}"},
    "path-matrix": lambda name, url, raw: {"target": f"/docs;jsessionid={url}"},
    "path-absolute": lambda name, url, raw: {"target": f"http://{url}@shop.example/docs"},
    "query-value": lambda name, url, raw: {"target": f"/docs?{name}={url}"},
    "query-name": lambda name, url, raw: {"target": f"/docs?{url}=1"},
    "query-nested": lambda name, url, raw: {"target": f"/docs?u=https%3A%2F%2Fshop.example%2F%3F{name}%3D{url}"},
    "query-allowed": lambda name, url, raw: {"target": f"/docs?lang={url}&page={url}&tab={url}"},
    "query-campaign": lambda name, url, raw: {"target": f"/docs?utm_source={url}&utm_medium={url}&utm_campaign={url}"},
    "query-term": lambda name, url, raw: {
        "target": f"/docs?utm_source=news&utm_term={url}&utm_content={url}&utm_id={url}"
    },
    "query-preset": lambda name, url, raw: {"target": f"/viewticket.php?tid={url}&c={url}"},
    "query-reset": lambda name, url, raw: {"target": f"/wp-login.php?action=rp&key={url}&login={url}"},
    "credentials": lambda name, url, raw: {"target": f"/docs?username={url}&password={url}&user={url}&pass={url}"},
    "domain-search": lambda name, url, raw: {
        "target": f"/cart.php?a=add&domain=register&sld={url}&tld=.com&search={url}"
    },
    "whois": lambda name, url, raw: {"target": f"/whois/{url}"},
    "fragment": lambda name, url, raw: {"target": f"/docs#{url}"},
    "referrer": lambda name, url, raw: {"referrer": raw},
    "referrer-user": lambda name, url, raw: {"referrer": f"https://{url}@blog.example.com/"},
    "referrer-host": lambda name, url, raw: {"referrer": f"https://{url}.example.com/"},
    "referrer-domain": lambda name, url, raw: {"referrer": f"https://www.{url}.com/"},
    "referrer-path": lambda name, url, raw: {"referrer": f"https://shop.example/docs/{url}"},
    "referrer-query": lambda name, url, raw: {"referrer": f"https://www.google.com/search?q={url}#{url}"},
    "agent": lambda name, url, raw: {"agent": f"{FIREFOX} {raw}"},
    "agent-bot": lambda name, url, raw: {"agent": f"WordPress/6.6; https://{url}.example ({raw})"},
    "agent-product": lambda name, url, raw: {"agent": f"{raw}/145.0 ({raw}; {raw})"},
}

# what is planted on one line, each field with a value of its own: no field of a group has a say in what the others become
DROPPED = ("ident", "user", "cookie-value", "authorization", "set-cookie", "header")
GROUPS: tuple[tuple[str, ...], ...] = (
    ("path", "referrer-host", *DROPPED),
    ("path-first", "referrer-user", "cookie-name"),
    ("path-within", "referrer-path"),
    ("path-file", "referrer-query"),
    ("path-author", "referrer"),
    ("path-slot", "referrer-domain"),
    *((name,) for name in (
        "query-campaign", "query-term", "path-number", "path-matrix", "path-absolute", "query-value", "query-name",
        "query-nested", "query-allowed", "query-preset", "query-reset", "credentials",
        "domain-search", "whois", "fragment", "client", "time", "method", "protocol",
        "request", "binary", "malformed", "over-long", "status", "bytes", "duration", "host", "forwarded", "forwarded-last",
        "agent", "agent-bot", "agent-product",
    )),
)  # fmt: skip

# parts that the formats have beside those of combined; a field that fills one of them is planted where it is
ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "host": ("wide", "vhost"), "forwarded": ("wide", "timed"), "ident": ("wide", "vhost", "combined"),
    "duration": ("wide",), "cookie": ("wide", "timed"), "authorization": ("wide",), "set-cookie": ("wide",), "header": ("wide",),
}  # fmt: skip
FORMATS = ("wide", "combined", "vhost", "timed")


def formats_of(field: str) -> list[str]:
    """Formats whose lines have the field."""
    parts = FIELDS[field]("v", "v", "v")
    return [name for name in FORMATS if all(name in ONLY_IN.get(part, FORMATS) for part in parts)]


def line(format_: str, when: str, parts: Parts) -> str:
    """A line of a format with these parts; all others are those of ordinary traffic."""
    given = {
        "client": "198.18.1.1", "ident": "-", "user": "-", "time": when, "method": "GET", "target": "/docs",
        "protocol": "HTTP/1.1", "referrer": "-", "agent": FIREFOX, "host": "shop.example", "forwarded": "198.18.1.1",
        "status": "200", "bytes": "512", "duration": "20000", "cookie": "-", "authorization": "-", "set-cookie": "-",
        "header": "-", **parts,
    }  # fmt: skip
    if "agent" not in parts:  # a crowd has several
        given["agent"] = FIREFOXES[sum(given["client"].encode()) % len(FIREFOXES)]
    if "malformed" in parts:
        return f'{given["client"]} - [{when}] {parts["malformed"]} "GET'
    request = parts.get("request", f"{given['method']} {given['target']} {given['protocol']}")
    rest = f'"{request}" {given["status"]} {given["bytes"]} "{given["referrer"]}" "{given["agent"]}"'
    if format_ == "timed":
        forwarded = given["forwarded"] if "client" not in parts or "forwarded" in parts else given["client"]
        return f'{PROXY} - {given["user"]} [{given["time"]}] {rest} 0.020 "{forwarded}" "{given["cookie"]}"'
    client = PROXY if format_ == "wide" and "forwarded" in parts else given["client"]
    who = f"{client} {given['ident']} {given['user']} [{given['time']}]"
    if format_ == "combined":
        return f"{who} {rest}"
    if format_ == "vhost":
        return f"{given['host']} {who} {rest}"
    more = [f'"{given[part]}"' for part in ("forwarded", "cookie", "authorization", "set-cookie", "header")]
    return f"{given['host']} {who} {rest} {given['duration']} {' '.join(more)}"
