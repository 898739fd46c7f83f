"""Cookies: names without users in them, one bit about logins, and nothing else of a header."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cookies import read_cookies
from schemas.load import DeclarationError, fields, parse
from transforms.cookies import OTHER, cookie_names, known_cookie, login_cookie

NAMES = {
    "PHPSESSID=9f8a7b6c": ["PHPSESSID"],
    "WHMCSy551iLvnhYt7=9f8a": ["WHMCS*"],
    "WHMCSAffiliateID=90210": ["WHMCSAffiliateID"],
    "WHMCSLinkID=90210": ["WHMCSLinkID"],
    "WHMCSUser=90210%3A9f8a": ["WHMCSUser"],
    "wordpress_logged_in_9f8a7b6c=zqjohanna%7C1700000000": ["wordpress_logged_in_*"],
    "wordpress_sec_9f8a7b6c=zqjohanna": ["wordpress_sec_*"],
    "wordpress_9f8a7b6c=zqjohanna": ["wordpress_*"],
    "wordpress_test_cookie=WP+Cookie+check": ["wordpress_test_cookie"],
    "wp-auth=zqjohanna": ["wp-auth"],
    "wp-settings-90210=editor%3Dtinymce": ["wp-settings-{int}"],
    "wp-settings-time-90210=1700000000": ["wp-settings-time-{int}"],
    "comment_author_9f8a=zqjohanna; comment_author_email_9f8a=zq%40example.com": [
        "comment_author_email_*",
        "comment_author_*",
    ],
    "wp_woocommerce_session_9f8a=90210%7C%7C1": ["wp_woocommerce_session_*"],
    "_ga=GA1.2.90210.1700000000; _ga_9F8A7B=GS1.1.90210; _gid=GA1.2.90210": ["_ga", "_ga_*", "_gid"],
    "_pk_id.1.9f8a=9f8a7b.1700000000; _pk_ses.1.9f8a=1": ["_pk_id*", "_pk_ses*"],
    "zqjohanna=1": [OTHER],
    "zqjohanna": [OTHER],
    "wp-settings-zqjohanna=1": [OTHER],
    "phpsessid=9f8a": [OTHER],
    "a=1; PHPSESSID=2; b=3": ["PHPSESSID", OTHER],
    "PHPSESSID=2; path=/; HttpOnly; SameSite=Lax; Max-Age=90210": ["PHPSESSID"],
    ";;=; ;": [],
    "__Host-PHPSESSID=9f8a": ["PHPSESSID"],
    "": [],
}


@pytest.mark.parametrize(("header", "expected"), NAMES.items(), ids=NAMES)
def test_names(header: str, expected: list[str]) -> None:
    """A cookie's name is given as declared, without the user, site or visitor in it; others have no name."""
    assert cookie_names(header.encode()) == expected


LOGINS = {
    "wordpress_logged_in_9f8a=zqjohanna%7C1700000000": True,
    "a=1;wordpress_logged_in_9f8a=zqjohanna": True,
    "wordpress_sec_9f8a=zq": True,
    "wp-settings-90210=x": True,
    "WHMCSUser=90210": True,
    "wordpress_logged_in_9f8a=": False,
    "wordpress_logged_in_9f8a=%20": False,
    "wordpress_logged_in_9f8a=deleted": False,
    "wordpress_logged_in_9f8a": False,
    "wordpress_test_cookie=WP": False,
    "PHPSESSID=9f8a": False,
    "WHMCSy551iLvnhYt7=9f8a": False,
    "WHMCSAffiliateID=90210": False,
    "x=wordpress_logged_in_9f8a=zq": False,
    "": False,
    "-": False,
}


@pytest.mark.parametrize(("header", "expected"), LOGINS.items(), ids=LOGINS)
def test_login(header: str, expected: bool) -> None:
    """A login is told by a cookie's name and by its having a value; a session of anybody is none."""
    assert login_cookie(header.encode()) is expected


def test_absent_header() -> None:
    """A log without cookies has neither names nor logins."""
    assert cookie_names(None) == []
    assert login_cookie(None) is False


def declared() -> set[str]:
    """Names in the file."""
    file = Path(__file__).parents[1] / "schemas" / "cookies.toml"
    return {entry["name"] for entry in tomllib.loads(file.read_text(encoding="utf-8"))["cookie"]}


PIECES = st.sampled_from(
    ["wp-settings-", "wordpress_logged_in_", "WHMCS", "_ga", "_pk_id.", "zq", "=", ";", " ", "9", "*", "{int}", "\xff"]
)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80) | st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode("latin-1")))
def test_total_and_closed(header: bytes) -> None:
    """No bytes raise; a name is one of the file's or "(other)"; the bit is a bool."""
    assert set(cookie_names(header)) <= declared() | {OTHER}
    assert login_cookie(header) in (True, False)


@pytest.mark.parametrize("header", [b"a=1;" * 1_000_000, b"wordpress_logged_in_" + b"x" * 1_000_000, b"=" * 1_000_000])
def test_hostile_headers_are_bounded(header: bytes) -> None:
    """A header without end gives what its beginning gives."""
    assert set(cookie_names(header)) <= {OTHER}


def test_every_declared_cookie_is_its_own() -> None:
    """No entry of the file hides behind another: its name, filled in, is found as itself."""
    for name in declared():
        found = known_cookie(name.replace("*", "zq9f8a").replace("{int}", "90210").encode())
        assert found is not None and found.name == name


def test_parser_still_drops_cookies() -> None:
    """Whatever is known about cookies, the column is not read (PRIVACY.md 2.1)."""
    assert "cookie" not in fields().kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[cookie]]\nname = "a"\nof = "b"\nmeaning = "c"\n', "class is None"),
        ('[[cookie]]\nname = "a"\nof = "b"\nmeaning = "c"\nclass = "tracking"\n', "'tracking', expected one of login"),
        ('[[cookie]]\nname = "a"\nof = "b"\nmeaning = "c"\nclass = "login"\nlogin = 1\n', "login is 1"),
        ('[[cookie]]\nnam = "a"\n', "'nam'"),
    ],
)
def test_broken_declarations_are_refused(text: str, expected: str) -> None:
    """A cookie without a class, or with one that nobody knows, is an error that names it."""
    with pytest.raises(DeclarationError, match=re.escape(expected)):
        read_cookies(parse(text, "cookies.toml"), "cookies.toml")
