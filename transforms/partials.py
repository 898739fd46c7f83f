"""Partial tallies: cells, and the networks behind them, as numpy columns that merge exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.kernels.group import NO_VALUE, add_up, group, keep_least, order_by, sum_by

TABLE, SITE, PERIOD, KEYS = 0, 1, 2, 3  # columns of Partial.cells; keys follow
AGENTS = 3  # a word that visitors can make up is shown if so many agents brought it (PRIVACY.md 4.5)

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]


@dataclass
class Partial:
    """Cells of any number of tables, with the networks that were seen in each.

    words:    the key values, strings; cells point into it
    cells:    int32 [C, 3 + K]: table number, site number, first day of the period (days since 1970-01-01), key codes
              (-1 where a table has fewer keys than K)
    measures: int64 [C, M]: hits, then the sums of the other measures; events without a network count here
    agents:   uint64 [C, AGENTS]: the least marks of the agents seen in each cell, ascending and filled up with NO_VALUE:
              enough to say whether there were so many. All NO_VALUE in tables that do not ask
    networks: uint64 [N, 2]: neighbourhood half and network half of the keyed hash
    pair_cell, pair_network: [P], each (cell, network) once; pair_hits: [P]; integers as small as they can be
    """

    words: list[str]
    cells: Codes
    measures: Ints
    agents: NDArray[np.uint64]
    networks: NDArray[np.uint64]
    pair_cell: Codes
    pair_network: NDArray[np.integer]
    pair_hits: NDArray[np.integer]


def empty(keys: int, measures: int) -> Partial:
    """A Partial with nothing in it."""
    none = np.zeros(0, np.int32)
    return Partial(
        [], np.zeros((0, KEYS + keys), np.int32), np.zeros((0, measures), np.int64), no_agents(0),
        np.zeros((0, 2), np.uint64), none, none, np.zeros(0, np.int64),
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


def number_wide(tokens: NDArray[np.uint64]) -> tuple[Codes, NDArray[np.int64]]:
    """Number the distinct 128-bit tokens, uint64 [N, 2], exactly: as `number`."""
    ids, first = group(np.ascontiguousarray(tokens[:, 1]))
    if np.array_equal(tokens[first, 0][ids], tokens[:, 0]):
        return ids, first
    left, _ = group(np.ascontiguousarray(tokens[:, 0]))  # two networks with one half in common
    return group(pair(left, ids))


def pair(left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Two non-negative 32-bit columns as one column of uint64 keys."""
    return (left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64)


def merge(parts: Sequence[Partial], *, same_words: bool = False) -> Partial:
    """One Partial that says what all of them say: equal cells, networks and pairs are added up.

    `same_words`: the word lists of all parts are beginnings of the last one, so that codes need no translation.
    """
    if len(parts) == 1:
        return parts[0]
    words, cells, measures, agents, cell_of = unify(parts, same_words=same_words)
    pair_cell = cell_of[_shifted([p.pair_cell for p in parts], [len(p.cells) for p in parts])]
    pair_network = _shifted([p.pair_network for p in parts], [len(p.networks) for p in parts])
    networks = np.concatenate([p.networks for p in parts])
    network_of, first_network = number_wide(networks)
    networks, pair_network = networks[first_network], network_of[pair_network]
    order, _ = order_by(pair_network, len(networks))
    pair_hits = np.concatenate([p.pair_hits for p in parts])[order].astype(np.int64)
    pairs = add_up(pair_cell[order], pair_network[order], pair_hits, len(cells))
    return Partial(words, cells, measures, agents, networks, *pairs)


def unify(
    parts: Sequence[Partial], *, same_words: bool = False
) -> tuple[list[str], Codes, Ints, NDArray[np.uint64], Codes]:
    """Words, cells, measures and agents of all parts, each cell once; for each cell of each part, in order, its place there."""
    words, cells = (parts[-1].words, np.concatenate([p.cells for p in parts])) if same_words else _unify_words(parts)
    cell_of, first = number(cells.T)
    measures = np.concatenate([p.measures for p in parts])
    totals = [sum_by(cell_of, len(first), np.ascontiguousarray(measures[:, m])) for m in range(measures.shape[1])]
    agents = no_agents(len(first))
    keep_least(agents, cell_of, np.concatenate([p.agents for p in parts]))
    return words, cells[first], np.stack(totals, 1), agents, cell_of


def _unify_words(parts: Sequence[Partial]) -> tuple[list[str], Codes]:
    """All words once, and the cells of all parts with their key codes pointing into them."""
    codes: dict[str, int] = {}
    cells = []
    for part in parts:
        known = np.fromiter((codes.setdefault(word, len(codes)) for word in part.words), np.int32, len(part.words))
        moved = part.cells.copy()
        keys = moved[:, KEYS:]
        keys[:] = np.append(known, np.int32(-1))[keys]  # code -1 reads the appended -1
        cells.append(moved)
    return list(codes), np.concatenate(cells)


def _shifted(columns: Sequence[NDArray[np.integer]], sizes: Sequence[int]) -> Codes:
    """Columns of positions put behind each other, each shifted by the sizes before it."""
    out = np.empty(sum(map(len, columns)), np.int32)
    at = shift = 0
    for column, size in zip(columns, sizes, strict=True):
        np.add(column, np.int32(shift), out=out[at : at + len(column)], casting="unsafe")
        at, shift = at + len(column), shift + size
    return out


def split(whole: Partial, parts: int) -> Iterable[tuple[int, int, Partial]]:
    """(site number, part number, Partial) for each site and each of `parts` shares of the neighbourhoods.

    A neighbourhood is in one part only, so counts of distinct networks and neighbourhoods add up over parts; a network is
    of one site, for its hash is. The measures and agents of a cell stand in one of the parts in which it occurs.
    """
    if not len(whole.cells):
        return
    share = (whole.networks[:, 0] % np.uint64(parts)).astype(np.int32)
    site = whole.cells[:, SITE]
    bins = (int(site.max()) + 1) * parts
    bin_of_pair = site[whole.pair_cell] * np.int32(parts) + share[whole.pair_network]
    bin_of_network = np.zeros(len(whole.networks), np.int32)
    bin_of_network[whole.pair_network] = bin_of_pair
    if not np.array_equal(bin_of_network[whole.pair_network], bin_of_pair):
        raise ValueError("a network is of two sites, expected one: its hash is made for a site")
    home = site * np.int32(parts)
    home[whole.pair_cell[::-1]] = bin_of_pair[::-1]  # the first pair of a cell wins
    pairs, pair_bounds = order_by(bin_of_pair, bins)
    networks, network_bounds = order_by(bin_of_network, bins)
    rank = np.empty(len(networks), np.int32)  # of a network among those of its bin
    rank[networks] = np.arange(len(networks)) - network_bounds[bin_of_network[networks]]
    for bin_ in np.union1d(home, np.flatnonzero(np.diff(pair_bounds))).tolist():
        chosen = pairs[pair_bounds[bin_] : pair_bounds[bin_ + 1]]
        tokens = whole.networks[networks[network_bounds[bin_] : network_bounds[bin_ + 1]]]
        yield (
            bin_ // parts,
            bin_ % parts,
            _select(whole, chosen, home == bin_, tokens, rank[whole.pair_network[chosen]]),
        )


def _select(
    whole: Partial, pairs: Codes, at_home: NDArray[np.bool_], networks: NDArray[np.uint64], pair_network: Codes
) -> Partial:
    """The cells that have one of the pairs or are at home here, with measures and agents only where they are at home."""
    wanted = at_home.copy()
    wanted[whole.pair_cell[pairs]] = True
    cells = np.flatnonzero(wanted)
    new_cell = np.cumsum(wanted, dtype=np.int32) - np.int32(1)
    return compact_words(
        Partial(
            whole.words,
            whole.cells[cells],
            whole.measures[cells] * at_home[cells, None],
            np.where(at_home[cells, None], whole.agents[cells], np.uint64(NO_VALUE)),
            networks,
            new_cell[whole.pair_cell[pairs]],
            pair_network,
            whole.pair_hits[pairs],
        )
    )


def compact_words(part: Partial) -> Partial:
    """The same Partial with only the words that its cells use."""
    keys = part.cells[:, KEYS:]
    used = np.unique(keys[keys >= 0])
    cells = part.cells.copy()
    cells[:, KEYS:] = np.where(keys < 0, -1, np.searchsorted(used, keys))
    return replace(part, words=[part.words[i] for i in used], cells=cells)


def as_wide(tokens: pa.FixedSizeBinaryArray) -> NDArray[np.uint64]:
    """Tokens of 16 bytes as uint64 [N, 2], as a view."""
    if not len(tokens):
        return np.zeros((0, 2), np.uint64)
    return np.frombuffer(tokens.buffers()[1], np.uint64, 2 * len(tokens), 16 * tokens.offset).reshape(-1, 2)
