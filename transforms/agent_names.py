"""Names that agents can be published by: closed vocabularies, made from the rules of ua-parser and crawler-user-agents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

OTHER = "(other)"


def listed(text: str) -> frozenset[str]:
    """Those between the bars."""
    return frozenset(text.split("|"))


DESKTOP_SYSTEMS = listed(
    "Windows|Mac OS X|Mac OS|Linux|Ubuntu|Fedora|Debian|Chrome OS|FreeBSD|OpenBSD|NetBSD|Solaris|"
    "Linux Mint|Kubuntu|Arch Linux|CentOS|Gentoo|openSUSE|SUSE|Red Hat|Mandriva|Slackware|Lubuntu"
)

# Families whose rule takes the name from the agent through more than a list of words.
FAMILIES = listed(
    "Chrome|Chrome Mobile|Chrome Mobile iOS|Chrome Mobile WebView|Chromium|Firefox|Firefox Mobile|"
    "Firefox iOS|Safari|Mobile Safari|Mobile Safari UI/WKWebView|Edge|Edge Mobile|IE|IE Mobile|Opera|"
    "Opera Mini|Opera Mobile|Opera Touch|Samsung Internet|Vivaldi|Yandex Browser|UC Browser|Brave|"
    "DuckDuckGo Mobile|Konqueror|Epiphany|SeaMonkey|Lynx|Links|w3m|Android|BlackBerry WebKit|"
    "Amazon Silk|QQ Browser|QQ Browser Mobile|MiuiBrowser|Whale|Coc Coc|Pale Moon|Maxthon|Instagram|"
    "Facebook|Iceweasel|Camino"
)
_SYSTEMS = listed(
    "Windows|Mac OS X|Linux|Android|iOS|Chrome OS|Ubuntu|Fedora|Debian|FreeBSD|OpenBSD|NetBSD|"
    "Windows Phone|BlackBerry OS|Symbian OS|Tizen|KaiOS|HarmonyOS|tvOS|webOS"
)

_UNNAMED = "Other"
_LITERALS = re.compile(r"(?<!\\)\((?!\?)([A-Za-z0-9 |/_-]+)\)")
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+/!'&()-]{0,47}")


@cache
def rules() -> Any:
    """The rules of ua-parser, not compiled: of families, of systems, of devices."""
    from ua_parser.loaders import load_lazy_builtins

    return load_lazy_builtins()


def _literal_names(found: Iterable[Any]) -> frozenset[str]:
    """Names that rules of ua-parser can give without taking text from the agent.

    A rule names its family itself, or (template "$1") by its first group: that one counts where it is a list of words.
    """
    names: set[str] = set()
    for rule in found:
        if rule.family and rule.family != "$1":
            names.update(() if "$" in rule.family else (rule.family,))
            continue
        group = re.search(r"(?<!\\)\((?!\?)", rule.regex)
        words = _LITERALS.match(rule.regex, group.start()) if group else None
        names.update(words[1].split("|") if words else ())
    return frozenset(name for name in names if _WORDS.fullmatch(name))


@cache
def family_names() -> frozenset[str]:
    """Browser families that can be published."""
    return (_literal_names(rules()[0]) | FAMILIES) - {_UNNAMED}


@cache
def system_names() -> frozenset[str]:
    """Operating systems that can be published."""
    return (_literal_names(rules()[1]) | _SYSTEMS | DESKTOP_SYSTEMS) - {_UNNAMED}


def bot_name(pattern: str) -> str:
    """A name made from a pattern of crawler-user-agents, never from an agent: "[wW]get" → "wget"."""
    name = re.split(r"\[\\s\\S\]\*|\\d|\\\(", pattern.strip("^$"))[0]
    name = re.sub(r"\(\^\| \)|\(\[\^-\]\|\$\)", "", name)
    name = re.sub(r"\[([^\]])[^\]]*\]", r"\1", name)
    name = re.sub(r"\(([^|()]*)[^()]*\)", r"\1", name)
    name = re.sub(r"\\(.)", r"\1", name.split("|")[0]).rpartition("@")[2]
    name = re.sub(r"https?://", "", name)
    return re.sub(r"[^A-Za-z0-9 ._!&'/+:-]", " ", name).strip(" /.;-_") or OTHER


@cache
def crawlers() -> tuple[str, ...]:
    """The patterns of crawler-user-agents."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    return tuple(entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA)


@cache
def bot_names() -> frozenset[str]:
    """Bots that can be published, besides "(tool)", "(other)" and the families of ua-parser."""
    return frozenset(map(bot_name, crawlers()))
