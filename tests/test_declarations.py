"""The loader: what is wrong in a declaration is named with its file, its key, what was found and what was expected."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import load
from schemas.load import DeclarationError, read_fields, read_format
from schemas.policy import Policy, make_policy, read_policy
from schemas.tables import read_trends, trends

WHERE = "some/file.toml"

# ---- what is shipped ------------------------------------------------------------------------------------------------


def test_shipped_declarations_load(root: Path) -> None:
    """Fields, trends and every format of the project pass their own checks."""
    assert {"time", "client", "path", "query", "agent", "user", "cookie"} <= set(load.fields().columns)
    assert set(load.formats()) == {file.stem for file in (root / "schemas" / "formats").glob("*.toml")} >= {"combined"}
    declared = tomllib.loads((root / "schemas" / "trends.toml").read_text(encoding="utf-8"))["table"]
    assert [table.name for table in trends().tables] == [table["name"] for table in declared]


def test_what_names_people_is_never_built() -> None:
    """User, cookies, authorization and all that nobody knows are dropped before they are read (PRIVACY.md 2.1)."""
    assert {"user", "ident", "cookie", "authorization", "ignored"}.isdisjoint(load.fields().kept)


def test_shipped_presets_load(root: Path) -> None:
    """A site may name every preset that is shipped."""
    names = sorted(file.stem for file in (root / "schemas" / "presets").glob("*.toml"))
    (site,) = make_policy({"site": [{"name": "shop", "presets": names}]}, WHERE).sites
    assert {"whmcs", "wordpress"} <= set(names)
    assert site.routes


# ---- what is broken -------------------------------------------------------------------------------------------------

COLUMN = '[column.path]\ntype = "text"\nclass = "identity"\ntreatment = "route"\n'
ROUTE = '[treatment.route]\ntakes = ["path"]\ngives = ["route"]\n'

# case -> (TOML, key that the message names, value that it names, what was expected)
FIELDS = {
    "unknown-top-key": (COLUMN + ROUTE + "[colum]\n", "colum", "colum", "column"),
    "unknown-column-key": (COLUMN + 'privcy = "x"\n' + ROUTE, "column.path", "privcy", "class"),
    "unknown-type": (COLUMN.replace('"text"', '"string"') + ROUTE, "column.path.type", "string", "timestamp"),
    "unknown-class": (COLUMN.replace('"identity"', '"public"') + ROUTE, "column.path.class", "public", "quasi"),
    "no-class": (COLUMN.replace('class = "identity"\n', "") + ROUTE, "column.path.class", "None", "quasi"),
    "no-treatment": (COLUMN.replace('treatment = "route"\n', "") + ROUTE, "column.path.treatment", "None", "route"),
    "undeclared-treatment": (COLUMN.replace('"route"', '"rout"') + ROUTE, "column.path.treatment", "rout", "route"),
    "not-taken": (COLUMN + ROUTE.replace('["path"]', "[]"), "treatment.route.takes", "()", "'path'"),
    "takes-unknown": (
        COLUMN + ROUTE.replace('["path"]', '["path", "pth"]'),
        "treatment.route.takes",
        "pth",
        "declared",
    ),
    "given-twice": (COLUMN + ROUTE.replace('["route"]', '["route", "route"]'), "'route' is given", "2", "1 time"),
    "treatment-key": (COLUMN + ROUTE + 'give = ["x"]\n', "treatment.route", "give", "gives"),
    "gives-text": (COLUMN + ROUTE.replace('["route"]', '"route"'), "gives", "'route'", "a list of strings"),
    "treatment-is-text": ('treatment = "x"\n' + COLUMN, "treatment", "'x'", "a table"),
    "column-is-text": ('column = "x"\n' + ROUTE, "column", "'x'", "a table"),
}
TABLE = '[[table]]\nname = "pages"\nkeys = ["route"]\nclimb = ["route"]\n'
TRENDS = {
    "unknown-key": (TABLE + 'key = ["route"]\n', "table 'pages'", "key", "keys"),
    "unknown-column": (TABLE.replace('keys = ["route"]', 'keys = ["rout"]'), "column", "rout", "pseudonymous"),
    "raw-column": (TABLE.replace('keys = ["route"]', 'keys = ["path"]'), "column", "path", "pseudonymous"),
    "network-as-key": (TABLE.replace('s = ["route"]', 's = ["route", "network"]', 1), "keys", "network", "no network"),
    "climbs-what-is-no-key": (TABLE.replace('climb = ["route"]', 'climb = ["os"]'), "climb", "os", "one of its keys"),
    "bots-help-people": (
        '[[table]]\nname = "x"\nkeys = ["agent_class"]\nclimb = ["agent_class"]\nhumans = false\n',
        "climb", "agent_class", "bots may not help people",
    ),
    "humans-beside-bots": ('[[table]]\nname = "x"\nkeys = ["agent_class"]\n', "humans", "True", "false"),
    "software-of-humans": (TABLE + "software = true\n", "humans", "True", "false"),
    "machines-for-no-reason": (TABLE + "humans = false\n", "humans", "False", "true"),
    "each-of-no-key": (TABLE + 'each = "feature"\n', "each", "feature", "one of its keys"),
    "declared-twice": (TABLE * 2, "'pages' is declared", "2", "1 time"),
    "no-name": ('[[table]]\nkeys = ["route"]\n', "name", "None", "a string"),
    "keys-is-text": (TABLE.replace('keys = ["route"]', 'keys = "route"'), "keys", "'route'", "a list"),
    "key-without-column": (TABLE.replace('["route"]', '[{ name = "a" }]', 1), "keys", "{'name': 'a'}", "column"),
    "only-is-text": (TABLE + 'only = "4xx"\n', "only", "'4xx'", "a table"),
    "table-is-text": ('table = "x"\n', "table", "'x'", "a list of tables"),
}  # fmt: skip
FORMATS = {
    "unknown-key": ('name = "a"\ndirective = "%h"\nregex = "x"\n', WHERE, "regex", "directive"),
    "no-name": ('directive = "%h"\n', "name", "None", "a string"),
    "no-directive": ('name = "a"\n', "directive", "None", "a string"),
    "number": ('name = "a"\ndirective = 5\n', "directive", "5", "a string"),
    "no-time": ('name = "a"\nfamily = "json"\nrequired = ["client"]\n', "required", "['client']", "'time'"),
}
POLICIES = {
    "unknown-key": ("kay = 10\n", WHERE, "kay", "timezone"),
    "k-below-floor": ("k = 4\n", "k", "4", "at least 5"),
    "k-zero": ("k = 0\n", "k", "0", "at least 5"),
    "k-true": ("k = true\n", "k", "True", "whole number"),
    "k-text": ('k = "10"\n', "k", "'10'", "whole number"),
    "k-fraction": ("k = 10.0\n", "k", "10.0", "whole number"),
    "time-zone": ('timezone = "Europe/Berlln"\n', "timezone", "Europe/Berlln", "Europe/Berlin"),
    "time-zone-path": ('timezone = "../../etc/passwd"\n', "timezone", "etc/passwd", "time zone"),
    "format-number": ("format = 5\n", "format", "5", "a list of tables"),
    "own-format": ('[[format]]\nname = "a"\n', "directive", "None", "a string"),
    "ip-key": ("[ip]\nsalt = 'x'\n", "ip", "salt", "treatment"),
    "ip-treatment": ("[ip]\ntreatment = 'keep'\n", "ip.treatment", "keep", "hash, truncate or drop"),
    "ip-network": ("[ip]\ntrusted_proxies = ['10.0.0.1/8']\n", "ip.trusted_proxies", "10.0.0.1/8", "a network"),
    "ip-number": ("[ip]\ntrusted_proxies = [1]\n", "trusted_proxies", "[1]", "a list of strings"),
    "ip-text": ("[ip]\ntrusted_proxies = '10.0.0.0/8'\n", "trusted_proxies", "10.0.0.0/8", "a list of strings"),
    "ip-is-text": ("ip = 'hash'\n", "ip", "hash", "a table"),
    "geo-city": ("[geo]\nlevel = 'city'\n", "geo.level", "city", "country"),
    "site-name": ("[[site]]\nname = 'Shop'\n", "site[0]: name", "Shop", "letters a-z"),
    "site-path": ("[[site]]\nname = '../x'\n", "site[0]: name", "../x", "letters a-z"),
    "site-without-name": ("[[site]]\nhosts = ['a.example']\n", "site[0]: name", "''", "letters a-z"),
    "site-twice": ("[[site]]\nname = 'a'\n[[site]]\nname = 'a'\n", "'a' is declared", "2", "1 time"),
    "site-is-table": ("[site]\nname = 'a'\n", "site", "{'name': 'a'}", "a list of tables"),
    "site-key": ("[[site]]\nname = 'a'\nhost = 'b'\n", "site[0]", "host", "hosts"),
    "hosts-text": ("[[site]]\nname = 'a'\nhosts = 'b.example'\n", "hosts", "b.example", "a list of strings"),
    "preset": ("[[site]]\nname = 'a'\npresets = ['magento']\n", "presets", "magento", "not shipped"),
    "route": ("[[site]]\nname = 'a'\nroutes = ['kb/{slug}']\n", "routes", "kb/{slug}", "/kb/{slug}"),
    "parameter": ("[[site]]\nname = 'a'\nparameters = { p = 'text' }\n", "parameters.p", "text", "'int', 'word'"),
    "parameters-list": ("[[site]]\nname = 'a'\nparameters = ['p']\n", "parameters", "['p']", "a table"),
    "site-zone": ("[[site]]\nname = 'a'\ntimezone = 'Berlin'\n", "timezone", "Berlin", "Europe/Berlin"),
    "grain-table": ("[[site]]\nname = 'a'\ntables = { page = { grain = 'week' } }\n", "tables", "page", "pages"),
    "grain": (
        "[[site]]\nname = 'a'\ntables = { pages = { grain = 'year' } }\n",
        "tables.pages.grain",
        "year",
        "day, week",
    ),
    "grain-key": ("[[site]]\nname = 'a'\ntables = { pages = { k = 5 } }\n", "tables.pages", "k", "grain"),
    "profiles-none": ("profiles = []\n", "profiles", "[]", "some of internal, partner"),
    "profiles-other": ("profiles = ['everybody']\n", "profiles", "everybody", "some of internal, partner"),
    "profiles-twice": ("profiles = ['partner', 'partner']\n", "profiles", "partner", "each once"),
    "profiles-text": ("profiles = 'partner'\n", "profiles", "partner", "a list of strings"),
    "retention": ("[retention]\nraw_days = 0\n", "retention.raw_days", "0", "at least 1"),
    "retention-key": ("[retention]\ndays = 3\n", "retention", "days", "raw_days"),
}
Broken = tuple[str, str, str, str]


def refused(read: Callable[[dict[str, Any]], object], broken: Broken) -> None:
    """Check that a declaration is refused, with file, key and both values in one message."""
    text, key, found, expected = broken
    with pytest.raises(DeclarationError) as error:
        read(load.parse(text, WHERE))
    message = str(error.value)
    assert message.startswith(f"{WHERE}:")
    assert [part for part in (key, found, expected) if part not in message] == []


@pytest.mark.parametrize("broken", FIELDS.values(), ids=FIELDS)
def test_broken_fields_are_refused(broken: Broken) -> None:
    """fields.toml: every column has type, class and a treatment that takes it."""
    refused(lambda data: read_fields(data, WHERE), broken)


@pytest.mark.parametrize("broken", TRENDS.values(), ids=TRENDS)
def test_broken_trends_are_refused(broken: Broken) -> None:
    """trends.toml: tables have known keys, and bots never stand in for people."""
    refused(lambda data: read_trends(data, load.fields(), WHERE), broken)


@pytest.mark.parametrize("broken", FORMATS.values(), ids=FORMATS)
def test_broken_formats_are_refused(broken: Broken) -> None:
    """A format has a name and a directive."""
    refused(lambda data: read_format(data, WHERE), broken)


@pytest.mark.parametrize("broken", POLICIES.values(), ids=POLICIES)
def test_broken_policies_are_refused(broken: Broken) -> None:
    """A policy never means less protection than it says by a misspelt key or a wrong value."""
    refused(lambda data: make_policy(data, WHERE), broken)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["k", "timezone", "format", "ip", "geo", "site", "retention"])
SITE_KEYS = st.sampled_from(["hosts", "presets", "routes", "parameters", "timezone", "tables"])


@settings(deadline=None)
@given(data=st.dictionaries(KEYS, VALUES, max_size=2), site=st.dictionaries(SITE_KEYS, VALUES, max_size=2))
def test_no_policy_is_a_crash(data: dict[str, Any], site: dict[str, Any]) -> None:
    """Whatever stands under the known keys, it is a policy or a DeclarationError."""
    for policy in (data, {"site": [{"name": "a", **site}]}):
        try:
            assert isinstance(make_policy(policy, WHERE), Policy)
        except DeclarationError as error:
            assert str(error).startswith(WHERE)


# ---- files and digests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"k = \n", "not TOML"), (b"\xff", "not UTF-8"), (None, "No such file")],
    ids=["toml", "utf8", "none"],
)
def test_unreadable_policy_file_is_named(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """A policy that is no TOML, no text or not there is an error that names the file."""
    file = tmp_path / "crowdlog.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DeclarationError, match=expected) as error:
        read_policy(file)
    assert str(file) in str(error.value)


def test_syntax_error_does_not_repeat_the_text() -> None:
    """A secret on a broken line of a policy is not in the message."""
    with pytest.raises(DeclarationError) as error:
        load.parse('token = "s3cr3t-value" oops\n', WHERE)
    assert "s3cr3t" not in str(error.value)


LONG = 'k = 12\n[ip]\ntreatment = "truncate"\n[[site]]\nname = "a"\nparameters = { x = "int", y = ["p", "q"] }\n'
SAME = '[[site]]\nparameters = { y = ["p", "q"], x = "int" }\nname = "a"\n[ip]\ntreatment = "truncate"\n'


def policy_of(text: str) -> Policy:
    """The policy that a text is."""
    return make_policy(load.parse(text, WHERE), WHERE)


def test_policy_digest_is_of_what_it_says() -> None:
    """The order of keys and the name of the file do not matter; what is left out is the same as its default."""
    one = policy_of(LONG)
    other = policy_of("k = 12\ntimezone = 'UTC'\n" + SAME)
    assert one.digest == other.digest


@pytest.mark.parametrize("change", [("12", "13"), ("truncate", "drop"), ('"p", "q"', '"q"'), ('"a"', '"b"')], ids=str)
def test_policy_digest_changes_with_it(change: tuple[str, str]) -> None:
    """Another policy has another digest."""
    assert policy_of(LONG).digest != policy_of(LONG.replace(*change)).digest


def test_default_policy_is_safe() -> None:
    """An empty file is a policy: k = 10, hashed addresses, countries, no parameters, no sites."""
    policy = make_policy({}, WHERE)
    assert policy == Policy()
    assert (policy.k, policy.ip.treatment, policy.geo.level, policy.sites) == (10, "hash", "country", ())
    assert [site.name for site in policy.all_sites] == ["default", "(other)"]
