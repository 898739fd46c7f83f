"""Verdicts: what a policy may say of a place in a path or of a parameter, by its evidence; when in doubt, nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.routes import Kind
from schemas.site import Site
from transforms.canonical import plain
from transforms.declared import slot_pattern
from transforms.detectors import found_in, slotted
from transforms.evidence import Counts, Evidence, Threshold
from transforms.looked_at import LONGEST_NAME, SLOT, Subject
from transforms.segments import ANY, judge, template_segment
from transforms.telling import told

MOSTLY = 0.95
"""Share of the hits that a type has to take; what is not of the type is dropped by a run."""

FOUND = 0.05
"""Share of the hits in which detectors find something from which on a subject is hidden."""

HARDLY = 0.2
"""Below this share of hits by words with a crowd, the titles of a place are hidden in one slot."""

CHOICES = 20
"""Words that are listed; more of them are a type."""

_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_DATE = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?|(?:19|20)[0-9]{6}")
_HEX = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{8,128}", re.IGNORECASE)
_SMALL = re.compile(r"0|[1-9][0-9]{0,2}")
_CHOICE = re.compile(r"[a-z0-9_-]{1,32}")
_FORMS = (
    ("{uuid}", slot_pattern("{uuid}")),
    ("{date}", _DATE),
    ("{int}", slot_pattern("{int}")),
    ("{hex}", _HEX),
    ("{slug}", slot_pattern("{slug}")),
)


@dataclass(frozen=True)
class Verdict:
    """What is proposed: `slot` for the form of the values, `kind` for a parameter that may be allowed, and why.

    `hidden`: nothing of the values is ever shown. `is_for_ever`: a policy should deny it, so that no preset allows it later.
    `words` are those of a place that have their crowd.
    """

    subject: Subject
    evidence: Evidence
    slot: str
    hidden: bool
    kind: Kind | None
    why: str
    words: frozenset[str] = frozenset()
    is_for_ever: bool = False


def form_of(counts: Counts, values: Sequence[int]) -> str:
    """The narrowest slot that takes the values of nearly all hits, `{*}` where none does."""
    hits = [(counts.seen[v].raw, int(counts.hits[counts.bounds[v] : counts.bounds[v + 1]].sum())) for v in values]
    total = sum(n for _, n in hits)
    for slot, pattern in _FORMS:
        if pattern is not None and sum(n for text, n in hits if pattern.fullmatch(text)) >= MOSTLY * total:
            return slot
    return ANY


def is_shown_name(name: str) -> bool:
    """Whether the name of a parameter is a word, in which nothing is found."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None and _is_word(name.strip("[]"))


def _is_word(text: str) -> bool:
    """Whether default rules would show the text as it is."""
    template, kinds = judge(text)
    return template == text and not kinds and not found_in(plain(text))


# ---- places in paths --------------------------------------------------------------------------------------------------


def judge_slot(counts: Counts, subject: Subject, threshold: Threshold) -> Verdict:
    """What stands at a place of a path."""
    values = counts.by_subject[subject]
    found = {v: judge(counts.seen[v].raw)[1] for v in values}
    evidence = counts.evidence(values, found)
    hard = sum(n for kind, n in evidence.found.items() if kind not in slotted())
    by_word: dict[str, list[int]] = {}
    for v in values:
        by_word.setdefault(counts.seen[v].shown, []).append(v)
    words = {word: counts.crowd(group) for word, group in by_word.items() if word != ANY}
    passed = {word: one for word, one in words.items() if one.reaches(threshold)}
    slot = form_of(counts, values)
    is_root = subject.at == "/"  # scanners put anything there: a site's own words, each with its crowd, stay
    if hard >= FOUND * evidence.crowd.hits and not is_root:
        return Verdict(subject, evidence, ANY, True, None, "detectors found something in it")
    if evidence.is_identifying and slot in ("{slug}", ANY) and not is_root:
        return Verdict(subject, evidence, ANY, True, None, "visitors keep to values of their own")
    share = sum(one.hits for one in passed.values()) / max(evidence.crowd.hits, 1)
    if is_root or (slot == "{slug}" and share >= HARDLY):
        why = f"{len(passed)} have their crowd, with {share:.0%} of the hits"
        return Verdict(subject, evidence, "", False, None, why, frozenset(passed))
    why = (
        "words that hardly ever have a crowd" if slot == "{slug}" else "values of one form" if slot != ANY else "mixed"
    )
    return Verdict(subject, evidence, slot, False, None, why, frozenset(passed))


# ---- parameters -----------------------------------------------------------------------------------------------------


def judge_parameter(
    counts: Counts, subject: Subject, values: Sequence[int], site: Site, threshold: Threshold, route: str | None
) -> Verdict:
    """What may be shown of a parameter, on a route or (None) on paths that have none. In doubt nothing."""
    name = subject.name
    found = {v: found_in(plain(counts.seen[v].raw), name) for v in values}
    evidence = counts.evidence(values, found)
    slot = form_of(counts, values)
    if why := site.why_denied(name, route) or _why_denied(evidence):
        return Verdict(subject, evidence, slot, True, None, why, is_for_ever=True)
    if tells := told(name):
        return Verdict(subject, evidence, slot, True, None, f"its name tells of {', '.join(sorted(tells))}")
    if slot == ANY:
        why = "its values are of no form that could be checked; so is text that people type"
        return Verdict(subject, evidence, slot, True, None, why)
    kind, why = _kind(counts, values, evidence, slot, threshold)
    return Verdict(subject, evidence, slot, False, kind, why)


def _why_denied(evidence: Evidence) -> str | None:
    if evidence.found_hits >= FOUND * evidence.crowd.hits:
        return f"detectors found {', '.join(evidence.found)} in it"
    if evidence.is_identifying:
        return "it tells visitors apart: each keeps to a value of its own"
    return None


def _kind(
    counts: Counts, values: Sequence[int], evidence: Evidence, slot: str, threshold: Threshold
) -> tuple[Kind, str]:
    """The type, and why."""
    texts: dict[str, list[int]] = {}
    for v in values:
        texts.setdefault(counts.seen[v].raw, []).append(v)
    crowds = {text: counts.crowd(group) for text, group in texts.items()}
    hits = evidence.crowd.hits
    if sum(one.hits for text, one in crowds.items() if _SMALL.fullmatch(text)) >= MOSTLY * hits:
        return "int", "numbers below 1,000"
    passed = {t: c for t, c in crowds.items() if c.reaches(threshold) and _CHOICE.fullmatch(t) and is_choice(t)}
    if len(passed) <= CHOICES and sum(c.hits for c in passed.values()) >= MOSTLY * hits:
        return tuple(sorted(passed)), "few words, each with its crowd"
    return slot, "values of one form; the slot is shown, and no value"


def is_choice(text: str) -> bool:
    """Whether a value may stand in a policy: a word, or a small number."""
    return _SMALL.fullmatch(text) is not None or (_is_word(text) and template_segment(text) == text)


def slots_of(counts: Counts, site: int, threshold: Threshold) -> Mapping[str, Verdict]:
    """Verdicts on all places of a site's paths behind which a crowd stands, by what stands before them."""
    places = [s for s in counts.by_subject if s.site == site and s.kind == SLOT]
    crowded = [s for s in places if counts.crowd(counts.by_subject[s]).reaches(threshold)]
    return {subject.at: judge_slot(counts, subject, threshold) for subject in crowded}
