"""Secrets by the name that they have, and credentials in URLs."""

from __future__ import annotations

import re

KIND = "secret"
SOURCE = "RFC 3986 section 3.2.1 (userinfo); names in schemas/telling.toml, those of WHMCS and WordPress among them"
SLOTTED = False
FOUND = (
    "ftp://tara:secret@files.example.com/", "https://jo@example.com/", "?password=hunter2", "?userPassword=x",
    "?login_token=abc", "?licensekey=Owned-1", "?_wpnonce=a", "?PHPSESSID=b910", "jsessionid=12ab34cd56",
    "PHPSESSID=b910ijtiq7", "?userinfo=tara:secret", "?pin=1234", "?csrf_token=a", "wordpress_logged_in_1f=x",
    "WHMCS12=abcdef",
)  # fmt: skip
LEFT_ALONE = ("https://example.com/a", "mailbox", "password-reset", "?page=2", "session-beans")

_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s@]+@")
_COOKIE = re.compile(
    r"(?:phpsessid|jsessionid|asp\.net_sessionid|aspsessionid\w*|sessionid|sessid|connect\.sid|whmcs\w*|wordpress_(?:logged_in|sec)?_?\w*|wp-settings-(?:time-)?[0-9]+)[=:]\S",
    re.IGNORECASE,
)


def detect(text: str, told: frozenset[str]) -> bool:
    if told & {"secret", "session"}:
        return True
    return ("=" in text or ":" in text) and bool(_USERINFO.search(text) or _COOKIE.search(text))
