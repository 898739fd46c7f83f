"""What the ledger knows, as the guard needs it: days that are covered, and how far skipped files reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from pipeline.ledger import Ledger
from transforms.periods import as_day, span


def covered_days(ledger: Ledger, profile: str) -> Mapping[tuple[str, str], frozenset[int]]:
    """Days since 1970-01-01 that publications of any grain cover, by (site, table)."""
    covered: dict[tuple[str, str], set[int]] = defaultdict(set)
    for site, table, grain, date in ledger.published(profile):
        covered[site, table].update(range(*span(as_day(date), grain)))
    return {key: frozenset(days) for key, days in covered.items()}


def known_edges(ledger: Ledger, skipped: Collection[str]) -> tuple[int | None, int | None]:
    """First and last event, in seconds since the epoch, of files that are not read again: they cover periods too."""
    files = [file for entry in ledger.entries for file in entry.files_read if file.sha256 in skipped]
    firsts = [file.first for file in files if file.first is not None]
    lasts = [file.last for file in files if file.last is not None]
    return min(firsts, default=None), max(lasts, default=None)
