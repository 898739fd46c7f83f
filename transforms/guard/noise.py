"""Noise: discrete Laplace noise of OpenDP on bounded counts; the only code that draws it (docs/differential-privacy.md)."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa

from schemas.noise import UNIT, Bounds, Cost, Mechanism, Noise
from schemas.stages import Released
from schemas.table import Table
from schemas.trouble import Trouble
from transforms.guard.bounded import Bounded

MOST = 1 << 53  # a threshold above this cannot be meant


@cache
def library() -> Any:
    """OpenDP, which is imported by whoever asks for noise. Raises Trouble E201 where it is not installed."""
    try:
        import opendp.prelude as dp
    except ImportError:
        raise Trouble("E201", "--profile dp needs OpenDP: pip install 'crowdlog[dp]'") from None
    dp.enable_features(
        "contrib"
    )  # its proofs are reviewed, its parts not vetted one by one; never "honest-but-curious"
    return dp


class Noisy:
    """The two mechanisms of one table: `visitors` chooses the rows, `hits` are drawn for these.

    Half of what a period may cost is for each; the whole delta is for the rows. Raises Trouble E201, E202.
    """

    def __init__(self, bounds: Bounds, cost: Cost, k: int) -> None:
        self.bounds, self.cost, self.k = bounds, cost, k
        half = cost.epsilon / 2
        self.rows_scale = _scale(lambda scale: self._rows(scale, 1).map(self._of_rows)[0], bounds.cells, half)
        self.threshold = _threshold(lambda at: self._rows(self.rows_scale, at).map(self._of_rows)[1], cost.delta)
        self.rows = self._rows(self.rows_scale, self.threshold)
        self.hits_scale = _scale(lambda scale: self._hits(scale).map(self._of_hits), self._of_hits, half)
        self.hits = self._hits(self.hits_scale)

    @property
    def _of_rows(self) -> tuple[int, int, int]:
        """(L0, L1, L∞) of what a neighbourhood is in the crowds of cells."""
        return self.bounds.cells, self.bounds.cells, 1

    @property
    def _of_hits(self) -> int:
        """L1 of its hits."""
        return self.bounds.cells * self.bounds.hits

    def _rows(self, scale: float, threshold: int) -> Any:
        dp = library()
        domain = dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64"))
        metric = dp.l01inf_distance(dp.absolute_distance(T="i64"))
        return dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)

    def _hits(self, scale: float) -> Any:
        dp = library()
        return dp.m.make_laplace(dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64"), scale=scale)

    def told(self) -> Noise:
        """What is said of it, as the library states it: for the ledger and the manifest."""
        epsilon, delta = self.rows.map(self._of_rows)
        rows = Mechanism(self.bounds.cells, self.rows_scale, epsilon, delta)
        hits = Mechanism(self._of_hits, self.hits_scale, self.hits.map(self._of_hits), 0.0)
        whole = Cost(rows.epsilon + hits.epsilon, rows.delta)
        if whole.epsilon > self.cost.epsilon or whole.delta > self.cost.delta:
            raise ValueError("noise costs more than it may")
        return Noise(
            UNIT, self.bounds.cells, self.bounds.hits, 1, self.k, self.threshold + self.k, {"visitors": rows, "hits": hits},
            whole.epsilon, whole.delta, f"opendp {importlib.metadata.version('opendp')}",
        )  # fmt: skip

    def draw(self, bounded: Bounded, table: Table) -> Released:
        """The rows of a period, drawn anew at each call. `counted` are the events behind them, without noise."""
        # A cell of k - 1 and one that is not there are the same 0: so what one neighbourhood changes is 1 in each of its
        # cells, the rule of k included, and the library's own proof is about all of it.
        beyond = self.k - 1
        drawn = self.rows({cell: count - beyond for cell, count in enumerate(bounded.neighbourhoods)})
        # above the threshold, not at it: the library keeps what is at it, but does not count that in its delta
        # (github.com/opendp/opendp/issues/2922)
        visitors = {cell: count + beyond for cell, count in sorted(drawn.items()) if count > self.threshold}
        hits = self.hits([bounded.hits[cell] for cell in visitors]) if visitors else []
        labels = [bounded.labels[cell] for cell in visitors]
        columns = {
            name: pa.array([label[i] for label in labels], pa.string()) for i, name in enumerate(table.key_names)
        }
        # each of the visitors has a hit: where the noise says otherwise, that is known to be noise
        columns["hits"] = pa.array([*map(max, hits, visitors.values())], pa.int64())
        columns["visitors"] = pa.array([*visitors.values()], pa.int64())
        counted = sum(bounded.hits[cell] for cell in visitors)
        return Released(
            table=bounded.table,
            site=bounded.site,
            grain=bounded.grain,
            date=dt.date.fromisoformat(bounded.date),
            rows=pa.table(columns),
            withheld=bounded.events - counted,
            generalised=0,
            cells=bounded.cells,
            partial=bounded.partial,
            counted=counted,
        )


def _scale(epsilon_of: Callable[[float], float], sensitivity: int, epsilon: float) -> float:
    """The least scale whose loss, as the library rounds it, is not above epsilon."""
    scale = sensitivity / epsilon
    while epsilon_of(scale) > epsilon:
        scale = math.nextafter(scale, math.inf)
    return scale


def _threshold(delta_of: Callable[[int], float], delta: float) -> int:
    """The least threshold whose delta is not above the one given. Raises Trouble E202."""
    above = 1
    while delta_of(above) > delta:
        above *= 2
        if above > MOST:
            raise Trouble("E202", "dp: epsilon or delta is so small that no threshold is enough")
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (middle, above) if delta_of(middle) > delta else (below, middle)
    return above
