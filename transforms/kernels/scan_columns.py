"""The scans of lines of values: delimited (by place) and labelled (by name); what they are not sure of they refuse."""

from __future__ import annotations

from transforms.kernels.jit import kernel, part
from transforms.kernels.names import number_of
from transforms.kernels.values import Ints, Spans
from transforms.kernels.words import EACH, NEWLINE, QUOTE, Text, U, Words, find, find3, signed

_CR, _LF, _TAB, _BLANK, _QUOTE, _COLON, _HASH = 13, 10, 9, 32, 34, 58, 35
_FAR = 1 << 40


@part
def _closing_quote(words: Words, text: Text, i: int) -> int:
    """The quote that ends a value, two of them being one of it; or the newline."""
    while True:
        i = find3(words, i, _FAR, QUOTE, QUOTE, NEWLINE)
        if text[i] == _LF or text[i + 1] != _QUOTE:
            return i
        i += 2


@part
def _value_end(words: Words, start: int, text: Text, separator: int, blanks: bool) -> int:
    """The separator or end of line behind a bare value; one CR in front of the newline is not of it."""
    mark = U(EACH) * U(separator)
    i = find3(words, start, _FAR, mark, U(EACH) * U(_TAB) if blanks else mark, NEWLINE)
    return i - 1 if text[i] == _LF and i > start and text[i - 1] == _CR else i


@part
def _skip_blanks(text: Text, i: int) -> int:
    while text[i] == _BLANK or text[i] == _TAB:
        i += 1
    return i


@part
def _columns(
    words: Words, text: Text, i: int, row: int, separator: int, slots: Ints, quotes: bool, starts: Spans, lens: Spans
) -> tuple[bool, int]:
    """Spans of one delimited line; False where it is refused. Also how far it was read: never past its newline."""
    blanks, count = separator == _BLANK, slots.size
    if text[i] == _HASH and blanks:
        return False, i
    c = 0
    while True:
        if blanks:
            i = _skip_blanks(text, i)
        start = i
        if quotes and text[i] == _QUOTE:
            start = i + 1
            i = _closing_quote(words, text, start)
            if text[i] == _LF:
                return False, i
            stop = i
            i += 1
        else:
            i = _value_end(words, start, text, separator, blanks)
            stop = i
        if c >= count:
            return False, i
        if slots[c] >= 0:
            starts[slots[c], row], lens[slots[c], row] = start, stop - start
        c += 1
        if blanks:
            i = _skip_blanks(text, i)
        end = text[i] == _LF or (text[i] == _CR and text[i + 1] == _LF)
        if end:
            return c == count, i
        if not blanks:
            if text[i] != separator:
                return False, i
            i += 1
        elif text[i - 1] != _BLANK and text[i - 1] != _TAB:
            return False, i


@kernel
def scan_delimited(
    words: Words,
    text: Text,
    size: int,
    separator: int,
    slots: Ints,
    quotes: bool,
    longest: int,
    starts: Spans,
    lens: Spans,
    line_starts: Spans,
    refused: Spans,
) -> tuple[int, int]:
    """Spans of the values of all lines, as in scan.scan: (rows, refused rows).

    slots int64[columns]: the field that takes a column, -1 for none. A line needs as many values as there are columns.
    quotes: whether a value may be in double quotes.
    A blank as separator is any run of blanks and tabs, and then a line that begins with # holds no values.
    """
    i, row, count = signed(0), signed(0), signed(0)
    while i < size:
        begin = i
        line_starts[row] = begin
        good, i = _columns(words, text, i, row, separator, slots, quotes, starts, lens)
        i = find(words, i, NEWLINE, NEWLINE) + 1
        if not good or i - 1 - begin > longest:
            refused[count] = row
            count += 1
        row += 1
    line_starts[row] = i
    return row, count


@part
def _pairs(
    words: Words, text: Text, i: int, row: int, names: Text, offsets: Ints, starts: Spans, lens: Spans
) -> tuple[bool, int]:
    """Spans of one labelled line; False where a pair has no label, or a label that is read stands twice."""
    tab, colon = U(EACH) * U(_TAB), U(EACH) * U(_COLON)
    for k in range(offsets.size - 1):
        starts[k, row], lens[k, row] = 0, -1
    while True:
        start = i
        i = find3(words, i, _FAR, colon, tab, NEWLINE)
        if text[i] != _COLON or i == start:
            return False, i
        k = number_of(text, start, i - start, names, offsets)
        start = i + 1
        i = _value_end(words, start, text, _TAB, False)
        if k >= 0:
            if lens[k, row] >= 0:
                return False, i
            starts[k, row], lens[k, row] = start, i - start
        if text[i] != _TAB:
            return True, i
        i += 1


@kernel
def scan_labelled(
    words: Words,
    text: Text,
    size: int,
    names: Text,
    offsets: Ints,
    longest: int,
    starts: Spans,
    lens: Spans,
    line_starts: Spans,
    refused: Spans,
) -> tuple[int, int]:
    """Spans of label:value pairs with tabs between them (http://ltsv.org), as in scan.scan: (rows, refused rows).

    names, offsets int64[labels + 1]: the labels that are read, in Arrow's layout. A length of -1: the label is not there.
    """
    i, row, count = signed(0), signed(0), signed(0)
    while i < size:
        begin = i
        line_starts[row] = begin
        good, i = _pairs(words, text, i, row, names, offsets, starts, lens)
        i = find(words, i, NEWLINE, NEWLINE) + 1
        if not good or i - 1 - begin > longest:
            refused[count] = row
            count += 1
        row += 1
    line_starts[row] = i
    return row, count
