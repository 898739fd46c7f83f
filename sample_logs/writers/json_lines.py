"""Lines of servers that log JSON, and of what wraps other servers' lines: containers and journals."""

from __future__ import annotations

import random
from typing import Any

from clf import combined, size
from visits import Hit
from writers.cloud import given, iso, line, token


def caddy(hit: Hit, rng: random.Random) -> str:
    """Caddy 2.8; Cookie and Authorization are REDACTED by it unless it is told otherwise."""
    headers = {"User-Agent": [hit.agent], "Accept": ["*/*"], "Cookie": [f"sid={token(rng, 24)}"]}
    if hit.referrer != "-":
        headers["Referer"] = [hit.referrer]
    request = {
        "remote_ip": hit.client, "remote_port": str(rng.randrange(1024, 65536)), "client_ip": hit.client,
        "proto": hit.protocol, "method": hit.method, "host": hit.host, "uri": hit.target, "headers": headers,
        "tls": {"resumed": False, "version": 772, "server_name": hit.host},
    }  # fmt: skip
    return line(
        {
            "level": "info", "ts": hit.time + rng.randrange(1000) / 1000, "logger": "http.log.access.log0",
            "msg": "handled request", "request": request, "bytes_read": 0, "user_id": given(hit.user),
            "duration": rng.randrange(900_000) / 1_000_000, "size": size(hit), "status": hit.status,
            "resp_headers": {"Server": ["Caddy"]},
        }
    )  # fmt: skip


def traefik(hit: Hit, rng: random.Random) -> str:
    """Traefik 3 with headers kept; the duration is nanoseconds."""
    port, took = rng.randrange(1024, 65536), rng.randrange(10**6, 9 * 10**8)
    peer = f"[{hit.client}]:{port}" if ":" in hit.client else f"{hit.client}:{port}"
    return line(
        {
            "ClientAddr": peer, "ClientHost": hit.client, "ClientPort": str(port), "ClientUsername": hit.user,
            "DownstreamContentSize": size(hit), "DownstreamStatus": hit.status, "Duration": took, "OriginDuration": took,
            "OriginStatus": hit.status, "Overhead": 81_253, "RequestAddr": hit.host, "RequestContentSize": 0,
            "RequestCount": rng.randrange(9999), "RequestHost": hit.host, "RequestMethod": hit.method,
            "RequestPath": hit.target, "RequestPort": "-", "RequestProtocol": hit.protocol, "RequestScheme": "https",
            "RouterName": "shop@docker", "StartLocal": iso(hit, ".123456789"), "StartUTC": iso(hit, ".123456789"),
            "entryPointName": "websecure", "level": "info", "msg": "", "request_Referer": given(hit.referrer),
            "request_User-Agent": hit.agent, "request_X-Forwarded-For": hit.client, "time": iso(hit),
        }
    )  # fmt: skip


def envoy_json(hit: Hit, rng: random.Random) -> str:
    """The keys of Istio's default, and the referrer; the peer stands with its port."""
    port = rng.randrange(1024, 65536)
    return line(
        {
            "authority": hit.host, "bytes_received": 0, "bytes_sent": size(hit), "connection_termination_details": None,
            "downstream_local_address": "198.51.100.20:8443",
            "downstream_remote_address": f"[{hit.client}]:{port}" if ":" in hit.client else f"{hit.client}:{port}",
            "duration": rng.randrange(900), "method": hit.method, "path": hit.target, "protocol": hit.protocol,
            "referer": given(hit.referrer), "request_id": token(rng, 32), "requested_server_name": hit.host,
            "response_code": hit.status, "response_code_details": "via_upstream", "response_flags": "-", "route_name": "default",
            "start_time": iso(hit, f".{rng.randrange(1000):03}"), "upstream_cluster": "outbound|80||shop",
            "upstream_service_time": "12", "user_agent": hit.agent, "x_forwarded_for": hit.client,
        }
    )  # fmt: skip


def nginx_json(hit: Hit, rng: random.Random) -> str:
    """A log_format with escape=json, its keys named like the variables; what is not there is empty."""
    return line(
        {
            "time_iso8601": iso(hit).replace("Z", "+00:00"), "remote_addr": hit.client, "remote_user": given(hit.user),
            "host": hit.host, "request": f"{hit.method} {hit.target} {hit.protocol}", "status": str(hit.status),
            "body_bytes_sent": str(size(hit)), "request_time": f"0.{rng.randrange(900):03}",
            "http_referer": given(hit.referrer), "http_user_agent": hit.agent, "http_x_forwarded_for": "",
            "request_id": token(rng, 32), "http_cookie": f"sid={token(rng, 24)}",
        }
    )  # fmt: skip


def docker(hit: Hit, rng: random.Random) -> str:
    """Combined, as the json-file driver keeps what a container prints: with its line break."""
    return line({"log": combined(hit) + "\n", "stream": "stdout", "time": iso(hit, f".{rng.randrange(10**9):09}")})


def cri(hit: Hit, rng: random.Random) -> str:
    """Combined, as Kubernetes' container runtimes keep it."""
    return f"{iso(hit, f'.{rng.randrange(10**9):09}')} stdout F {combined(hit)}"


def journald(hit: Hit, rng: random.Random) -> str:
    """Combined, as journalctl -o json prints it: now and then byte by byte."""
    message: Any = combined(hit)
    if rng.random() < 0.2:
        message = list(message.encode())
    return line(
        {
            "__CURSOR": f"s={token(rng, 32)};i={token(rng, 4)}", "__REALTIME_TIMESTAMP": str(hit.time * 10**6 + 1234),
            "PRIORITY": "6", "_HOSTNAME": "web1", "_SYSTEMD_UNIT": "nginx.service", "SYSLOG_IDENTIFIER": "nginx",
            "_PID": str(rng.randrange(900, 910)), "MESSAGE": message, "_BOOT_ID": token(rng, 32),
        }
    )  # fmt: skip


WRITERS = {
    "caddy": caddy, "traefik": traefik, "envoy_json": envoy_json, "nginx_json": nginx_json, "docker": docker, "cri": cri,
    "journald": journald,
}  # fmt: skip
