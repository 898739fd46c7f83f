"""Terms: on which one profile is published: its tables, its k, its rounding, and what may be published now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.noise import Bounds
from schemas.stages import Accounts
from schemas.table import Trends


@dataclass(frozen=True)
class Calendar:
    """What decides whether a period may be published now.

    now: seconds since the epoch; first, last: extreme event times of files that are known and not read again;
    published: days since 1970-01-01 that a publication of any grain covers, by (site, table);
    whole: publish partial periods too (--partial); everything: open ones as well (--preview); decided: (events, rows) of
    what was published, withheld events included, by (site, table, first day).
    """

    now: int
    published: Mapping[tuple[str, str], frozenset[int]]
    first: int | None = None
    last: int | None = None
    whole: bool = False
    everything: bool = False
    decided: Mapping[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)

    def extremes(self, accounts: Accounts) -> dict[str, int | None]:
        """First and last event of the whole input."""
        times = [t for edges in accounts.edges.values() for t in edges]
        times += [t for t in (self.first, self.last) if t is not None]
        return {"first": min(times, default=None), "last": max(times, default=None)}

    def chosen(self, state: str) -> bool:
        """Whether a period in this state is published."""
        return (
            state == "eligible"
            or (state == "partial" and self.whole)
            or (state in ("open", "partial") and self.everything)
        )


@dataclass(frozen=True)
class Terms:
    """One profile of a run. `trends` are the tables that it may have, `rounding` is of what its measures are multiples.

    `noise`, of a profile that has any, bounds by table what a neighbourhood counts for.
    """

    profile: str
    trends: Trends
    k: int
    rounding: int
    calendar: Calendar
    noise: Mapping[str, Bounds] = field(default_factory=dict)
