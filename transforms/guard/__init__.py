"""Guard: the only stage that sees all of a site at once, and the only one that makes `Released`."""

from collections.abc import Iterable, Sequence

import apache_beam as beam

from schemas.policy import Policy, Site
from schemas.stages import Accounts
from schemas.table import Trends
from schemas.trouble import only_codes
from transforms.guard import bounded
from transforms.guard.bounded import BoundingGuard
from transforms.guard.release import SiteGuard, SiteRelease
from transforms.guard.rounding import rounded
from transforms.guard.terms import Calendar, Terms
from transforms.keys import KeyReference, Seal
from transforms.packed import Packed
from transforms.sealed import open_all

__all__ = ["Calendar", "Guard", "SiteRelease", "Terms"]


class Guard(beam.PTransform):
    """(site number, sealed tallies) → (SiteRelease, Accounts of the run), one for each of the profiles."""

    def __init__(self, policy: Policy, tallied: Trends, terms: Sequence[Terms], key: KeyReference) -> None:
        super().__init__()
        self.work = GuardSite(policy, tallied, terms, key)

    def expand(
        self, tallies: beam.PCollection[tuple[int, Iterable[bytes]]]
    ) -> beam.PCollection[tuple[SiteRelease, Accounts]]:
        return tallies | "GuardSite" >> beam.ParDo(self.work)


class GuardSite(beam.DoFn):
    """Unseals one site's tallies and guards them for each profile; `tallied` are the tables that they have."""

    def __init__(self, policy: Policy, tallied: Trends, terms: Sequence[Terms], key: KeyReference) -> None:
        self.policy, self.tallied, self.terms, self.key = policy, tallied, tuple(terms), key

    def process(self, gathered: tuple[int, Iterable[bytes]]) -> Iterable[tuple[SiteRelease, Accounts]]:
        number, sealed = gathered
        with only_codes():
            tallies, accounts = open_all(Seal(self.key.fetch()), sealed)
            site = self.policy.all_sites[number]
            for terms in self.terms:
                if terms.noise:
                    yield self.bound(site, terms, tallies, accounts), accounts
                else:
                    released = SiteGuard(site, self.tallied, terms).release(tallies, accounts)
                    yield rounded(released, terms.rounding), accounts

    def bound(self, site: Site, terms: Terms, tallies: list[Packed], accounts: Accounts) -> SiteRelease:
        """What noise is drawn for later, once for all sites: sealed, for it is exact."""
        released, found = BoundingGuard(site, self.tallied, terms).bound(tallies, accounts)
        released.sealed = Seal(self.key.fetch()).close(bounded.to_bytes(found))
        return released
