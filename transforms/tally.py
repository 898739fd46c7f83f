"""Tally: pseudonymous events in, sealed partial tallies out; from here on there are only crowds to be."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.policy import Policy
from schemas.stages import Accounts, PseudonymousEvents, Sealed
from schemas.table import Trends
from transforms import accounts as accounting
from transforms.counter import Counter
from transforms.keys import KeyReference, Seal
from transforms.sealed import seal_accounts, seal_partial

HELD = 10_000_000  # pairs of (cell, network), one an event and table, that a worker holds before it lets them go


class Tally:
    """A step of the fused stage: adds up one Range, then yields `Sealed` by (site, share of the neighbourhoods).

    Numbers are `site * shares + share`; the accounts go under the number behind all sites.
    """

    def __init__(self, policy: Policy, trends: Trends, shares: int, key: KeyReference) -> None:
        self.sites, self.trends, self.shares, self.key = policy.all_sites, trends, shares, key

    def __call__(self, chunks: Iterator[PseudonymousEvents]) -> Iterator[Sealed]:
        seal, counter, total = Seal(self.key.fetch()), self._counter(), Accounts()
        for events in chunks:
            counter.count(events)
            accounting.add(total, events.accounts)
            if counter.size > HELD:
                yield from self._sealed(counter, seal)
                counter = self._counter()
        yield from self._sealed(counter, seal)
        yield Sealed(len(self.sites) * self.shares, seal_accounts(seal, total))

    def _counter(self) -> Counter:
        return Counter(self.sites, self.trends, self.shares)

    def _sealed(self, counter: Counter, seal: Seal) -> Iterator[Sealed]:
        """What was counted, sealed by site and share."""
        for site, share, part in counter.parts():
            yield Sealed(site * self.shares + share, seal_partial(seal, part))
