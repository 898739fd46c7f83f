"""The agent treatment: closed vocabularies for people and bots."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import run as running
from pipeline.options import Wanted
from schemas.load import fields
from transforms import agent_names
from transforms.treatments import agent

WIKIMEDIA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "vectors" / "wikimedia"
needs_data = pytest.mark.skipif(not WIKIMEDIA.is_dir(), reason="the folder of shared test data is absent")
TOOL = ("bot", "(none)", "(none)", "(none)", "(none)", "(tool)")
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MAC_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


def treated(text: str | bytes | None) -> tuple[str, ...]:
    return agent.Treatment().treat(text.encode() if isinstance(text, str) else text)


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["agent"]
    assert (declared.takes, declared.gives) == (agent.TAKES, agent.GIVES)


PEOPLE = {
    "chrome": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
        f"{KIT} Chrome/120.0.0.0 Safari/537.36",
        "Chrome 120 Windows desktop",
    ),
    "firefox": (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) "
        "Gecko/20100101 Firefox/121.0",
        "Firefox 121 Ubuntu desktop",
    ),
    "mac": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
        f"{MAC_KIT} Version/17.1 Safari/605.1.15",
        "Safari 17 Mac_OS_X desktop",
    ),
    "iphone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) "
        f"{MAC_KIT} Version/17.1 Mobile/15E148 Safari/604.1",
        "Mobile_Safari 17 iOS mobile",
    ),
    "ipad": (
        "Mozilla/5.0 (iPad; CPU OS 15_1 like Mac OS X) "
        f"{MAC_KIT} Version/15.1 Mobile/15E148 Safari/604.1",
        "Mobile_Safari 15 iOS tablet",
    ),
    "android_phone": (
        "Mozilla/5.0 (Linux; Android 13; SM-S901B) "
        f"{KIT} Chrome/112.0.0.0 Mobile Safari/537.36",
        "Chrome_Mobile 112 Android mobile",
    ),
    "android_tablet": (
        "Mozilla/5.0 (Linux; Android 12; SM-X906C) "
        f"{KIT} Chrome/80.0.3987.119 Safari/537.36",
        "Chrome 80 Android tablet",
    ),
    "cubot_is_a_phone": (
        "Mozilla/5.0 (Linux; Android 9; CUBOT X19) "
        f"{KIT} Chrome/90.0.0.0 Mobile Safari/537.36",
        "Chrome_Mobile 90 Android mobile",
    ),
    "tablet_pc": (
        "M"
        "ozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
        "IE 8 Windows desktop",
    ),
    "playstation": (
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) "
        f"{MAC_KIT} Version/13.0 Safari/605.1.15",
        "Safari 13 (other) console",
    ),
    "television": (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 2.4.0) "
        f"{KIT} Version/2.4.0 TV Safari/537.36",
        "Safari 2 Tizen tv",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PEOPLE.values(), ids=PEOPLE.keys())
def test_people(text: str, expected: str) -> None:
    """Browser, version, system and kind of device of well-known agents."""
    family, major, system, device = (word.replace("_", " ") for word in expected.split(" "))
    assert treated(text) == ("human", family, major, system, device, "(none)")


BOTS = {
    "googlebot": (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Googlebot",
    ),
    "bingbot": (
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "bingbot",
    ),
    "wordpress": ("WordPress/6.6; https://customer.example", "WordPress"),
    "unknown_bot": ("Mozilla/5.0 (compatible; JoDoesOwnBot/1.0)", "(other)"),
    "e_mail": ("Mozilla/5.0 (compatible; Thing/1.0; jo@example.com)", "(other)"),
    "curl": ("curl/7.88.1", "(tool)"),
    "wget": ("Wget/1.21", "(tool)"),
    "requests": ("python-requests/2.31.0", "(tool)"),
    "go": ("Go-http-client/2.0", "(tool)"),
    "java": ("Java/1.8.0_51", "(tool)"),
    "perl": ("libwww-perl/6.05", "(tool)"),
    "apt": ("Debian APT-HTTP/1.3 (0.9.7.9)", "(tool)"),
    "empty": ("", "(tool)"),
    "dash": ("-", "(tool)"),
    "null": (None, "(tool)"),
    "bare": ("Mozilla/5.0", "(tool)"),
    "address": ("192.0.2.133", "(tool)"),
    "bytes": (b"\xff\xfe\x00", "(tool)"),
}


@pytest.mark.parametrize(("text", "name"), BOTS.values(), ids=BOTS.keys())
def test_bots(text: str | bytes | None, name: str) -> None:
    """Bots have a name of a closed list, or are a tool, or another; never a browser."""
    assert treated(text) == ("bot", "(none)", "(none)", "(none)", "(none)", name)


NAMES = {
    r"Googlebot\/": "Googlebot",
    "[wW]get": "wget",
    "S[eE][mM]rushBot": "SemrushBot",
    "Ahrefs(Bot|SiteAudit)": "AhrefsBot",
    "(sistrix|SISTRIX) [cC]rawler": "sistrix crawler",
    r"AdsBot-Google([^-]|$)": "AdsBot-Google",
    r"(^| )PTST\/": "PTST",
    r"collection@infegy\.com": "infegy.com",
    r"ContextualBot[\s\S]*outcomes\.net": "ContextualBot",
    r"Riddler \(http:\/\/riddler\.io": "Riddler",
}


@pytest.mark.parametrize(("pattern", "name"), NAMES.items(), ids=NAMES.values())
def test_bot_names_come_from_patterns(pattern: str, name: str) -> None:
    """A bot is called by the plain words of its pattern."""
    assert agent_names.bot_name(pattern) == name


def _closed(found: tuple[str, ...]) -> bool:
    agent_class, family, major, system, device, bot = found
    return (
        agent_class in ("human", "bot")
        and family in agent_names.family_names() | {"(none)", "(other)"}
        and (major == "(none)" or (major.isdigit() and len(major) <= 3))
        and system in agent_names.system_names() | {"(none)", "(other)"}
        and device in {*agent.DEVICES, "(none)"}
        and bot in agent_names.bot_names() | agent_names.family_names() | {"(none)", "(other)", "(tool)"}
    )


CANARY = "zqxjkvbp"
HOSTILE = [
    f"{CANARY}", f"{CANARY}Bot/1.0",
    f"Mozilla/5.0 (compatible; {CANARY}bot/1.0; +https://{CANARY}.example)",
    f"Mozilla/5.0 (Linux; Android 9; {CANARY} Build/{CANARY}) {KIT} Chrome/90.0 Mobile Safari/537.36",
    f"{CANARY}-iPhone/5 CFNetwork/672 Darwin/14", f"{CANARY}/5 CFNetwork/672.0 Darwin/14.0",
    f"{CANARY} ({CANARY}@example.com)",
    f"Mozilla/5.0 (Windows NT 10.0; {CANARY}) {KIT} {CANARY}Browser/7.0 Safari/537.36",
    f"{CANARY} spider/2", f"WordPress/6.6; https://{CANARY}.example",
    f"HbbTV/1.1.1 (; {CANARY} ;x; 2011 ;)", f"Opera/9.80 ({CANARY}) Presto/2.12 Version/{CANARY}",
    f"Mozilla/5.0 ({CANARY}; U; {CANARY} OS 4.1)",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_of_an_agent_survives(text: str) -> None:
    """A word that only one agent has is in no result, wherever it stands."""
    found = treated(text)
    assert CANARY not in " ".join(found).lower()
    assert _closed(found)


@given(
    st.binary(max_size=100)
    | st.text(max_size=60).map(lambda text: f"Mozilla/5.0 ({text}) {text}/12.3".encode("utf-8", "replace"))
)
@settings(max_examples=150, deadline=None)
def test_total_and_closed(text: bytes) -> None:
    """No bytes raise, and every word of the result is of a closed vocabulary."""
    assert _closed(treated(text))


def test_only_the_beginning_is_read() -> None:
    """What stands behind 512 bytes plays no part."""
    start = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/120.0.0.0 Safari/537.36".ljust(512)
    assert treated(start + "Googlebot/2.1" * 10_000) == treated(start)


def test_patterns_of_crawlers_match_their_own_examples() -> None:
    """Every example of the bot list is a bot."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    examples = [entry["instances"][0] for entry in CRAWLER_USER_AGENTS_DATA[::10] if entry["instances"]]
    assert len(examples) > 100
    assert [text for text in examples if treated(text)[0] != "bot" and len(text.encode()) <= 512] == []


MODELS = ("Spider", "Spi Xder", "Spi-der 7", "bot Spider/1", "Spi", "S p i d e r", "crawlers", "Googlebot-Mobile")


def test_spiders_are_those_of_all_rules() -> None:
    """What few rules decide, all of ua-parser's own say too, whatever telephones are called and wherever bots name themselves."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA
    from ua_parser import Parser
    from ua_parser.loaders import load_lazy_builtins
    from ua_parser.regex import Resolver

    examples = [text for entry in CRAWLER_USER_AGENTS_DATA for text in entry["instances"][:1]]
    phones = [f"Mozilla/5.0 (Linux; Android 9; {model} Build/P) {KIT} Mobile Safari/537.36" for model in MODELS]
    tails = [f"{text} {model}" for text in [text for text, _ in PEOPLE.values()] for model in MODELS]
    parser = Parser(Resolver(load_lazy_builtins()))
    wrong, spiders = [], 0
    for text in (*examples, *phones, *tails):
        device = parser.parse(text).device
        expected = device is not None and device.family == "Spider"
        spiders += expected
        wrong += [text] if agent._is_spider(text) is not expected else []
    assert (wrong, spiders > 100) == ([], True)


@needs_data
def test_spiders_of_the_vectors() -> None:
    """All 62 agents that Wikimedia's test data classifies are classified alike."""
    rows = (WIKIMEDIA / "isSpider_test_data.csv").read_text("utf-8").splitlines()[1:]
    found = [
        (row.split(",", 2)[1].strip() == "true", treated(row.split(",", 2)[2].strip())[0] == "bot") for row in rows
    ]
    assert len(found) == 62
    assert sum(expected == is_bot for expected, is_bot in found) == 62


@needs_data
def test_popular_agents_of_the_vectors() -> None:
    """Of the 100 agents that Wikimedia sees most, family, major and system of people agree."""
    people = agreed = 0
    for row in (WIKIMEDIA / "ua_most_popular_test_data.csv").read_text("utf-8").splitlines()[1:]:
        text, _, expected = row.replace("\\,", ",").partition(", {")
        data = json.loads("{" + expected)
        found = treated(text)
        if found[0] == "human" and data["browser_family"] != "Other":
            people += 1
            major = "(none)" if data["browser_major"] == "-" else data["browser_major"]
            agreed += found[1:4] == (data["browser_family"], major, data["os_family"])
    assert people > 80
    assert agreed / people > 0.97


def test_a_log_without_agents_tells_neither_people_nor_bots(tmp_path: Path) -> None:
    """Eleven people's page and a crawler's, in common: no table about people has a row, none about bots; the run says so."""
    common, combined = tmp_path / "common.log", tmp_path / "combined.log"
    lines = [f'198.18.{n}.7 - - [19/Nov/2026:12:00:{n:02} +0000] "GET /a HTTP/1.1" 200 5' for n in range(11)]
    browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    common.write_text("\n".join(lines) + "\n")
    combined.write_text("".join(f'{line} "-" "{browser}"\n' for line in lines))
    found = {}
    for log in (common, combined):
        output = tmp_path / log.stem
        outcome = running.run(Wanted((str(log),), output, partial=True, quiet=True), now=1_796_083_200)
        tables = sorted(folder.name for folder in (output / "release").iterdir() if folder.is_dir())
        (sites,) = ds.dataset(output / "release" / "sites").to_table().to_pylist()
        found[log.stem] = (sites["agent_class"], sites["hits"], tables, outcome.record["noted"])
    assert found["common"] == ("(none)", 11, ["sites", "statuses", "traffic"], {"no_agent": 11})
    assert found["combined"][:2] == ("human", 11) and "pages" in found["combined"][2] and not found["combined"][3]


def test_an_agent_that_is_missing_in_one_line_is_a_tools() -> None:
    """Browsers send one: where the log has agents, a line without is no person's."""
    assert treated(None) == treated("-") == TOOL
