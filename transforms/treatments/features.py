"""Treatment of the features that an installation uses: a list of words, each once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from transforms import own_words

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("features",)
GIVES = ("feature",)

MOST = 64
"""Features of one event that are looked at."""

_LIST = re.compile(rb"\s*\[(.*)\]\s*\Z", re.DOTALL)
_BETWEEN = re.compile(rb"\s*[,;|]\s*")


class Treatment:
    """A JSON array of strings, or words with commas between them → the words."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, features: bytes | None, site: Site) -> tuple[str, ...]:
        """Distinct words, sorted; "(other)" stands for all that are none. Empty where the event has no list."""
        if features is None:
            return ()
        listed = _LIST.match(features)
        texts = _BETWEEN.split(listed[1] if listed else features, MOST)[:MOST]
        bare = [text.strip().strip(b'"').strip() for text in texts]
        declared = site.words.get("feature", ())
        return tuple(sorted({own_words.word(text, declared) for text in bare if text}))
