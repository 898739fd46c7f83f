"""Lists of what was seen in each cell, with counts: made and united in one pass each.

Lists are two columns and their offsets: what cell c saw is seen[offsets[c] : offsets[c + 1]], each once, as often as `hits`
says. Compiled where numba is there, in plain Python where not.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled
from transforms.kernels.group import usable

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
FEW = 4  # pairs of a cell and an id that there can be, for each row: where so few, they are counted in place
Lists = tuple[Int32, Int32, NDArray[np.signedinteger]]  # offsets int32[cells + 1], seen int32[any], hits [any]


def collect(cell: Int32, seen: Int32, cells: int, ids: int) -> Lists:
    """The lists of `cells` cells from rows: cell int32[n]; seen int32[n] below `ids`, negative for none."""
    _check("cell", cell, 0, cells)
    _check("seen", seen, -1 << 31, ids)
    if not compiled():
        found: list[dict[int, int]] = [{} for _ in range(cells)]
        for c, id_ in zip(cell.tolist(), seen.tolist(), strict=True):
            if id_ >= 0:
                found[c][id_] = found[c].get(id_, 0) + 1
        return _listed(found)
    from transforms.kernels import cell_lists

    offsets, given = np.zeros(cells + 1, np.int32), (usable(cell, np.int32), usable(seen, np.int32))
    out, hits = np.empty(cell.size + 1, np.int32), np.empty(cell.size + 1, np.int32)
    if cells * ids <= FEW * cell.size:
        cell_lists.collect_few(*given, ids, np.zeros(cells * ids, np.int32), offsets, out, hits)
    else:
        cell_lists.collect(*given, np.zeros(cells + 1, np.int32), np.full(ids, -1, np.int32), offsets, out, hits)
    return offsets, out[: offsets[-1]], hits[: offsets[-1]]


def union(
    rows: Int32, bounds: Int64, offsets: NDArray[np.integer], seen: Int32, hits: Int64, ids: Int32, distinct: int
) -> Lists:
    """The lists of groups of cells: group g is rows[bounds[g] : bounds[g + 1]], and what was seen counts as ids[seen].

    rows int32[cells], ids int32[any] in 0 .. distinct - 1.
    """
    _check("rows", rows, 0, len(offsets) - 1)
    _check("seen", seen, 0, len(ids))
    _check("ids", ids, 0, distinct)
    if not compiled():
        found: list[dict[int, int]] = [{} for _ in range(len(bounds) - 1)]
        for group, (start, stop) in zip(found, pairwise(bounds.tolist()), strict=True):
            for row in rows[start:stop].tolist():
                at = slice(int(offsets[row]), int(offsets[row + 1]))
                for id_, n in zip(ids[seen[at]].tolist(), hits[at].tolist(), strict=True):
                    group[id_] = group.get(id_, 0) + n
        return _listed(found)
    from transforms.kernels import cell_lists

    new_offsets, new_seen, new_hits = (
        np.zeros(len(bounds), np.int32),
        np.empty(len(seen), np.int32),
        np.empty(len(seen), np.int64),
    )
    place = np.full(distinct, -1, np.int32)
    columns = (
        usable(rows, np.int32),
        usable(bounds, np.int64),
        usable(offsets, np.int64),
        usable(seen, np.int32),
        usable(hits, np.int64),
        usable(ids, np.int32),
    )
    cell_lists.union(*columns, place, new_offsets, new_seen, new_hits)
    count = new_offsets[-1]
    return new_offsets, new_seen[:count], new_hits[:count]


def _listed(found: list[dict[int, int]]) -> Lists:
    """Lists from how often each id was seen, by cell."""
    return (
        np.cumsum([0, *map(len, found)]).astype(np.int32),
        np.array([id_ for cell in found for id_ in cell], np.int32),
        np.array([n for cell in found for n in cell.values()], np.int64),
    )


def _check(name: str, values: NDArray[np.integer], least: int, above: int) -> None:
    """Raise ValueError unless all values are in least .. above - 1: compiled loops would stop with less to say."""
    if values.size and not (values.min() >= least and values.max() < above):
        raise ValueError(f"{name} is in {values.min()} .. {values.max()}, expected {least} .. {above - 1}")
