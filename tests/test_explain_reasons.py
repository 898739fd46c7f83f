"""Explain names the rule that decided on each part of a line, those that are dropped included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from schemas.policy import Ip, make_policy
from transforms.addresses import forwarded_client
from transforms.steps import steps, text_of

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
POLICY = """
[[site]]
name = "default"
routes = ["/kb/{int}/{slug}", { path = "/index.php", parameters = { rp = "{path}", page = "int" } }]
parameters = { lang = ["en", "de"], tab = "word" }
deny = ["page"]
"""
COOKIES = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" "%{Cookie}i"'


def parts(target: str, capsys: pytest.CaptureFixture[str], *options: str, field: str = "path", rest: str = "") -> Any:
    """(part, gives, why) of a field of a combined line."""
    line = f'198.51.100.7 - - [18/Nov/2025:10:20:30 +0000] "GET {target} HTTP/1.1" 200 5 "-" "{AGENT}"{rest}'
    assert main(["explain", line, "--json", *options]) == 0
    (row,) = (row for row in json.loads(capsys.readouterr().out)["fields"] if row["field"] == field)
    return [(part["part"], part["gives"], part["why"]) for part in row["parts"]]


@pytest.fixture
def policy(tmp_path: Path) -> list[str]:
    """The options for POLICY."""
    file = tmp_path / "crowdlog.toml"
    file.write_text(POLICY)
    return ["--policy", str(file)]


def test_segments_by_default_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Each undeclared segment says what it becomes, and why."""
    found = parts("/shop/12345/jo%40x.example/user/maxine/a%2Fb", capsys)
    assert [gives for _, gives, _ in found] == ["shop", "{n}", "{*}", "user", "{*}", "{*}"]
    whys = [why for *_, why in found]
    assert whys[0].startswith("a word")
    assert (whys[1], "e-mail" in whys[2], "'user'" in whys[4]) == ("a number", True, True)
    assert whys[5] == "it has a sign that words do not have"


def test_segments_of_a_declared_route(policy: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Words and slots of a declared route are told apart."""
    found = parts("/kb/12/hello", capsys, *policy)
    assert [gives for _, gives, _ in found] == ["kb", "{int}", "{slug}"]
    assert ["slot" in why for *_, why in found] == [False, True, True]


@pytest.mark.parametrize(
    ("query", "gives", "why"),
    [
        ("lang=de", "lang=de", "allowed as one of en|de"),
        ("lang=fr", None, "not of its type"),
        ("tab=joan%40x.example", None, "not of its type"),
        ("zq=1", None, "undeclared"),
        ("page=2", None, "denied: denied by the policy"),
        ("gclid=EAIaIQobCh", None, "denied: an identifier of a click"),
        ("utm_source=news", "news", "read for campaigns"),
        ("utm_source=joan%40x.example", "(other)", "not the name of one"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_each_parameter_has_its_rule(
    query: str, gives: str | None, why: str, policy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Allowed, of the wrong type, undeclared, denied by whom: it is said of each parameter."""
    ((name, given_, said),) = parts(f"/a?{query}", capsys, *policy, field="query")
    assert (name, given_) == (query.partition("=")[0], gives)
    assert why in said


def test_values_of_dropped_parameters_are_not_shown(policy: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Of what a run never reads, name, rule and kind are shown, and the value is not."""
    line = f'198.51.100.7 - - [18/Nov/2025:10:20:30 +0000] "GET /a?zq=kx7vq%40x.example HTTP/1.1" 200 5 "-" "{AGENT}"'
    assert main(["explain", line, *policy]) == 0
    shown = capsys.readouterr().out
    assert "zq: undeclared" in shown
    assert "found: e-mail" in shown
    assert "kx7vq" not in shown


def test_parameter_that_holds_the_path(policy: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """rp=/kb/1/a is said to be the path."""
    ((name, given_, why),) = parts("/index.php?rp=/kb/1/a", capsys, *policy, field="query")
    assert (name, given_) == ("rp", None)
    assert "holds the path" in why
    ((_, route, _),) = parts("/index.php?rp=/kb/1/a", capsys, *policy)
    assert route == "/kb/{int}/{slug}"


def test_cookies_by_declared_name_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Known cookies are named by their pattern and class; others, and all values, are not shown."""
    rest = ' "wp-settings-4711=kx7vq; zqname=kx7vq"'
    found = parts("/", capsys, "--format", COOKIES, field="cookie", rest=rest)
    assert next(name for name, *_ in found) == "wp-settings-{int}"
    assert "(other)" in [name for name, *_ in found]
    assert [word for word in ("4711", "kx7vq", "zqname") if word in json.dumps(found)] == []


def test_text_is_readable_in_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """No line of the text is longer, whatever the log line is; the first says for whom it is."""
    line = (
        f'198.51.100.7 - - [18/Nov/2025:10:20:30 +0000] "GET /{"a" * 300}?x={"b" * 300} HTTP/1.1" 200 5 "-" "{AGENT}"'
    )
    assert main(["explain", line]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("For your own eyes")
    assert max(map(len, lines)) <= 100


ADDRESSES = st.sampled_from(
    ["192.0.2.1", "198.51.100.7", "198.51.100.9:443", "[2001:db8::1]:80", "::ffff:203.0.113.9", "2002:cb00:7109::1",
     "fe80::1%eth0", "64:ff9b::203.0.113.5", "010.1.2.3", "unknown", "host.example"]
)  # fmt: skip


@given(ADDRESSES, st.none() | st.lists(ADDRESSES, max_size=4).map(", ".join), st.booleans())
def test_steps_end_where_a_run_ends(client: str, forwarded: str | None, trusts: bool) -> None:
    """The last step names the /32 or /56 of the address that `forwarded_client` takes, or says that there is none."""
    trusted = ("198.51.100.0/24", "2001:db8::/32") if trusts else ()
    sent = None if forwarded is None else forwarded.encode()
    told = list(steps(client.encode(), sent, Ip(trusted_proxies=trusted)))
    address = forwarded_client(client.encode(), sent, trusted)
    if address is None:
        assert "counted as a visitor" not in told[-1]
    elif len(address.packed) == 4:
        assert f"by {text_of(address)}/32," in told[-1]
    else:
        assert "/56, for k by" in told[-1]


def test_policy_of_these_tests_loads() -> None:
    """POLICY is one that a run would take."""
    import tomllib

    assert make_policy(tomllib.loads(POLICY), "here").sites[0].denied == {"page": "denied by the policy"}
