"""The way to the scans of the families of formats that are not directives: owns their tables and what they need to know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled
from transforms.kernels.block import PADDING, Block, Int32, Int64, Rows

Key = str | int | tuple[str, str]  # of an object, the number of an entry of an array, or what an entry says of itself


class Delimited:
    """The scan of delimited lines. `slots`: the field that takes each column, -1 for none; `quotes` as in Format."""

    def __init__(self, separator: bytes, slots: Sequence[int], quotes: bool, longest: int) -> None:
        self._given = (separator[0], np.array(slots, np.int64), quotes, longest)

    def scan(self, block: Block, rows: Rows) -> None:
        """Fill `rows`."""
        if not compiled():
            rows.refuse_all(block)
            return
        from transforms.kernels.scan_columns import scan_delimited

        rows.fill(block, scan_delimited, *self._given)


class Labelled:
    """The scan of label:value pairs: one slot a label."""

    def __init__(self, labels: Sequence[bytes], longest: int) -> None:
        self._given = (*_packed(labels), longest)

    def scan(self, block: Block, rows: Rows) -> None:
        """Fill `rows`."""
        if not compiled():
            rows.refuse_all(block)
            return
        from transforms.kernels.scan_columns import scan_labelled

        rows.fill(block, scan_labelled, *self._given)


class Json:
    """The scan of JSON lines: one slot a key path."""

    def __init__(self, paths: Sequence[Sequence[Key]], longest: int) -> None:
        nodes: dict[tuple[Key, ...], int] = {(): 0}
        keys: list[bytes] = []
        edges = []
        for slot, path in enumerate(paths):
            for depth, key in enumerate(path, 1):
                above, here = tuple(path[: depth - 1]), tuple(path[:depth])
                if here not in nodes:
                    nodes[here] = len(nodes)
                    text = key.encode() if isinstance(key, str) else b""
                    place = key if isinstance(key, int) else sum(map(len, keys))
                    keys.append(text)
                    edges.append([nodes[above], place, len(text) if isinstance(key, str) else -1, nodes[here], -1])
                if depth == len(path):
                    edges[nodes[here] - 1][4] = slot
        names = np.frombuffer(b"".join(keys) + b"\0", np.uint8).copy()
        edges.sort(key=lambda edge: edge[0])
        firsts = np.searchsorted([edge[0] for edge in edges], np.arange(len(nodes) + 1)).astype(np.int64)
        self._given, self._longest = (names, np.array(edges, np.int64).reshape(-1, 5), firsts), longest

    def scan(self, block: Block, rows: Rows) -> None:
        """Fill `rows`. Whether bytes have to be looked at one by one is decided once a block."""
        if not compiled():
            rows.refuse_all(block)
            return
        from transforms.kernels.scan_json import scan_json, unusual, work

        high, low = unusual(block.words, block.size)
        highest = 127 if high and not is_utf8(block.text[: block.size].tobytes()) else 255
        careful = low or highest < 255
        rows.fill(block, scan_json, *self._given, careful, highest, self._longest, *work(self._given[2].size))


class Entries:
    """The search for values by what stands beside them: (slot, path, whether an array is a value) a field."""

    def __init__(self, wanted: Sequence[tuple[int, Sequence[Key], bool]]) -> None:
        texts: list[bytes] = []
        kinds: list[int] = []
        slots = []
        for slot, path, whole in wanted:
            first = len(texts)
            for key in path:
                pair = key if isinstance(key, tuple) else (str(key),)
                texts += [text.encode() for text in pair]
                kinds += [len(pair) - 1] * len(pair)  # kernels.entries: KEY, SELECT
            slots.append((slot, first, len(texts), int(whole)))
        names, offsets = _packed(texts)
        steps = np.stack([np.array(kinds, np.int64), offsets[:-1], np.diff(offsets)], 1).reshape(-1, 3)
        self._given = names, np.ascontiguousarray(steps), np.array(slots, np.int64).reshape(-1, 4)

    def find(self, block: Block, rows: Rows) -> None:
        """Fill the slots of the rows that were accepted; what is doubtful is refused."""
        if not compiled():
            return
        from transforms.kernels.entries import entries

        good = np.ones(rows.rows, np.int32)
        good[rows.refused] = 0
        entries(block.text, rows.line_starts, good, *self._given, rows.starts, rows.lens)
        rows.refused = np.flatnonzero(good == 0).astype(np.int32)


def is_utf8(text: bytes) -> bool:
    """Whether the bytes are UTF-8 throughout."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def unescape(block: Block, starts: Int32, lens: Int32, into: Block) -> tuple[Block, Int32, Int32]:
    """Spans of JSON strings without their escapes: in `into`, or as they are where none is escaped."""
    if compiled():
        from transforms.kernels.scan_json import any_escape

        if not any_escape(block.words, starts, lens):
            return block, starts, lens
    out_starts, out_lens = np.zeros(starts.size, np.int32), np.zeros(starts.size, np.int32)
    if compiled():
        from transforms.kernels.scan_json import unescape_json

        into.size = unescape_json(block.text, starts, lens, into.text, out_starts, out_lens)
        into.text[into.size : into.size + PADDING] = 10
        return into, out_starts, out_lens
    from transforms.parsers.escapes import from_json

    text, plain = block.text[: block.size].tobytes(), bytearray()
    for r, (start, length) in enumerate(zip(starts.tolist(), lens.tolist(), strict=True)):
        value = from_json(text[start : start + length])
        out_starts[r], out_lens[r] = len(plain), len(value)
        plain += value
    into.fill(np.frombuffer(bytes(plain), np.uint8))
    return into, out_starts, out_lens


def gather(block: Block, starts: Int32, lens: Int32, into: Block) -> NDArray[np.uint8]:
    """Spans as lines of their own, a newline within one made a blank, at its end left out.

    `into` is at least as large as the block.
    """
    if compiled():
        from transforms.kernels.scan_json import gather_lines

        return into.text[: gather_lines(block.text, starts, lens, into.text)].copy()
    text = block.text[: block.size].tobytes()
    spans = zip(starts.tolist(), lens.tolist(), strict=True)
    lines = (text[start : start + length].rstrip(b"\r\n").replace(b"\n", b" ") + b"\n" for start, length in spans)
    return np.frombuffer(b"".join(lines), np.uint8)


def surely_none(
    block: Block, rows: Rows, refused: Int32, longest: int, behind: bytes, before: bytes | None
) -> NDArray[np.bool_]:
    """bool[refused]: which of these lines no exact reading takes (kernels.doubt); `before` is None where none may be cut."""
    from transforms.kernels.doubt import surely_none as kernel

    out = np.empty(refused.size, np.bool_)
    user, last = (np.frombuffer(text, np.uint8) for text in (behind, before or b""))
    kernel(block.words, block.text, rows.line_starts, refused, longest, user, before is not None, last, out)
    return out


def _packed(texts: Sequence[bytes]) -> tuple[NDArray[np.uint8], Int64]:
    """Texts one behind the other, and int64[texts + 1] where they begin."""
    return np.frombuffer(b"".join(texts) + b"\0", np.uint8).copy(), np.cumsum([0, *map(len, texts)]).astype(np.int64)


def warm(block: Block) -> None:
    """Compile the kernels of this file; any block will do."""
    rows, plain = Rows(1), Block()
    for scan in (Delimited(b",", [0], True, 100), Labelled([b"a"], 100), Json([["a"]], 100)):
        scan.scan(block, rows)
    Entries([(0, ["a"], True)]).find(block, rows)
    spans = np.zeros(1, np.int32), np.ones(1, np.int32)
    block.text[0], before = 92, block.text[0]
    unescape(block, *spans, plain)
    block.text[0] = before
    gather(block, *spans, plain)
    surely_none(block, rows, np.zeros(1, np.int32), 100, b"-", b"-")
