"""The way to the kernels of values, requests and addresses, which knows the plain way; and what compiles all kernels."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms import clocks
from transforms.kernels import bins, cells, compiled, group, lists, plain
from transforms.kernels.block import PADDING, Block, Int32, Int64, Plan, Rows
from transforms.kernels.dictionary import Dictionary

WRONG = -(1 << 63)  # the value of a number or time that is none
# digits, scale, digits of the fraction, whether "-" is -1, lowest, highest, and by what the result is divided
_NUMBERS: dict[str, tuple[int, int, int, bool, int, int, int]] = {
    "epoch": (11, 0, 9, False, 0, 1 << 62, 1),
    "epoch_ms": (14, 0, 9, False, 0, 1 << 62, 1000),
    "epoch_us": (17, 0, 9, False, 0, 1 << 62, 1_000_000),
    "epoch_ns": (18, 0, 0, False, 10**16, 1 << 62, 10**8),  # without the last of its digits: nineteen may be too many
    "status": (3, 0, 0, True, 100, 599, 1),
    "zero": (3, 0, 0, True, 0, 0, 1),
    "count": (18, 0, 0, True, 0, 1 << 62, 1),
    "seconds": (12, 6, 9, True, 0, 1 << 62, 1),
    "millis": (15, 3, 9, True, 0, 1 << 62, 1),
    "micros": (18, 0, 9, True, 0, 1 << 62, 1),
    "nanos": (18, 0, 0, True, 0, 1 << 62, 1000),
    "whole": (12, 6, 0, True, 0, 1 << 62, 1),
    "decimal": (12, 6, 3, False, 0, 1 << 62, 1),
    "fraction": (12, 6, 9, False, 0, 1 << 62, 1),
    "unclear": (18, 0, 0, True, 0, 1 << 62, 1),
}
_MINUS, _POINT, _ZERO, _ONE = 45, 46, 48, 49


def values(kind: str, block: Block, starts: Int32, lens: Int32) -> tuple[Int64, int]:
    """Numbers or times of spans, and how many of them are WRONG; the plain way leaves all of them to the exact path.

    `kind` is a type, or several with a bar between them: the first that a text may be is taken.
    """
    out = np.empty(starts.size, np.int64)
    if not compiled():
        out.fill(WRONG)
        return out, starts.size
    first, *others = kind.split("|")
    wrong = _values(first, block, starts, lens, out)
    for other in others:
        if not wrong:
            break
        again = np.flatnonzero(out == WRONG)
        found = np.empty(again.size, np.int64)
        wrong = _values(other, block, starts[again], lens[again], found)
        out[again] = found
    return out, wrong


def _values(kind: str, block: Block, starts: Int32, lens: Int32, out: Int64) -> int:
    """Values of one type; returns how many are WRONG."""
    from transforms.kernels import values as kernels

    if kind == "clf":
        return kernels.clf_times(block.words, block.text, starts, lens, out)
    if kind == "iso8601":
        return kernels.iso_times(block.text, starts, lens, out)
    if "%" in kind:
        from transforms.kernels.clocks import clock_times

        return clock_times(block.text, starts, lens, clocks.table(kind), out)
    if kind == "units":
        return kernels.unit_times(block.text, starts, lens, out)
    digits, scale, fraction, dash, low, high, divisor = _NUMBERS[kind]
    shorter = lens - 1 if kind == "epoch_ns" else lens
    wrong = kernels.numbers(block.text, starts, shorter, digits, scale, fraction, dash, low, high, out)
    if kind == "zero":
        minus = (lens == 2) & (block.text[starts] == _MINUS) & (block.text[starts + 1] == _ONE)
        out[(out == 0) | minus] = -1
        wrong -= int(minus.sum())
    elif kind == "epoch_ns":
        last = block.text[starts + np.maximum(shorter, 0)]
        out[(last < _ZERO) | (last > _ZERO + 9)] = WRONG
        wrong = int(np.count_nonzero(out == WRONG))
    elif kind == "decimal":
        out[(lens < 5) | (block.text[np.maximum(starts + lens - 4, 0)] != _POINT)] = WRONG
        wrong = int(np.count_nonzero(out == WRONG))
    elif kind == "fraction":
        whole = np.empty_like(out)
        kernels.numbers(block.text, starts, lens, digits, 0, 0, False, low, high, whole)
        out[whole != WRONG] = WRONG
        wrong = int(np.count_nonzero(out == WRONG))
    elif kind == "unclear":
        out[out != WRONG] = -1
    if divisor > 1:
        out[out != WRONG] //= divisor
    return wrong


def split_requests(block: Block, starts: Int32, lens: Int32, method: bool, host: bool = False) -> Int32:
    """int32[4, rows]: start and length of the path, then of the query; length 0 where there is none.

    `method`: request lines, not bare targets. `host`: the targets have a host in front, without a scheme.
    """
    out = np.empty((4, starts.size), np.int32)
    if compiled():
        from transforms.kernels.request import split_requests as kernel

        kernel(block.words, block.text, starts, lens, method, host, out)
        return out
    text = block.text[: block.size].tobytes()
    for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
        path, stop, query, end = plain.split_request(text[start : start + length], method, host)
        out[:, r] = path + start, stop - path, query + start, end - query
    return out


def authorities(block: Block, starts: Int32, lens: Int32) -> tuple[Int32, Int32]:
    """Spans of host and port in URLs; length 0 where there is none."""
    out_starts, out_lens = np.zeros(starts.size, np.int32), np.zeros(starts.size, np.int32)
    if compiled():
        from transforms.kernels.request import authorities as kernel

        kernel(block.text, starts, lens, out_starts, out_lens)
        return out_starts, out_lens
    text = block.text[: block.size].tobytes()
    for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
        begin, end = plain.authority(text[start : start + length])
        out_starts[r], out_lens[r] = begin + start, end - begin
    return out_starts, out_lens


class Parameters:
    """The names of parameters that are allowed: of `whole` any value stays, of `bare` none, of all others a plain one."""

    def __init__(self, names: Collection[bytes], whole: Collection[bytes] = (), bare: Collection[bytes] = ()) -> None:
        self.names, self.whole, self.bare = frozenset(names), frozenset(whole), frozenset(bare)
        ordered = sorted(self.names)
        self._text = np.frombuffer(b"".join(ordered) + b"\0", np.uint8).copy()
        self._offsets = np.cumsum([0, *map(len, ordered)]).astype(np.int32)
        # kernels.request: PLAIN, WHOLE, BARE
        self._kinds = np.array([2 if n in self.bare else 1 if n in self.whole else 0 for n in ordered], np.uint8)

    def select(self, block: Block, starts: Int32, lens: Int32, into: Block) -> tuple[Int32, Int32]:
        """Spans, in `into`, of what is left of each query."""
        out_starts, out_lens = np.zeros(starts.size, np.int32), np.zeros(starts.size, np.int32)
        if compiled():
            from transforms.kernels.request import select_parameters as kernel

            into.size = kernel(
                block.text, starts, lens, self._text, self._offsets, self._kinds, into.text, out_starts, out_lens
            )
            into.text[into.size : into.size + PADDING] = 10
            return out_starts, out_lens
        text, kept = block.text[: block.size].tobytes(), bytearray()
        for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
            query = plain.select_parameters(text[start : start + length], self.names, self.whole, self.bare)
            out_starts[r], out_lens[r] = len(kept), len(query)
            kept += query
        into.fill(np.frombuffer(bytes(kept), np.uint8))
        return out_starts, out_lens


def ipv4(texts: pa.BinaryArray) -> Int64:
    """int64[n]: the number of each text that is a dotted quad as inet_pton takes it, -1 for any other text."""
    if not compiled():
        return np.array([plain.ipv4(text) for text in texts.to_pylist()], np.int64)
    from transforms.kernels import quads

    _, offsets, data = texts.buffers()
    numbers = np.empty(len(texts), np.int64)
    bytes_ = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    at = np.frombuffer(offsets, np.int32, len(texts) + 1, 4 * texts.offset)
    quads.ipv4(np.require(bytes_, requirements="W"), np.require(at, requirements="W"), numbers)
    return numbers


def walk(tree: NDArray[np.uint8], nodes: int, bits: int, start: int, quads: Int64) -> Int64:
    """int64[n]: where the first DEPTH bits of an address lead in the search tree of a MaxMind DB, from the node `start`.

    It takes compiled kernels: whoever has none asks the library for each address.
    """
    from transforms.kernels import tree as kernels

    ends = np.empty(quads.size, np.int64)
    kernels.walk(tree, nodes, bits, start, group.usable(quads, np.int64), ends)
    return ends


def warm() -> None:
    """Compile every kernel (or load it from the cache), so that workers started afterwards need not do it at once."""
    if not compiled():
        return
    line = b"192.0.2.1 1 a=1&b=2 GET /a?a=1 HTTP/1.1\n"
    block, kept = Block(), Block()
    block.fill(np.frombuffer(line, np.uint8))
    plan = Plan(b"", ((0, 0, b" "), (5, 0, b"")))
    rows = Rows(2)
    rows.scan(block, plan, plan.tables(), 100, 100)
    starts, lens = rows.starts[0], rows.lens[0]
    for kind in ("clf", "iso8601", "%Y", "count", "units"):
        values(kind, block, starts, lens)
    from transforms.kernels import encode, lines

    lines.warm(block)
    split_requests(block, starts, lens, True)
    authorities(block, starts, lens)
    Parameters([b"a"]).select(block, starts, lens, kept)
    dictionary = Dictionary(True)
    dictionary.encode(block, starts, lens)
    dictionary.values()
    encode.rehash(np.zeros(1, np.uint64), 0, np.zeros(2, np.uint64))
    ids, _ = group.group(np.arange(1 << 12, dtype=np.uint64))  # so many that their table grows
    ids = np.zeros(1, np.int32)
    group.sum_by(ids, 1, np.zeros(1, np.int64))
    order, bounds = group.order_by(ids, 1)
    lists.union(order, bounds, *lists.collect(ids, ids, 1, 1), ids, 1)
    lists.collect(ids, ids, lists.FEW + 1, 1)
    group.keep_least(np.zeros((1, 3), np.uint64), ids, np.zeros((1, 1), np.uint64))
    group.distinct_by(ids, np.array([0, 1]), ids, np.array([0, 1], np.int32), ids, ids)
    group.Index().number(np.zeros(1, np.uint64))
    group.Tokens().number(np.zeros((1, 2), np.uint64))
    many = np.arange(1 << 10, dtype=np.int32)  # so many cells that there is no room
    bins.arrange(ids, ids, ids, ids, 1, ids.copy(), 1)
    cells.Cells(1, 1, 1).add(many, many.reshape(1, -1), [0], np.zeros((1, many.size), np.int64), many.astype(np.uint64))
    ipv4(pa.array([b"192.0.2.1"]))
    walk(np.frombuffer(bytes(6), np.uint8), 1, 24, 1, np.zeros(1, np.int64))
