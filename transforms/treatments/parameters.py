"""Treatment of the query: the campaign that a visitor answered to, from three parameters and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from transforms.canonical import LIMIT, pairs
from transforms.detectors import found_in
from transforms.segments import is_token

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("query",)
GIVES = ("source", "campaign_medium", "campaign")

NAMES = frozenset((b"utm_source", b"utm_medium", b"utm_campaign"))
"""Parameters that are read."""

NONE = "(none)"
OTHER = "(other)"

_ORDER = ("utm_source", "utm_medium", "utm_campaign")
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
    """query of an event → (source, medium, campaign); all None where it names no source."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, query: bytes | None) -> tuple[str | None, str | None, str | None]:
        """(source, campaign_medium, campaign): words, "(other)", or "(none)" for what the query leaves out."""
        if not query or len(query) > LIMIT or b"=" not in query:
            return None, None, None
        found: dict[str, str] = {}
        for name, value in pairs(query):
            if name in _ORDER and value.strip() and name not in found:
                found[name] = campaign_word(value)
        if "utm_source" not in found:
            return None, None, None
        source, medium, campaign = (found.get(name, NONE) for name in _ORDER)
        return source, medium, campaign

    def refused(self, query: bytes | None) -> frozenset[str]:
        """Kinds of personal data that detectors found in the words of a campaign."""
        if not query or len(query) > LIMIT or b"=" not in query:
            return frozenset()
        return frozenset().union(*(found_in(value) for name, value in pairs(query) if name in _ORDER))
