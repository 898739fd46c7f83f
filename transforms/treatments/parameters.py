"""Treatment of the query: the campaign that a visitor answered to, from its source, medium and name and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.site import READ_ANYWAY
from transforms.canonical import LIMIT, decode, pairs
from transforms.detectors import found_in
from transforms.segments import is_token

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("query", "utm_source", "utm_medium", "utm_campaign")
GIVES = ("source", "campaign_medium", "campaign")

_ORDER = ("utm_source", "utm_medium", "utm_campaign")
_SAME = {name: f"utm_{name.rpartition('_')[2]}" for name in READ_ANYWAY}
# of Matomo's campaigns the name alone is asked for
_UNSOURCED = frozenset(name for name in _SAME if name.endswith("campaign") and name != "utm_campaign")

NAMES = frozenset(name.encode() for name in _SAME)
"""Parameters that are read."""

NONE = "(none)"
OTHER = "(other)"

# What collectors write where there was no campaign.
_NO_CAMPAIGN = frozenset(
    ["", "-", "direct", "(direct)", "(none)", "none", "(not set)", "not set", "(data deleted)", "null"]
)
_CAMPAIGN_WORD = re.compile(r"[a-z0-9][a-z0-9 _.-]{0,63}")
_SEPARATOR = re.compile(r"[ _.-]+")
_NUMBERS = re.compile(r"[0-9]+(?:[ _.-]+[0-9]+)*")
_DIGITS = 6
_GROUPS = 4


def campaign_word(value: str) -> str:
    """A decoded value in lower case, "(other)" where it could be more than the name of a campaign.

    Numbers are counted over separators, so that a telephone number, an address or a birthday is not a word either.
    """
    word = " ".join(value.casefold().split(" ")).strip()
    if not _CAMPAIGN_WORD.fullmatch(word) or any(map(is_token, _SEPARATOR.split(value))):
        return OTHER
    for numbers in _NUMBERS.findall(word):
        groups = _SEPARATOR.split(numbers)
        longest, total = max(map(len, groups)), sum(map(len, groups))
        if longest >= _DIGITS or total > _DIGITS or len(groups) >= _GROUPS:
            return OTHER
    return OTHER if found_in(value) else word


class Treatment:
    """query of an event → (source, medium, campaign); all None where it names no source, and the collector none."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(
        self,
        query: bytes | None,
        utm_source: bytes | None = None,
        utm_medium: bytes | None = None,
        utm_campaign: bytes | None = None,
    ) -> tuple[str | None, str | None, str | None]:
        """(source, campaign_medium, campaign): words, "(other)", or "(none)" for what is left out."""
        found = _in_query(query) or _as_collected(utm_source, utm_medium, utm_campaign)
        if not found:
            return None, None, None
        one, two, three = (found.get(name, NONE) for name in _ORDER)
        return one, two, three

    def refused(
        self,
        query: bytes | None,
        utm_source: bytes | None = None,
        utm_medium: bytes | None = None,
        utm_campaign: bytes | None = None,
    ) -> frozenset[str]:
        """Kinds of personal data that detectors found in the words of a campaign."""
        read = pairs(query) if query and len(query) <= LIMIT and b"=" in query else []
        texts = [value for name, value in read if name in _SAME]
        texts += [text for value in (utm_source, utm_medium, utm_campaign) if value and (text := decode(value))]
        return frozenset().union(*map(found_in, texts))


def _in_query(query: bytes | None) -> dict[str, str]:
    """The campaign that the page's own address names."""
    if not query or len(query) > LIMIT or b"=" not in query:
        return {}
    found: dict[str, str] = {}
    named = False
    for name, value in pairs(query):
        if name in _SAME and value.strip() and _SAME[name] not in found:
            found[_SAME[name]] = campaign_word(value)
            named = named or name in _UNSOURCED
    return found if named or "utm_source" in found else {}


def _as_collected(*values: bytes | None) -> dict[str, str]:
    """The campaign that the collector names in columns of its own."""
    texts = [(decode(value) or OTHER) if value else "" for value in values]
    if texts[0].casefold().strip() in _NO_CAMPAIGN:
        return {}
    found = zip(_ORDER, texts, strict=True)
    return {name: campaign_word(text) for name, text in found if text.casefold().strip() not in _NO_CAMPAIGN}
