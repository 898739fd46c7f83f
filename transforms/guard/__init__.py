"""Guard: the only stage that sees all of a site at once, and the only one that makes `Released`."""

from collections.abc import Iterable

import apache_beam as beam

from schemas.load import Trends
from schemas.policy import Policy
from schemas.stages import Accounts
from schemas.trouble import only_codes
from transforms.guard.release import Calendar, SiteGuard, SiteRelease
from transforms.guard.rounding import rounded
from transforms.keys import KeyReference, Seal
from transforms.sealed import open_all

__all__ = ["Calendar", "Guard", "SiteRelease"]


class Guard(beam.PTransform):
    """(site number, sealed tallies) → (SiteRelease, Accounts of the run)."""

    def __init__(
        self, policy: Policy, trends: Trends, calendar: Calendar, key: KeyReference, rounding: int = 1
    ) -> None:
        super().__init__()
        self.work = GuardSite(policy, trends, calendar, key, rounding)

    def expand(
        self, tallies: beam.PCollection[tuple[int, Iterable[bytes]]]
    ) -> beam.PCollection[tuple[SiteRelease, Accounts]]:
        return tallies | "GuardSite" >> beam.ParDo(self.work)


class GuardSite(beam.DoFn):
    """Unseals one site's tallies and guards them."""

    def __init__(self, policy: Policy, trends: Trends, calendar: Calendar, key: KeyReference, rounding: int) -> None:
        self.policy, self.trends, self.calendar, self.key = policy, trends, calendar, key
        self.rounding = rounding

    def process(self, gathered: tuple[int, Iterable[bytes]]) -> Iterable[tuple[SiteRelease, Accounts]]:
        number, sealed = gathered
        with only_codes():
            tallies, accounts = open_all(Seal(self.key.fetch()), sealed)
            site = self.policy.all_sites[number]
            released = SiteGuard(site, self.trends, self.calendar, self.policy.k).release(tallies, accounts)
            yield rounded(released, self.rounding), accounts
