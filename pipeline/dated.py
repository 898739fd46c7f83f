"""Dated: of when the events of a raw log are, and of which site's days; from the ledger where it knows the file, else read."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.find import Input
from pipeline.read import Read
from schemas import load
from schemas.load import Format
from schemas.policy import Policy
from schemas.stages import Events, Range
from transforms.distinct import Source
from transforms.parse import Parse
from transforms.periods import as_date
from transforms.treatments import site, when

LOOKED_AT = frozenset({"host", "time"})
AHEAD = 86_400  # seconds that a clock may be ahead: a time behind that is wrong, and says nothing of a log's age


@dataclass(frozen=True)
class Dated:
    """The newest event (seconds since the epoch) that is not of the future, None without any, and the days by site."""

    newest: int | None
    days: Mapping[str, frozenset[dt.date]]


class Dating:
    """Reads logs for their times and hosts alone."""

    def __init__(
        self, policy: Policy, forced_site: str | None, formats: Mapping[str, Format], written: int, now: int
    ) -> None:
        self.policy, self.now = policy, now
        self._read = Read(formats=formats)
        self._parse = Parse(policy, load.fields(), formats, written)
        self._parse.columns = LOOKED_AT
        self._site = {has_host: site.Treatment(policy, forced_site, has_host) for has_host in (True, False)}
        self._when = when.Treatment(policy)

    def file(self, source: Input, format_: str) -> Dated:
        """Read a log whole. Raises Trouble E302, E303."""
        newest: int | None = None
        days: dict[str, set[dt.date]] = defaultdict(set)
        for chunk in self._read(iter([Range(0, source.place, 0, source.size, format_)])):
            for events in self._parse.events(chunk):
                times = events.batch["time"].to_numpy()
                past = times[times <= self.now + AHEAD]
                if past.size:
                    newest = max(int(past.max()), newest or int(past.max()))
                for name, dates in self._days(events).items():
                    days[name] |= dates
        return Dated(newest, {name: frozenset(dates) for name, dates in days.items()})

    def _days(self, events: Events) -> dict[str, set[dt.date]]:
        source = Source(events.batch)
        treatment = self._site[source.has("host")]
        numbers: dict[str, int] = {}
        names = [treatment.treat(host) for host in source.values("host")]
        of_host = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
        of_row, times, found = of_host[source.codes("host")], events.batch["time"].to_numpy(), {}
        for name, number in numbers.items():
            here = times[of_row == number]
            if here.size:
                local, _ = self._when.treat(here, self.policy.site(name).timezone)
                found[name] = {as_date(int(one)) for one in np.unique(local)}
        return found
