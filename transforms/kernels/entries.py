"""Values that are found by what stands beside them: event_params[key=page_location].value, and arrays as a whole.

Runs behind the scan of JSON lines, on lines that it accepted: what it walks over is JSON.
"""

from __future__ import annotations

from transforms.kernels.jit import kernel, part
from transforms.kernels.values import Ints, Spans
from transforms.kernels.words import Text, signed

_QUOTE, _ESCAPE, _COMMA, _OPEN, _CLOSE, _LIST, _LIST_END, _NULL = 34, 92, 44, 123, 125, 91, 93, 110
KEY, SELECT = 0, 1  # kinds of steps
_ABSENT, _DOUBTFUL = -1, -2


@part
def _blank(text: Text, i: int) -> int:
    while text[i] == 32 or text[i] == 9 or text[i] == 13:
        i += 1
    return i


@part
def _string(text: Text, i: int) -> int:
    """The quote that ends the string whose first byte is at `i`."""
    while text[i] != _QUOTE:
        i += 2 if text[i] == _ESCAPE else 1
    return i


@part
def _behind(text: Text, i: int) -> int:
    """Behind the value at `i`, whatever it is."""
    depth = 0
    while True:
        c = text[i]
        if c == _QUOTE:
            i = _string(text, i + 1)
        elif c in (_OPEN, _LIST):
            depth += 1
        elif c in (_CLOSE, _LIST_END):
            depth -= 1
        if depth == 0:
            if c in (_QUOTE, _CLOSE, _LIST_END):
                return i + 1
            while text[i] > 32 and text[i] != _COMMA and text[i] != _CLOSE and text[i] != _LIST_END:
                i += 1
            return i
        i += 1


@part
def _is(text: Text, i: int, n: int, names: Text, place: int, length: int) -> bool:
    same = 0
    if n == length:
        while same < n and names[place + same] == text[i + same]:
            same += 1
    return same == n and n == length


@part
def _escaped(text: Text, i: int, stop: int) -> bool:
    for k in range(i, stop):  # noqa: SIM110 - numba has no any()
        if text[k] == _ESCAPE:
            return True
    return False


@part
def _member(text: Text, i: int, names: Text, place: int, length: int) -> int:
    """The value of a key of the object at `i`; _ABSENT, or _DOUBTFUL where it may stand twice."""
    if text[i] != _OPEN:
        return _ABSENT
    found = _ABSENT
    i = _blank(text, i + 1)
    while text[i] != _CLOSE:
        stop = _string(text, i + 1)
        if _escaped(text, i + 1, stop):
            return _DOUBTFUL
        at = _blank(text, _blank(text, stop + 1) + 1)
        if _is(text, i + 1, stop - i - 1, names, place, length):
            if found != _ABSENT:
                return _DOUBTFUL
            found = at
        i = _blank(text, _behind(text, at))
        if text[i] == _COMMA:
            i = _blank(text, i + 1)
    return found


@part
def _entry(text: Text, i: int, names: Text, steps: Ints, s: int) -> int:
    """The entry of the array at `i` of which one member is the text of step s + 1; as `_member`."""
    if text[i] != _LIST:
        return _ABSENT
    found = _ABSENT
    i = _blank(text, i + 1)
    while text[i] != _LIST_END:
        at = _member(text, i, names, steps[s, 1], steps[s, 2])
        if at == _DOUBTFUL:
            return _DOUBTFUL
        if at >= 0 and text[at] == _QUOTE:
            stop = _string(text, at + 1)
            if _escaped(text, at + 1, stop):
                return _DOUBTFUL
            if _is(text, at + 1, stop - at - 1, names, steps[s + 1, 1], steps[s + 1, 2]):
                if found != _ABSENT:
                    return _DOUBTFUL
                found = i
        i = _blank(text, _behind(text, i))
        if text[i] == _COMMA:
            i = _blank(text, i + 1)
    return found


@kernel
def entries(
    text: Text, line_starts: Spans, good: Spans, names: Text, steps: Ints, slots: Ints, starts: Spans, lens: Spans
) -> None:
    """Spans of the fields `slots`, int64[fields, 4] (slot, first step, end of steps, whether arrays are values), of all rows.

    steps int64[steps, 3]: kind, place and length in `names`; a SELECT takes two rows, key and text. `good` int32[rows]: 0
    for a row that is refused; rows in which something is doubtful become 0.
    """
    for r in range(good.size):
        if good[r] == 0:
            continue
        begin = _blank(text, signed(line_starts[r]))
        for f in range(slots.shape[0]):
            i, s = begin, slots[f, 1]
            while s < slots[f, 2] and i >= 0:
                if steps[s, 0] == KEY:
                    i = _member(text, i, names, steps[s, 1], steps[s, 2])
                    s += 1
                else:
                    i = _entry(text, i, names, steps, s)
                    s += 2
            if i == _DOUBTFUL:
                good[r] = 0
            if i < 0 or text[i] == _NULL or text[i] == _OPEN or (text[i] == _LIST and slots[f, 3] == 0):
                continue
            stop = _behind(text, i)
            inside = 1 if text[i] == _QUOTE else 0
            starts[slots[f, 0], r], lens[slots[f, 0], r] = i + inside, stop - i - 2 * inside
