"""Consequences: which published rows a change of the policy would have shown otherwise; read from a release alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.changes import HIDES, REVEALS, Change, concerned
from pipeline.checks import rows
from pipeline.entry import FOLDERS
from pipeline.records import Records
from schemas.policy import Policy
from schemas.site import Site
from schemas.tables import trends
from transforms.treatments import route as treatment

OTHER = "(other)"
ROUTE = "route"


class Row(NamedTuple):
    """A published row: its table, site, keys by name, hits and visitors."""

    table: str
    site: str
    keys: Mapping[str, str]
    hits: int
    visitors: int


class Consequence(NamedTuple):
    """Rows of a release that a change is about, their hits, and how so."""

    rows: int
    hits: int
    said: str


def published(records: Records) -> tuple[Row, ...]:
    """All rows of the release. Raises Trouble E405 for a file that cannot be read."""
    names = {table.name: table.key_names for table in trends().tables}
    found = []
    for part in records.of(FOLDERS["internal"]):
        table, site = part.path.split("/")[0], part.path.split("/")[1].removeprefix("site=")
        for row in rows(records, part).to_pylist():
            keys = {name: row[name] for name in names.get(table, ()) if name in row}
            found.append(Row(table, site, keys, row["hits"], row["visitors"]))
    return tuple(found)


class Release:
    """A release beside two policies: what each change comes to on its rows."""

    def __init__(self, records: Records, old: Policy, new: Policy) -> None:
        self.records, self.old, self.new = records, old, new
        self.rows = published(records)

    def consequence(self, change: Change) -> Consequence | None:
        """None where the rows cannot say."""
        find = _FIND.get(change.key.partition(".")[0] if change.key.startswith("words.") else change.key)
        return find(self, change) if find else None

    def of(self, change: Change) -> list[Row]:
        """Rows of the change's site, in the tables that it shows up in."""
        return [row for row in self.rows if row.site == change.site and row.table in concerned(change)]

    def routed(self, site: Site, path: str) -> str:
        """The route of a published path by the rules of a site, without its query."""
        return treatment.Treatment().treat(path.encode(), None, site)[0]


def counted(found: list[Row], said: str) -> Consequence:
    """Rows and their hits."""
    return Consequence(len(found), sum(row.hits for row in found), said)


def path_of(row: Row) -> str:
    """The path of a row's route, without what the query shows."""
    return row.keys[ROUTE].partition("?")[0]


def _k(release: Release, change: Change) -> Consequence:
    if change.effect == HIDES:
        small = [row for row in release.rows if row.visitors < change.new]
        return counted(
            small, f"rows have fewer than {change.new} visitors and would be more general; others may be too"
        )
    return counted(
        [row for row in release.rows if OTHER in row.keys.values()], "rows of (other), which could be told apart"
    )


def _site(release: Release, change: Change) -> Consequence:
    if change.effect == HIDES:
        return counted([row for row in release.rows if row.site == change.site], "rows are published under its name")
    unnamed = [row for row in release.rows if row.site in (OTHER, "default")]
    return counted(unnamed, "rows of sites that are not declared, in which it may be")


def _host(release: Release, change: Change) -> Consequence:
    return counted(
        [row for row in release.rows if row.site == change.old], f"rows are under {change.old}, where it was"
    )


def _timezone(release: Release, change: Change) -> Consequence:
    here = [row for row in release.rows if row.site == change.site]
    zone = release.records.ledger.zones("internal").get(change.site, change.new)
    refused = "rows are by the old clock: a run with the new one is refused (exit 4)" if zone != change.new else "rows"
    return counted(here, refused)


def _grain(release: Release, change: Change) -> Consequence:
    here = [row for row in release.rows if (row.site, row.table) == (change.site, change.name)]
    return counted(here, f"rows stay as they are, by {change.old}; the new grain begins behind them")


def _route(release: Release, change: Change) -> Consequence:
    here = release.of(change)
    added = bool(change.new)
    if added and change.effect == HIDES:  # words that the slots take
        site = release.new.site(change.site)
        taken = [
            row for row in here if path_of(row) != change.name and release.routed(site, path_of(row)) == change.name
        ]
        return counted(taken, f"rows show words that would be in the slots of {change.name}")
    if added:
        wider = {*treatment.parents(change.name), OTHER}
        return counted([row for row in here if path_of(row) in wider], "more general rows, in which it may be")
    return counted([row for row in here if path_of(row) == change.name], "rows are shown as it")


def _parameter(release: Release, change: Change) -> Consequence:
    here = [row for row in release.of(change) if not change.route or path_of(row) == change.route]
    if change.effect == REVEALS:
        return counted([row for row in here if path_of(row).startswith("/")], "rows behind which it may have stood")
    shown = [row for row in here if change.name in names_in(row)]
    return counted(shown, "rows show it")


def names_in(row: Row) -> list[str]:
    """Names of the parameters that a row shows."""
    return [pair.partition("=")[0] for pair in row.keys[ROUTE].partition("?")[2].split("&")]


def _words(release: Release, change: Change) -> Consequence:
    word = OTHER if change.effect == REVEALS else change.name
    said = "rows of (other), in which it may be" if word == OTHER else "rows show it"
    return counted([row for row in release.of(change) if word in row.keys.values()], said)


_FIND: dict[str, Callable[[Release, Change], Consequence]] = {
    "k": _k, "site": _site, "hosts": _host, "timezone": _timezone, "tables": _grain, "routes": _route,
    "parameters": _parameter, "words": _words,
}  # fmt: skip


def publishers(records: Records) -> Iterator[str]:
    """Digests of the policies by which the release was published, the last one first."""
    seen: dict[str, Any] = {}
    for entry in reversed(records.ledger.entries):
        if entry.profile == "internal":
            seen.setdefault(entry.provenance.policy_digest, None)
    yield from seen
