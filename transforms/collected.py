"""Names of browsers, systems and devices as collectors of events write them, in the closed vocabularies of agents."""

from __future__ import annotations

import re
from functools import cache

from transforms.agent_names import OTHER, family_names, system_names

NONE = "(none)"
_NOTHING = frozenset(["", "-", "null", "(not set)", "unknown", "(none)"])
_LONGEST = 64  # bytes

_FAMILIES = {
    "microsoft edge": "Edge", "edge-chromium": "Edge", "edge-ios": "Edge Mobile", "edg": "Edge", "crios": "Chrome Mobile iOS",
    "chromium-webview": "Chrome Mobile WebView", "android webview": "Chrome Mobile WebView", "webview": "Chrome Mobile WebView",
    "safari (in-app)": "Mobile Safari UI/WKWebView", "ios-webview": "Mobile Safari UI/WKWebView", "ios": "Mobile Safari",
    "fxios": "Firefox iOS", "internet explorer": "IE", "samsung": "Samsung Internet", "samsung browser": "Samsung Internet",
    "yandexbrowser": "Yandex Browser", "uc browser": "UC Browser", "duckduckgo privacy browser": "DuckDuckGo Mobile",
    "silk": "Amazon Silk", "opera-mini": "Opera Mini", "mobile app": OTHER, "headless chrome": OTHER,
}  # fmt: skip
_SYSTEMS = {
    "macintosh": "Mac OS X", "macos": "Mac OS X", "mac os": "Mac OS X", "mac": "Mac OS X", "gnu/linux": "Linux",
    "chromium os": "Chrome OS", "chromeos": "Chrome OS", "android os": "Android", "ipados": "iOS",
}  # fmt: skip
_DEVICES = {
    "desktop": "desktop", "laptop": "desktop", "computer": "desktop", "web": "desktop", "mobile": "mobile",
    "smartphone": "mobile", "phone": "mobile", "tablet": "tablet", "tv": "tv", "smart tv": "tv", "smarttv": "tv",
    "game console": "console", "console": "console",
}  # fmt: skip
_VERSION = re.compile(r"([0-9]{1,3})(?:\.[0-9]+)*\Z")


def collected(
    browser: bytes | None = None, version: bytes | None = None, system: bytes | None = None, device: bytes | None = None
) -> tuple[str, str, str, str]:
    """(family, major, os, device): words that agents give as well, "(other)" for any other, "(none)" for none."""
    family = _known(browser, families(), _FAMILIES)
    major = _VERSION.match(_plain(version)) if family not in (NONE, OTHER) else None
    named = _plain(system)
    # some name the version with it: Windows 10
    os = _known(system, systems(), _SYSTEMS) if named not in _NOTHING else NONE
    if os == OTHER and named.startswith("windows "):
        os = "Windows Phone" if named.startswith("windows phone") else "Windows"
    word = _plain(device)
    return family, major[1] if major else NONE, os, NONE if word in _NOTHING else _DEVICES.get(word, OTHER)


@cache
def families() -> dict[str, str]:
    """Browser families by their names in lower case."""
    return {name.lower(): name for name in family_names()}


@cache
def systems() -> dict[str, str]:
    """Operating systems by their names in lower case."""
    return {name.lower(): name for name in system_names()}


def _known(value: bytes | None, names: dict[str, str], others: dict[str, str]) -> str:
    word = _plain(value)
    return NONE if word in _NOTHING else others.get(word) or names.get(word, OTHER)


def _plain(value: bytes | None) -> str:
    return "" if value is None else value[: _LONGEST + 1].decode("utf-8", "replace").strip().lower()
