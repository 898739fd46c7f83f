"""Words of the operator's own making (affiliates, links, sources, features): what of them may be a word at all."""

from __future__ import annotations

import re

from transforms.canonical import decode
from transforms.treatments.parameters import campaign_word

OTHER = "(other)"

_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
_LIMIT = 256  # bytes of a word


def number(value: bytes, declared: tuple[str, ...]) -> str:
    """The id of an affiliate or link: a whole number below a million, or what the policy declares; else "(other)".

    Whoever follows a link can write any id into it, so an undeclared one also needs its crowd (PRIVACY.md 4.5).
    """
    text = _text(value)
    return text if text in declared or _NUMBER.fullmatch(text) else OTHER


def word(value: bytes, declared: tuple[str, ...]) -> str:
    """A name such as that of a campaign, or what the policy declares; else "(other)"."""
    text = _text(value)
    if not text or text in declared:
        return text or OTHER
    return campaign_word(text)


def _text(value: bytes) -> str:
    """The canonical text, empty where there is none."""
    return (decode(value.strip()) or "").strip() if len(value) <= _LIMIT else ""
