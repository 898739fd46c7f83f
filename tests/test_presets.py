"""Presets: every page of the software gives its route, and nothing of who asked for it, what for, and with which secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy import Site, make_policy
from schemas.site import read_preset
from transforms.detectors import found
from transforms.reading import read
from transforms.treatments import route

PRESETS = sorted(file.stem for file in (Path(__file__).parents[1] / "schemas" / "presets").glob("*.toml"))
WORD, NUMBER, KEY = "zqjohanna-zqdoe", "90210", "9f8a7b6c5d4e3f2a1b0c9f8a7b6c5d4e3f2a1b0c"


def site_of(*presets: object) -> Site:
    """A site that names these presets."""
    return make_policy({"site": [{"name": "a", "presets": list(presets)}]}, "policy").sites[0]


SITES = {name: site_of(name) for name in PRESETS} | {"both": site_of(*PRESETS)}


def routed(url: str, site: Site) -> str:
    path, _, query = url.partition("?")
    return route.Treatment().treat(path.encode(), query.encode() or None, site)[0]


# ---- what people and machines ask for: the address as it is in logs, and what is published of it ----------------------

WHMCS = {
    # the shop
    "/index.php": "/index.php",
    "/": "/",
    "/cart.php": "/cart.php",
    "/cart.php?a=view": "/cart.php?a=view",
    "/cart.php?a=add&domain=register&sld=zqmueller&tld=.com": "/cart.php?a=add",
    "/cart.php?a=add&pid=12&billingcycle=annually&promocode=ZQFORJOHANNA": "/cart.php?a=add&billingcycle=annually&pid=12",
    "/cart.php?a=add&pid=12345": "/cart.php?a=add",
    "/cart.php?gid=3": "/cart.php?gid=3",
    "/cart.php?a=zqjohanna": "/cart.php",
    "/domainchecker.php?search=zqmueller.com": "/domainchecker.php",
    "/domainchecker.php": "/domainchecker.php",
    "/whois.php?domain=zqmueller.com": "/whois.php",
    "/index.php?rp=/store/shared-hosting/starter": "/store/shared-hosting/starter",
    "/index.php?rp=%2Fstore%2Fshared-hosting": "/store/shared-hosting",
    "/index.php/store/shared-hosting/starter": "/store/shared-hosting/starter",
    "/store/shared-hosting/starter": "/store/shared-hosting/starter",
    "/index.php?rp=/store/9f8a7b6c5d4e3f2a": "/store/{hex}",
    "/index.php?rp=/domain/pricing": "/domain/pricing",
    "/index.php?rp=/cart/domain/renew": "/cart/domain/renew",
    "/index.php?m=project_management": "/index.php?m={slug}",
    "/upgrade.php?type=package&id=90210": "/upgrade.php?type=package",
    # the client area
    "/clientarea.php": "/clientarea.php",
    "/clientarea.php?action=productdetails&id=90210": "/clientarea.php?action=productdetails",
    "/clientarea.php?action=details&userid=90210": "/clientarea.php?action=details",
    "/clientarea.php?PHPSESSID=9f8a7b6c5d4e3f2a1b0c": "/clientarea.php",
    "/register.php?email=zqjo%40example.com&firstname=zqjohanna": "/register.php",
    "/login.php?username=zqjo@example.com&password=zqsecret": "/login.php",
    "/dologin.php?email=zqjo@example.com&timestamp=1700000000&hash=9f8a7b6c5d4e3f2a&goto=clientarea.php": "/dologin.php",
    "/index.php?rp=/login": "/login",
    "/index.php/login": "/login",
    "/index.php?rp=/password/reset/redeem/" + KEY: "/password/reset/redeem/{secret}",
    "/index.php/password/reset/redeem/" + KEY: "/password/reset/redeem/{secret}",
    "/password/reset/redeem/" + KEY: "/password/reset/redeem/{secret}",
    "/pwreset.php?key=" + KEY: "/pwreset.php",
    "/user/profile": "/user/profile",
    "/user/zqjohanna": "/user/{*}",
    "/account/users/90210/permissions": "/account/users/{*}/permissions",
    "/account/contacts/zqjohanna": "/account/contacts/{*}",
    "/account/paymentmethods/90210": "/account/paymentmethods/{int}",
    "/index.php?rp=/account/paymentmethods": "/account/paymentmethods",
    "/invite/" + KEY: "/invite/{secret}",
    "/auth/provider/google_signin/finalize": "/auth/provider/{slug}/{**}",
    "/subscription.php?action=optout&email=zqjo@example.com&key=" + KEY: "/subscription.php",
    # money
    "/viewinvoice.php?id=90210": "/viewinvoice.php",
    "/viewquote.php?id=90210": "/viewquote.php",
    "/invoice/90210/pay": "/invoice/{int}/pay",
    "/creditcard.php?invoiceid=90210": "/creditcard.php",
    "/modules/gateways/callback/paypal.php": "/modules/gateways/callback/paypal.php",
    "/modules/gateways/callback/zqown.php?txn=9f8a7b6c": "/modules/gateways/callback/{slug}",
    # support
    "/viewticket.php?tid=ABC-90210&c=9Fq8Xz1A": "/viewticket.php",
    "/ticketfeedback.php?tid=ABC-90210&c=9Fq8Xz1A": "/ticketfeedback.php",
    "/submitticket.php?step=2&deptid=1": "/submitticket.php?deptid=1&step=2",
    "/supporttickets.php": "/supporttickets.php",
    "/contact.php?name=zqjohanna&email=zqjo@example.com": "/contact.php",
    "/knowledgebase/90210/Zqhow-to.html": "/knowledgebase/{int}/{slug}",
    "/index.php?rp=/knowledgebase/90210/Zqhow-to.html": "/knowledgebase/{int}/{slug}",
    "/knowledgebase/tag/zqjohanna": "/knowledgebase/tag/{*}",
    "/knowledgebase/search/zqjohanna": "/knowledgebase/search/{*}",
    "/knowledgebase.php?action=displayarticle&id=90210": "/knowledgebase.php?action=displayarticle&id={int}",
    "/announcements/90210/Zqtitle.html": "/announcements/{int}/{slug}",
    "/announcements/rss": "/announcements/rss",
    "/announcements/view/2025-11": "/announcements/view/{date}",
    "/announcements.php?id=90210": "/announcements.php?id={int}",
    "/downloads/90210/zqname": "/downloads/{int}/{slug}",
    "/dl.php?type=d&id=90210": "/dl.php?type=d",
    "/dl.php?type=i&id=90210&viewpdf=1": "/dl.php?type=i&viewpdf=1",
    "/serverstatus.php": "/serverstatus.php",
    "/networkissues.php?view=scheduled": "/networkissues.php?view=scheduled",
    # who sent people, and machines
    "/aff.php?aff=90210": "/aff.php",
    "/aff.php?aff=90210&gid=3": "/aff.php?gid=3",
    "/link.php?id=90210": "/link.php",
    "/affiliates.php": "/affiliates.php",
    "/modules/servers/licensing/verify.php?licensekey=ZQ-9f8a7b&domain=zq.example&ip=192.0.2.77&dir=/home/zq&check_token=9f":
        "/modules/servers/licensing/verify.php",
    "/oauth/authorize.php?client_id=ZQ&state=9f8a&redirect_uri=https://zq.example": "/oauth/authorize.php",
    "/.well-known/openid-configuration": "/.well-known/openid-configuration",
    "/includes/api.php?identifier=zqapi&secret=zqsecret": "/includes/api.php",
    "/crons/cron.php": "/crons/cron.php",
    "/feeds/productsinfo.php?pid=1&get=price": "/feeds/productsinfo.php?get=price&pid=1",
    "/admin/clientssummary.php?userid=90210": "/admin/{**}",
    "/attachments/zqcontract.pdf": "/attachments/{**}",
    "/cart.php?language=german&currency=2": "/cart.php?currency=2&language=german",
}  # fmt: skip
WORDPRESS = {
    "/": "/",
    "/?p=90210": "/?p={int}",
    "/?page_id=90210&preview=true&preview_id=90210&preview_nonce=9f8a7b6c5d": "/?page_id={int}&preview=true",
    "/?p=90210&replytocom=90210": "/?p={int}",
    "/?p=90210&unapproved=90210&moderation-hash=9f8a7b6c": "/?p={int}",
    "/?author=90210": "/",
    "/?author_name=zqjohanna": "/",
    "/?s=zqjohanna+zqdoe": "/",
    "/index.php?s=zqjohanna": "/index.php",
    "/index.php/author/zqjohanna/": "/author/{*}/",
    "/?feed=rss2": "/?feed=rss2",
    "/?rest_route=/wp/v2/users/90210": "/?rest_route={*}",
    "/author/zqjohanna/": "/author/{*}/",
    "/author/zqjohanna/page/2/": "/author/{*}/page/{int}/",
    "/author/zqjohanna/feed/": "/author/{*}/feed/",
    "/search/zqjohanna/": "/search/{*}/",
    "/search/zqjohanna/feed/rss2/": "/search/{*}/feed/{slug}/",
    "/category/zqword/page/2/": "/category/{slug}/page/{int}/",
    "/feed/": "/feed/",
    "/comments/feed/": "/comments/feed/",
    "/feed/atom/": "/feed/atom/",
    "/wp-sitemap-posts-post-1.xml": "/wp-sitemap-posts-{slug}-{int}.xml",
    "/wp-sitemap-users-1.xml": "/wp-sitemap-users-{int}.xml",
    "/wp-login.php": "/wp-login.php",
    "/wp-login.php?action=rp&key=zqQ8x&login=zqjohanna": "/wp-login.php?action=rp",
    "/wp-login.php?action=logout&_wpnonce=9f8a7b6c5d": "/wp-login.php?action=logout",
    "/wp-login.php?redirect_to=https%3A%2F%2Fzq.example%2F%3Fu%3Dzqjohanna&reauth=1": "/wp-login.php?reauth=1",
    "/wp-login.php?action=confirmaction&request_id=90210&confirm_key=9f8a": "/wp-login.php?action=confirmaction",
    "/wp-activate.php?key=9f8a7b6c": "/wp-activate.php",
    "/wp-admin/admin-ajax.php?action=zqown": "/wp-admin/admin-ajax.php",
    "/wp-admin/user-edit.php?user_id=90210": "/wp-admin/user-edit.php",
    "/wp-comments-post.php": "/wp-comments-post.php",
    "/wp-cron.php?doing_wp_cron=1700000000.1234567890": "/wp-cron.php",
    "/xmlrpc.php": "/xmlrpc.php",
    "/wp-json/": "/wp-json/",
    "/wp-json/wp/v2/posts?per_page=100&search=zqjohanna": "/wp-json/wp/v2/posts?per_page=100",
    "/wp-json/wp/v2/posts/90210": "/wp-json/wp/v2/posts/{int}",
    "/wp-json/wp/v2/users/90210": "/wp-json/wp/v2/users/{*}",
    "/wp-json/wp/v2/users/zqjohanna/x": "/wp-json/wp/v2/users/{*}/{**}",
    "/wp-json/wp/v2/users/me": "/wp-json/wp/v2/users/me",
    "/wp-json/wc/v3/orders/90210?consumer_key=ck_9f8a&consumer_secret=cs_9f8a": "/wp-json/wc/v3/orders/{*}",
    "/wp-json/wc/v3/customers/90210": "/wp-json/wc/v3/customers/{*}",
    "/wp-json/oembed/1.0/embed?url=https%3A%2F%2Fzq.example%2Fzqjohanna": "/wp-json/oembed/1.0/embed",
    "/wp-content/uploads/2025/11/zqjohanna-cv.pdf": "/wp-content/uploads/{**}",
    "/wp-content/plugins/zqplugin/a.css?ver=6.6": "/wp-content/plugins/{slug}/{**}",
    "/shop/?orderby=price": "/shop/?orderby=price",
    "/checkout/order-received/90210/?key=wc_order_zqX8s7d6": "/checkout/order-received/{int}/",
    "/checkout/order-pay/90210/?pay_for_order=true&key=wc_order_zqX8s7d6": "/checkout/order-pay/{int}/",
    "/my-account/view-order/90210/": "/my-account/view-order/{int}/",
    "/my-account/lost-password/?show-reset-form=true&key=9f8a&id=90210": "/my-account/lost-password/",
    "/my-account/customer-logout/?_wpnonce=9f8a7b6c5d": "/my-account/customer-logout/",
    "/?download_file=90210&order=wc_order_zqX8s7d6&uid=9f8a7b&key=9f8a": "/",
    "/product-category/zqword/": "/product-category/{slug}/",
    "/a-post-of-the-shop/": "/a-post-of-the-shop/",
}
MATOMO = {"/matomo.php?url=https://shop.example/x&uid=jo": "/matomo.php"}
TABLES = {"whmcs": WHMCS, "wordpress": WORDPRESS, "matomo": MATOMO}
KNOWN = [(name, url, text) for name, table in TABLES.items() for url, text in table.items()]


@pytest.mark.parametrize(("preset", "url", "expected"), KNOWN, ids=[f"{name}:{url[:60]}" for name, url, _ in KNOWN])
def test_known_addresses(preset: str, url: str, expected: str) -> None:
    """An address that the software makes gives its route; ids, people, keys and typed text are not in it."""
    found = routed(url, SITES[preset])
    assert found == expected
    assert not re.search(r"zq|90210|9f8a|1700000000", found, re.IGNORECASE)


# ---- every route of every preset ---------------------------------------------------------------------------------------

FILLED = {"int": NUMBER, "slug": WORD, "hex": KEY, "uuid": "550e8400-e29b-41d4-a716-446655440000", "date": "2025-11-21"}
ROUTES = [(name, text) for name, site in SITES.items() for text in site.routes if not text.endswith("{path}")]


def filled(text: str) -> str:
    """An address that a route describes, with personal values in its slots."""
    return re.sub(
        r"\{([^{}]*)\}",
        lambda slot: f"{WORD}/{KEY}" if slot[1] == "**" else FILLED.get(slot[1], "zqjo%40example.com"),
        text,
    )


@pytest.mark.parametrize(("preset", "text"), ROUTES, ids=[f"{name}:{text}" for name, text in ROUTES])
def test_every_route_is_found_by_an_address_of_it(preset: str, text: str) -> None:
    """No route hides another, each is published as it is written, and the values in its slots are not."""
    url = filled(text)
    for query in ("", f"?{WORD}=1&key={KEY}&email=zqjo%40example.com&token={KEY}&q={WORD}&gclid={KEY}"):
        assert routed(url + query, SITES[preset]) == text


@pytest.mark.parametrize("text", [t for n, t in ROUTES if n == "whmcs" and t not in ("/", "/index.php")])
def test_friendly_addresses_in_three_writings_are_one(text: str) -> None:
    """What WHMCS routes is the same page as a path, behind index.php, and in rp."""
    url = filled(text)
    assert routed(f"/index.php{url}", SITES["whmcs"]) == routed(f"/index.php?rp={url}", SITES["whmcs"]) == text


@pytest.mark.parametrize("preset", PRESETS)
def test_software_in_a_folder(preset: str) -> None:
    """With `at` all of a preset is below a folder, its front controller and its secrets too."""
    site = site_of({"name": preset, "at": "/billing"})
    for url, expected in TABLES[preset].items():
        known = expected.partition("?")[0] in SITES[preset].routes
        assert routed(f"/billing{url}", site) == f"/billing{expected}" or not known
    assert {key for key in site.denied if key.startswith("/")} == {
        f"/billing{key}" for key in SITES[preset].denied if key.startswith("/")
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_secrets_are_named_with_a_reason(preset: str) -> None:
    """Each secret of a preset has a sentence, stands on a route of the preset, and is not shown there."""
    site = SITES[preset]
    for key, why in read_preset("policy", preset).secrets.items():
        on, _, name = key.rpartition("?")
        assert len(why) > 5
        assert not on or on in site.routes, key
        assert name not in site.allowed(on or None)
        assert site.why_denied(name, on or None)


def test_a_secret_stays_secret_when_the_site_allows_its_name() -> None:
    """A deny of a preset beats an allow of the site, on that route; elsewhere the site may show its own `c`."""
    data = {"name": "a", "presets": ["whmcs"], "parameters": {"c": "word", "tid": "word"}}
    site = make_policy({"site": [data]}, "policy").sites[0]
    assert routed("/viewticket.php?tid=abc&c=zqsecret", site) == "/viewticket.php"
    assert routed("/contact.php?c=sales", site) == "/contact.php?c=sales"


def test_a_secret_stays_secret_under_another_text() -> None:
    """Who writes a preset's route his own way does not lose what the preset says is secret there."""
    own = {"path": "/viewticket.php/", "parameters": {"c": "word", "tab": "word"}}
    site = make_policy({"site": [{"name": "a", "presets": ["whmcs"], "routes": [own]}]}, "policy").sites[0]
    assert routed("/viewticket.php?tab=one&c=zqsecret", site) == "/viewticket.php/?tab=one"
    bare = make_policy({"site": [{"name": "a", "routes": [own]}]}, "policy").sites[0]
    assert routed("/viewticket.php?tab=one&c=zqsecret", bare) == "/viewticket.php/?c=zqsecret&tab=one"


VALUES = st.sampled_from(["zqjohanna", "zqjo@example.com", KEY, NUMBER, "zq%2Fdoe", "%7Ezqdoe", "zq+doe", "zqDoe.pdf"])


@settings(max_examples=300, deadline=None)
@given(
    preset=st.sampled_from(["whmcs", "wordpress", "both"]), data=st.data(), value=VALUES,
    name=st.sampled_from(
        ["key", "c", "id", "tid", "email", "login", "s", "search", "q", "sld", "token", "p", "aff", "gclid", "uid"]
    ),
)  # fmt: skip
def test_no_value_of_a_declared_route_survives(preset: str, data: st.DataObject, value: str, name: str) -> None:
    """Whatever fills the slots and the parameters of a preset's route, nothing of it is published."""
    text = data.draw(st.sampled_from([t for n, t in ROUTES if n == preset]))
    url = re.sub(r"\{[^{}]*\}", value, text)
    found = routed(f"{url}?{name}={value}&{value}={value}", SITES[preset])
    if found.partition("?")[0] in SITES[preset].routes:
        assert not re.search(r"zq|90210|9f8a", found, re.IGNORECASE)


# ---- flags ------------------------------------------------------------------------------------------------------------


def flagged(target: str) -> frozenset[str]:
    """What detectors find in an address."""
    return found(read(target.encode(), "target"))


@pytest.mark.parametrize("name", PRESETS)
def test_detectors_leave_the_presets_own_pages_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under 2 % of the routes without slots are flagged, and no parameter with a value; more are, where pages of everybody
    are not known."""
    one = read_preset(name, name)
    pages = [each.text for each in one.routes if "{" not in each.text] + [each.path for each in one.endpoints]
    assert sum(map(bool, map(flagged, pages))) < 0.02 * len(pages)
    enums = [(key, kind) for each in one.routes for key, kind in each.parameters.items() if isinstance(kind, tuple)]
    assert [value for key, kind in enums for value in kind if flagged(f"/?{key}={value}")] == []
    if name == "whmcs":
        monkeypatch.setattr("transforms.reading.pages", frozenset)
        assert sum(map(bool, map(flagged, pages))) > 0.02 * len(pages)


@pytest.mark.parametrize(
    "target",
    [
        "/password/reset/redeem/zqsecret",
        "/user/verify/zqsecret",
        "/account/users/zqjohanna",
        "/login/zqjohanna",
        "/domain/check/zqmueller",
        "/author/zqjohanna/feed/",
    ],
)
def test_what_stands_behind_a_page_of_everybody_is_still_told(target: str) -> None:
    """The segment in front of such a page tells what the one behind it is."""
    assert flagged(target)
