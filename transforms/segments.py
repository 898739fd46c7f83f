"""One segment of an undeclared path: what of it may become a word, and slots for all that may not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from transforms.canonical import plain
from transforms.detectors import found_in, slotted
from transforms.reading import ASSET
from transforms.telling import parents

ANY = "{*}"

_LONGEST = 64
_TOKEN_LENGTH = 24
_SEPARATORS = "-_.~+ "

_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-z])", re.I)
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_DAY, _MONTH, _CENTURIES = r"(?:3[01]|[12][0-9]|0?[1-9])", r"(?:1[0-2]|0?[1-9])", r"(?:19|20)[0-9]{2}"
_NAME = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|févr?|avr|août|ene|abr|ago|dic)[^\W\d_]{0,7}"
)
_DATE = re.compile(
    rf"(?<![0-9])(?:{_CENTURIES}([-_.]){_MONTH}\1{_DAY}|{_DAY}([-_.]){_MONTH}\2{_CENTURIES}|{_CENTURIES}[-_]{_MONTH}"
    rf"|{_DAY}([-_]){_MONTH}\3[0-9]{{2}}|{_DAY}(?:st|nd|rd|th)?[-_. ]+{_NAME}[-_. ]+(?:{_CENTURIES}|[0-9]{{2}}))(?![0-9])"
    rf"|(?<![^\W\d_]){_NAME}[-_. ]+{_DAY}(?:st|nd|rd|th)?[-_. ,]+{_CENTURIES}(?![0-9])",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[0-9]+(?:[-_.~+ ]+[0-9]+)*")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_WORD = re.compile(r"[^-_.~+ {}]+")
_DIGIT = re.compile(r"[0-9]")
_OTHER = re.compile(r"[^-_.~+ 0-9A-Za-z]")
_HOME = re.compile(r"(?:^|[-_.+ ])~")
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
# CamelCase in its humps: a hump is a capital with small letters, or an acronym.
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")
_L = r"[^\W\d_]"
_MIXED_WORD = re.compile(
    rf"{_L}{{3,}}[0-9]+|{_L}{{1,2}}[0-9]{{1,3}}|[0-9]{{1,4}}{_L}{{1,3}}|[0-9]{{1,3}}{_L}{{4,}}|{_L}{{2,5}}[0-9]{_L}{{1,6}}|{_L}{{3,}}[0-9]{{2}}{_L}"
    r"|[0-9]{1,4}x[0-9]{1,4}|[0-9]{1,3}(?:rc|beta|alpha|pre|dev|ubuntu|deb|el|fc|git)[0-9]{1,2}|k8s|i18n|l10n|a11y|p2p|b2b|b2c|e2e|h2o|w3c|x509v3",
    re.IGNORECASE,
)
_LETTERS_BEFORE = re.compile(r"[^\W\d_]+\Z")
_NUMBER = re.compile(r"[0-9]+")
_SIZE_OR_EDITION = re.compile(r"[0-9]{1,4}x[0-9]{1,4}|[^\W\d_]{3,}[0-9]{2}[^\W\d_]")  # 120x120, scale11x
_NAMED_NUMBERS = frozenset(
    [
        "x64",
        "x86",
        "i386",
        "i586",
        "i686",
        "amd64",
        "arm64",
        "win32",
        "win64",
        "sha256",
        "sha512",
        "base64",
        "utf16",
        "utf32",
        "h264",
        "h265",
    ]
) | frozenset(["x509", "rs232", "rj45", "mod11", "web20", "iso8601", "cp1252", "http10", "http11", "log4j2"])
_SLOT = re.compile(r"\{[a-z*]+\}")
_HEX_WORD = re.compile(r"(?<![^-_.~+ ])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,}(?![^-_.~+ ])", re.IGNORECASE)


def is_token(word: str) -> bool:
    """Whether a word looks made by a machine: a key, an id, a hash, an encoding of something.

    Letters with digits are one unless they have a shape that words have: sha256, html5, 20px, scale11x, spring2024.
    """
    if word.isdecimal():
        return False
    return len(word) >= _TOKEN_LENGTH or (len(word) >= 16 and word.isupper()) or any(map(_is_made, _WORD.findall(word)))


def _is_made(word: str) -> bool:
    if word.isdecimal():
        return False
    has_digit = _DIGIT.search(word) is not None
    if has_digit and ((len(word) >= 8 and _HEX.fullmatch(word)) or not _MIXED_WORD.fullmatch(word)):
        return True
    if not has_digit and len(word) >= 6 and word.isascii() and not _VOWEL.search(word):
        return True
    if len(word) < 5 or word.islower() or word.isupper():
        return False
    humps = _HUMP.findall(word)
    return sum(len(hump) <= 2 for hump in humps) >= (2 if has_digit else 3) or len(humps) >= 5


def _has_other_signs(segment: str) -> bool:
    """Whether it holds anything but letters, marks, digits and separators."""
    return _OTHER.search(segment) is not None if segment.isascii() else not all(map(_is_word_character, segment))


def _is_word_character(character: str) -> bool:
    # Marks belong to letters in many scripts.
    return character in _SEPARATORS or "0" <= character <= "9" or unicodedata.category(character)[0] in "LM"


def _template_numbers(match: re.Match[str]) -> str:
    """A run of numbers inside a segment: versions, years and counts stay, numbers that could be somebody's do not."""
    text = match.group()
    before = _LETTERS_BEFORE.search(match.string, 0, match.start())
    letters = before[0].lower() if before else ""
    if (_YEAR.fullmatch(text) and not letters) or letters + text in _NAMED_NUMBERS:
        return text
    groups = _NUMBER.findall(text)
    digits = sum(map(len, groups))
    if digits >= 5 or len(groups) >= 4 or (digits == 4 and len(groups) == 1):
        return "{n}"
    # What ends a word in two digits and more is a year of birth as often as a version; "v10" is none.
    harmless = (
        len(groups[0]) == 1 or (len(letters) == 1 and len(groups[0]) == 2) or _SIZE_OR_EDITION.fullmatch(_around(match))
    )
    if letters and not harmless:
        return "{n}" + text[len(groups[0]) :]
    return text


def _around(match: re.Match[str]) -> str:
    """The word that a run of numbers stands in."""
    start = max(match.string.rfind(sign, 0, match.start()) for sign in _SEPARATORS) + 1
    found = _WORD.match(match.string, start)
    return found[0] if found else ""


def _template_word(match: re.Match[str]) -> str:
    return _word_or_slot(match.group())


@lru_cache(1 << 12)  # segments are many, the words in them few
def _word_or_slot(word: str) -> str:
    if not is_token(word):
        return word
    return "{hex}" if _HEX.fullmatch(word) else "{token}"


def _template(segment: str) -> str:
    """Slots by shape alone."""
    if segment.isdecimal():
        return "{n}"
    if _UUID.fullmatch(segment):
        return "{uuid}"
    if _HEX.fullmatch(segment):
        return "{hex}"
    has_digits = _DIGIT.search(segment) is not None  # without one there is neither a date nor a number
    if has_digits and _DATE.fullmatch(segment):
        return "{date}"
    if segment in (".", "..") or _HOME.search(segment) or _has_other_signs(segment):
        return ANY
    if len(segment) > _LONGEST:
        return "{token}"
    segment = _UUID.sub("{uuid}", segment)
    segment = _DATE.sub("{date}", segment) if has_digits else segment
    segment = _WORD.sub(_template_word, segment)
    if segment.count("{token}") + segment.count("{hex}") > 1:  # the words between are parts of it, as in a licence key
        return "{token}"
    return _NUMBERS.sub(_template_numbers, segment) if has_digits else segment


def template_segment(segment: str) -> str:
    """A decoded segment with slots for its numbers, dates, hex and tokens; `{*}` where it has other signs.

    What words are left must pass the detectors, and so must all that the segment is wrapped around: else `{*}`.
    """
    return judge(segment)[0]


@lru_cache(1 << 14)
def judge(segment: str) -> tuple[str, frozenset[str]]:
    """(template of a decoded segment, kinds of personal data for which nothing of it is shown)."""
    template = _template(segment)
    left = _SLOT.sub(" ", template)
    if not left.strip(_SEPARATORS):
        return template, found_in(plain(segment)) if template != "{n}" else frozenset()
    # A slot takes the whole of a UUID or of hex, and of some kinds; of others a part may be left beside it.
    rest = plain(_HEX_WORD.sub(" ", _UUID.sub(" ", segment)))
    words = plain(left.strip(_SEPARATORS))
    found = {
        text: found_in(text) for text in {rest, rest.replace("+", " "), words}
    }  # some programs write a space as a +
    kinds = found.pop(words)
    kinds = kinds.union(*(more - slotted() for more in found.values()))
    return (ANY, kinds) if kinds else (template, kinds)


def template_segments(segments: Sequence[str | None]) -> list[str]:
    """The segments of a path (None: not readable): behind words for people, searches and secrets nothing is shown."""
    words, telling, tells = list[str](), False, parents()
    for segment in segments:
        shown = segment is not None and (not telling or ASSET.fullmatch(segment) is not None)
        words.append(judge(segment)[0] if segment is not None and shown else ANY)
        telling = segment is not None and segment.casefold() in tells
    return words
