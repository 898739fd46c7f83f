"""Lines of clouds and content networks, as they deliver them: JSON, tables with tabs or commas."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from typing import Any
from urllib.parse import quote

from clf import size
from visits import Hit

# What CloudFront leaves as it is; of the rest each byte is %HH (its documentation, "Log file fields").
_PLAIN = "!$&()*+,-./0123456789:;=?@_%"
_CLOUDFRONT = [
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status",
    "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id",
    "x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
    "x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port",
    "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start",
    "sc-range-end",
]  # fmt: skip
_STORAGE = [
    "time_micros", "c_ip", "c_ip_type", "c_ip_region", "cs_method", "cs_uri", "sc_status", "cs_bytes", "sc_bytes",
    "time_taken_micros", "cs_host", "cs_referer", "cs_user_agent", "s_request_id", "cs_operation", "cs_bucket",
    "cs_object",
]  # fmt: skip
_COUNTER = [
    "event_time", "client_ip", "session_cookie_id", "user_cookie_id", "user_id", "request_url", "identifier",
    "filename", "size", "user-agent", "title", "publisher", "publisher_id", "authors", "publication_date", "version",
    "other_id", "target_url", "publication_year",
]  # fmt: skip


def iso(hit: Hit, fraction: str = "") -> str:
    """The time in UTC, with a fraction of a second or none."""
    return f"{dt.datetime.fromtimestamp(hit.time, dt.UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def token(rng: random.Random, letters: int = 16) -> str:
    """An id that the cloud gives to the request."""
    return f"{rng.getrandbits(4 * letters):0{letters}x}"


def given(text: str) -> str:
    """Empty where there is nothing."""
    return "" if text == "-" else text


def line(record: dict[str, Any]) -> str:
    """A record as one line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def cloudfront_record(hit: Hit, rng: random.Random) -> dict[str, str]:
    """The fields of a CloudFront log by their names; what agents and referrers hold is percent-encoded, agents twice."""
    path, mark, query = hit.target.partition("?")
    at, took = dt.datetime.fromtimestamp(hit.time, dt.UTC), rng.randrange(1, 900)
    request = token(rng, 40)
    return {
        "date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M:%S}", "x-edge-location": rng.choice(("FRA56-P4", "LHR61-C2")),
        "sc-bytes": str(size(hit)), "c-ip": hit.client, "cs-method": hit.method, "cs(Host)": "d111111abcdef8.cdn.example",
        "cs-uri-stem": path, "sc-status": str(hit.status), "cs(Referer)": quote(hit.referrer, _PLAIN),
        "cs(User-Agent)": quote(hit.agent, _PLAIN).replace("%", "%25"), "cs-uri-query": query if mark else "-",
        "cs(Cookie)": f"sid={token(rng, 24)}", "x-edge-result-type": rng.choice(("Hit", "Miss")),
        "x-edge-request-id": request, "x-host-header": hit.host, "cs-protocol": "https", "cs-bytes": "412",
        "time-taken": f"0.{took:03}", "x-forwarded-for": "-", "ssl-protocol": "TLSv1.3",
        "ssl-cipher": "TLS_AES_128_GCM_SHA256", "x-edge-response-result-type": "Hit", "cs-protocol-version": hit.protocol,
        "fle-status": "-", "fle-encrypted-fields": "-", "c-port": str(rng.randrange(1024, 65536)),
        "time-to-first-byte": f"0.{took:03}", "x-edge-detailed-result-type": "Hit", "sc-content-type": "text/html",
        "sc-content-len": str(size(hit)), "sc-range-start": "-", "sc-range-end": "-",
    }  # fmt: skip


def cloudfront(hit: Hit, rng: random.Random) -> str:
    """Tabs between all fields of the standard log."""
    record = cloudfront_record(hit, rng)
    return "\t".join(record[name] for name in _CLOUDFRONT)


def cloudfront_json(hit: Hit, rng: random.Random) -> str:
    """Standard logging v2 in JSON, with chosen fields: all values are strings; agents are encoded once."""
    record = cloudfront_record(hit, rng)
    chosen = {
        name: value for name, value in record.items() if not name.startswith(("fle-", "sc-range", "ssl-", "x-edge-r"))
    }
    return line({**chosen, "cs(User-Agent)": quote(hit.agent, _PLAIN)})


def google_cloud(hit: Hit, rng: random.Random) -> str:
    """An entry of an external HTTPS load balancer."""
    request = {
        "requestMethod": hit.method, "requestUrl": f"https://{hit.host}{hit.target}", "requestSize": "412",
        "status": hit.status, "responseSize": str(size(hit)), "userAgent": hit.agent, "remoteIp": hit.client,
        "serverIp": "198.51.100.20", "latency": f"0.{rng.randrange(1, 900_000):06}s", "protocol": hit.protocol,
    }  # fmt: skip
    if hit.referrer != "-":
        request["referer"] = hit.referrer
    return line(
        {
            "insertId": token(rng), "jsonPayload": {"statusDetails": "response_sent_by_backend", "remoteIp": hit.client},
            "httpRequest": request, "resource": {"type": "http_load_balancer", "labels": {"zone": "global"}},
            "timestamp": iso(hit, f".{rng.randrange(10**6):06}"), "severity": "INFO", "spanId": token(rng),
            "logName": "projects/example/logs/requests", "receiveTimestamp": iso(hit, f".{rng.randrange(10**9):09}"),
        }
    )  # fmt: skip


def google_storage(hit: Hit, rng: random.Random) -> str:
    """All values in quotes; a quote in one is doubled."""
    kind = "2" if ":" in hit.client else "1"
    took, micros = rng.randrange(2000, 90000), hit.time * 10**6 + rng.randrange(10**6)
    values = [micros, hit.client, kind, "", hit.method, hit.target, hit.status, 0, size(hit), took, hit.host,
              given(hit.referrer), hit.agent, token(rng), "GET_Object", "shop", hit.target.partition("?")[0][1:]]  # fmt: skip
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(values)
    return out.getvalue()


def azure_front_door(hit: Hit, rng: random.Random) -> str:
    """A record of the category FrontDoorAccessLog; numbers are strings."""
    properties = {
        "trackingReference": token(rng, 32), "httpMethod": hit.method, "httpVersion": hit.protocol.removeprefix("HTTP/"),
        "requestUri": f"https://{hit.host}:443{hit.target}", "sni": hit.host, "requestBytes": "412",
        "responseBytes": str(size(hit)), "userAgent": hit.agent, "clientIp": hit.client,
        "clientPort": str(rng.randrange(1024, 65536)), "socketIp": hit.client,
        "timeTaken": f"0.{rng.randrange(1, 900):03}", "requestProtocol": "HTTPS", "securityProtocol": "TLS 1.3",
        "httpStatusCode": str(hit.status), "httpStatusDetails": str(hit.status), "pop": "FRA", "cacheStatus": "MISS",
        "errorInfo": "NoError", "referer": given(hit.referrer), "hostName": hit.host,
    }  # fmt: skip
    return line({"time": iso(hit, f".{rng.randrange(10**7):07}"), "category": "FrontDoorAccessLog",
                 "operationName": "Microsoft.Cdn/Profiles/AccessLog/Write", "properties": properties})  # fmt: skip


def azure_gateway(hit: Hit, rng: random.Random) -> str:
    """A record of the category ApplicationGatewayAccessLog (v2)."""
    path, _, query = hit.target.partition("?")
    properties = {
        "instanceId": "appgw_1", "clientIP": hit.client, "clientPort": rng.randrange(1024, 65536),
        "httpMethod": hit.method, "originalRequestUriWithArgs": hit.target, "requestUri": path, "requestQuery": query,
        "userAgent": hit.agent, "httpStatus": hit.status, "httpVersion": hit.protocol, "receivedBytes": 412,
        "sentBytes": size(hit), "timeTaken": rng.randrange(1, 900) / 1000, "sslEnabled": "on", "host": hit.host,
        "originalHost": hit.host,
    }  # fmt: skip
    return line({"timeStamp": iso(hit), "resourceId": "/SUBSCRIPTIONS/EXAMPLE", "category": "ApplicationGatewayAccessLog",
                 "operationName": "ApplicationGatewayAccess", "properties": properties})  # fmt: skip


def cloudflare(hit: Hit, rng: random.Random) -> str:
    """Logpush of http_requests; the time is nanoseconds since 1970, as is the default."""
    start = hit.time * 10**9 + rng.randrange(10**9)
    return line(
        {
            "ClientIP": hit.client, "ClientRequestHost": hit.host, "ClientRequestMethod": hit.method,
            "ClientRequestURI": hit.target, "ClientRequestPath": hit.target.partition("?")[0],
            "EdgeEndTimestamp": start + rng.randrange(10**8), "EdgeResponseBytes": size(hit),
            "EdgeResponseStatus": hit.status, "EdgeStartTimestamp": start, "RayID": token(rng),
            "ClientRequestUserAgent": hit.agent, "ClientRequestReferer": given(hit.referrer),
            "ClientRequestProtocol": hit.protocol, "ClientCountry": "de", "Cookies": {"sid": token(rng)},
        }
    )  # fmt: skip


def fastly_json(hit: Hit, rng: random.Random) -> str:
    """The JSON that Fastly's console proposes."""
    return line(
        {
            "timestamp": iso(hit).replace("Z", "+0000"), "client_ip": hit.client, "geo_country": "germany",
            "geo_city": "berlin", "host": hit.host, "url": hit.target, "request_method": hit.method,
            "request_protocol": hit.protocol, "request_referer": given(hit.referrer), "request_user_agent": hit.agent,
            "response_state": "HIT", "response_status": hit.status, "response_reason": "OK",
            "response_body_size": size(hit), "fastly_server": f"cache-fra{rng.randrange(9999)}", "fastly_is_edge": True,
        }
    )  # fmt: skip


def vercel(hit: Hit, rng: random.Random) -> str:
    """A line of the source "static" of a log drain."""
    proxy = {
        "timestamp": hit.time * 1000 + rng.randrange(1000), "method": hit.method, "scheme": "https", "host": hit.host,
        "path": hit.target, "userAgent": [hit.agent], "referer": given(hit.referrer), "statusCode": hit.status,
        "clientIp": hit.client, "region": "fra1", "cacheId": token(rng), "vercelCache": "HIT",
        "responseByteSize": size(hit),
    }  # fmt: skip
    return line({"id": token(rng, 24), "timestamp": proxy["timestamp"], "source": "static", "projectId": token(rng),
                 "host": "example.vercel.example", "path": hit.target.partition("?")[0], "proxy": proxy})  # fmt: skip


def counter(hit: Hit, rng: random.Random) -> str:
    """Use of research data, with the cookies and the user by which COUNTER tells sessions apart."""
    said = {
        "event_time": iso(hit).replace("Z", "+00:00"), "client_ip": hit.client, "session_cookie_id": token(rng, 24),
        "user_cookie_id": token(rng, 24), "user_id": hit.user, "request_url": f"http://{hit.host}{hit.target}",
        "identifier": "doi:10.5072/example", "user-agent": hit.agent, "title": '"Nobody" counted: a data set',
        "publisher": "Example University", "publication_year": "2026",
    }  # fmt: skip
    return "\t".join(said.get(name, "-") for name in _COUNTER)


WRITERS = {
    "cloudfront": cloudfront, "cloudfront_json": cloudfront_json, "google_cloud": google_cloud,
    "google_storage": google_storage, "azure_front_door": azure_front_door, "azure_gateway": azure_gateway,
    "cloudflare": cloudflare, "fastly_json": fastly_json, "vercel": vercel, "counter": counter,
}  # fmt: skip
HEADERS = {
    "cloudfront": ("#Version: 1.0", "#Fields: " + " ".join(_CLOUDFRONT)),
    "google_storage": (",".join(f'"{name}"' for name in _STORAGE),),
    "counter": ("#Version: 0.0.1", "#Fields: " + "\t".join(_COUNTER)),
}
