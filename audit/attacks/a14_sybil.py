"""A14: words that one owner of a block, or one agent that roams, has put into the output."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from audit.attacks.a02_join import of_period
from audit.case import Case, Evidence, Part, Tried
from audit.raw import Raw

ID = "A14"
TITLE = "Sybil"
NEEDS = ("raw",)

WORD = re.compile(r"[^\W\d_]{4,}")
AGENTS = 3


def attack(case: Case) -> Tried:
    """Every word of free text must stand in lines of the period from k neighbourhoods and from 3 agents.

    However many addresses have sent it: those of one /24 or /48 are one. A word that is in no line at all is ours.
    """
    assert case.raw is not None
    evidence, words = [], 0
    if not any(of_period(case, case.raw, part) for part in case.parts):
        return Tried(
            "", why_not="the raw logs have no line of a published day, or are of a format that the audit cannot read"
        )
    for part in case.parts:
        rows = [
            (row, {word for name in part.free() for word in _words(part.columns[name][row])})
            for row in range(part.rows)
        ]
        wanted = set().union(*(found for _, found in rows)) if rows else set()
        words += len(wanted)
        weak = set(_weak(case, case.raw, part, wanted))
        forced = [row for row, found in rows if found & weak]
        if forced:
            said = f"{len(weak):,} words from fewer than {part.k} neighbourhoods or {AGENTS} agents, in {len(forced):,} rows"
            evidence.append(Evidence(f"{part.place}: row {forced[0]}", said))
    return Tried(f"{words:,} words in keys that visitors can make up", tuple(evidence))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str) and not value.startswith("("):
        yield from (word.lower() for word in WORD.findall(re.sub(r"\{[^}]*\}", " ", value)))


def _weak(case: Case, raw: Raw, part: Part, wanted: set[str]) -> Iterator[str]:
    crowd: dict[str, set[str]] = defaultdict(set)
    agents: dict[str, set[str]] = defaultdict(set)
    for line in of_period(case, raw, part) if wanted else ():
        for word in wanted.intersection(WORD.findall(line.text)):
            crowd[word].add(line.neighbourhood)
            agents[word].add(line.agent)
    yield from (word for word in crowd if len(crowd[word] - {""}) < part.k or len(agents[word]) < AGENTS)
