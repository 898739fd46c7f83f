"""Telling names: what the name of a parameter, a key or a path segment says about its value (schemas/telling.toml)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import pairwise

from schemas.denied import denied_kinds
from schemas.load import shipped
from schemas.routes import people

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SIGNS = re.compile(r"[\W_]+")


@cache
def _table() -> tuple[Mapping[str, frozenset[str]], Mapping[str, frozenset[str]]]:
    """Whole name → kinds, word → kinds."""
    by_name: dict[str, set[str]] = {}
    by_word: dict[str, set[str]] = {}
    for kind, entry in shipped("telling.toml").items():
        for name in entry.get("names", ()):
            by_name.setdefault(_squashed(name), set()).add(kind)
        for word in entry.get("words", ()):
            by_word.setdefault(_squashed(word), set()).add(kind)
    tracking = next(kind for kind in denied_kinds() if kind.kind == "tracking")
    for name in tracking.names:
        by_name.setdefault(_squashed(name), set()).add("click")
    return ({n: frozenset(k) for n, k in by_name.items()}, {w: frozenset(k) for w, k in by_word.items()})


@cache
def parents() -> frozenset[str]:
    """Path segments, in small letters, behind which nothing is shown."""
    return people()[0].union(*shipped("telling.toml")["parents"].values())


@cache
def pages() -> frozenset[str]:
    """Path segments, in small letters, that are a page of everybody whatever they stand behind."""
    return people()[1].union(shipped("telling.toml")["pages"]["behind"])


def _squashed(name: str) -> str:
    return _SIGNS.sub("", name).casefold()


@lru_cache(4096)
def told(name: str) -> frozenset[str]:
    """The kinds that a name tells: the whole of it, one of its words, or two words together ("phone number")."""
    if not name or len(name) > 64:
        return frozenset()
    names, by_word = _table()
    words = [word for word in _SIGNS.split(_HUMP.sub(" ", name).casefold()) if word]
    kinds = set(names.get(_squashed(name), ()))
    for word in (*words, *map("".join, pairwise(words))):
        kinds |= by_word.get(word, frozenset())
    return frozenset(kinds)
