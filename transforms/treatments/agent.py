"""Treatment of the User-Agent: closed vocabularies only, nothing of its text survives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from transforms.agent_names import (
    DESKTOP_SYSTEMS,
    FAMILIES,
    OTHER,
    bot_name,
    crawlers,
    family_names,
    listed,
    rules,
    system_names,
)
from transforms.collected import collected

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("agent", "browser", "browser_version", "os", "device")
GIVES = ("agent_class", "family", "major", "os", "device", "bot")

HUMAN, BOT = "human", "bot"
NONE, TOOL = "(none)", "(tool)"
DEVICES = ("desktop", "mobile", "tablet", "tv", "console", OTHER)

_LIMIT = 512
_SPIDER = "Spider"
_TOOL = (BOT, NONE, NONE, NONE, NONE, TOOL)

# Libraries and command-line tools among the crawler patterns: not a bot with a name, but somebody's script.
_TOOLS = listed(
    "wget|Python-urllib|python-requests|aiohttp|httpx|libwww-perl|httpunit|Go-http-client|okhttp|AHC|"
    "Apache-HttpClient|Jetty|http_get|axios|HttpUrlConnection|AnyEvent|curl|SimpleScraper|PHP-Curl-"
    "Class|node-fetch|sindresorhus/got|mechanize|colly|HTTPie|CustomAsyncHttpClient|lwp-trivial|Java|"
    "Python Requests|Python aiohttp|HTTPClient|GuzzleHttp|go-cli|lua-resty-http|Node-oauth|ureq"
)

# These are for agents in small letters, and all of what they look for begins with a sign of its own: so the engine goes from
# one such sign to the next. With re.IGNORECASE, or a \b in front, they cost ten times as much.

# What says "bot" in any agent. Cubot is a maker of telephones.
_BOT_WORD = re.compile(
    r"bot(?<!cubot)(?![a-z])|crawl|spider|robot|scrap(?:e|ing)|fetcher|archiver|monitoring|headless|"
    r"validator|link.?check|search(?:engine|metrics)|https?://|www\.|@(?<=[^\s@]@)[^\s@]|"
    r"github\.com(?<=\bgithub\.com)\b|user(?<=\buser)(?:_talk)?:"
)
_TV = re.compile(
    r"smart-?tv|hbbtv|google ?tv|apple ?tv|bravia|crkey|roku(?<=\broku)|aft(?<=\baft)[a-z]|netcast|web0s|android tv|"
    r"tv(?<=\btv)\b"
)
_CONSOLE = re.compile(r"playstation|nintendo|xbox")
_TABLET = re.compile(r"ipad|tablet(?! pc)|kindle|silk/|playbook|nexus (?:7|9|10)\b|sm-t[0-9]")
_MOBILE = re.compile(
    r"mobile|iphone|ipod|phone|opera mini|blackberry|bb10|symbian|kaios|j2me|midp|ucweb|nokia|sonyericsson|dalvik"
)

# What a browser or a browsing device begins with.
_BROWSER = re.compile(
    r"Mozilla/[0-9]\.|Opera[/ ][0-9]|Dalvik/|UCWEB|Nokia|SAMSUNG|SonyEricsson|BlackBerry|LG[-/]|MOT-|"
    r"DoCoMo/|KDDI-|SoftBank/|ZTE|HUAWEI|Lynx/|Links |ELinks|w3m/|NetSurf/|Dillo/|Midori/|Instagram |Roku/"
)
_APP = re.compile(
    r"CFNetwork/[0-9.]+ Darwin/|MIDP-[0-9]|"
    r"^[A-Za-z.]{1,40}/[0-9.]{1,20} \((?:iOS|Android|Linux; (?:U; )?Android) [0-9]"
)

# ---- matching -------------------------------------------------------------------------------------------------------


def _extractor(kind: str, found: Iterable[Any], *columns: str) -> Any:
    """Rules of ua-parser in the regex engine that does not backtrack: agents are hostile text."""
    import ua_parser_rs

    return getattr(ua_parser_rs, kind)(map(attrgetter("regex", *columns), found))


@cache
def _families() -> Any:
    return _extractor("UserAgentExtractor", rules()[0], "family", "major", "minor", "patch", "patch_minor")


@cache
def _systems() -> Any:
    return _extractor("OSExtractor", rules()[1], "family", "major", "minor", "patch", "patch_minor")


@cache
def _devices(family: str | None = None) -> Any:
    """The rules of ua-parser for devices: all of them, or those that give one family."""
    found = [rule for rule in rules()[2] if family in (None, rule.family)]
    return _extractor("DeviceExtractor", found, "regex_flag", "family", "brand", "model")


def _is_spider(text: str) -> bool:
    """Whether ua-parser takes the device for a crawler.

    Few of its 633 rules say so, and no other can unless it takes the word from the agent, in one piece or in several: where
    neither may be, the others need not be asked.
    """
    letters = iter(text)
    if not all(letter in letters for letter in _SPIDER) and _devices(_SPIDER).extract(text) is None:
        return False
    found = _devices().extract(text)
    return found is not None and found.family == _SPIDER


@cache
def _crawlers() -> Any:
    """All patterns of crawler-user-agents as one set; a match gives the position of its pattern."""
    import ua_parser_rs

    return ua_parser_rs.UserAgentExtractor(
        (pattern, str(position), None, None, None, None) for position, pattern in enumerate(crawlers())
    )


@cache
def _name_of(position: int) -> str:
    name = bot_name(crawlers()[position])
    return TOOL if name in _TOOLS else name


def _device(text: str, small: str, system: str) -> str:
    if _CONSOLE.search(small):
        return "console"
    if _TV.search(small):
        return "tv"
    if _TABLET.search(small):
        return "tablet"
    if system == "Android":
        # Since 2011 Google asks makers of telephones, and only those, to say "Mobile".
        return "mobile" if "Mobile" in text or text.startswith("Dalvik") else "tablet"
    if _MOBILE.search(small) or system in ("iOS", "Windows Phone"):
        return "mobile"
    return "desktop" if system in DESKTOP_SYSTEMS else OTHER


class Treatment:
    """User-Agent of an event → (agent_class, family, major, os, device, bot), by ua-parser and crawler-user-agents.

    Bots have "(none)" for family, major, os and device; people have "(none)" for bot. Where a format has neither an agent nor
    what collectors name, nobody knows who was a person: `lacking` is given for all events.
    """

    lacking = (NONE,) * len(GIVES)

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(
        self,
        agent: bytes | None,
        browser: bytes | None = None,
        browser_version: bytes | None = None,
        os: bytes | None = None,
        device: bytes | None = None,
    ) -> tuple[str, str, str, str, str, str]:
        """(agent_class, family, major, os, device, bot), all from closed vocabularies.

        What a collector names (browser, its version, os and device) counts where there is no agent.
        """
        text = "" if agent is None else agent[:_LIMIT].decode("utf-8", "replace").strip()
        if text in ("", "-", "null", "(null)"):
            named = browser, browser_version, os, device
            return (HUMAN, *collected(*named), NONE) if any(named) else _TOOL
        crawler = _crawlers().extract(text)
        if crawler is not None:
            return (BOT, NONE, NONE, NONE, NONE, _name_of(int(crawler.family)))
        browser_found, system_found = _families().extract(text), _systems().extract(text)
        family = browser_found.family if browser_found else OTHER
        family = family if family in family_names() else OTHER
        if _is_spider(text):
            name = TOOL if family in _TOOLS else OTHER if family in FAMILIES else family
            return (BOT, NONE, NONE, NONE, NONE, name)
        small = text.lower()
        if _BOT_WORD.search(small):
            return (BOT, NONE, NONE, NONE, NONE, OTHER)
        system = system_found.family if system_found else OTHER
        system = system if system in system_names() else OTHER
        made_for = _device(text, small, system)
        is_browser = _BROWSER.match(text) or _APP.search(text)
        if not is_browser or (family == OTHER and system == OTHER and made_for == OTHER):
            return _TOOL
        major = _major(browser_found) if family != OTHER else NONE
        return (HUMAN, family, major, system, made_for, NONE)


def _major(user_agent: Any) -> str:
    major = user_agent.major if user_agent is not None else None
    return major if isinstance(major, str) and re.fullmatch(r"[0-9]{1,3}", major) else NONE
