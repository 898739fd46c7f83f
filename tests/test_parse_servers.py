"""Text formats of servers, caches and load balancers: their own lines are read, and the kernel reads as the exact way does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import REQUEST, spans
from test_parse_crowdsec import expected
from test_parse_fuzz import NOISE, TIME, VALUES, by_kernel, without_user

from schemas import load
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk
from transforms.addresses import canonical, forwarded_client
from transforms.kernels import calls, compiled, plain
from transforms.kernels.modes import LAZY
from transforms.parse import Parse
from transforms.parsers.detect import detect, plausible
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import readers
from transforms.parsers.layout import Layout
from transforms.parsers.pattern import compile_pattern
from transforms.parsers.reader import value_of

needs_numba = pytest.mark.skipif(not compiled(), reason="nothing is compiled: numba is missing or not wanted")
AT = "10/Feb/2012:16:42:07 -0500"
COMBINED = f'192.0.2.1 - jo [{AT}] "GET /a HTTP/1.1" 301 368 "https://b.example/" "A/1.0 (x)"'
READ = {
    "client": "192.0.2.1", "time": 1328910127, "path": "/a", "status": 301, "bytes": 368,
    "referrer": "https://b.example/", "agent": "A/1.0 (x)",
}  # fmt: skip
UTC_TIME = 1328892127  # the same clock without its zone
ALB = (
    "{kind} 2012-02-10T21:42:07.463821Z app/shop/50dc6c495c0c9188 {client}:2817 {target} {times} {status} - 34 366 "
    '"GET https://shop.example:443/a HTTP/2.0" "A/1.0 (x)" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x:y/z '
    '"Root=1-58337262-36d228ad" "shop.example"'
)
BALANCED = {"client": "192.0.2.1", "time": 1328910127, "path": "/a", "bytes": 366, "agent": "A/1.0 (x)"}
S3 = f'79a59df9 shop.example [{AT}] 192.0.2.1 {{who}} 3E57427F3 WEBSITE.GET.OBJECT a "GET /a HTTP/1.1" 301 - 368 368 10 9 "https://b.example/" "A/1.0 (x)"'  # noqa: E501
HAPROXY = (
    "{client}:33317 [10/Feb/2012:16:42:07.655] http-in static/srv1 {timers} {status} {size} - - ---- 1/1/1/1/0 0/0 "
)
SERVED = {"client": "192.0.2.1", "time": UTC_TIME, "path": "/a", "status": 301, "bytes": 368}
SQUID = "{time}.603 {took} {client} {result} 368 {request} {user} HIER_DIRECT/198.51.100.9 text/html"
UWSGI = "[pid: 88185|app: 0|req: 1/1] {client} ({user}) {{38 vars in 696 bytes}} [Fri Feb {at} 2012] GET /a?b=1 => generated 368 bytes in {took} (HTTP/1.1 301) 9 headers in 378 bytes (1 switches on core 3)"  # noqa: E501
NPM = '{status} - GET https shop.example "/a?b=1" [Client {client}] [Length 368] [Gzip -] {sent}"A/1.0 (x)" "https://b.example/"'
ENVOY = '[2012-02-10T21:42:07.310Z] "GET /a HTTP/2" {status} - 154 368 226 100 "{addresses}" "A/1.0 (x)" "cc21d9b0" "shop.example" "{upstream}"'  # noqa: E501
ISTIO = '[2012-02-10T21:42:07.310Z] "GET /a HTTP/1.1" 301 - via_upstream - "-" 0 368 4 4 "192.0.2.7" "A/1.0 (x)" "84961386" "shop.example" "10.0.0.2:80" inbound|80|| 127.0.0.1:41854 10.0.0.3:80 192.0.2.1:37652 outbound_.80_._.shop default'  # noqa: E501
IIS = "2012-02-10 21:42:07 {server} GET /a b=1 443 jo 192.0.2.1 {protocol}A/1.0+(x) {rest}"
EDGE = "2012-02-10\t21:42:07\tFRA2\t368\t192.0.2.1\tGET\td1.cdn.example\t/a\t301\thttps://b.example/\t{agent}\t-\t-\tMiss\tMRVM==\tshop.example\thttps\t217\t0.109\t192.0.2.7\tTLSv1.2\tECDHE\tMiss"
HEROKU = 'method=GET path="/a" host=shop.example request_id=8601b555 fwd="192.0.2.7, 192.0.2.1" dyno={dyno} connect={connect} service={took}ms status={status} bytes={size} protocol=https'  # noqa: E501
ROUTED = {"client": "192.0.2.7, 192.0.2.1", "time": 1328910127, "host": "shop.example", "path": "/a"}
LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("common_vhost", f'shop.example 192.0.2.1 - jo [{AT}] "GET /a HTTP/1.0" 301 368', {"host": "shop.example", "bytes": 368}),
    ("common_vhost", f'shop.example:443 2001:db8::1 - - [{AT}] "GET /a HTTP/1.0" 301 -', {"host": "shop.example:443"}),
    ("vhost_combined", f"shop.example:443 {COMBINED}", {**READ, "host": "shop.example:443"}),
    ("vhost_combined", f"shop.example {COMBINED}", {**READ, "host": "shop.example"}),
    ("combined_forwarded", f'{COMBINED} "192.0.2.7, 10.0.0.1"', {**READ, "forwarded": "192.0.2.7, 10.0.0.1"}),
    ("combined_behind_proxy", f"192.0.2.7, {COMBINED}", {**READ, "client": "192.0.2.7, 192.0.2.1"}),
    ("combined_behind_proxy", f"unknown,192.0.2.7, {COMBINED}", {**READ, "client": "unknown,192.0.2.7, 192.0.2.1"}),
    ("vhost_combined_behind_proxy", f"shop.example 192.0.2.7, {COMBINED}",
     {**READ, "host": "shop.example", "client": "192.0.2.7, 192.0.2.1"}),
    ("apache_ssl", f'[{AT}] 192.0.2.1 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 "GET /a HTTP/1.1" -',
     {"client": "192.0.2.1", "time": 1328910127, "path": "/a", "bytes": -1}),
    ("python_http", '192.0.2.1 - - [10/Feb/2012 16:42:07] "GET /a HTTP/1.1" 301 -', {**SERVED, "bytes": -1}),
    ("iis_lines", IIS.format(server="198.51.100.9", protocol="", rest="https://b.example/ 301 0 0 109"),
     {**READ, "bytes": None, "duration": 109000}),
    ("iis_lines", IIS.format(server="198.51.100.9", protocol="", rest="301 0 0 109"),
     {**READ, "bytes": None, "referrer": None, "duration": 109000}),
    ("iis_lines", IIS.format(server="W3SVC1 WEB 2001:db8::9", protocol="HTTP/1.1 ",
     rest="sid=x https://b.example/ shop.example 301 0 0 368 214 109"), {**READ, "host": "shop.example", "duration": 109000}),
    ("iis_lines", IIS.format(server="W3SVC1", protocol="", rest="- https://b.example/ shop.example 301 0 0 368 214 109"),
     {**READ, "host": "shop.example", "duration": 109000}),
    ("cloudfront_lines", EDGE.format(agent="A/1.0%20(x)"),
     {**READ, "host": "shop.example", "forwarded": "192.0.2.7", "duration": 109000}),
    ("cloudfront_lines", EDGE.format(agent="A/1.0%2520(x)") + "\tHTTP/1.1\t-\t-\t51754\t0.113\tError", READ),
    ("heroku", "2012-02-10T21:42:07.719216+00:00 heroku[router]: at=info "
     + HEROKU.format(dyno="web.1", connect="1ms", took=18, status=301, size=368),
     {**ROUTED, "status": 301, "bytes": 368, "duration": 18000}),
    ("heroku", '2012-02-10T21:42:07.719216+00:00 heroku[router]: at=error code=H12 desc="Request timeout" '
     + HEROKU.format(dyno="web.1", connect="1ms", took=30000, status=503, size=0), {**ROUTED, "status": 503}),
    ("heroku", "<158>1 2012-02-10T21:42:07.719216+00:00 host heroku router - at=info "
     + HEROKU.format(dyno="web.1", connect="1ms", took=18, status=301, size=368),
     {**ROUTED, "status": 301, "bytes": 368, "duration": 18000}),
    ("heroku", '<158>1 2012-02-10T21:42:07.719216+00:00 host heroku router - at=error code=H10 desc="App crashed" '
     + HEROKU.format(dyno="", connect="", took="", status=503, size=""), {**ROUTED, "status": 503}),
    ("combined_timed", f"{COMBINED} 0.003", {**READ, "duration": 3000}),
    ("combined_timed", f"{COMBINED} 12.003 0.002", {**READ, "duration": 12003000}),
    ("combined_timed", f"{COMBINED} 0.003 -", {**READ, "duration": 3000}),
    ("combined_timed", f'{COMBINED} "192.0.2.7, 10.0.0.1" 0.003', {"forwarded": "192.0.2.7, 10.0.0.1", "duration": 3000}),
    ("combined_timed", f'{COMBINED} "192.0.2.7" 0.003 0.001', {"forwarded": "192.0.2.7", "duration": 3000}),
    ("combined_timed", f'{COMBINED} 0.003 "192.0.2.7"', {"forwarded": "192.0.2.7", "duration": 3000}),
    ("combined_timed", f'{COMBINED} rt=0.003 uct="0.000" uht="0.002" urt="0.002, 0.001"', {**READ, "duration": 3000}),
    ("combined_timed", f'{COMBINED} "-" rt=0.003 uct="-" uht="-" urt="-"', {**READ, "forwarded": None, "duration": 3000}),
    ("combined_timed", f'{COMBINED} "192.0.2.7" "shop.example" sn="shop" rt=0.003 ua="unix:/x" us="200" ut="0.002" ul="32" cs=-',
     {**READ, "forwarded": "192.0.2.7", "host": "shop.example", "duration": 3000}),
    ("combined_micros", f"{COMBINED} 1234", {**READ, "duration": 1234}),
    ("icecast", f"{COMBINED} 1807", {**READ, "duration": 1807000000}),
    ("nginx_ingress", f"{COMBINED} 45 0.003 [shop-web-80] [] 10.0.0.1:80, 10.0.0.2:80 0, 368 0.000, 0.002 502, 301 8c6f3d",
     {**READ, "duration": 3000}),
    ("nginx_ingress", f"{COMBINED} 45 0.003 [shop-web-80] 10.0.0.1:80 368 0.002 301", {**READ, "duration": 3000}),
    ("nginx_ingress", f"{COMBINED} 45 0.003 [] [] - - - - 8c6f3d", {**READ, "duration": 3000}),
    ("nginx_ingress", COMBINED.replace(" - ", " - [192.0.2.1] - ", 1) + " 45 0.003 [a-80] 10.0.0.1:80 1 0.002 301 8c", READ),
    ("nginx_proxy_manager", f"[{AT}] - 301 {NPM.format(status=301, client='192.0.2.1', sent='[Sent-to 10.0.0.2] ')}",
     {**READ, "host": "shop.example"}),
    ("nginx_proxy_manager", f"[{AT}] HIT - {NPM.format(status=301, client='2001:db8::1', sent='[Sent-to web] ')}",
     {**READ, "client": "2001:db8::1"}),
    ("nginx_proxy_manager", f"[{AT}] {NPM.format(status=301, client='192.0.2.1', sent='')}", {**READ, "host": "shop.example"}),
    ("ovh", COMBINED.replace(" - ", " shop.example "), {**READ, "host": "shop.example"}),
    ("gandi", f"shop.example {COMBINED}".replace('] "', '] (2 s) "'), {**READ, "host": "shop.example", "duration": 2000000}),
    ("gandi", f"shop.example {COMBINED}".replace("192.0.2.1", "2001:db8::1").replace('] "', '] (0 s) "'),
     {**READ, "client": "2001:db8::1"}),
    ("traefik_clf", f'{COMBINED} 3180 "shop@docker -> leaf@docker" "http://10.0.0.2:80" 29ms', {**READ, "duration": 29000}),
    ("traefik_clf", f'192.0.2.1 - - [{AT}] "GET /a HTTP/1.1" - - "-" "-" 3180 "-" "-" 0ms', {"status": -1, "bytes": -1}),
    ("traefik_clf", f'{COMBINED} 13 "web" "http://10.0.0.2:80" 247ms'.replace('"https://b.example/"', "-"),
     {**READ, "referrer": None, "duration": 247000}),
    ("envoy", ENVOY.format(status=301, addresses="192.0.2.7, 192.0.2.1", upstream="tcp://10.0.2.1:80"),
     {**BALANCED, "client": "192.0.2.7, 192.0.2.1", "bytes": 368, "status": 301, "duration": 226000, "host": "shop.example"}),
    ("envoy", ENVOY.format(status=0, addresses="192.0.2.1", upstream="-"), {"client": "192.0.2.1", "status": -1}),
    ("envoy", "ACCESS " + ENVOY.format(status=301, addresses="192.0.2.1", upstream="10.0.2.1:80"),
     {**BALANCED, "bytes": 368, "status": 301, "duration": 226000, "host": "shop.example"}),
    ("envoy", ISTIO, {**BALANCED, "bytes": 368, "forwarded": "192.0.2.7", "duration": 4000}),
    ("litespeed", f'"{COMBINED}', READ),
    ("litespeed", f'"{COMBINED}"', READ),
    ("litespeed", f'"192.0.2.1 - - [{AT}] "GET /a HTTP/1.1" 301 368', {"client": "192.0.2.1", "status": 301, "bytes": 368}),
    ("squid", SQUID.format(time=1328910127, took=310, client="192.0.2.1", result="TCP_MISS/301", request="GET http://b.example/a", user="-"),  # noqa: E501
     {"client": "192.0.2.1", "time": 1328910127, "path": "/a", "status": 301, "bytes": 368, "duration": 310000}),
    ("squid", SQUID.format(time=1328910127, took="     5", client="2001:db8::40", result="TCP_HIT/200", request="GET http://b.example", user="jo@b"),  # noqa: E501
     {"client": "2001:db8::40", "path": "/", "status": 200, "duration": 5000}),
    ("squid", SQUID.format(time=1328910127, took="     0", client="192.0.2.1", result="NONE/000", request="NONE error:x", user="-"),  # noqa: E501
     {"status": -1, "duration": 0}),
    ("squid_combined", COMBINED.replace("/a ", "http://b.example/a ") + " TCP_MISS:HIER_DIRECT", READ),
    ("squid_combined", f'192.0.2.1 - - [{AT}] "GET http://b.example/a HTTP/1.1" 301 368 TCP_MISS:DIRECT', {"path": "/a"}),
    ("varnish", COMBINED.replace("/a ", "http://shop.example/a "), READ),
    ("ezproxy", f'192.0.2.1 aB3dE5fG7 jo [{AT}] "GET http://b.example/a HTTP/1.1" 301 368', {"path": "/a"}),
    ("netscaler", f'192.0.2.1 - jo [{AT}] "GET /a HTTP/1.1" 301 368', {"client": "192.0.2.1", "path": "/a", "status": 301}),
    ("uwsgi", UWSGI.format(client="192.0.2.1", user="", at="10 16:42:07", took="129 msecs"),
     {"client": "192.0.2.1", "time": UTC_TIME, "path": "/a", "status": 301, "bytes": 368, "duration": 129000}),
    ("uwsgi", UWSGI.format(client="2001:db8::1", user="jo", at=" 3 16:42:07", took="68 micros"),
     {"client": "2001:db8::1", "time": UTC_TIME - 7 * 86400, "duration": 68}),
    ("elb", '2012-02-10T21:42:07.945958Z shop 192.0.2.1:2817 10.0.0.1:80 0.000086 0.001048 0.001337 301 200 0 366 "GET https://shop.example:443/a HTTP/1.1" "A/1.0 (x)" DHE-RSA-AES128-SHA TLSv1.2',  # noqa: E501
     {**BALANCED, "status": 301, "duration": 1048}),
    ("elb", '2012-02-10T21:42:07.945958Z shop 192.0.2.1:2817 - -1 -1 -1 503 0 0 0 "GET http://shop.example:80/ HTTP/1.1"',
     {"path": "/", "status": 503, "duration": -1}),
    ("elb", '2012-02-10T21:42:07.945958Z shop 192.0.2.1:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 "- - - " "-" - -',
     {"path": None, "status": -1, "bytes": 305}),
    ("alb", ALB.format(kind="h2", client="192.0.2.1", target="10.0.0.1:80", times="0.000 0.001 0.000", status=301)
     + ' "-" 0 2012-02-10T21:42:07.364000Z "forward" "-" "-" "10.0.0.1:80" "301" "-" "-" TID_1234abcd5678ef90',
     {**BALANCED, "status": 301, "duration": 1000, "host": "shop.example"}),
    ("alb", ALB.format(kind="wss", client="2001:db8::1", target="-", times="-1 -1 -1", status=460) + ' "-" 0',
     {**BALANCED, "client": "2001:db8::1", "status": 460, "duration": -1}),
    ("s3", S3.format(who="-"), {**READ, "host": "shop.example", "duration": 10000}),
    ("s3", S3.format(who="arn:aws:iam::123456789012:user/jo") + " - s9lz= SigV4 ECDHE AuthHeader shop.example TLSV1.2 - Yes",
     {**READ, "host": "shop.example", "duration": 10000}),
    ("s3", S3.format(who="arn:aws:iam::123456789012:user/jo").partition('"')[0] + "- 204 - - 344017 - - - - - IeDW5I3w= SigV4",
     {"client": "192.0.2.1", "time": 1328910127, "path": None, "status": 204, "bytes": -1, "duration": -1}),
    ("haproxy", HAPROXY.format(client="192.0.2.1", timers="10/0/30/69/109", status=301, size=368) + '{b} {} "GET /a HTTP/1.1"',
     {**SERVED, "duration": 109000}),
    ("haproxy", HAPROXY.format(client="2001:db8::5", timers="10/0/-1/-1/+109", status=-1, size="+368") + '"GET /a HTTP/1.1"',
     {**SERVED, "client": "2001:db8::5", "status": -1, "duration": 109000}),
    ("haproxy", HAPROXY.format(client="192.0.2.1", timers="10/0/3/6/+109", status=301, size="+368") + '{b|A} "GET /a HTTP/1.1"',
     {**SERVED, "duration": 109000}),
    ("haproxy", HAPROXY.format(client="192.0.2.1", timers="10/0/3/6/+109", status=301, size="+368") + '{b} {} "GET /a HTTP/1.1"',
     {**SERVED, "duration": 109000}),
    ("haproxy", HAPROXY.format(client="192.0.2.1", timers="-1/-1/-1/-1/5", status=400, size=187) + '"<BADREQ>"', {"path": None}),
    ("haproxy", HAPROXY.format(client="192.0.2.1", timers="1/0/3/6/10", status=301, size=368)
     + '"GET /a HTTP/1.1" 0/0/0/0/0 shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384', {**SERVED, "duration": 10000}),
    ("syslog/haproxy", "Feb  1 16:42:07 web haproxy[6801]: "
     + HAPROXY.format(client="192.0.2.1", timers="1/0/3/6/10", status=301, size=368) + '"GET /a HTTP/1.1"', SERVED),
    ("syslog/haproxy", "<134>1 2012-02-10T16:42:07.817934+00:00 - haproxy 266980 - - "
     + HAPROXY.format(client="192.0.2.1", timers="1/0/3/6/10", status=301, size=368) + '"GET /a HTTP/1.1"', SERVED),
    ("syslog/fastly", f'<134>2012-02-10T21:42:07Z cache-fra1 shop[629]: 192.0.2.1 - - [{AT}] "GET /a HTTP/1.1" 301 368',
     {"client": "192.0.2.1", "path": "/a"}),
    ("syslog/combined", f'<165>1 2012-02-10T21:42:07Z web nginx - - [x@1 a="b"][y@1 c="d"] {COMBINED}', READ),
]  # fmt: skip


def parsed(name: str, data: bytes) -> Iterator[dict[str, Any]]:
    """The events of lines in a format, texts decoded."""
    chunk = Chunk(0, name, np.frombuffer(data + b"\0" * 64, np.uint8), len(data), Accounts())
    for events in Parse(Policy(), load.fields(), load.formats()).events(chunk):
        for row in events.batch.to_pylist():
            yield {key: value.decode() if isinstance(value, bytes) else value for key, value in row.items()}


@pytest.mark.parametrize(("name", "line", "truth"), LINES, ids=[f"{i}-{name}" for i, (name, _, _) in enumerate(LINES)])
def test_line_is_read(name: str, line: str, truth: dict[str, Any]) -> None:
    """One event with these values, in each way that a server writes its format."""
    (row,) = parsed(name, line.encode() + b"\n")
    assert {key: row.get(key) for key in truth} == truth


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, line, _ in LINES])
def test_line_is_found_out(name: str, line: str) -> None:
    """Detection finds the format, or one that reads the line just so; or says that another reads it otherwise."""
    try:
        found, share = detect([line.encode()], load.formats())
    except DirectiveError as refused:
        assert name in ("combined_micros", "icecast") and str(refused).startswith(
            "ambiguous: combined_micros and icecast "
        )
        return
    assert share == 1.0
    assert found == name or list(parsed(found, line.encode() + b"\n")) == list(parsed(name, line.encode() + b"\n"))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("haproxy", "192.0.2.1:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0"),
        ("haproxy", "192.0.2.1:33317 [06/Feb/2009:12:14:14.655] http-in/1: SSL handshake failure"),
        ("elb", "2012-02-10T21:42:07.945958Z shop 192.0.2.1 10.0.0.1:80 0.1 0.1 0.1 200 200 0 366"),
        ("alb", "http 2012-02-10T21:42:07.463821Z app/x 192.0.2.1:1 10.0.0.1:80 -2 0.1 0.1 200 200 34 366"),
        ("s3", S3.format(who="-").replace(" 192.0.2.1 ", " - ")),
        ("squid", "1328910127.603 x 192.0.2.1 TCP_MISS/200 368 GET http://b.example/ - HIER_DIRECT/1 text/html"),
        (
            "squid",
            "1328910127.603 104 192.0.2.1 58938 TCP_MISS/200 904 123 364 123 GET http://b.example/ 1.1 - HIER_NONE/- -",
        ),
        ("iis_lines", "2012-02-10 21:42:07 198.51.100.9 jo 192.0.2.1 21 ControlChannelClosed - - 0 0 8124db49 -"),
        ("iis_lines", IIS.format(server="198.51.100.9", protocol="HTTP/1.1 ", rest="https://b.example/ 301 0 0 109")),
        ("gandi", f"shop.example {COMBINED}".replace('] "', '] (x s) "')),
        ("ovh", COMBINED),
        ("combined_timed", f"{COMBINED} 3"),
        ("combined_timed", f"{COMBINED} 0.03"),
        ("combined_micros", f"{COMBINED} 0.003s"),
        ("uwsgi", UWSGI.format(client="192.0.2.1", user="", at="30 16:42:07", took="129 msecs")),
        ("envoy", ENVOY.format(status=99, addresses="192.0.2.1", upstream="-")),
    ],
)
def test_line_that_is_none_is_refused(name: str, line: str) -> None:
    """TCP lines, handshakes, what a server did by itself, cut lines, wrong numbers and dates."""
    assert list(parsed(name, line.encode() + b"\n")) == []


def test_alb_is_read_as_crowdsec_says(shared: Path) -> None:
    """Client, status, path and agent of each line of CrowdSec's own test."""
    here = shared / "logs" / "crowdsec" / "aws-alb-logs"
    said = [one for _, one in sorted(expected(here / "parser.assert").items()) if "http_status" in one]
    rows = list(parsed("alb", (here / "aws-alb-logs.log").read_bytes()))
    assert len(said) == len(rows) > 10
    for row, truth in zip(rows, said, strict=True):
        assert row["client"] == truth["source_ip"]
        assert row["status"] == int(truth["http_status"])
        assert (row["agent"] or "-") == truth["http_user_agent"]


def test_traefik_is_read_as_crowdsec_says(shared: Path) -> None:
    """Client, status, path and agent of each line of CrowdSec's own test."""
    here = shared / "logs" / "crowdsec" / "traefik_clf"
    said = [one for _, one in sorted(expected(here / "parser.assert").items()) if "source_ip" in one]
    rows = list(parsed("traefik_clf", (here / "traefik_clf.log").read_bytes()))
    assert len(said) == len(rows) == 7
    for row, truth in zip(rows, said, strict=True):
        assert row["client"] == truth["source_ip"]
        assert row["path"] == truth["http_path"].partition("?")[0]


def test_uwsgi_of_lnav(shared: Path) -> None:
    """All lines of lnav's file, by splitting at its words."""
    lines = (shared / "logs" / "lnav" / "logfile_uwsgi.0").read_text().splitlines()
    truth = sorted((line.split("] ")[1].split()[0], line.split("(HTTP/")[1].split()[1].rstrip(")")) for line in lines)
    rows = parsed("uwsgi", "".join(f"{line}\n" for line in lines).encode())
    assert sorted((row["client"], str(row["status"])) for row in rows) == truth


# ---- addresses that stand in a list ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "found"),
    [
        (b"192.0.2.7", "192.0.2.7"), (b"192.0.2.7, 192.0.2.1", "192.0.2.1"), (b"192.0.2.7,192.0.2.1", "192.0.2.1"),
        (b"192.0.2.7, 192.0.2.1, 198.51.100.1", "192.0.2.1"), (b"192.0.2.7, 198.51.100.1,198.51.100.2", "192.0.2.7"),
        (b"x, 192.0.2.1:80", "192.0.2.1"), (b"192.0.2.1, x", None), (b"192.0.2.1, ", None), (b",", None), (b"-", None),
        (b"198.51.100.1, 198.51.100.2", "198.51.100.1"), (b"a, [2001:db8::1]:443", "2001:db8::1"),
    ],
)  # fmt: skip
def test_the_last_address_that_is_no_proxy_is_the_visitor(client: bytes, found: str | None) -> None:
    """A client field with several addresses is walked from the right; what is left of the visitor is not read."""
    address = forwarded_client(client, None, ("198.51.100.0/24",))
    assert address == (None if found is None else canonical(found.encode()))


def test_without_trusted_proxies_the_last_address_counts() -> None:
    """What stands in front of the last entry can be forged by anyone."""
    assert forwarded_client(b"192.0.2.7, 192.0.2.1", None) == canonical(b"192.0.2.1")
    assert plausible(b"junk, 192.0.2.1") and not plausible(b"192.0.2.1, 12345")


# ---- kernel and twin -------------------------------------------------------------------------------------------------

TYPES = {
    **VALUES, "clf": [TIME, *VALUES["clf"]], "decimal": ["0.003", "12.345", "1.23", "5", "-", ".123", "1.2345"],
    "millis": ["12", "-", "+5", "-1", "0.5"], "micros": ["12", "-", "x"],
    "list": ["192.0.2.7, 192.0.2.1", "a,b", "a, b,", ", ", "-", ""],
    "%d/%b/%Y:%H:%M:%S%f": ["10/Feb/2012:16:42:07.655", "30/Feb/2012:16:42:07.655", "x"],
    "%d/%b/%Y %H:%M:%S": ["10/Feb/2012 16:42:07", "30/Feb/2012 16:42:07", "10/Feb/2012:16:42:07"],
    "%Y-%m-%d": ["2012-02-10", "2012-02-30", "x"], "%H:%M:%S": ["16:42:07", "24:42:07", "-"],
    "%b %e %H:%M:%S": ["Feb 10 16:42:07", "Feb  3 16:42:07", "Feb 30 16:42:07"],
    "%b %e %H:%M:%S %Y": ["Feb 10 16:42:07 2012", "Feb  3 16:42:07 2012", "Feb 30 16:42:07 2012"],
    "host": ["shop.example", "-", "shop.example:443", ""],
}  # fmt: skip


def layouts() -> dict[str, Layout]:
    """Every layout of every shipped format of text lines, by name and number."""
    return {
        f"{name}-{i}": reader
        for name, format in load.formats().items()
        for i, reader in enumerate(readers(format))
        if isinstance(reader, Layout)
    }


def lines_of(layout: Layout, count: int, seed: int) -> list[bytes]:
    """Lines of a layout with hostile values, three in ten of them damaged."""
    draw, made = random.Random(seed), []
    for _ in range(count):
        line = layout.lead
        for field, literal in zip(layout.fields, layout.literals, strict=True):
            first = field.type.partition("|")[0]
            choices = TYPES[next((key for key in (first, field.column) if key in TYPES), "other")]
            text = choices[0] if draw.random() < 0.8 else draw.choice([*choices, "-1", "0"])
            padding = " " * draw.choice((0, 0, 1, 5)) if field.padded or draw.random() < 0.01 else ""
            line += (padding + text).encode("latin-1") + literal
        if draw.random() < 0.3:
            for _ in range(draw.choice((1, 1, 2, 4))):
                at = draw.randrange(len(line) + 1)
                line = line[:at] + draw.choice(NOISE) + line[at + draw.choice((0, 0, 1, 3, 20)) :]
        made.append(line.replace(b"\n", b"") + draw.choice((b"", b"", b"", b"\r", b" ", b" \r")))
    return made


@needs_numba
@pytest.mark.parametrize("name", layouts())
def test_kernel_accepts_nothing_with_other_spans_than_the_regex(name: str) -> None:
    """What the kernel takes, the regex takes with the same spans, nearly all of what is well formed; what is surely none, not."""
    layout = layouts()[name]
    lines = lines_of(layout, 800, seed=31)
    taken = well_formed = spared = 0
    for line, fast in zip(lines, by_kernel(layout, lines), strict=True):
        slow = layout.read(line)
        well_formed += slow is not None
        if fast is None and layout.is_surely_none(line):
            spared += 1
            assert slow is None, line
        if fast is not None:
            taken += 1
            assert slow is not None, line
            assert without_user(layout, fast) == without_user(layout, slow[0]), line
    assert taken > 0.8 * well_formed > 0
    assert spared > 0 or any(field.mode == LAZY for field in layout.fields)


@needs_numba
@pytest.mark.parametrize("name", layouts())
def test_many_lines_are_surely_none_where_each_is(name: str) -> None:
    """The mask of a block is what is said of line after line, blank ones aside; some lines are long, blank, or cut."""
    layout = layouts()[name]
    lines = [*lines_of(layout, 400, seed=32), b"", b" ", b"\r", b" \r", b'"', b'x "', b'x \\"', b'x "y', b"x" * 70_000]
    lines += [line[: len(line) * 2 // 3] for line in lines[:100]] + [line + b' [" [' for line in lines[:50]]
    block, rows = calls.Block(4 << 20), calls.Rows(len(layout.fields))
    block.fill(np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8))
    layout.scan(block, rows)
    every = np.arange(len(lines), dtype=np.int32)  # also those that the kernel took: the question is about bytes alone
    mask = layout.surely_none(block, rows, every).tolist()
    truth = [layout.is_surely_none(line) for line in lines]
    assert [said for said, line in zip(mask, lines, strict=True) if line[:1] > b" "] == [
        said for said, line in zip(truth, lines, strict=True) if line[:1] > b" "
    ]
    assert not any(said for said, line in zip(mask, lines, strict=True) if line[:1] <= b" ")


@needs_numba
@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"192.0.2.1", b" ", b",", b", ", b"-", b"7", b"x", b'"', b"\r"]), max_size=12))
def test_lists_and_padding_in_any_order(pieces: list[bytes]) -> None:
    """Whatever stands in a line, the kernel agrees with the regex or refuses."""
    line = b"".join(pieces)
    for pattern in (
        "{client:list} {duration>:millis} {time:epoch} {target}",
        "{host!} {client} {bytes>} {time:epoch} {target}",
    ):
        layout = compile_pattern(pattern)
        for one in (line, line + b" 7 /a", b"192.0.2.1 " + line + b" 7 /a"):
            fast, slow = by_kernel(layout, [one])[0], layout.read(one)
            assert fast is None or (slow is not None and fast == slow[0]), one
            assert fast is not None or slow is None or not layout.is_surely_none(one), one


@needs_numba
@settings(max_examples=300, deadline=None)
@given(st.lists(REQUEST, min_size=1, max_size=8))
def test_locations_are_split_as_the_twin_does(lines: list[bytes]) -> None:
    """Path and query behind a host that has no scheme in front of it."""
    block, starts, lens = spans(lines)
    out = calls.split_requests(block, starts, lens, False, True)
    for r, line in enumerate(lines):
        path, stop, query, end = plain.split_request(line, False, True)
        got = [bytes(block.text[a : a + n]) for a, n in (out[:2, r].tolist(), out[2:, r].tolist())]
        assert got == [line[path:stop], line[query:end]]


@pytest.mark.parametrize(
    ("location", "path", "query"),
    [
        (b"www.example/a?b=1#c", b"/a", b"b=1"), (b"www.example", b"", b""), (b"www.example?b=1", b"", b"b=1"),
        (b"/a", b"/a", b""),
        (b"https://www.example/a", b"/a", b""), (b"-", b"", b""),
    ],
)  # fmt: skip
def test_the_host_of_a_location_is_no_part_of_the_path(location: bytes, path: bytes, query: bytes) -> None:
    """Incapsula writes host and path together."""
    start, stop, begin, end = plain.split_request(location, False, True)
    assert (location[start:stop], location[begin:end]) == (path, query)


@needs_numba
@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("0123456789.-x", max_size=12).map(str.encode), min_size=1, max_size=20))
def test_decimals_are_read_as_the_twin_does(texts: list[bytes]) -> None:
    """Seconds with exactly three decimals, or with none."""
    for kind in ("decimal", "whole"):
        got, wrong = calls.values(kind, *spans(texts))
        truth = [value_of(kind, text) for text in texts]
        assert [None if value == calls.WRONG else value for value in got.tolist()] == truth
        assert wrong == truth.count(None)


@pytest.mark.parametrize("pattern", ["{client} {agent>} {time:clf} {target}", "{client} {status!} {time:clf} {target}"])
def test_marks_that_do_not_fit_are_refused(pattern: str) -> None:
    """Padding stands in front of numbers, and only texts can be missing."""
    with pytest.raises(DirectiveError, match=r"^bad_pattern: "):
        compile_pattern(pattern)


def test_a_uri_of_w3c_is_not_taken_for_one_with_its_host() -> None:
    """Files of Incapsula are told from those of other servers by a column that those do not have."""
    lines = [b"#Fields: date time c-ip cs-uri sc-status", b"2026-11-20 00:00:00 192.0.2.1 /a?b=1 200"]
    assert detect(lines, load.formats()) == ("w3c", 1.0)


def test_samples_of_formats_that_look_alike_have_to_be_named() -> None:
    """Microseconds and seconds behind combined: which of them it is has to be said, also where all of them are 0."""
    for tail in ("1234", "0"):
        with pytest.raises(DirectiveError, match=r"^ambiguous: "):
            detect([f"{COMBINED} {tail}".encode()], load.formats())


def test_nothing_of_a_line_is_in_an_error() -> None:
    """The message of an ambiguity names formats alone."""
    with pytest.raises(DirectiveError) as raised:
        detect([f"{COMBINED} 4711".encode()], load.formats())
    assert not any(word in json.dumps(str(raised.value)) for word in ("4711", "192.0.2", "b.example"))


TAKEN = [
    # IIS: milliseconds, told by columns that no other server has
    ("date time c-ip cs-uri-stem sc-status sc-win32-status time-taken", "200 0 1500", "iis", 1_500_000),
    ("date time c-ip cs-uri-stem sc-status sc-substatus time-taken", "200 0 0", "iis", 0),
    ("s-sitename date time c-ip cs-uri-stem time-taken", "W3SVC1 15", "iis", 15_000),
    # the draft: seconds with a fraction; a whole number may be of Oracle (microseconds) or Blue Coat (milliseconds)
    ("date time c-ip cs-uri-stem sc-status time-taken", "200 0.015", "w3c", 15_000),
    ("date time c-ip cs-uri-stem sc-status time-taken", "200 1.5", "w3c", 1_500_000),
    ("date time c-ip cs-uri-stem sc-status time-taken", "200 370879", "w3c", -1),
    ("date time c-ip cs-uri-stem sc-status time-taken", "200 -", "w3c", -1),
]


@pytest.mark.parametrize(("header", "tail", "name", "micros"), TAKEN)
def test_the_unit_of_time_taken_is_not_guessed(header: str, tail: str, name: str, micros: int) -> None:
    """Microseconds of the one column that has three units, depending on the server."""
    when = "2026-11-20 00:00:00 192.0.2.1 /a"
    line = f"{tail.split()[0]} {when} {tail.split()[1]}" if header.startswith("s-") else f"{when} {tail}"
    data = f"#Fields: {header}\n{line}\n".encode()
    assert detect(data.splitlines(), load.formats()) == (name, 1.0)
    (row,) = parsed(name, data)
    assert row["duration"] == micros


@pytest.mark.parametrize("plain_way", [False, True], ids=["kernel", "exact"])
@pytest.mark.parametrize(
    ("client", "read"),
    [
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::", "::"),
        ("2001:db8::", "2001:db8::"),
        ("", None),
        ("-", None),
    ],
)
def test_an_address_that_begins_with_a_colon_is_read(
    client: str, read: str | None, plain_way: bool, plainly: Callable[[], None]
) -> None:
    """In front of its port, by the kernel and by the exact reading; a client that is missing is none."""
    if plain_way:
        plainly()
    line = HAPROXY.format(client=client, timers="1/0/3/6/10", status=301, size=368) + '"GET /a HTTP/1.1"'
    assert [row["client"] for row in parsed("haproxy", line.encode() + b"\n")] == ([read] if read else [])
