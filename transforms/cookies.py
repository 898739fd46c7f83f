"""Cookies of a header: their names without whom they name, and whether somebody was logged in; nothing else survives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from schemas.cookies import Cookie, cookies

OTHER = "(other)"
LIMIT = 16_384
"""Bytes of a header that are looked at, at most; servers take 8 KiB."""

COOKIES = 300
"""Cookies of a header that are looked at, at most."""

_SET_COOKIE = frozenset(
    ["path", "expires", "max-age", "domain", "secure", "httponly", "samesite", "partitioned", "priority"]
)
_GONE = re.compile(rb"(?:|deleted|%20|\+|\s|\")*\Z")


@cache
def _known() -> tuple[tuple[re.Pattern[bytes], Cookie], ...]:
    return tuple((re.compile(_pattern(cookie.name)), cookie) for cookie in cookies())


def _pattern(name: str) -> bytes:
    text = re.escape(name).replace(r"\*", r"[!-~]*").replace(r"\{int\}", r"[0-9]+")
    return text.encode("ascii")


def known_cookie(name: bytes) -> Cookie | None:
    """The cookie of that name, None where nobody declared it."""
    if len(name) > 256:
        return None
    name = name.removeprefix(b"__Host-").removeprefix(b"__Secure-")
    return next((cookie for pattern, cookie in _known() if pattern.fullmatch(name)), None)


def _pairs(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, value) of a Cookie header, RFC 6265 4.2.1, or of Set-Cookie without its attributes."""
    for piece in header[:LIMIT].split(b";", COOKIES)[:COOKIES]:
        name, equals, value = piece.strip().partition(b"=")
        if name and name.lower().decode("latin-1") not in _SET_COOKIE:
            yield (name.strip(), value.strip()) if equals else (b"", name)


def cookie_names(header: bytes | None) -> list[str]:
    """Names of the cookies as cookies.toml writes them, each once, in its order; "(other)" for all that it lacks.

    "wp-settings-1234=x; _ga=y; zq=z" → ["wp-settings-{int}", "_ga", "(other)"]. Total; no text of the header is given.
    """
    found = {known_cookie(name) for name, _ in _pairs(header or b"")}
    listed = [cookie.name for _, cookie in _known() if cookie in found]
    return [*listed, OTHER] if None in found else listed


def login_cookie(header: bytes | None) -> bool:
    """Whether the header has a cookie that says that somebody is logged in; an emptied one, as after logout, is none."""
    for name, value in _pairs(header or b""):
        cookie = known_cookie(name)
        if cookie is not None and cookie.login and not _GONE.match(value):
            return True
    return False
