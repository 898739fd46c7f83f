"""The referrer treatment: medium and registrable domain."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from schemas.policy import Site
from transforms.treatments import referrer

WIKIMEDIA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "vectors" / "wikimedia"
needs_data = pytest.mark.skipif(not WIKIMEDIA.is_dir(), reason="the folder of shared test data is absent")
SITE = Site("shop", hosts=("shop.example", "*.wikipedia.org"))


def treated(text: str | bytes | None) -> tuple[str, str]:
    return referrer.Treatment().treat(text.encode() if isinstance(text, str) else text, SITE)


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["referrer"]
    assert (declared.takes, declared.gives) == (referrer.TAKES, referrer.GIVES)


CASES = {
    "null": (None, ("(none)", "(none)")),
    "empty": ("", ("(none)", "(none)")),
    "dash": ("-", ("(none)", "(none)")),
    "own": ("https://shop.example/cart?email=jo@example.com", ("internal", "(none)")),
    "own_upper_port": ("HTTP://Shop.EXAMPLE:8080/", ("internal", "(none)")),
    "own_wild": ("https://en.wikipedia.org/wiki/X", ("internal", "(none)")),
    "not_own": ("https://eviwikipedia.org/", ("referral", "eviwikipedia.org")),
    "other_site": ("https://www.blog.co.uk/jo-doe", ("referral", "blog.co.uk")),
    "person_at_a_host": ("https://jo-doe.github.io/", ("referral", "github.io")),
    "userinfo": ("http://jo:secret@www.python.org/", ("referral", "python.org")),
    "two_ats": ("http://shop.example@evil.org@t.co/", ("social", "t.co")),
    "idn": ("http://www.b\u00fccher.de/", ("referral", "xn--bcher-kva.de")),
    "idn_upper": ("http://B\u00dcCHER.de/", ("referral", "xn--bcher-kva.de")),
    "idn_encoded": ("http://b%C3%BCcher.de/", ("referral", "xn--bcher-kva.de")),
    "punycode": ("http://xn--bcher-kva.de/", ("referral", "xn--bcher-kva.de")),
    "trailing_dot": ("https://yandex.com./images", ("search", "yandex.com")),
    "double_dot": ("https://a..com/", ("(other)", "(other)")),
    "ipv4": ("http://192.0.2.1/admin", ("referral", "(other)")),
    "ipv4_hex": ("http://0xc0000201/", ("referral", "(other)")),
    "ipv6": ("http://[2001:db8::1]:80/", ("referral", "(other)")),
    "intranet": ("http://jo-laptop/", ("referral", "(other)")),
    "unknown_tld": ("https://twitter.exploit/", ("referral", "(other)")),
    "suffix": ("https://co.uk/", ("referral", "(other)")),
    "no_scheme": ("google.com", ("(other)", "(other)")),
    "no_scheme_slashes": ("//google.com/", ("(other)", "(other)")),
    "javascript": ("javascript:alert(1)", ("(other)", "(other)")),
    "data": ("data:text/html,jo@example.com", ("(other)", "(other)")),
    "android": ("android-app://com.linkedin.android", ("(other)", "(other)")),
    "file": ("file:///home/jo/x.html", ("(other)", "(other)")),
    "backslash": ("https://google.com\\@evil.org/", ("search", "google.com")),
    "not_utf8": (b"http://\xff.com/", ("(other)", "(other)")),
    "markup": ("http://<script>.com/", ("(other)", "(other)")),
    "long": ("http://" + "a." * 5000 + "com/", ("(other)", "(other)")),
    "number_as_a_domain": ("https://www.4930123456.com/", ("referral", "(other)")),
    "address_as_a_domain": ("https://52-206-139-203.com/", ("referral", "(other)")),
    "token_as_a_domain": ("https://k7xq2m9d.net/", ("referral", "(other)")),
    "domain_with_digits": ("https://4chan.org/", ("referral", "4chan.org")),
    "google_of_a_country": ("https://www.google.co.id/", ("search", "google.co.id")),
    "google_mail": ("https://mail.google.com/mail/u/0/", ("email", "google.com")),
    "google_docs": ("https://docs.google.com/document/d/x", ("referral", "google.com")),
    "google_elsewhere": ("https://google.total-secure.fr/", ("referral", "total-secure.fr")),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_cases(text: str | bytes | None, expected: tuple[str, str]) -> None:
    """Medium and domain, whatever the writing."""
    assert treated(text) == expected


def _vectors(kind: str, but: tuple[str, ...] = (), start: str = "http") -> list[str]:
    found = set()
    for name in ("referer_test_data.csv", "search_engine_test_data.csv"):
        if (WIKIMEDIA / name).is_file():
            for row in csv.reader((WIKIMEDIA / name).read_text("utf-8").splitlines()):
                if len(row) == 5 and row[2] == kind and row[4] not in but and row[1].startswith(start):
                    found.add(row[1])
    return sorted(found)


# Apps are not looked at; "Predicted Other" is a guess from the word "search"; a translation is no search here.
@needs_data
@pytest.mark.parametrize("text", _vectors("external (search engine)", but=("Predicted Other", "Google Translate")))
def test_search_engines_of_the_vectors(text: str) -> None:
    """Search engines by Wikimedia's test data are search."""
    assert treated(text)[0] == "search"


# What Wikimedia calls media sites but is a shop, a school or a forge.
@needs_data
@pytest.mark.parametrize("text", _vectors("external (media sites)", but=("Github", "Coursera", "Steam")))
def test_social_networks_of_the_vectors(text: str) -> None:
    """Media sites by Wikimedia's test data are social."""
    assert treated(text)[0] == "social"


@needs_data
@pytest.mark.parametrize("text", _vectors("external"))
def test_other_sites_of_the_vectors(text: str) -> None:
    """Lookalikes of search engines and networks by Wikimedia's test data are neither."""
    assert treated(text)[0] == "referral"


@needs_data
@pytest.mark.parametrize(
    "text", [text for text in _vectors("unknown", start="") if not text.startswith("http://very.")]
)
def test_unknown_referrers_of_the_vectors(text: str) -> None:
    """What Wikimedia's test data calls unknown gives no domain. (One exception: a long domain that is a real one.)"""
    assert treated(text)[1] == "(other)"


@given(
    st.binary(max_size=80)
    | st.text(max_size=40).map(lambda text: f"https://{text}.example.com/".encode("utf-8", "replace"))
)
@settings(max_examples=200, deadline=None)
def test_total_and_closed(text: bytes) -> None:
    """No bytes raise; a medium is one of a fixed list, a domain is a domain."""
    medium, domain = treated(text)
    assert medium in referrer.MEDIA
    assert domain in ("(none)", "(other)") or domain.isascii()
    assert not set(domain) & set("@/?#:% ")


@given(st.from_regex(r"[a-z]{8,12}", fullmatch=True))
@settings(max_examples=30, deadline=None)
def test_only_the_domain_survives(secret: str) -> None:
    """Nothing of subdomain, userinfo, path, query or fragment is in the result."""
    found = treated(f"https://{secret}:{secret}@{secret}.example.com:8080/{secret}?q={secret}#{secret}")
    assert found == ("referral", "example.com")
