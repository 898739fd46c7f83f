"""Longer: what a week or a month of one table has beyond the days of another one that counts the same events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audit.case import NOISY, ROUNDED, Case, Evidence, Part

Days = Mapping[tuple[str, str, str, str], Part]  # by release folder, table, site and date


def longer(case: Case, complete: Mapping[str, str]) -> Iterator[Evidence]:
    """Weeks and months minus their days: late lines, and what single days have folded, when it is fewer than k hits.

    `complete`: tables that count every event of a class. Folders with rounded or noisy measures are left out, and periods
    of which at least k hits were withheld, as the ledger says: of these nobody knows how many of them the difference lacks.
    """
    withheld = case.withheld
    days = {(_folder(part), part.table, part.site, part.date): part for part in case.parts if part.grain == "day"}
    for part in case.parts:
        folder = _folder(part)
        if part.grain == "day" or folder in (*ROUNDED, *NOISY) or withheld.get((folder, *part.period), 0) >= part.k:
            continue
        if part.table in complete:
            kind = complete[part.table]
            yield from _known(part, kind, sum(part.columns["hits"]), _shown(days, part, "sites", kind))
        if part.table == "errors":
            for kind in sorted(set(part.columns["agent_class"])):
                yield from _known(part, kind, sum(_hits(part, kind)), _shown(days, part, "statuses", kind, "45"))


def _known(part: Part, kind: str, total: int, shown: list[int]) -> Iterator[Evidence]:
    """Evidence where the days say nearly all."""
    if shown and 1 <= total - sum(shown) < part.k:
        said = f"{kind}: {total - sum(shown):,} hits more than {len(shown)} days show of the same events"
        yield Evidence(part.place, said)


def _shown(days: Days, part: Part, table: str, kind: str, status: str = "") -> list[int]:
    """Hits of a class in rows of another table, of each day of a period that it shows; of statuses that begin so."""
    start, stop = part.span()
    place = _folder(part), table, part.site
    within = [one for (*key, _), one in sorted(days.items()) if tuple(key) == place and start <= one.span()[0] < stop]
    return [sum(hits) for one in within if (hits := _hits(one, kind, status))]


def _hits(part: Part, kind: str, status: str = "") -> list[int]:
    labels = part.columns.get("status") if status else None
    return [
        hits
        for row, (one, hits) in enumerate(zip(part.columns["agent_class"], part.columns["hits"], strict=True))
        if one == kind and (labels is None or labels[row][:1] in status)
    ]


def _folder(part: Part) -> str:
    return part.place.split("/")[0]
