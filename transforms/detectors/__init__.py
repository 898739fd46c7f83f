"""Detectors of personal data: an index of the files in this folder; each has its kind, source, examples and `detect`.

A file holds KIND; SOURCE; FOUND and LEFT_ALONE, examples that are the tests and the docs ("?name=value" is the value of
a parameter, anything else a text); SLOTTED, whether its values are nothing but what a route's slots stand for ({n},
{hex}, {token}, …); and `detect(text, told)`: a canonical text (transforms/canonical.plain), and what its name tells.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module
from types import ModuleType

from transforms.reading import Reading, is_plain, read_text
from transforms.telling import told
from transforms.wrappings import ENCODED

UNREADABLE = "unreadable"
"""The kind of a text that could not be read to its end."""

WRAPPED = "wrapped"
"""The kind of a text in an encoding that nobody writes by hand: it hides something, whatever it is."""

# Words without a digit that a detector may still want to see: "jo at example dot com", "Mrs Doe", "Bearer x".
_LOUD = re.compile(
    r"[-_ .]at[-_ .]|(?<![^\W_])(?:mrs?|ms|miss|dr|prof|herr|frau|mme|monsieur|madame|s(?:ig|r|ra)|bearer|basic)[-_ .]",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"[0-9]")


@cache
def detectors() -> tuple[ModuleType, ...]:
    """All of them, by name of their file."""
    found = sorted(entry.name for entry in pkgutil.iter_modules(__path__) if not entry.name.startswith("_"))
    return tuple(import_module(f"{__name__}.{name}") for name in found)


@cache
def slotted() -> frozenset[str]:
    """Kinds of which nothing is left once a route has its slots."""
    return frozenset(one.KIND for one in detectors() if one.SLOTTED)


def is_quiet(text: str) -> bool:
    """Whether no detector can find anything in a text without a telling name: short words, no digit. The prefilter."""
    return is_plain(text) and not _DIGIT.search(text) and not _LOUD.search(text)


def kinds(text: str, name: str = "") -> frozenset[str]:
    """What is found in one canonical text, not looking into it."""
    tells = told(name)
    if not text or (not tells and is_quiet(text)):
        return frozenset()
    return frozenset(one.KIND for one in detectors() if one.detect(text, tells))


def found(reading: Reading) -> frozenset[str]:
    """What is found in all layers."""
    everything: frozenset[str] = frozenset() if reading.complete else frozenset((UNREADABLE,))
    if any(layer.by.partition("+")[0] in ENCODED for layer in reading.layers):
        everything |= {WRAPPED}
    return everything.union(*(kinds(layer.text, layer.name) for layer in reading.layers))


def found_in(text: str, name: str = "") -> frozenset[str]:
    """What is found in a canonical text and in all that it is wrapped around."""
    if not told(name) and is_quiet(text):
        return frozenset()
    return found(read_text(text, name))
