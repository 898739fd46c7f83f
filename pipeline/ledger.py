"""The ledger: one file a commit, never changed, chained by digests; what was published and which files were read."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from pipeline.durable import PRIVATE_FILE, PRIVATE_FOLDER, create_once, make_folder
from pipeline.entry import GENESIS, Entry, FileRead, Period, from_bytes, to_bytes
from schemas.noise import Cost, total
from schemas.trouble import Trouble
from transforms.periods import as_date, as_day, span

NAME = re.compile(r"\d{8}\.json")

SiteDay = tuple[str, dt.date]


@dataclass(frozen=True)
class Ledger:
    """All entries, in order, and the sha256 of the last commit's bytes. Everything it answers is for one profile."""

    entries: tuple[Entry, ...] = ()
    tail: str = GENESIS

    @classmethod
    def load(cls, root: Path) -> Ledger:
        """Read DIR/internal/ledger. Raises Trouble E402, naming the file, when one is missing, changed or no entry."""
        files = sorted(file for file in folder_of(root).glob("*.json") if NAME.fullmatch(file.name))
        entries: list[Entry] = []
        tail = GENESIS
        for number, file in enumerate(files, start=1):
            if file.name != _name(number):
                raise Trouble("E402", f"{folder_of(root) / _name(number)} is missing: restore it from a backup")
            content = file.read_bytes()
            try:
                found = from_bytes(content)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise Trouble("E402", f"{file} is not a ledger entry: restore it from a backup") from None
            if found[0].number != number or found[0].previous != tail:
                raise Trouble("E402", f"{file} does not follow the entry before it: one of the two was changed")
            entries += found
            tail = hashlib.sha256(content).hexdigest()
        return cls(tuple(entries), tail)

    @property
    def commits(self) -> int:
        """How many there are; the entries of one have its number."""
        return self.entries[-1].number if self.entries else 0

    def append(self, root: Path, entry: Entry, *beside: Entry) -> Ledger:
        """Write the next file, which is the commit, and return the ledger with it; `beside`: for its other profiles.

        Raises Trouble E403 when it would publish a day of a table a second time, E402 when it is not the next.
        """
        for one in (entry, *beside):
            self._refuse_second(one)
        if entry.number != self.commits + 1 or entry.previous != self.tail:
            raise Trouble("E402", f"entry {entry.number} does not follow entry {self.commits}")
        folder = make_folder(root, "internal", "ledger", mode=PRIVATE_FOLDER)
        content = to_bytes(entry, *beside)
        try:
            create_once(folder / _name(entry.number), content, PRIVATE_FILE)
        except FileExistsError:
            raise Trouble("E402", f"{folder / _name(entry.number)} is already there: start again") from None
        return Ledger((*self.entries, entry, *beside), hashlib.sha256(content).hexdigest())

    def _refuse_second(self, entry: Entry) -> None:
        taken: set[tuple[str, str, int]] = set()
        for period in entry.periods:
            days = {(period.site, period.table, day) for day in _days(period.grain, period.date)}
            if days & taken or self.overlaps(entry.profile, period.site, period.table, period.grain, period.date):
                raise Trouble("E403", f"{period.path} has a day that is published already; it is published once")
            taken |= days

    def published(self, profile: str) -> dict[tuple[str, str, str, dt.date], Period]:
        """The periods that are decided, by (site, table, grain, first day); also those of which nothing came out."""
        return {
            (period.site, period.table, period.grain, period.date): period
            for entry in self.entries
            if entry.profile == profile
            for period in entry.periods
        }

    def overlaps(self, profile: str, site: str, table: str, grain: str, date: dt.date) -> bool:
        """Whether any day of the period that holds `date` is published already, under whatever grain."""
        return not self._covered.get((profile, site, table), set()).isdisjoint(_days(grain, date))

    @cached_property
    def _covered(self) -> dict[tuple[str, str, str], set[int]]:
        """(profile, site, table) → the days (since 1970-01-01) of its published periods."""
        covered: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for entry in self.entries:
            for period in entry.periods:
                covered[entry.profile, period.site, period.table].update(_days(period.grain, period.date))
        return dict(covered)

    @cached_property
    def _read(self) -> dict[str, FileRead]:
        """Digest → the file, as the latest entry has it."""
        return {file.digest: file for entry in self.entries for file in entry.files_read}

    @cached_property
    def sizes(self) -> frozenset[int]:
        """Sizes in bytes of all files that were read: a file of another size is none of them."""
        return frozenset(file.bytes for file in self._read.values())

    @cached_property
    def retired(self) -> dict[str, str]:
        """Place below DIR → sha256 of every published file whose time is over: it is there no more, its period stays decided."""
        digests = {f"{entry.folder}/{file.path}": file.sha256 for entry in self.entries for file in entry.files}
        return {place: digests[place] for entry in self.entries for place in entry.retired if place in digests}

    def zones(self, profile: str) -> dict[str, str]:
        """The time zone in which each site was published last."""
        return {site: zone for entry in self.entries if entry.profile == profile for site, zone in entry.zones.items()}

    def spent(self, site: str) -> tuple[Fraction, Fraction]:
        """(epsilon, delta) of all noisy periods of a site: basic composition, exact."""
        return total(
            Cost(one.epsilon, one.delta)
            for entry in self.entries
            for period in entry.periods
            if period.site == site and (one := entry.noise.get(period.path)) is not None
        )

    def skippable(
        self, profile: str, digest: str, tables_by_site: Mapping[str, Mapping[str, str]], assigned: str = ""
    ) -> bool:
        """Whether a file can add nothing: it was read in full, and all its days are published for every table.

        `tables_by_site` has the grain of each table of each site. A file without events, with a site that is not in
        there, or whose events were `assigned` to sites and days in another way, is read again.
        """
        file = self.read_as(digest, assigned)
        return file is not None and any(file.days.values()) and self.settled(profile, file.days, tables_by_site)

    def read_as(self, digest: str, assigned: str) -> FileRead | None:
        """The file of a digest, if it was read in full with its events `assigned` to sites and days in this way."""
        file = self._read.get(digest)
        return file if file is not None and file.assigned == assigned else None

    def settled(
        self, profile: str, days: Mapping[str, Iterable[dt.date]], tables_by_site: Mapping[str, Mapping[str, str]]
    ) -> bool:
        """Whether these days, by site, are decided for every table of the site."""
        return all(
            site in tables_by_site
            and all(
                self.overlaps(profile, site, table, "day", date) for table in tables_by_site[site] for date in dates
            )
            for site, dates in days.items()
        )

    def covered(self, profile: str) -> dict[tuple[str, str], frozenset[int]]:
        """(site, table) → days since 1970-01-01 that publications of any grain cover."""
        return {(site, table): frozenset(days) for (of, site, table), days in self._covered.items() if of == profile}

    def decided(self, profile: str) -> dict[tuple[str, str, int], tuple[int, int]]:
        """(site, table, first day since 1970-01-01) → events, withheld ones included, and rows of what was published."""
        return {
            (site, table, as_day(date)): (period.events + period.withheld, period.rows)
            for (site, table, _, date), period in self.published(profile).items()
        }

    def edges(self, digests: Collection[str]) -> tuple[int | None, int | None]:
        """First and last event, in seconds since the epoch, of files that were read before."""
        files = [file for digest, file in self._read.items() if digest in digests]
        firsts = [file.first for file in files if file.first is not None]
        lasts = [file.last for file in files if file.last is not None]
        return min(firsts, default=None), max(lasts, default=None)

    def events(self, profile: str) -> dict[SiteDay, int]:
        """Events of each published day by (site, date): the most that one run had of it since it was published.

        A run has what its input files hold, each digest once, read or skipped. Runs are not added up: a growing log is
        read again under another digest each night.
        """
        known: dict[str, FileRead] = {}
        most: dict[SiteDay, int] = {}
        for entry in self.entries:
            known.update({file.digest: file for file in entry.files_read})
            if entry.profile != profile:
                continue
            had = _sum_days(known, {file.digest for file in entry.files_read} | set(entry.files_skipped))
            for period in entry.periods:
                for day in _days(period.grain, period.date):
                    most.setdefault((period.site, as_date(day)), 0)
            for key in most.keys() & had.keys():
                most[key] = max(most[key], had[key])
        return most

    def late(self, profile: str, found: Mapping[SiteDay, int], skipped: Iterable[str]) -> int:
        """Events of published days that the ledger did not know: found now, plus those of skipped files, minus its own.

        `found` counts this run's parsed events by (site, date), `skipped` are digests of files that were not read.
        """
        total = _sum_days(self._read, set(skipped))
        total.update(found)
        return sum(max(0, total[key] - known) for key, known in self.events(profile).items())


def folder_of(root: Path) -> Path:
    """Where the entries are."""
    return root / "internal" / "ledger"


def _name(number: int) -> str:
    return f"{number:08d}.json"


def _days(grain: str, date: dt.date) -> range:
    return range(*span(as_day(date), grain))


def _sum_days(known: Mapping[str, FileRead], digests: Iterable[str]) -> Counter[SiteDay]:
    """Events by (site, date) in those of the files that are known."""
    total: Counter[SiteDay] = Counter()
    for digest in digests:
        if digest in known:
            for site, days in known[digest].days.items():
                total.update({(site, date): count for date, count in days.items()})
    return total
