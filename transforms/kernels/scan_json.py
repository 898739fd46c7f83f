"""The scan of JSON lines (RFC 8259): one walk over a line, spans of the declared key paths; refuses what it is not sure of."""

from __future__ import annotations

import numpy as np

from transforms.kernels.jit import kernel, part
from transforms.kernels.json_pieces import bare_end, skip, string_end
from transforms.kernels.json_tree import BARE, NODES, STRING, WORDS, follow, learn
from transforms.kernels.modes import DEEPEST
from transforms.kernels.values import Ints, Spans
from transforms.kernels.wide import WIDTH, below, matches
from transforms.kernels.words import BACKSLASH, EACH, NEWLINE, SPACE, Text, U, Words, find, find3, signed

_HIGH = U(128 * EACH)
MOST_VALUES = 256  # of a line that is remembered
_CR, _LF, _QUOTE, _COMMA, _COLON, _ESCAPE, _NULL = 13, 10, 34, 44, 58, 92, 110
_OPEN, _CLOSE, _LIST, _LIST_END = 123, 125, 91, 93


@part
def _edge(text: Text, i: int, n: int, node: int, names: Text, edges: Ints, firsts: Ints) -> int:
    """The edge from `node` by the key of `n` bytes at `i`, -1 if there is none."""
    for e in range(firsts[node], firsts[node + 1]):
        if edges[e, 2] != n:
            continue
        begin = edges[e, 1]
        same = 0
        while same < n and names[begin + same] == text[i + same]:
            same += 1
        if same == n:
            return e
    return -1


@part
def _entry(index: int, node: int, edges: Ints, firsts: Ints) -> int:
    """The edge from `node` to the entry of an array, -1 if there is none."""
    for e in range(firsts[node], firsts[node + 1]):
        if edges[e, 2] == -1 and edges[e, 1] == index:
            return e
    return -1


@part
def _walk(
    words: Words, text: Text, i: int, row: int, names: Text, edges: Ints, firsts: Ints, careful: bool, highest: int,
    stack: Ints, seen: Ints, trace: Ints, starts: Spans, lens: Spans,
) -> tuple[bool, int, int]:  # fmt: skip
    """Spans of one line; False where it is refused. Also how far it was read: never past its newline; and its values.

    trace int64[most, 4]: start, end, kind and slot of each value (the last place is of all that are too many).
    """
    for k in range(starts.shape[0]):
        starts[k, row], lens[k, row] = 0, -1
    i = skip(text, i)
    count = 0
    if text[i] != _OPEN:
        return False, i, count
    # stack [depth]: node (-1: nothing below is read), whether an array, entries so far
    depth = 0
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, 0
    i += 1
    opened = True
    while True:
        i = skip(text, i)
        node, is_array = stack[depth, 0], stack[depth, 1] == 1
        child, slot = -1, -1
        if not (opened and text[i] == (_LIST_END if is_array else _CLOSE)):
            e = -1
            if is_array:
                if node >= 0:
                    e = _entry(stack[depth, 2], node, edges, firsts)
            else:
                if text[i] != _QUOTE:
                    return False, i, count
                start = i + 1
                stop, escaped = string_end(words, text, start, careful, highest)
                if stop < 0 or (escaped and node >= 0):  # it may be the name of a key that is read
                    return False, i, count
                if node >= 0:
                    e = _edge(text, start, stop - start, node, names, edges, firsts)
                i = skip(text, stop + 1)
                if text[i] != _COLON:
                    return False, i, count
                i = skip(text, i + 1)
            if e >= 0:
                child, slot = edges[e, 3], edges[e, 4]
                if seen[child] == row + 1:
                    return False, i, count
                seen[child] = row + 1
            if text[i] == _OPEN or text[i] == _LIST:
                depth += 1
                if depth >= DEEPEST:
                    return False, i, count
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = child, 1 if text[i] == _LIST else 0, 0
                i += 1
                opened = True
                continue
            quoted = text[i] == _QUOTE
            start = i + 1 if quoted else i
            if quoted:
                stop, _ = string_end(words, text, start, careful, highest)
            else:
                stop = bare_end(text, start)
            if stop < 0:
                return False, i, count
            k = min(count, trace.shape[0] - 1)
            trace[k, 0], trace[k, 1], trace[k, 2], trace[k, 3] = start, stop, STRING if quoted else BARE, slot
            count += 1
            if slot >= 0 and (quoted or text[start] != _NULL):
                starts[slot, row], lens[slot, row] = start, stop - start
            i = stop + 1 if quoted else stop
        opened = False
        while True:
            i = skip(text, i)
            if text[i] == _COMMA:
                stack[depth, 2] += 1
                i += 1
                break
            if text[i] != (_LIST_END if stack[depth, 1] == 1 else _CLOSE):
                return False, i, count
            i += 1
            if depth == 0:
                i = skip(text, i)
                return bool(text[i] == _LF), i, count
            depth -= 1


def work(nodes: int) -> tuple[Ints, Ints, Ints, Ints, Words, Ints]:
    """What `scan_json` writes on while it scans a block, for a tree of so many nodes."""
    return (
        np.zeros((DEEPEST, 3), np.int64), np.zeros(nodes + 1, np.int64), np.zeros((MOST_VALUES, 4), np.int64),
        np.zeros((NODES, 6), np.int64), np.zeros(WORDS, np.uint64), np.array([1, 0]),
    )  # fmt: skip


@kernel
def scan_json(
    words: Words,
    text: Text,
    size: int,
    names: Text,
    edges: Ints,
    firsts: Ints,
    careful: bool,
    highest: int,
    longest: int,
    stack: Ints,
    seen: Ints,
    trace: Ints,
    nodes: Ints,
    arena: Words,
    used: Ints,
    starts: Spans,
    lens: Spans,
    line_starts: Spans,
    refused: Spans,
) -> tuple[int, int]:
    """Spans of the values at the declared key paths of all lines, as in scan.scan: (rows, refused rows).

    edges int64[edges, 5]: the tree of paths: node, place of the key in `names` (or the number of an entry), its length
    (-1: an entry), node below, slot (-1: none ends here), sorted by node; firsts int64[nodes + 1]: the first of each node.
    A length of -1 in `lens`: not there, null, or no scalar.
    `careful`: bytes below 32 or above `highest` may be in strings, and are looked for. stack .. used: see `work`.
    """
    i, row, count = signed(0), signed(0), signed(0)
    while i < size:
        begin = i
        line_starts[row] = begin
        good, i = follow(words, text, begin, row, nodes, arena, careful, highest, starts, lens)
        if not good:
            good, i, values = _walk(
                words, text, begin, row, names, edges, firsts, careful, highest, stack, seen, trace, starts, lens
            )
            if good and values < MOST_VALUES:
                learn(text, begin, i, trace, values, nodes, arena, used)
        i = find(words, i, NEWLINE, NEWLINE) + 1
        if not good or i - 1 - begin > longest:
            refused[count] = row
            count += 1
        row += 1
    line_starts[row] = i
    return row, count


@part
def _hex(text: Text, i: int) -> int:
    value = 0
    for k in range(i, i + 4):
        digit = signed(text[k])
        value = value * 16 + (digit - 48 if digit < 58 else (digit & 0xDF) - 55)
    return value


@part
def _put(out: Text, at: int, code: int) -> int:
    """Write a code point as UTF-8 (a lone surrogate like any other); returns the place behind it."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at], out[at + 1] = 0xC0 | code >> 6, 0x80 | code & 63
        return at + 2
    if code < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63
        return at + 3
    out[at], out[at + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 63
    out[at + 2], out[at + 3] = 0x80 | code >> 6 & 63, 0x80 | code & 63
    return at + 4


@kernel
def unescape_json(text: Text, starts: Spans, lens: Spans, out: Text, out_starts: Spans, out_lens: Spans) -> int:
    """Strings without their escapes, one behind the other in `out` (no longer than `text`); returns their length."""
    at = signed(0)
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        begin = at
        while i < end:
            c = signed(text[i])
            if c != _ESCAPE or i + 1 >= end:
                out[at] = text[i]
                at, i = at + 1, i + 1
                continue
            kind = signed(text[i + 1])
            i += 2
            if kind == 117 and i + 4 <= end:
                code = _hex(text, i)
                i += 4
                if 0xD800 <= code < 0xDC00 and i + 6 <= end and text[i] == _ESCAPE and text[i + 1] == 117:
                    low = _hex(text, i + 2)
                    if 0xDC00 <= low < 0xE000:
                        code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
                        i += 6
                at = _put(out, at, code)
                continue
            if kind == 98:
                kind = 8
            elif kind == 102:
                kind = 12
            elif kind == 110:
                kind = 10
            elif kind == 114:
                kind = 13
            elif kind == 116:
                kind = 9
            out[at] = kind
            at += 1
        out_starts[r], out_lens[r] = begin, at - begin
    return at


@kernel
def any_escape(words: Words, starts: Spans, lens: Spans) -> bool:
    """Whether a backslash is in any of the spans."""
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        if find3(words, i, end, BACKSLASH, BACKSLASH, BACKSLASH) < end:
            return True
    return False


@kernel
def unusual(words: Words, size: int) -> tuple[bool, bool]:
    """Whether bytes above 127 are in the first `size` bytes, and whether any below 32 are that end no line."""
    high, low = U(0), U(0)
    for i in range(0, size, WIDTH):
        high |= ~below(words, i, _HIGH)
        low |= below(words, i, SPACE) & ~matches(words, i, NEWLINE, NEWLINE)
    return high != U(0), low != U(0)


@kernel
def gather_lines(text: Text, starts: Spans, lens: Spans, out: Text) -> int:
    """Spans as lines of their own, one behind the other in `out`; returns their length.

    A newline in one is made a blank, those at its end are left out (Docker writes the line with its newline).
    """
    at = signed(0)
    for r in range(starts.size):
        end = signed(starts[r]) + lens[r]
        while end > starts[r] and (text[end - 1] == _LF or text[end - 1] == _CR):
            end -= 1
        for i in range(starts[r], end):
            out[at] = 32 if text[i] == _LF else text[i]
            at += 1
        out[at] = _LF
        at += 1
    return at
