"""Times and numbers of a line as scrub writes them: what says more than the second becomes zeros, one value at a time."""

from __future__ import annotations

import re

from transforms import clocks
from transforms.kernels.writing import BELOW_SECONDS
from transforms.parsers.reader import value_of

_DIGITS = {**BELOW_SECONDS, "epoch_ns": 9}
_PARTS = re.compile(rb"([^.,]*)([.,]?)(\d*)(.*)\Z", re.DOTALL)
_FILLERS = (b"0", b"-", b"0.000")


def kind_of(kind: str, text: bytes) -> str | None:
    """Which of the types a text is, that may be several with bars between them; None where it is none of them."""
    return next((one for one in kind.split("|") if value_of(one, text) is not None), None)


def cut(kind: str, text: bytes) -> bytes | None:
    """A time to the second, as long as it was; None where the text is no time of the type."""
    one = kind_of(kind, text)
    if one is None or "%" in one:
        return None if one is None else clocks.cut_to_seconds(one, text)
    if one not in _DIGITS:
        return text
    match = _PARTS.match(text)
    assert match is not None  # any text matches
    whole, below = match[1], min(_DIGITS[one], len(match[1]))
    return whole[: len(whole) - below] + b"0" * below + match[2] + b"0" * len(match[3]) + match[4]


def filler(kind: str, text: bytes) -> bytes | None:
    """What stands for a number or time that nobody reads: a zero, or the time to the second where it must be one."""
    found = next((word for word in _FILLERS if value_of(kind, word) is not None), None)
    return cut(kind, text) if found is None else found
