"""Partial tallies: cells, and the networks behind them, as numpy columns that merge exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels.group import NO_VALUE, Tokens, group, keep_least, order_by, sum_by
from transforms.kernels.lists import union

TABLE, SITE, PERIOD, KEYS = 0, 1, 2, 3  # columns of Partial.cells; keys follow
AGENTS = 3  # a word that visitors can make up is shown if so many agents brought it (PRIVACY.md 4.5)

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]


@dataclass
class Partial:
    """Cells of any number of tables, with the networks that were seen in each.

    words:    string array, the key values; cells point into it
    cells:    int32 [C, 3 + K]: table number, site number, first day of the period (days since 1970-01-01), key codes
              (-1 where a table has fewer keys than K); in ascending order of tables
    measures: int64 [C, M]: hits, then the sums of the other measures; events without a network count here
    agents:   uint64 [C, AGENTS]: the least marks of the agents seen in each cell, ascending and filled up with NO_VALUE:
              enough to say whether there were so many. All NO_VALUE in tables that do not ask
    networks: uint64 [N, 2]: neighbourhood half and network half of the keyed hash
    offsets:  int32 [C + 1]; seen, hits: the networks of cell c are seen[offsets[c] : offsets[c + 1]], each once, with as
              many hits; integers as small as they can be
    """

    words: pa.StringArray
    cells: Codes
    measures: Ints
    agents: NDArray[np.uint64]
    networks: NDArray[np.uint64]
    offsets: Codes
    seen: NDArray[np.integer]
    hits: NDArray[np.integer]


def empty(keys: int, measures: int) -> Partial:
    """A Partial with nothing in it."""
    none = np.zeros(0, np.int32)
    return Partial(
        pa.array([], pa.string()), np.zeros((0, KEYS + keys), np.int32), np.zeros((0, measures), np.int64), no_agents(0),
        np.zeros((0, 2), np.uint64), np.zeros(1, np.int32), none, none,
    )  # fmt: skip


def no_agents(cells: int) -> NDArray[np.uint64]:
    """`agents` of cells in which none were counted."""
    return np.full((cells, AGENTS), NO_VALUE, np.uint64)


def number(columns: Iterable[NDArray[np.integer]]) -> tuple[Codes, NDArray[np.int64]]:
    """Number the distinct rows of int32 columns, exactly.

    Returns the number of each row, in order of first appearance, and the first row of each number.
    """
    key, width = np.zeros(0, np.int64), 0
    for column in columns:
        least = int(column.min()) if len(column) else 0
        radix = int(column.max()) - least + 1 if len(column) else 1
        if not width:
            key, width = column.astype(np.int64), radix
        else:
            if width * radix >= 1 << 62:  # too wide for one key: number what there is so far, and the column
                (key, width), (column, radix), least = (
                    _renumbered_rows(key),
                    _renumbered_rows(column.astype(np.int64)),
                    0,
                )
            key *= radix
            key += column
            width *= radix
        key -= least
    return group(key.view(np.uint64))


def _renumbered_rows(values: Ints) -> tuple[Ints, int]:
    """Values as numbers below the count of distinct ones, and that count: at most 2**31."""
    ids, first = group(values.view(np.uint64))
    return ids.astype(np.int64), len(first)


def pair(left: NDArray[np.integer] | int, right: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Two non-negative 32-bit columns as one column of uint64 keys; the left one may be the same number in all rows."""
    high = np.uint64(left) if isinstance(left, int) else left.astype(np.uint64)
    return (high << np.uint64(32)) | right.astype(np.uint64)


def merge(parts: Sequence[Partial]) -> Partial:
    """One Partial that says what all of them say: equal cells, and what each network did in them, are added up."""
    if len(parts) == 1:
        return parts[0]
    words, cells, measures, agents, cell_of = unify(parts)
    networks = Tokens()
    network_of = np.concatenate([networks.number(part.networks) for part in parts])
    pairs = [len(part.seen) for part in parts]
    offsets = np.append(_shifted([part.offsets[:-1] for part in parts], pairs, np.int64), sum(pairs))
    seen = _shifted([part.seen for part in parts], [len(part.networks) for part in parts], np.int32)
    hits = np.concatenate([part.hits for part in parts])
    lists = union(*order_by(cell_of, len(cells)), offsets, seen, hits, network_of, networks.count)
    return Partial(words, cells, measures, agents, networks.tokens, *lists)


def unify(parts: Sequence[Partial]) -> tuple[pa.StringArray, Codes, Ints, NDArray[np.uint64], Codes]:
    """Words, cells, measures and agents of all parts, each cell once; for each cell of each part, in order, its place there."""
    words, cells = _unify_words(parts)
    cell_of, first = number(cells.T)
    by_table, _ = order_by(cells[first, TABLE], int(cells[:, TABLE].max(initial=0)) + 1)
    cell_of, first = _places(by_table)[cell_of], first[by_table]
    measures, agents = sum_up(cell_of, len(first), [p.measures for p in parts], [p.agents for p in parts])
    return words, cells[first], measures, agents, cell_of


def sum_up(
    cell_of: Codes, count: int, measures: Sequence[Ints], agents: Sequence[NDArray[np.uint64]]
) -> tuple[Ints, NDArray[np.uint64]]:
    """Measures int64 [count, M] and agents [count, AGENTS] of cells, from those of each part, whose cells are at `cell_of`."""
    given = np.concatenate(measures)
    totals = [sum_by(cell_of, count, np.ascontiguousarray(given[:, m])) for m in range(given.shape[1])]
    least = no_agents(count)
    keep_least(least, cell_of, np.concatenate(agents))
    return np.stack(totals, 1), least


def _unify_words(parts: Sequence[Partial]) -> tuple[pa.StringArray, Codes]:
    """All words once, and the cells of all parts with their key codes pointing into them."""
    words, codes = number_words([part.words for part in parts])
    cells, row = np.concatenate([part.cells for part in parts]), 0
    for part, known in zip(parts, codes, strict=True):
        keys = cells[row : row + len(part.cells), KEYS:]
        keys[:] = known[keys]
        row += len(part.cells)
    return words, cells


def number_words(words: Sequence[pa.StringArray]) -> tuple[pa.StringArray, list[Codes]]:
    """All words once, and the codes of each array's words among them, with -1 behind, which code -1 reads."""
    chunks = pa.chunked_array([pa.array([], pa.string()), *words])  # without a copy of all
    encoded, ends = chunks.dictionary_encode().combine_chunks(), np.cumsum([0, *map(len, words)]).tolist()
    codes = encoded.indices.to_numpy()
    return encoded.dictionary, [np.append(codes[start:stop], np.int32(-1)) for start, stop in pairwise(ends)]


def _shifted(
    columns: Sequence[NDArray[np.integer]], sizes: Sequence[int], kind: type[np.signedinteger]
) -> NDArray[np.signedinteger]:
    """Columns of positions put behind each other, each shifted by the sizes before it."""
    out = np.empty(sum(map(len, columns)), kind)
    at = shift = 0
    for column, size in zip(columns, sizes, strict=True):
        np.add(column, kind(shift), out=out[at : at + len(column)], casting="unsafe")
        at, shift = at + len(column), shift + size
    return out


def _places(order: Codes) -> Codes:
    """The place of each row in an order of rows."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place


def compact_words(part: Partial) -> Partial:
    """The same Partial with only the words that its cells use."""
    keys = part.cells[:, KEYS:]
    used = np.zeros(len(part.words) + 1, bool)  # the last is for code -1
    used[keys] = True
    used[-1] = False
    code = np.cumsum(used, dtype=np.int32) - np.int32(1)
    code[-1] = -1
    return replace(
        part,
        words=part.words.take(pa.array(np.flatnonzero(used))),
        cells=np.concatenate([part.cells[:, :KEYS], code[keys]], 1),
    )


def as_wide(tokens: pa.FixedSizeBinaryArray) -> NDArray[np.uint64]:
    """Tokens of 16 bytes as uint64 [N, 2], as a view."""
    if not len(tokens):
        return np.zeros((0, 2), np.uint64)
    return np.frombuffer(tokens.buffers()[1], np.uint64, 2 * len(tokens), 16 * tokens.offset).reshape(-1, 2)


def small(values: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
    """Non-negative integers in the smallest unsigned type that holds them all."""
    top = int(values.max(initial=0))
    return values.astype(np.min_scalar_type(top))
