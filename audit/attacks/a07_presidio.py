"""A7: residual personal data by Presidio, an engine that is not ours, on every value of free text."""

from __future__ import annotations

import importlib

from audit.case import Case, Evidence, Tried

ID = "A7"
TITLE = "residual personal data"
NEEDS = ()

KINDS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "PERSON", "US_SSN", "CRYPTO")
SURE = 0.5


def attack(case: Case) -> Tried:
    """Ask Presidio about each distinct value; without it nothing was tried, which is not the same as held."""
    try:
        engine = importlib.import_module("presidio_analyzer").AnalyzerEngine()
    except (ImportError, OSError, SystemExit):
        return Tried("", why_not="presidio_analyzer and its language model are not installed")
    evidence, asked = [], 0
    for part in case.parts:
        for name in part.free():
            values = sorted({value for value in part.columns[name] if isinstance(value, str)})
            asked += len(values)
            found = sum(bool(engine.analyze(text=one, language="en", entities=list(KINDS), score_threshold=SURE))
                        for one in values)  # fmt: skip
            if found:
                evidence.append(Evidence(f"{part.place}: {name}", f"{found:,} of {len(values):,} values"))
    return Tried(f"{asked:,} values, {len(KINDS)} kinds", tuple(evidence))
