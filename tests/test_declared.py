"""Declared routes: what a template takes, which of two wins, what the loader refuses, and what of a query is shown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.denied import denied, denied_kinds, plain, read_denied
from schemas.load import DeclarationError
from schemas.policy import Policy, Site, make_policy
from schemas.routes import people
from transforms.declared import Declared
from transforms.parse import allowed_parameters
from transforms.treatments import parameters, route

UUID = "550e8400-e29b-41d4-a716-446655440000"


def site_of(**data: Any) -> Site:
    """A site of a policy that says this."""
    return make_policy({"site": [{"name": "a", **data}]}, "policy").sites[0]


def routed(url: str, site: Site) -> str:
    path, _, query = url.partition("?")
    return route.Treatment().treat(path.encode(), query.encode() or None, site)[0]


# ---- templates ---------------------------------------------------------------------------------------------------------

ROUTES = [
    "/kb/{slug}", "/kb/new", "/kb/{int}", "/kb/{int}/a", "/kb/{slug}/b", "/kb/{int}-{slug}.html", "/kb/v{int}",
    "/on/{date}", "/on/{uuid}", "/on/{hex}", "/on/{int}", "/any/{*}", "/any/{slug}", "/{en|de}/start", "/list-{a|b}.html",
    "/files/{**}", "/files/readme", "/files/{slug}/x/{**}", "/u/{*}", "/shop/index.php/{path}", "/shop/item/{int}",
]  # fmt: skip
TAKEN = {
    "/kb/how-to": "/kb/{slug}",
    "/kb/new": "/kb/new",
    "/kb/7": "/kb/{int}",
    "/kb/7/a": "/kb/{int}/a",
    "/kb/7/b": "/kb/{slug}/b",
    "/kb/7-title.html": "/kb/{int}-{slug}.html",
    "/kb/v2": "/kb/v{int}",
    "/kb/vx": "/kb/{slug}",
    "/kb/a%40b": "/kb/{*}",
    "/on/2025-11-21": "/on/{date}",
    "/on/20251121": "/on/{date}",
    "/on/42": "/on/{int}",
    "/on/abc": "/on/{hex}",
    f"/on/{UUID}": "/on/{uuid}",
    "/any/jo%40example.com": "/any/{*}",
    "/any/%ff": "/any/{*}",
    "/any/word": "/any/{slug}",
    "/en/start": "/en/start",
    "/de/start": "/de/start",
    "/fr/start": "/fr/start",
    "/list-a.html": "/list-a.html",
    "/files/a": "/files/{**}",
    "/files/a/b/c/jo%40example.com/%ff": "/files/{**}",
    "/files/readme": "/files/readme",
    "/files/a/x/jo": "/files/{slug}/x/{**}",
    "/files/": "/files/",
    "/u/jo": "/u/{*}",
    "/shop/index.php/item/7": "/shop/item/{int}",
    "/shop/index.php/other/7/jo%40example.com": "/shop/other/{n}/{*}",
    "/shop/index.php": "/shop/index.php",
    "/": "/",
}


@pytest.mark.parametrize(("path", "expected"), TAKEN.items(), ids=TAKEN)
def test_templates_take_what_they_say(path: str, expected: str) -> None:
    """Words go before slots, narrow slots before wide ones, `{**}` comes last; nothing of a slot is published."""
    assert routed(path, site_of(routes=ROUTES)) == expected


def test_order_of_the_policy_does_not_matter() -> None:
    """The same routes in another order give the same."""
    one, other = site_of(routes=ROUTES), site_of(routes=ROUTES[::-1])
    assert [routed(path, one) for path in TAKEN] == [routed(path, other) for path in TAKEN]


PATTERNS = {"{int}": r"[0-9]+", "{slug}": r"[a-z0-9.-]+", "{hex}": r"[0-9a-f]+", "{*}": r".+"}
WIDTH = ["{int}", "{hex}", "{slug}", "{*}"]
TEMPLATE = st.lists(st.sampled_from(["a", "b", "7", *PATTERNS]), min_size=1, max_size=4)


def by_list(templates: list[list[str]], path: list[str]) -> str | None:
    """The route by trying them all: of those that fit, the one that is narrowest from left to right."""
    fits = [
        one
        for one in templates
        if len(one) == len(path)
        and all(
            re.fullmatch(PATTERNS.get(piece, re.escape(piece)), text) for piece, text in zip(one, path, strict=True)
        )
    ]
    ranked = sorted(fits, key=lambda one: [WIDTH.index(piece) if piece in WIDTH else -1 for piece in one])
    return "/" + "/".join(ranked[0]) if ranked else None


@settings(max_examples=300, deadline=None)
@given(
    templates=st.lists(TEMPLATE, max_size=12, unique_by=tuple),
    path=st.lists(st.sampled_from(["a", "b", "7", "77", "f7", "x-y", "@"]), min_size=1, max_size=4),
)
def test_tree_agrees_with_a_list(templates: list[list[str]], path: list[str]) -> None:
    """The tree finds what trying every route one by one finds."""
    texts = ["/" + "/".join(one) for one in templates]
    found = Declared(Site("a", routes=tuple(texts))).match(path)
    assert (found.text if found else None) == by_list(templates, path)


@settings(max_examples=200, deadline=None)
@given(
    path=st.binary(max_size=60) | st.text("/%2Faé@{}*|7-.", max_size=40).map(str.encode), query=st.binary(max_size=40)
)
def test_total(path: bytes, query: bytes) -> None:
    """No bytes raise; what comes out begins with a slash."""
    site = site_of(routes=[*ROUTES, {"path": "/index.php", "parameters": {"rp": "{path}"}}])
    for prefix in (b"/", b"/kb/", b"/files/", b"/index.php/", b"/shop/index.php/"):
        assert route.Treatment().treat(prefix + path, b"rp=/" + query, site)[0].startswith("/")


def test_many_routes_cost_no_more_than_few() -> None:
    """A path is looked for by its segments: the matcher of 5,000 routes tries no more of them than that of 5."""
    tried = 0

    class Counting(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal tried
            tried += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    declared = Declared(Site("a", routes=tuple(f"/area{n:04d}/{{slug}}/x" for n in range(5000))))
    found = declared.match([Counting("area4321"), Counting("word"), Counting("x")])
    assert found is not None and found.text == "/area4321/{slug}/x"
    assert tried < 20


# ---- a path in the query -----------------------------------------------------------------------------------------------

FRONT = [
    {"path": "/index.php", "parameters": {"rp": "{path}", "m": "{slug}"}}, "/store/{slug}/buy",
    {"path": "/store/{slug}", "parameters": {"page": "int"}}, "/", "/u/{*}",
    {"path": "/b/index.php", "parameters": {"rp": "{path}"}}, "/b/x/{int}",
]  # fmt: skip
NESTED = {
    "/index.php": "/index.php",
    "/index.php?rp=/store/vps/buy": "/store/{slug}/buy",
    "/index.php?rp=%2Fstore%2Fvps%2Fbuy": "/store/{slug}/buy",
    "/index.php?rp=%252Fstore%252Fvps%252Fbuy": "/store/{slug}/buy",
    "/index.php?rp=/store/vps&page=2": "/store/{slug}?page=2",
    "/index.php?page=2&rp=/store/vps": "/store/{slug}?page=2",
    "/index.php?rp=/store/vps&m=addon": "/store/{slug}",
    "/index.php?rp=/": "/",
    "/index.php?rp=": "/index.php",
    "/index.php?rp=https://x.example/store/vps": "/index.php",
    "/index.php?rp=store/vps": "/index.php",
    "/index.php?rp=/words/of/somebody": "/words/of/somebody",
    "/index.php?rp=/user/jane/1234567": "/user/{*}/{n}",
    "/index.php?rp=/u/jane": "/u/{*}",
    "/index.php?rp=/a/jane@example.com?x=1": "/a/{*}",
    "/index.php?rp=/index.php?rp=/store/vps": "/{*}/store/vps",
    "/index.php?rp=/a&rp=/store/vps": "/a",
    "/index.php?m=addon": "/index.php?m={slug}",
    "/b/index.php?rp=/x/7": "/b/x/{int}",
    "/b/index.php?rp=/store/vps/buy": "/b/store/vps/buy",
}


@pytest.mark.parametrize(("url", "expected"), NESTED.items(), ids=NESTED)
def test_a_path_in_the_query_is_the_path(url: str, expected: str) -> None:
    """What `{path}` holds is routed as if it had been asked for; one that is no path changes nothing."""
    assert routed(url, site_of(routes=FRONT)) == expected


# ---- parameters --------------------------------------------------------------------------------------------------------

PARAMETERS = {
    "routes": [
        {
            "path": "/cart",
            "parameters": {"a": ["add", "view"], "step": "int", "id": "{int}", "g": "{slug}", "x": "{*}"},
        },
        "/other",
    ],
    "parameters": {"lang": ["en", "de"], "step": "word", "tab": "word"},
    "deny": ["tab", "/other?lang", "int*"],
}
SHOWN = {
    "/cart?a=add&lang=en": "/cart?a=add&lang=en",
    "/cart?a=steal": "/cart",
    "/cart?id=1234567&g=a-word": "/cart?g={slug}&id={int}",
    "/cart?id=jo&g=jo%40example.com": "/cart",
    "/cart?x=jo+doe": "/cart?x={*}",
    "/cart?x=": "/cart",
    "/cart?step=7": "/cart?step=7",
    "/cart?step=abc": "/cart",
    "/other?step=abc": "/other?step=abc",
    "/other?a=add&id=7": "/other",
    "/other?lang=en": "/other",
    "/else?lang=en&a=add": "/else?lang=en",
    "/else?tab=one": "/else",
    "/cart?tab=one&internal=1": "/cart",
}


@pytest.mark.parametrize(("url", "expected"), SHOWN.items(), ids=SHOWN)
def test_parameters_by_route_and_name(url: str, expected: str) -> None:
    """A parameter is shown where its route or its site declares it, as its type says, and never where it is denied."""
    assert routed(url, site_of(**PARAMETERS)) == expected


def test_parser_keeps_what_some_route_shows_and_no_more() -> None:
    """Names for the parser are those of sites and routes together, without those that are denied everywhere."""
    policy = Policy(
        sites=(site_of(**PARAMETERS), Site("b", routes=("/x",), route_parameters={"/x": {"gclid": "word"}}))
    )
    campaign = parameters.NAMES
    assert {b"utm_source", b"utm_medium", b"utm_campaign", b"mtm_campaign", b"_pk_campaign"} <= campaign
    assert allowed_parameters(policy) - campaign == {b"a", b"step", b"id", b"g", b"x", b"lang"}


def test_a_deny_says_why() -> None:
    """The reason is the policy's, the preset's or that of the shipped list; an allowed name has none."""
    site = site_of(**PARAMETERS)
    assert site.why_denied("tab") == "denied by the policy"
    assert site.why_denied("lang", "/other") == "denied by the policy"
    assert site.why_denied("lang", "/cart") is None
    assert "click" in str(site.why_denied("GCLID"))


# ---- what the loader refuses -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "same paths": ({"routes": ["/kb/{*}", "/kb/{name}"]}, ("'/kb/{name}'", "'/kb/{*}'", "same paths")),
    "slash": ({"routes": ["/kb", "/kb/"]}, ("'/kb/'", "'/kb'", "same paths")),
    "two kinds": (
        {"routes": [{"path": "/a", "parameters": {"p": "int"}}, {"path": "/a", "parameters": {"p": "word"}}]},
        ("/a: parameters.p", "'word'", "'int'"),
    ),
    "ambiguous": ({"routes": ["/a{slug}", "/{slug}a"]}, ("'/{slug}a'", "'/a{slug}'")),
    "ambiguous below": ({"routes": ["/x/{int}b{slug}/y", "/x/{int}{slug}b/z"]}, ("'/x/{int}{slug}b/z'", "'/x/{int}b{slug}/y'")),
    "too many": ({"routes": ["/{a|b|c|d|e|f|g|h}/{a|b|c|d|e|f|g|h}/{a|b|c|d|e|f|g|h}"]}, ("at most 256",)),
    "rest inside": ({"routes": ["/a/{**}/b"]}, ("'/a/{**}/b'",)),
    "rest in part": ({"routes": ["/a/x{**}"]}, ("'/a/x{**}'",)),
    "path inside": ({"routes": ["/a/{path}/b"]}, ("{path} alone, at the end",)),
    "path alone": ({"routes": ["/{path}"]}, ("{path} alone, at the end",)),
    "path behind a slot": ({"routes": ["/{slug}/{path}"]}, ("{path} alone, at the end",)),
    "double slash": ({"routes": ["/a//b"]}, ("'/a//b'",)),
    "query": ({"routes": ["/a?b=c"]}, ("'/a?b=c'", "without query")),
    "encoded": ({"routes": ["/caf%C3%A9"]}, ("decoded",)),
    "not normal": ({"routes": ["/cafe\u0301"]}, ("NFKC",)),
    "open brace": ({"routes": ["/a{b"]}, ("'/a{b'",)),
    "a number": ({"routes": [7]}, ("7", "a path such as")),
    "a table without path": ({"routes": [{"parameters": {}}]}, ("a path such as",)),
    "unknown key": ({"routes": [{"path": "/a", "params": {}}]}, ("'params'", "parameters")),
    "e-mail": ({"routes": ["/unsubscribe/jo@example.com"]}, ("no address, long number or key",)),
    "number": ({"routes": ["/invoice/1234567"]}, ("no address, long number or key",)),
    "key": ({"routes": ["/reset/9f8a7b6c5d4e3f2a1b0c"]}, ("no address, long number or key",)),
    "home": ({"routes": ["/~jane/"]}, ("no address, long number or key",)),
    "author": ({"routes": ["/author/jane"]}, ("'/author/jane'", "a slot behind 'author'", "names a person")),
    "Author": ({"routes": ["/Author/jane"]}, ("a slot behind 'Author'",)),
    "author in part": ({"routes": ["/author/jane-{slug}"]}, ("a slot behind 'author'",)),
    "user by choice": ({"routes": ["/u/{jane|john}"]}, ("a slot behind 'u'",)),
    "site word": ({"parameters": {"q": "word"}}, ("parameters.q", "'word'", "text that people type")),
    "typed text as a slot": ({"parameters": {"s": "{*}"}}, ("parameters.s", "text that people type")),
    "site list": ({"parameters": {"domain": ["register"]}}, ("parameters.domain", "text that people type")),
    "site int": ({"parameters": {"userid": "int"}}, ("parameters.userid", "names a person")),
    "upper": ({"parameters": {"GCLID": "word"}}, ("parameters.GCLID", "identifier of a click")),
    "array": ({"parameters": {"email[0]": "word"}}, ("parameters.email[0]",)),
    "hyphen": ({"parameters": {"client-secret": "word"}}, ("parameters.client-secret",)),
    "prefix": ({"parameters": {"hsa_cam": "int"}}, ("parameters.hsa_cam",)),
    "tracking as a slot": ({"parameters": {"fbclid": "{*}"}}, ("parameters.fbclid",)),
    "route word": ({"routes": [{"path": "/a", "parameters": {"token": "word"}}]}, ("policy: site[0]: /a", "parameters.token")),
    "path for a site": ({"parameters": {"rp": "{path}"}}, ("parameters.rp", "'{path}'")),
    "no such slot": ({"parameters": {"p": "{name}"}}, ("parameters.p", "'{name}'")),
    "name": ({"parameters": {"a&b": "int"}}, ("'a&b'", "a name of letters")),
    "value": ({"parameters": {"p": ["a&b=c"]}}, ("parameters.p", "a&b=c")),
    "value names somebody": ({"parameters": {"p": ["jo@example.com"]}}, ("parameters.p", "name nobody")),
    "deny": ({"deny": ["a b"]}, ("deny", "'a b'", "/route?name")),
    "deny on no route": ({"deny": ["/else?p"], "parameters": {"p": "int"}}, ("deny", "'/else?p'", "a declared route")),
    "deny campaigns": ({"deny": ["utm_source"]}, ("deny", "utm_source", "read for campaigns")),
    "preset folder": ({"presets": [{"name": "whmcs", "at": "billing"}]}, ("at", "'billing'", "a folder")),
    "preset key": ({"presets": [{"name": "whmcs", "on": "/x"}]}, ("'on'", "at")),
    "preset path": ({"presets": ["../trends"]}, ("trends",)),
}  # fmt: skip


@pytest.mark.parametrize(("data", "named"), REFUSED.values(), ids=REFUSED)
def test_refused_by_the_loader(data: dict[str, Any], named: tuple[str, ...]) -> None:
    """A route or parameter that is ambiguous, or could show a person, is refused; file, key and values are named."""
    with pytest.raises(DeclarationError) as error:
        site_of(**data)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(("policy: site[0]", "schemas/presets"))
    assert [part for part in named if part not in message] == []


ACCEPTED: dict[str, list[Any]] = {
    "behind people": [
        "/user/profile",
        "/author/{slug}",
        "/users/{*}/edit",
        "/~{slug}",
        "/profile/edit",
        "/u/{login|logout}",
    ],
    "years and versions": ["/best-of-2013.html", "/docs/2.0/x-1.1.5.jar"],
    "disjoint parts": ["/v{int}", "/w{int}", "/{int}.html", "/{int}.pdf", "/{hex}.html"],
    "twice the same": ["/a/{slug}", "/a/{slug}"],
}


@pytest.mark.parametrize("routes", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_by_the_loader(routes: list[Any]) -> None:
    """What only looks like a conflict or a person is a route."""
    assert site_of(routes=routes).routes


@pytest.mark.parametrize("parent", sorted(people()[0]))
def test_loader_and_default_rule_know_the_same_parents(parent: str) -> None:
    """Behind each word that the loader knows to name people, an undeclared segment is `{*}`, and a declared word refused."""
    assert routed(f"/x/{parent}/jane-doe", Site("a")).endswith("/{*}")
    with pytest.raises(DeclarationError, match="names a person"):
        site_of(routes=[f"/x/{parent}/jane-doe"])


def test_own_routes_win_over_a_preset() -> None:
    """Where a site and its preset take the same paths, the site's text is published, with the parameters of both."""
    own = [{"path": "/knowledgebase/{int}/{title}", "parameters": {"tab": "word"}}, "/author/{name}/"]
    site = site_of(presets=["whmcs", "wordpress"], routes=[own[0]])
    assert routed("/knowledgebase/7/x?tab=one", site) == "/knowledgebase/{int}/{slug}"
    site = site_of(
        presets=["whmcs", "wordpress"], routes=[own[1], {"path": "/cart.php", "parameters": {"gid": "word"}}]
    )
    assert routed("/author/jo/", site) == "/author/{name}/"
    assert routed("/cart.php?gid=vps&a=add", site) == "/cart.php?a=add&gid=vps"


# ---- the list of names ---------------------------------------------------------------------------------------------------

NEVER = {
    "gclid": "tracking", "fbclid": "tracking", "msclkid": "tracking", "mc_eid": "tracking", "_ga": "tracking",
    "hsa_acc": "tracking",
    "PHPSESSID": "session", "jsessionid": "session", "sid": "session", "key": "secret",
    "token": "secret", "password": "secret", "licensekey": "secret", "_wpnonce": "secret", "X-Amz-Signature": "secret",
    "q": "free_text", "s": "free_text", "search": "free_text", "query": "free_text", "domain": "free_text", "sld": "free_text",
    "email": "person", "login": "person", "author": "person", "redirect_to": "address", "url": "address",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), NEVER.items(), ids=NEVER)
def test_names_that_no_policy_may_allow(name: str, kind: str) -> None:
    """Tracking, sessions, secrets, typed text, people and nested addresses are known by name, in any writing."""
    for written in (name, name.upper(), f"{name}[]", f"{name}[0]", name.replace("_", "-")):
        found = denied(written)
        assert found is not None and found.kind == kind


@pytest.mark.parametrize(
    "name", ["page", "lang", "a", "action", "gid", "pid", "p", "tab", "utm_source", "utm_campaign", "orderby"]
)
def test_names_that_a_policy_may_allow(name: str) -> None:
    """Names of pages, languages and campaigns are not on the list."""
    assert denied(name) is None


def test_names_of_published_lists_are_known(shared: Any) -> None:
    """Every parameter that two maintained lists remove everywhere is on ours, but for those of campaigns."""
    lists = shared / "vectors"
    names = set(json.loads((lists / "tracking-parameters.json").read_text())["settings"]["parameters"])
    for entry in json.loads((lists / "query-filter.json").read_text()):
        names |= set(entry["params"]) if entry["include"] == ["*://*/*"] else set()
    campaigns = {name for name in names if name.startswith(("utm_", "ga_", "hmb_")) and name not in ("utm_term",)}
    assert sorted(name for name in names - campaigns if denied(name) is None) == []


@settings(deadline=None)
@given(st.text(max_size=30))
def test_plain_names_are_stable(name: str) -> None:
    """Comparing is total, and the same for a name and for its compared form."""
    assert (denied(name) is None) == (denied(plain(name)) is None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": {"why": "x", "names": ["Upper"]}}, "'Upper'"),
        ({"a": {"names": []}}, "why is None"),
        ({"a": {"why": "x", "names": ["n"]}, "b": {"why": "y", "names": ["n"]}}, "'n' is listed"),
        ({"a": {"why": "x", "regex": "n"}}, "'regex'"),
    ],
)
def test_broken_lists_are_refused(data: dict[str, Any], expected: str) -> None:
    """The shipped list is checked as all declarations are; each kind has a reason and sources."""
    with pytest.raises(DeclarationError, match=expected):
        read_denied(data, "denied.toml")
    assert all(kind.why and kind.names for kind in denied_kinds())
