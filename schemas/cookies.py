"""Cookies of known software by the pattern of their name, what they mean, and whether they say that somebody is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.load import entries, expect, only_keys, shipped

CLASSES = ("login", "session", "visitor", "referral", "preference", "consent")


@dataclass(frozen=True)
class Cookie:
    """A known cookie: its name with `*` and `{int}` for what names somebody; see the head of cookies.toml."""

    name: str
    of: str
    privacy: str
    meaning: str
    login: bool


def read_cookies(data: Mapping[str, Any], where: str) -> tuple[Cookie, ...]:
    """Cookies from parsed TOML, the first that fits counts. Raises DeclarationError."""
    only_keys(where, data, ("cookie",))
    found = []
    for entry in entries(where, data, "cookie", dict):
        here = f"{where}: cookie {entry.get('name')!r}"
        only_keys(here, entry, ("name", "of", "class", "meaning", "login"))
        for key in ("name", "of", "class", "meaning"):
            expect(here, key, entry.get(key), "a string", isinstance(entry.get(key), str))
        expect(here, "class", entry["class"], f"one of {', '.join(CLASSES)}", entry["class"] in CLASSES)
        login = entry.get("login", False)
        expect(here, "login", login, "true or false", isinstance(login, bool))
        found.append(Cookie(entry["name"], entry["of"], entry["class"], entry["meaning"], login))
    return tuple(found)


@cache
def cookies() -> tuple[Cookie, ...]:
    """The shipped cookies.toml."""
    return read_cookies(shipped("cookies.toml"), "schemas/cookies.toml")
