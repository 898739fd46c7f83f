"""Agents as scrub writes them: known words and short versions alone, so that tools still see browser and system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from schemas.load import shipped
from transforms import agent_names
from transforms.treatments import agent

NOTHING = b"-"
Reading = tuple[str, str, str, str, str, str]
"""What transforms/treatments/agent.py gives: agent_class, family, major, os, device, bot."""

LIMIT = 512  # bytes of an agent that are looked at
ROUNDS = 3  # times that an agent is treated again before it counts as one that never settles
_PARTS = re.compile(r"(?P<comment>\([^()]*\))|(?P<word>[^\s();,]+)")
_VERSION = re.compile(r"[vV]?(\d{1,3})(?:([._])(\d{1,2})(?!\d))?((?:[._]\d{1,9}){0,6})[a-z+]?\Z")
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(?: [A-Za-z0-9][A-Za-z0-9_.+-]*)*")
_DEVICE = "K"  # what Chrome writes for any model of a telephone
_GECKO = "Gecko/20100101"


@cache
def _products() -> frozenset[str]:
    names = agent_names.family_names() | agent_names.bot_names() | frozenset(shipped("agents.toml")["products"])
    return frozenset(name for name in names if _WORDS.fullmatch(name))


@cache
def _platforms() -> frozenset[str]:
    words = frozenset(word for name in agent_names.system_names() for word in name.split(" "))
    return words | frozenset(shipped("agents.toml")["platforms"])


def version(text: str) -> str | None:
    """A version as its first two numbers, zeros behind them: 142.0.7123.88 → 142.0.0.0. None where it is none.

    What is behind tells builds apart, and so people; Chrome and Firefox themselves write zeros there by now.
    """
    found = _VERSION.match(text)
    if found is None:
        return None
    minor = f"{found[2]}{found[3]}" if found[3] else ""
    return found[1] + minor + re.sub(r"\d+", "0", found[4])


@lru_cache(maxsize=1 << 12)
def _product(text: str) -> str | None:
    """`Name/version` or `Name` with a known name."""
    name, slash, number = text.partition("/")
    if text == _GECKO:
        return text
    if name not in _products():
        return None
    short = version(number) if slash else None
    return f"{name}/{short}" if short else name


@lru_cache(maxsize=1 << 12)
def _platform(text: str) -> str | None:
    """A piece of a comment, all of it known words and versions, or a known product."""
    words = []
    for word in text.split():
        kept = word if word in _platforms() else version(word)
        if kept is None and (match := re.fullmatch(r"([A-Za-z0-9]+)([:/])(.+)", word)) and match[1] in _platforms():
            short = version(match[3])
            kept = f"{match[1]}{match[2]}{short}" if short else match[1]
        kept = kept if kept is not None else _product(word)
        if kept is None:
            return None
        words.append(kept)
    return " ".join(words) or None


def _pieces(text: str) -> Iterator[str]:
    for part in _PARTS.finditer(text):
        if part["comment"]:
            kept = [_platform(piece) for piece in re.split(r"[;,]", part["comment"][1:-1])]
            android = any(piece and piece.startswith("Android") for piece in kept)
            named = [piece if piece else _DEVICE if android and i else None for i, piece in enumerate(kept)]
            shown = list(dict.fromkeys(piece for piece in named if piece))
            if shown:
                # "(KHTML, like Gecko)" is the one comment with a comma
                yield f"({(', ' if shown[0] == 'KHTML' else '; ').join(shown)})"
        elif kept_word := _product(part["word"]):
            yield kept_word


def known_words(text: str) -> str:
    """The agent without what is not known."""
    return " ".join(_pieces(text))


def rebuilt(words: Reading) -> Iterator[str]:
    """Agents made of closed vocabularies alone, the likeliest to be read as the same first."""
    kind, family, major, system, device, bot = words
    if kind == agent.BOT:
        if bot not in (agent.TOOL, agent_names.OTHER, agent.NONE):
            yield from (f"Mozilla/5.0 (compatible; {bot}/1.0)", f"{bot}/1.0", bot, f"Mozilla/5.0 (compatible; {bot})")
        yield NOTHING.decode() if bot == agent.TOOL else "Mozilla/5.0 (compatible; bot)"
        return
    mobile = " Mobile" if device == "mobile" else ""
    place = "" if system == agent_names.OTHER else f" ({system})"
    name = "" if family == agent_names.OTHER else f" {family}/{major if major != agent.NONE else 0}.0"
    yield f"Mozilla/5.0{place}{name}{mobile}"
    yield f"Mozilla/5.0{place}{mobile}"
    yield "Mozilla/5.0"


class Agents:
    """User-Agent → its known words, where they are read as the same browser, system, device or bot; else one rebuilt."""

    def __init__(self) -> None:
        self._read = agent.Treatment().treat
        # Many agents become one: what was written is looked at once. It is made of known words, never raw.
        self._read_again = lru_cache(maxsize=4096)(self._read)
        self._settle = lru_cache(maxsize=4096)(self._settled)

    def treat(self, text: bytes | None) -> bytes:
        """ASCII without quotes; "-" for none. What comes of treating it again is the same."""
        return NOTHING if text is None else self._settle(self._once(text, self._read(text)))

    def _settled(self, text: bytes) -> bytes:
        for _ in range(ROUNDS):
            before, text = text, self._once(text, self._read_again(text))
            if before == text:
                return text
        return NOTHING

    def _once(self, text: bytes, wanted: Reading) -> bytes:
        candidates = [known_words(text[:LIMIT].decode("ascii", "replace")), *rebuilt(wanted)]
        for candidate in filter(None, candidates):
            if self._read_again(candidate.encode()) == wanted:
                return candidate.encode()
        return candidates[1].encode()  # none is read as the same: the first that is rebuilt
