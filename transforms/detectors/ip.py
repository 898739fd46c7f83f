"""Addresses of the net."""

from __future__ import annotations

import ipaddress
import re

KIND = "ip address"
SOURCE = "RFC 791, RFC 4291, RFC 5952; a version of four numbers is no address (Debian APT-HTTP/1.3 (0.9.7.9))"
SLOTTED = False
FOUND = (
    "184.121.47.17", "[2001:db8::1]:443", "f406:f4a5:363:ef39:7c6e:fcef:892d:68d4", "::ffff:192.0.2.1",
    "host-52-206-139-203.isp.example.net", "ip-10-20-30-40", "52.206.139.203.isp.example.net", "?ip=3417714373",
    "?ip=0xC0000201", "http://192.0.2.1/x", "fe80::1%eth0", "198.51.100.7:8080",
)  # fmt: skip
LEFT_ALONE = (
    "Debian APT-HTTP/1.3 (0.9.7.9)", "Chrome/120.0.0.0", "v1.2.3.4", "release-10.2.3.4", "12:34:56", "300.1.2.3",
    "2024-01-31", "1-2-3-4", "C++::Class", "1.2.3", "version 4.5.6.7", "00:00:00",
)  # fmt: skip

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FIRST = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9][0-9]?)"
_V4 = re.compile(
    rf"(?<![\w.])(?<!version )(?<!ver\. )(?<!rv:)(?<![A-Za-z]-)(?<![A-Za-z]/)(?<![(]){_FIRST}(?:\.{_OCTET}){{3}}(?![\w]|\.[0-9])",
    re.I,
)
_DASHED = re.compile(rf"(?<![0-9])(?<![0-9][-_.]){_FIRST}([-_]){_OCTET}\1{_OCTET}\1{_OCTET}(?![0-9]|[-_.][0-9])")
_V6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}:[0-9a-f:]*:[0-9a-f:.]*(?![\w:])", re.IGNORECASE)


def detect(text: str, told: frozenset[str]) -> bool:
    if "network" in told:
        return any(map(str.isdigit, text)) or ":" in text
    if text.count(".") >= 3 and _V4.search(text):
        return True
    if text.count("-") + text.count("_") >= 3 and any(_is_crowded(match.group()) for match in _DASHED.finditer(text)):
        return True
    return text.count(":") >= 2 and any(_is_v6(match.group()) for match in _V6.finditer(text))


def _is_crowded(text: str) -> bool:
    """Whether two of four numbers have two digits: 1-2-3-4 is a list, 10-20-3-4 an address."""
    return sum(len(part) >= 2 for part in re.split("[-_]", text)) >= 2


def _is_v6(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == 6 and int(address) > 0xFFFF
