"""The route treatment: templates, declared routes, allowed parameters, generalisation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from schemas.policy import Site
from transforms.treatments import route

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of shared test data is absent")

PLAIN = Site("plain")
SHOP = Site(
    "shop",
    routes=(
        "/kb/{slug}",
        "/kb/new",
        "/order/{int}",
        "/h/{hex}",
        "/x/{uuid}/y",
        "/on/{date}/",
        "/v{int}/api",
        "/who/{name}",
        "/author/{*}/",
    ),
    parameters={"page": "int", "kind": "word", "lang": ("en", "de", "pt-BR")},
)


def routed(path: str | bytes, site: Site = PLAIN, query: str | None = None) -> str:
    raw = path if isinstance(path, bytes) else path.encode()
    return route.Treatment().treat(raw, None if query is None else query.encode(), site)[0]


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["route"]
    assert (declared.takes, declared.gives) == (route.TAKES, route.GIVES)


TEMPLATES = {
    "root": ("/", "/"),
    "empty": ("", "/"),
    "words": ("/a/b/c", "/a/b/c"),
    "file": ("/index.php", "/index.php"),
    "trailing_slash": ("/blog/", "/blog/"),
    "double_slash": ("//a//b", "/a/b"),
    "only_slashes": ("///", "/"),
    "number": ("/post/42", "/post/{n}"),
    "number_of_another_script": ("/post/%D9%A1%D9%A2", "/post/{n}"),
    "uuid": ("/o/550e8400-e29b-41d4-a716-446655440000", "/o/{uuid}"),
    "uuid_inside": ("/o/x-550e8400-e29b-41d4-a716-446655440000.pdf", "/o/x-{uuid}.pdf"),
    "hex": ("/c/deadbeefcafe", "/c/{hex}"),
    "hex_upper": ("/c/00FF00FF", "/c/{hex}"),
    "hex_inside": ("/c/logo-5f3c9a01b2.png", "/c/logo-{hex}.png"),
    "date": ("/2024-01-31", "/{date}"),
    "birthday": ("/31.01.1984", "/{date}"),
    "date_in_words": ("/12-march-1984", "/{date}"),
    "date_in_words_inside": ("/geboren-4.Juli.1984", "/geboren-4.Juli.1984".replace("4.Juli.1984", "{date}")),
    "date_american": ("/march-12-1984-party", "/{date}-party"),
    "date_short": ("/31-1-84", "/{date}"),
    "date_inside": ("/2024-01-31-hello", "/{date}-hello"),
    "order": ("/order-12345.html", "/order-{n}.html"),
    "number_in_word": ("/user1234", "/user{n}"),
    "year": ("/best-of-2013.html", "/best-of-2013.html"),
    "not_a_year": ("/best-of-2113.html", "/best-of-{n}.html"),
    "version": ("/docs/2.0/x-1.1.5.jar", "/docs/2.0/x-1.1.5.jar"),
    "phone": ("/call/030-123-456", "/call/{n}"),
    "phone_inside": ("/call-030-123-456", "/call-{n}"),
    "ipv4": ("/192.0.2.1", "/{n}"),
    "ipv4_inside": ("/host-192-0-2-1", "/host-{n}"),
    "short_ipv4": ("/1.1.1.1", "/{n}"),
    "ssn": ("/f/123-45-6789", "/f/{n}"),
    "e_mail": ("/unsubscribe/jo@example.com/ok", "/unsubscribe/{*}/ok"),
    "e_mail_encoded": ("/jo%40example.com", "/{*}"),
    "e_mail_twice_encoded": ("/jo%2540example.com", "/{*}"),
    "e_mail_full_width": ("/jo%EF%BC%A0example.com", "/{*}"),
    "tilde": ("/~jo/x", "/{*}/x"),
    "tilde_encoded": ("/%7Ejo", "/{*}"),
    "token": ("/r/ZAWhyQbmQ48hFVFQlegc", "/r/{token}"),
    "short_token": ("/r/x7Kd92mQ", "/r/{token}"),
    "six_signs": ("/r/K7XQ2M", "/r/{token}"),
    "number_plate": ("/r/AB12CDE", "/r/{token}"),
    "capitals_within": ("/r/aBxYzQw", "/r/{token}"),
    "no_vowel": ("/r/xkcdqrt", "/r/{token}"),
    "camel_case": ("/JavaScript/YouTube/MySQL", "/JavaScript/YouTube/MySQL"),
    "words_with_digits": ("/sha256/html5/mp3player/20px/scale11x/v10", "/sha256/html5/mp3player/20px/scale11x/v10"),
    "sizes": ("/icon-120x120.png", "/icon-120x120.png"),
    "year_of_birth": ("/matthew1984", "/matthew{n}"),
    "product_key": ("/AB3D-QWER-7TYU-PLMK", "/{*}"),
    "mac": ("/00-1a-2b-3c-4d-5e", "/{*}"),
    "iban_grouped": ("/GB82+WEST+1234+5698+7654+32", "/{*}"),
    "postcode": ("/near/SW1A%201AA", "/near/{*}"),
    "spelled_e_mail": ("/jo-at-example-dot-com", "/{*}"),
    "base64_of_few_letters": ("/am9AZXguY28", "/{token}"),
    "base64_of_a_name": ("/bXVlbGxlcg", "/{token}"),
    "asset_behind_people": ("/search/search.js", "/search/search.js"),
    "typed_in_a_path": ("/search/jo%20doe", "/search/{*}"),
    "reset_key": ("/reset/abcdefgh", "/reset/{*}"),
    "long_word": ("/r/" + "abcdefghijklmnopqrstuvwxyz", "/r/{token}"),
    "base64": ("/r/c2VhbjYxQGV4YW1wbGUub3Jn", "/r/{token}"),
    "long_slug": ("/" + "word-" * 13 + "word", "/{token}"),
    "matrix": ("/a;jsessionid=1234/b;c", "/a/b"),
    "matrix_encoded": ("/a%3Bc", "/{*}"),
    "encoded_slash": ("/a%2Fb", "/{*}"),
    "encoded_question": ("/a%3Fq=jo", "/{*}"),
    "fake_template": ("/{n}", "/{*}"),
    "fake_other": ("/(other)", "/{*}"),
    "markup": ("/<script>", "/{*}"),
    "dots": ("/a/../b", "/a/{*}/b"),
    "not_utf8": ("/%ff/a", "/{*}/a"),
    "control": ("/a%00", "/{*}"),
    "letters": ("/caf%C3%A9", "/café"),
    "decomposed": ("/cafe%CC%81", "/café"),
    "marks": ("/%E0%A4%B9%E0%A4%BF", "/हि"),
    "emoji": ("/%F0%9F%98%80", "/{*}"),
    "deep": ("/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/{*}"),
    "eight": ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/g/h"),
    "absolute": ("http://user@h.example:80/x/y", "/x/y"),
    "absolute_root": ("HTTPS://h.example", "/"),
    "asterisk": ("*", "/{*}"),
    "connect": ("h.example:443", "/{*}"),
    "endless": ("/" + "a/" * 5000, "/{*}"),
}


@pytest.mark.parametrize(("path", "expected"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_templates(path: str, expected: str) -> None:
    """An undeclared path keeps its words, and slots for all that is none."""
    assert routed(path) == expected


def test_no_path_is_no_route() -> None:
    """A log without paths has no routes."""
    assert route.Treatment().treat(None, b"a=1", SHOP) == ("(none)",)


@pytest.mark.parametrize(
    "parent", ["author", "users", "user", "u", "~", "member", "profile", "people", "Author", "%75ser"]
)
def test_below_people_nobody_is_named(parent: str) -> None:
    """The segment after a word for people is always any, what follows is as usual."""
    assert routed(f"/x/{parent}/jo-doe/page/2").endswith("/{*}/page/{n}")


DECLARED = {
    "slug": ("/kb/how-to", "/kb/{slug}"),
    "slug_trailing": ("/kb/how-to/", "/kb/{slug}"),
    "slug_encoded": ("/kb/h%6Fw-%C3%A9", "/kb/{slug}"),
    "literal_wins": ("/kb/new", "/kb/new"),
    "not_a_slug": ("/kb/a%40b", "/kb/{*}"),
    "int": ("/order/77", "/order/{int}"),
    "not_an_int": ("/order/new", "/order/new"),
    "hex": ("/h/abc", "/h/{hex}"),
    "uuid": ("/x/550e8400-e29b-41d4-a716-446655440000/y", "/x/{uuid}/y"),
    "date": ("/on/2024-01-31", "/on/{date}/"),
    "mixed": ("/v2/api", "/v{int}/api"),
    "any_word": ("/who/Jo%20Doe%FF", "/who/{name}"),
    "matrix": ("/kb;id=1/how;x", "/kb/{slug}"),
    "deeper": ("/kb/how/jo", "/kb/how/jo"),
    "case": ("/KB/how", "/KB/how"),
}


@pytest.mark.parametrize(("path", "expected"), DECLARED.values(), ids=DECLARED.keys())
def test_declared_routes_win(path: str, expected: str) -> None:
    """A path that a declared route describes gives the text of that route."""
    assert routed(path, SHOP) == expected


QUERIES = {
    "none": ("", ""),
    "int": ("page=2", "?page=2"),
    "zero": ("page=0", "?page=0"),
    "big": ("page=1000", ""),
    "leading_zero": ("page=02", ""),
    "negative": ("page=-1", ""),
    "enum": ("lang=pt-BR", "?lang=pt-BR"),
    "not_in_enum": ("lang=fr", ""),
    "word": ("kind=big_one-2", "?kind=big_one-2"),
    "word_upper": ("kind=Big", ""),
    "word_with_number": ("kind=a1234", ""),
    "word_token": ("kind=abcdefghijklmnopqrstuvwxyz", ""),
    "undeclared": ("email=jo@example.com&s=jo", ""),
    "sorted": ("page=2&kind=a&x=1", "?kind=a&page=2"),
    "first_counts": ("page=2&page=3", "?page=2"),
    "encoded": ("p%61ge=%32", "?page=2"),
    "smuggled": ("page=2%26lang=de", ""),
    "name_in_value": ("x=page=2", ""),
    "long": ("page=2&" + "x=1&" * 4000, ""),
}


@pytest.mark.parametrize(("query", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_allowed_parameters(query: str, expected: str) -> None:
    """Only declared parameters with a value of their type are kept, sorted by name."""
    assert routed("/cart", SHOP, query) == "/cart" + expected


def test_without_declarations_no_parameter_is_kept() -> None:
    """The default is to drop the whole query."""
    assert routed("/cart", PLAIN, "page=2&lang=en") == "/cart"


PARENTS = {
    "three": ("/a/b/c", ["/a/b/{*}", "/a/{*}"]),
    "two": ("/a/b", ["/a/{*}"]),
    "one": ("/x", []),
    "one_slash": ("/x/", []),
    "root": ("/", []),
    "none": ("(none)", []),
    "other": ("(other)", []),
    "query": ("/a/b?x=1", ["/a/b", "/a/{*}"]),
    "query_one": ("/a?x=1", ["/a"]),
    "already_any": ("/a/b/{*}", ["/a/{*}"]),
    "any_inside": ("/a/{*}/c", ["/a/{*}/{*}", "/a/{*}"]),
    "slash": ("/a/b/", ["/a/{*}"]),
}


@pytest.mark.parametrize(("name", "expected"), PARENTS.values(), ids=PARENTS.keys())
def test_parents(name: str, expected: list[str]) -> None:
    """A route is generalised from its query to its first word."""
    assert route.parents(name) == expected


@given(st.lists(st.sampled_from(["a", "b", "{*}", "{n}"]), min_size=1, max_size=6), st.booleans())
@settings(max_examples=50, deadline=None)
def test_parents_form_a_tree(words: list[str], query: bool) -> None:
    """The parents of a parent are the rest of the parents: climbing step by step ends at the same places."""
    found = route.parents("/" + "/".join(words) + ("?x=1" if query else ""))
    for position, step in enumerate(found):
        assert route.parents(step) == found[position + 1 :]


SHAPE = re.compile(r"/(?:[\w.~+ -]|\{(?:n|uuid|hex|date|token|\*)\}|/)*")


@given(
    st.binary(max_size=80) | st.text("/%25aé40@{}*?;=&.~0123456789", max_size=60).map(str.encode),
    st.binary(max_size=40),
)
@settings(max_examples=300, deadline=None)
def test_total_and_closed(path: bytes, query: bytes) -> None:
    """No bytes raise; a route is a slash and then words and slots."""
    found = routed(path, PLAIN, query.decode("latin-1"))
    plain = "".join(c for c in found if not c.isalpha() and not c >= "\u0300") if not found.isascii() else found
    assert found.startswith("/")
    assert "@" not in found
    assert SHAPE.fullmatch(plain)


@given(st.integers(0, 10**16))
@settings(max_examples=60, deadline=None)
def test_long_numbers_never_survive(number: int) -> None:
    """A number of five digits and more is in no route, however it is embedded."""
    text = f"{number:05d}"
    for path in (f"/{text}", f"/x-{text}.html", f"/x{text}y", f"/a/{'-'.join(text)}", f"/a+{text[:3]}.{text[3:]}"):
        assert not re.search(r"[0-9]{4}|[0-9]([-.][0-9]+){3}", routed(path)), path


def _corpus() -> list[tuple[str, list[str]]]:
    file = SHARED / "corpora" / "pii_in_urls.json"
    return list(json.loads(file.read_text()).items()) if file.is_file() else []


@needs_data
@pytest.mark.parametrize(("kind", "targets"), _corpus(), ids=lambda value: value if isinstance(value, str) else "")
def test_no_personal_data_of_the_corpus_survives(kind: str, targets: list[str]) -> None:
    """All samples of a kind give one route: nothing that tells them apart is left."""
    pieces = [target.partition("?") for target in targets]
    assert len({routed(path, PLAIN, query) for path, _, query in pieces}) == 1


@needs_data
def test_routes_of_a_real_log_keep_their_words() -> None:
    """Of the page views of a real site, at least two thirds keep the path they have."""
    paths = []
    for line in (SHARED / "logs" / "elastic_apache" / "access.log").read_text("latin-1").splitlines():
        parts = line.split('"')[1].split(" ")
        paths.append(parts[1].partition("?")[0] if len(parts) > 1 else "")
    kept = sum(routed(path) == unquote(path) for path in paths)
    assert kept / len(paths) > 0.66
