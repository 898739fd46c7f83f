"""Request lines to path and query, and queries to the parameters that are allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels.jit import kernel, part
from transforms.kernels.names import number_of
from transforms.kernels.wide import load
from transforms.kernels.words import HASH, QUESTION, SPACE, Text, U, Words, find3, head, signed

Spans = NDArray[np.int32]
PLAIN, WHOLE, BARE = 0, 1, 2  # kinds of parameters
LONGEST = 4096  # bytes of an address that is the value of a parameter
_TOKEN = np.array(
    [chr(b) in "!#$%&'*+-.^_`|~" or (chr(b).isascii() and chr(b).isalnum()) for b in range(256)], np.bool_
)
_PLAIN = np.array([chr(b) in "_.~%+*/:,-" or (chr(b).isascii() and chr(b).isalnum()) for b in range(256)], np.bool_)
_CONNECT = U(int.from_bytes(b"CONNECT ", "little"))
_HTTP = U(int.from_bytes(b" HTTP/", "little"))


@part
def _method_end(words: Words, text: Text, i: int, end: int) -> int:
    """Place of the space behind a method that has a path, -1 if there is none."""
    k = i
    while k < end and _TOKEN[text[k]]:
        k += 1
    if k in (i, end) or text[k] != 32 or load(words, i) == _CONNECT:
        return -1
    return k


@part
def _version_fits(words: Words, text: Text, i: int, end: int) -> bool:
    """Whether [i, end) is empty or " HTTP/d" or " HTTP/d.d"."""
    n = end - i
    if n == 0:
        return True
    if (n != 7 and n != 9) or head(load(words, i), 6) != _HTTP or not 48 <= text[i + 6] <= 57:
        return False
    return bool(n == 7 or (text[i + 7] == 46 and 48 <= text[i + 8] <= 57))


@part
def _authority(text: Text, i: int, end: int) -> int:
    """Place of the slashes of scheme://authority at `i`, -1 if it does not begin so (RFC 3986 section 3.1)."""
    k = i
    while (
        k < end and _TOKEN[text[k]] and (48 <= text[k] <= 57 or 65 <= (text[k] & 0xDF) <= 90 or text[k] in (43, 45, 46))
    ):
        k += 1
    letter = 65 <= (text[i] & 0xDF) <= 90
    return k + 1 if letter and k + 2 < end and text[k] == 58 and text[k + 1] == 47 and text[k + 2] == 47 else -1


@kernel
def split_requests(words: Words, text: Text, starts: Spans, lens: Spans, method: bool, host: bool, out: Spans) -> None:
    """Spans of path and query of request lines (`method`) or of bare targets; `host`: these begin with a host.

    out int32[4, rows]: start and length of the path, start and length of the query; lengths 0 where there is none.
    """
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        out[0, r], out[1, r], out[2, r], out[3, r] = i, 0, i, 0
        stop = HASH  # a bare target ends where its text does: JSON may have escaped any byte into it
        if method:
            i = _method_end(words, text, i, end) + 1
            stop = SPACE
        if (i == 0 and method) or i >= end or (not method and end - i == 1 and text[i] == 45):
            continue
        path, slashes, after = i, signed(-1), i
        if text[i] != 47:
            slashes = _authority(text, i, end)
            if slashes >= 0:
                after = slashes + 2
                while (
                    after < end
                    and text[after] != 47
                    and text[after] != 63
                    and text[after] != 35
                    and not (method and text[after] == 32)
                ):
                    after += 1
                path = after
            elif host:
                while after < end and text[after] != 47 and text[after] != 63 and text[after] != 35:
                    after += 1
                path = after
        mark = find3(words, after, end, stop, QUESTION, HASH)
        path_end = mark
        if slashes >= 0 and mark == after:
            path, path_end = slashes, slashes + 1
        last = mark
        if mark < end and text[mark] == 63:
            last = find3(words, mark + 1, end, stop, HASH, stop)
            out[2, r], out[3, r] = mark + 1, last - mark - 1
        if method:
            rest = last if last == end or text[last] == 32 else find3(words, last, end, SPACE, SPACE, SPACE)
            if rest == i or not _version_fits(words, text, rest, end):
                out[3, r] = 0
                continue
        out[0, r], out[1, r] = path, path_end - path


@kernel
def authorities(text: Text, starts: Spans, lens: Spans, out_starts: Spans, out_lens: Spans) -> None:
    """Spans of host and port in URLs, without userinfo (RFC 3986 section 3.2); length 0 where there is none."""
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        slashes = signed(-1)
        if i < end:
            slashes = _authority(text, i, end)
        begin = k = end if slashes < 0 else slashes + 2
        while k < end and text[k] != 47 and text[k] != 63 and text[k] != 35:
            k += 1
            if text[k - 1] == 64:
                begin = k
        out_starts[r], out_lens[r] = begin, k - begin


@part
def _is_plain(text: Text, i: int, end: int) -> bool:
    if end - i < 1 or end - i > 128:
        return False
    for k in range(i, end):  # noqa: SIM110 - numba has no all()
        if not _PLAIN[text[k]]:
            return False
    return True


@kernel
def select_parameters(
    text: Text,
    starts: Spans,
    lens: Spans,
    names: Text,
    offsets: Spans,
    kinds: Text,
    out: Text,
    out_starts: Spans,
    out_lens: Spans,
) -> int:
    """Parameters whose name is in the list (names, offsets: Arrow layout) and whose value is plain, joined by &.

    kinds uint8[names]: PLAIN; WHOLE: any value, for it is an address in itself; BARE: the name alone stays, its value not.

    Writes them one behind the other into `out`, at least as long as all queries together; returns their length.
    """
    written = 0
    for r in range(starts.size):
        i = signed(starts[r])
        end = i + lens[r]
        begin = written
        if i < end and text[i] == 63:
            i += 1
        while i < end:
            stop, equals = i, signed(-1)
            while stop < end and text[stop] != 38 and text[stop] != 59:
                if equals < 0 and text[stop] == 61:
                    equals = stop
                stop += 1
            place = number_of(text, i, equals - i, names, offsets) if equals >= 0 else signed(-1)
            if place >= 0 and (
                kinds[place] == BARE
                or (kinds[place] == WHOLE and stop - equals - 1 <= LONGEST)
                or _is_plain(text, equals + 1, stop)
            ):
                if written > begin:
                    out[written] = 38
                    written += 1
                for k in range(i, equals + 1 if kinds[place] == BARE else stop):
                    out[written] = text[k]
                    written += 1
            i = stop + 1
        out_starts[r], out_lens[r] = begin, written - begin
    return written
