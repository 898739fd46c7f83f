"""Times and numbers: spans of a block to int64, WRONG where the text is not what the regex of the type accepts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.wide import load
from transforms.kernels.words import Text, U, Words, head, signed

WRONG = -(1 << 63)
Spans = NDArray[np.int32]
Ints = NDArray[np.int64]
_NONE = -1000000  # what a digit that is none counts: no sum with it is in any range
MONTH_NAMES = np.array(
    [int.from_bytes(m, "little") for m in b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()], np.int64
)
_LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


@part
def two(text: Text, i: int) -> int:
    """Two digits as a number, far below zero if they are none."""
    a, b = signed(text[i]) - 48, signed(text[i + 1]) - 48
    return a * 10 + b if 0 <= a <= 9 and 0 <= b <= 9 else _NONE


@part
def days_since(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, WRONG where there is no such day or it is not in 1970 to 2999."""
    if year < 1970 or year > 2999 or month < 1 or month > 12 or day < 1:
        return WRONG
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _LENGTHS[month - 1] + (1 if leap else 0):
        return WRONG
    if month <= 2:
        year -= 1
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 719469


@part
def zone_at(text: Text, i: int, minutes: int) -> int:
    """Seconds east of UTC of a sign and hours at `i` and minutes at `minutes`; WRONG if it is none."""
    hours, rest = two(text, i + 1), two(text, minutes)
    if hours < 0 or hours > 23 or rest < 0 or rest > 59 or (text[i] != 43 and text[i] != 45):
        return WRONG
    return (hours * 3600 + rest * 60) * (1 if text[i] == 43 else -1)


@part
def _clock(text: Text, i: int) -> int:
    """Seconds of HH:MM:SS at `i`, WRONG if it is none; a leap second is the second after it."""
    h, m, s = two(text, i), two(text, i + 3), two(text, i + 6)
    if h < 0 or h > 23 or m < 0 or m > 59 or s < 0 or s > 60 or text[i + 2] != 58 or text[i + 5] != 58:
        return WRONG
    return h * 3600 + m * 60 + s


@part
def _clf(text: Text, i: int) -> int:
    """dd/Mon/yyyy:HH:MM:SS +hhmm at `i`, all of it checked."""
    if text[i + 2] != 47 or text[i + 6] != 47 or text[i + 11] != 58 or text[i + 20] != 32:
        return WRONG
    name = signed(text[i + 3]) | signed(text[i + 4]) << 8 | signed(text[i + 5]) << 16
    month = signed(0)
    for m in range(12):
        if MONTH_NAMES[m] == name:
            month = m + 1
    days = days_since(two(text, i + 7) * 100 + two(text, i + 9), month, two(text, i))
    clock, zone = _clock(text, i + 12), zone_at(text, i + 21, i + 24)
    if days == WRONG or clock == WRONG or zone == WRONG:
        return WRONG
    return days * 86400 + clock - zone


@kernel
def clf_times(words: Words, text: Text, starts: Spans, lens: Spans, out: Ints) -> int:
    """Seconds since the epoch of CLF times; returns how many are WRONG.

    Neighbouring lines have the same date, hour and zone: only minute and second are read anew while they stay the same.
    """
    wrong = 0
    date, hour, zone, base = U(0), U(0), U(0), signed(WRONG)
    for r in range(starts.size):
        i = signed(starts[r])
        value = signed(WRONG)
        if lens[r] == 26:
            a, b, c = load(words, i), head(load(words, i + 8), 6), load(words, i + 18) & U(0xFFFFFFFFFFFF0000)
            m, s = two(text, i + 15), two(text, i + 18)
            if base != WRONG and a == date and b == hour and c == zone and text[i + 14] == 58 and text[i + 17] == 58:
                if 0 <= m <= 59 and 0 <= s <= 60:
                    value = base + m * 60 + s
            else:
                value = signed(_clf(text, i))
                if value != WRONG:
                    date, hour, zone, base = a, b, c, value - m * 60 - s
        wrong += value == WRONG
        out[r] = value
    return wrong


@part
def _iso(text: Text, i: int, end: int) -> int:
    """yyyy-mm-ddTHH:MM:SS[.fraction](Z|+hh:mm|+hhmm) in [i, end), all of it checked."""
    if end - i < 20 or text[i + 4] != 45 or text[i + 7] != 45 or text[i + 10] != 84:
        return WRONG
    days = days_since(two(text, i) * 100 + two(text, i + 2), two(text, i + 5), two(text, i + 8))
    clock = _clock(text, i + 11)
    k = i + 19
    if text[k] == 46 or text[k] == 44:
        k += 1
        digits = k
        while k < end and 48 <= text[k] <= 57:
            k += 1
        if k == digits or k - digits > 9:
            return WRONG
    zone = 0
    if end - k == 6 and text[k + 3] == 58:
        zone = zone_at(text, k, k + 4)
    elif end - k == 5:
        zone = zone_at(text, k, k + 3)
    elif end - k != 1 or text[k] != 90:
        return WRONG
    if days == WRONG or clock == WRONG or zone == WRONG:
        return WRONG
    return days * 86400 + clock - zone


@kernel
def iso_times(text: Text, starts: Spans, lens: Spans, out: Ints) -> int:
    """Seconds since the epoch of ISO 8601 times; returns how many are WRONG."""
    wrong = 0
    for r in range(starts.size):
        value = signed(_iso(text, signed(starts[r]), signed(starts[r]) + lens[r]))
        wrong += value == WRONG
        out[r] = value
    return wrong


@part
def _digits(text: Text, i: int, end: int, digits: int, scale: int, fraction: int) -> int:
    value = signed(0)
    k = i
    while k < end and 48 <= text[k] <= 57 and k - i < digits:
        value = value * 10 + (signed(text[k]) - 48)
        k += 1
    if k == i:
        return WRONG
    taken = 0
    if k < end and text[k] == 46 and fraction > 0:
        k += 1
        first = k
        while k < end and 48 <= text[k] <= 57 and k - first < fraction:
            if taken < scale:
                value = value * 10 + (signed(text[k]) - 48)
                taken += 1
            k += 1
        if k == first:
            return WRONG
    for _ in range(scale - taken):
        value *= 10
    return value if k == end else WRONG


@part
def _unit_time(text: Text, i: int, end: int) -> int:
    """Microseconds of the parts from hours down, each at most once: 12h, 5m, and one of s, ms, us, ns."""
    nanos, last = signed(0), 0  # last: 1 behind hours, 2 behind minutes, 3 behind the rest
    while i < end:
        start = i
        whole = signed(0)
        while i < end and 48 <= text[i] <= 57 and i - start < 9:
            whole = whole * 10 + (signed(text[i]) - 48)
            i += 1
        digits = i - start
        fraction, places = signed(0), 0
        if i < end and text[i] == 46:
            i += 1
            while i < end and 48 <= text[i] <= 57 and places < 9:
                fraction = fraction * 10 + (signed(text[i]) - 48)
                places += 1
                i += 1
            if places == 0:
                return WRONG
        if digits == 0 or i >= end:
            return WRONG
        unit, kind, width = signed(0), 3, 2
        ends = i + 1 < end and text[i + 1] == 115  # an s behind the letter
        if text[i] == 115:
            unit, width = signed(1_000_000_000), 1
        elif text[i] == 109 and ends:
            unit = signed(1_000_000)
        elif text[i] == 117 and ends:
            unit = signed(1000)
        elif text[i] == 110 and ends:
            unit = signed(1)
        elif text[i] == 0xC2 and i + 2 < end and text[i + 1] == 0xB5 and text[i + 2] == 115:
            unit, width = signed(1000), 3
        elif places == 0 and digits <= 5 and text[i] == 104:
            unit, kind, width = signed(3_600_000_000_000), 1, 1
        elif places == 0 and digits <= 5 and text[i] == 109:
            unit, kind, width = signed(60_000_000_000), 2, 1
        if unit == 0 or kind <= last:
            return WRONG
        for _ in range(9 - places):
            fraction *= 10
        nanos += whole * unit + fraction * unit // 1_000_000_000
        last = kind
        i += width
    return nanos // 1000 if last > 0 else WRONG


@kernel
def unit_times(text: Text, starts: Spans, lens: Spans, out: Ints) -> int:
    """Microseconds of durations with their units (1m2.5s, 0.123s, 12ms); returns how many are WRONG."""
    wrong = 0
    for r in range(starts.size):
        i, n = signed(starts[r]), signed(lens[r])
        value = signed(-1) if n == 1 and text[i] == 45 else signed(_unit_time(text, i, i + n))
        wrong += value == WRONG
        out[r] = value
    return wrong


@kernel
def numbers(
    text: Text,
    starts: Spans,
    lens: Spans,
    digits: int,
    scale: int,
    fraction: int,
    dash: bool,
    low: int,
    high: int,
    out: Ints,
) -> int:
    """Decimal numbers times 10**scale; returns how many are WRONG.

    At most `digits` digits in front of the point and `fraction` behind it (0: no point); `dash`: "-" is -1; a
    number below `low` or above `high` is WRONG.
    """
    wrong = 0
    for r in range(starts.size):
        i, n = signed(starts[r]), signed(lens[r])
        if dash and n == 1 and text[i] == 45:
            out[r] = -1
            continue
        value = signed(_digits(text, i, i + n, digits, scale, fraction))
        if value < low or value > high:
            value = signed(WRONG)
        wrong += value == WRONG
        out[r] = value
    return wrong
