"""Times by a pattern: spans of a block to int64, by the table of transforms.clocks."""

from __future__ import annotations

from transforms.kernels.jit import kernel, part
from transforms.kernels.values import MONTH_NAMES, WRONG, Ints, Spans, days_since, two, zone_at
from transforms.kernels.words import Text, signed


@part
def _month(text: Text, i: int) -> int:
    """Number of the month's English name at `i`, -1 if it is none."""
    name = signed(text[i]) | signed(text[i + 1]) << 8 | signed(text[i + 2]) << 16
    for m in range(12):
        if MONTH_NAMES[m] == name:
            return m + 1
    return -1


@part
def _fraction_end(text: Text, i: int, end: int) -> int:
    """Behind a fraction with its point, or `i` where there is none; -1 where it has no digit or too many."""
    if i >= end or (text[i] != 46 and text[i] != 44):
        return i
    k = i + 1
    while k < end and 48 <= text[k] <= 57:
        k += 1
    return k if 1 <= k - i - 1 <= 9 else -1


@part
def _time(text: Text, i: int, end: int, table: Ints) -> int:
    """One time in [i, end)."""
    year, month, day, hour, minute, second, late, east = 1970, 1, 1, 0, 0, 0, -1, 0
    for p in range(table.shape[0]):
        code = table[p, 0]
        if code == 9:
            i = _fraction_end(text, i, end)
            if i < 0:
                return WRONG
            continue
        if code == 13:
            year = table[p, 1]
            continue
        width = 1 if code == 0 else 4 if code == 1 else 3 if code == 10 else 2
        if code == 12:
            width = 1 if i < end and text[i] == 90 else 6 if i + 3 < end and text[i + 3] == 58 else 5
        if i + width > end:
            return WRONG
        if code == 0:
            if text[i] != table[p, 1]:
                return WRONG
        elif code == 1:
            year = two(text, i) * 100 + two(text, i + 2)
        elif code == 10:
            month = _month(text, i)
        elif code == 11:
            if text[i + 1] != 77 or (text[i] != 65 and text[i] != 80):
                return WRONG
            late = 12 if text[i] == 80 else 0
        elif code == 12:
            east = 0 if width == 1 else zone_at(text, i, i + width - 2)
            if east == WRONG:
                return WRONG
        else:
            number = signed(text[i + 1]) - 48 if code == 4 and text[i] == 32 else two(text, i)
            if number < 0 or number > 60 or (code == 4 and number == 0):
                return WRONG
            if code == 2:
                month = number
            elif code == 3 or code == 4:
                day = number if text[i + 1] >= 48 and text[i + 1] <= 57 else -1
            elif code == 5:
                hour = number
            elif code == 6:
                if number < 1 or number > 12:
                    return WRONG
                hour = number % 12
            elif code == 7:
                minute = number
            else:
                second = number
        i += width
    if i != end or hour > 23 or minute > 59:
        return WRONG
    date = days_since(year, month, day)
    return WRONG if date == WRONG else date * 86400 + (hour + max(late, 0)) * 3600 + minute * 60 + second - east


@kernel
def clock_times(text: Text, starts: Spans, lens: Spans, table: Ints, out: Ints) -> int:
    """Seconds since the epoch of times by the table; returns how many are WRONG."""
    wrong = 0
    for r in range(starts.size):
        value = signed(_time(text, signed(starts[r]), signed(starts[r]) + lens[r], table))
        wrong += value == WRONG
        out[r] = value
    return wrong
