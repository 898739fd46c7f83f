"""Closed vocabularies of licence pings, from schemas/servers.toml: what a server says of itself as one of few words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas.load import shipped

OTHER = "(other)"

_LONGEST = 128  # bytes; what is longer is no name of anything


@cache
def vocabulary(kind: str) -> Mapping[str, str]:
    """All writings of one kind (status, os, virtualisation), in lower case, with the word that is published."""
    table: Mapping[str, list[str]] = shipped("servers.toml")[kind]
    return {text.lower(): word for word, others in table.items() for text in (word, *others)}


def named(kind: str, value: bytes) -> str:
    """The word for a text that is one of the writings, else "(other)"."""
    return vocabulary(kind).get(_plain(value), OTHER)


def begun(kind: str, value: bytes) -> str:
    """The word for a text whose first words are one of the writings ("Ubuntu 24.04.1 LTS"), the longest; else "(other)"."""
    words = _plain(value).replace("_", " ").split()
    for count in range(min(len(words), 3), 0, -1):
        if word := vocabulary(kind).get(" ".join(words[:count])):
            return word
    return OTHER


def _plain(value: bytes) -> str:
    return value.decode("ascii", "replace").strip().lower() if len(value) <= _LONGEST else ""
