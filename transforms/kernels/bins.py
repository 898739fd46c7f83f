"""Events by bin, a share of the neighbourhoods of one site: compiled where numba is there, with numpy where not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.kernels import compiled
from transforms.kernels.group import usable

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


def arrange(
    codes: Int32, numbers: Int32, site: Int32, share: Int32, shares: int, home: Int32, bins: int
) -> tuple[Int32, Int32, Int64]:
    """Events in the order of their bins, site * shares + share; in a bin as they come, those without a network behind all bins.

    codes int32[n], -1 for none, say where in `numbers` the number of an event's network is; site int32[n]; share int32[networks].
    home int32[networks], the bin of each network or -1, is told the bins of these. Returns (order int32[n], network int32[n],
    the number of each in that order or -1, bounds int64[bins + 1]). Raises ValueError where a network is of two sites.
    """
    if compiled():
        from transforms.kernels import cell_counts

        network, order, ordered = (np.empty(codes.size, np.int32) for _ in range(3))
        at = np.zeros(bins + 2, np.int64)
        events = usable(codes, np.int32), usable(numbers, np.int32), usable(site, np.int32)
        is_sound = cell_counts.arrange(*events, usable(share, np.int32), shares, home, network, at, order, ordered)
        bounds = np.append(0, at[:bins])
    else:
        network = np.append(numbers, np.int32(-1))[codes]
        bin_ = np.where(network < 0, np.int32(bins), site * np.int32(shares) + np.append(share, np.int32(0))[network])
        before = np.append(home, np.int32(bins))[network]
        home[network[network >= 0]] = bin_[network >= 0]
        is_sound = bool(
            ((before < 0) | (before == bin_)).all() and (np.append(home, np.int32(bins))[network] == bin_).all()
        )
        order = np.argsort(bin_, kind="stable").astype(np.int32)
        ordered, bounds = network[order], np.searchsorted(bin_[order], np.arange(bins + 1))
    if not is_sound:
        raise ValueError("a network is of two sites, expected one: its hash is made for a site")
    return order, ordered, bounds
