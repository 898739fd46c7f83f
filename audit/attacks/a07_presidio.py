"""A7: residual personal data by Presidio, an engine that is not ours, on every value of free text."""

from __future__ import annotations

import importlib
import logging
import re
from typing import Any

from audit.case import Case, Evidence, Tried

ID = "A7"
TITLE = "residual personal data"
NEEDS = ()

MODEL = "en_core_web_lg"  # with it names of people are looked for as well
KINDS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "CRYPTO")
SURE = 0.5
_BETWEEN_WORDS = re.compile(r"[/_=&?+;|]+")  # Presidio looks for words of a text: a path would hide an e-mail from it


def attack(case: Case) -> Tried:
    """Ask Presidio about each distinct value; without it nothing was tried, which is not the same as held."""
    try:
        engine, kinds = _engine()
    except ImportError:
        return Tried("", why_not="presidio_analyzer is not installed: pip install 'crowdlog[audit]'")
    evidence: list[Evidence] = []
    answers: dict[str, bool] = {}
    for part in case.parts:
        for name in part.free():
            values = {value for value in part.columns[name] if isinstance(value, str)}
            for one in values - answers.keys():
                text = _BETWEEN_WORDS.sub(" ", one)
                answers[one] = bool(engine.analyze(text=text, language="en", entities=kinds, score_threshold=SURE))
            if found := sum(answers[one] for one in values):
                evidence.append(Evidence(f"{part.place}: {name}", f"{found:,} of {len(values):,} values"))
    return Tried(f"{len(answers):,} values, {len(kinds)} kinds", tuple(evidence))


def _engine() -> tuple[Any, list[str]]:
    """Presidio's analyzer, and the kinds that it looks for. Nothing is fetched: neither a model nor the list of suffixes.

    Without the language model an empty one splits texts into words: patterns are found all the same, names are not.
    """
    presidio = importlib.import_module("presidio_analyzer")
    engines = importlib.import_module("presidio_analyzer.nlp_engine")
    spacy, tlds = importlib.import_module("spacy"), importlib.import_module("tldextract")
    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)  # it logs what it reads
    tlds.tldextract.TLD_EXTRACTOR = tlds.TLDExtract(suffix_list_urls=(), cache_dir=None)
    known = spacy.util.is_package(MODEL)
    words = engines.SpacyNlpEngine(models=[{"lang_code": "en", "model_name": MODEL}])
    words.nlp = {"en": spacy.load(MODEL) if known else spacy.blank("en")}
    analyzer = presidio.AnalyzerEngine(nlp_engine=words, supported_languages=["en"])
    return analyzer, [*KINDS, *(["PERSON"] if known else [])]
