"""Checks of a release: what its files, its records and the declarations must be, each a function that says what it saw."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import conservation, manifest
from pipeline.entry import FOLDERS
from pipeline.records import Part, Records
from schemas import load
from schemas.lineage import holdings, refuse_links
from schemas.load import DeclarationError
from schemas.profiles import profiles
from schemas.tables import trends
from schemas.trouble import Trouble

HELD, FAILED, MISSING = "held", "FAILED", "missing"
PROFILES = {folder: name for name, folder in FOLDERS.items()}
PARTNER_ATTACKS = ("A1", "A2", "A4", "A5")
SHOWN = 3  # places that are named

Checked = tuple[str, str]
"""HELD, FAILED or MISSING, and what was seen."""

_SITE = re.compile(r"[a-z0-9_]+/site=([^/=]+)/grain=[^/=]+/date=[^/=]+/part-0\.parquet")


def judged(faults: list[str], said: str) -> Checked:
    """FAILED with the first faults, or HELD."""
    if not faults:
        return HELD, said
    more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return FAILED, "; ".join(faults[:SHOWN]) + more


def rows(records: Records, part: Part) -> pa.Table:
    """The rows of a published file. Raises Trouble E405 where there are none to be read."""
    try:
        found = pq.ParquetFile(records.root / part.place).read()
    except (OSError, pa.ArrowException):
        raise Trouble("E405", f"{part.place} is missing or no Parquet") from None
    numbers = {field.name for field in found.schema if field.type == pa.int64()}
    if not {"hits", "visitors"} <= numbers:
        raise Trouble("E405", f"{part.place} has no hits or visitors")
    return found


def crowds(records: Records) -> Checked:
    """k of every file is at least the floor of its profile, and no row has fewer visitors than that."""
    faults = []
    for part in records.parts:
        k = part.facts["k"]
        if k < profiles()[PROFILES[part.folder]].k:
            faults.append(f"{part.place}: k is {k}")
        small = sum(visitors < k for visitors in rows(records, part)["visitors"].to_pylist())
        if small:
            faults.append(f"{part.place}: {small} rows have fewer visitors than k")
    least = min((part.facts["k"] for part in records.parts), default=0)
    return judged(faults, f"{len(records.parts)} files, k is {least} or more, no row has fewer visitors than its k")


def columns(records: Records) -> Checked:
    """The columns of every file are those that trends.toml declares for its table."""
    declared = {
        (FOLDERS[name], t.name): [*t.key_names, "hits", "visitors", *t.measures]
        for name, profile in profiles().items()
        for t in profile.trends(trends()).tables
    }
    faults = [
        f"{part.place}: other columns than are declared"
        for part in records.parts
        if rows(records, part).column_names != declared.get((part.folder, part.path.partition("/")[0]))
    ]
    return judged(faults, f"{len(records.parts)} files have the declared columns and no others")


def files(records: Records) -> Checked:
    """Every published file is listed in the manifest with its sha256, and every listed one is there."""
    faults = [f"{place}: not as its manifest says" for place in records.changed]
    faults += [f"{name}: no manifest" for name in records.folders if name not in records.manifests]
    return judged(faults, f"{len(records.parts)} files are those that the manifest lists, by sha256")


def modes(records: Records) -> Checked:
    """Nothing but the release is open to others than its owner."""
    closed = [path for name in ("internal", "preview") for path in _below(records, name)]
    faults = [
        f"{path.relative_to(records.root)}: mode {path.stat().st_mode & 0o777:o}"
        for path in closed
        if path.stat().st_mode & 0o077 and not path.is_symlink()
    ]
    if not closed:
        return MISSING, "there is no folder `internal`"
    return judged(faults, f"{len(closed)} files and folders of internal/ and preview/ are the owner's alone")


def _below(records: Records, name: str) -> Iterator[Any]:
    folder = records.root / name
    if folder.is_dir():
        yield folder
        yield from sorted(folder.rglob("*"))


def totals(records: Records) -> Checked:
    """Hits in the files are those of the ledger, and every run's record adds up to them."""
    faults, gone = [], 0
    listed = {part.place for part in records.parts}
    entries = [entry for entry in records.ledger.entries if not entry.retired and not entry.erased]
    for entry in entries:
        written: Counter[str] = Counter()
        for period in entry.periods:
            written[period.table] += period.events
            noisy = period.path in entry.noise  # the ledger has the events behind them
            if period.rows and not noisy and (place := f"{entry.folder}/{period.path}") in listed:
                hits = sum(rows(records, Part(entry.folder, period.path, {}))["hits"].to_pylist())
                if hits != period.events:
                    faults.append(f"{place}: other hits than the ledger has")
        record = records.run(entry.run_id)
        if record is None:
            gone += 1
            continue
        mine = [one for one in conservation.by_profile(record) if one.get("profile") == entry.profile]
        if not mine:
            faults.append(f"run {entry.run_id}: its record is not of the profile {entry.profile}")
            continue
        try:
            conservation.check(mine[0], written)
        except Trouble as trouble:
            faults.append(f"run {entry.run_id}: {trouble.message}")
    if gone and not faults:
        return MISSING, f"run.json of {gone} of {len(entries)} runs is gone"
    return judged(faults, f"{len(entries)} runs add up, and so do {len(listed)} files")


def policies(records: Records) -> Checked:
    """The ledger is whole, and the manifests say of each file by which policy it was published, as the ledger does."""
    ledger = records.ledger
    faults = [
        f"{folder}: its manifest is not what the ledger says"
        for profile, folder in FOLDERS.items()
        if folder in records.manifests and records.manifests[folder] != manifest.render(ledger, profile)
    ]
    digests = {entry.provenance.policy_digest for entry in ledger.entries}
    if not ledger.entries:
        return MISSING, "the ledger has no entry"
    return judged(faults, f"{len(ledger.entries)} commits under {len(digests)} policies, each with its digest")


def lineage(records: Records) -> Checked:
    """No type, table or file holds network-derived beside identity columns."""
    try:
        refuse_links(load.fields(), trends())
    except DeclarationError as error:
        return FAILED, str(error)
    number = len(list(holdings(load.fields(), trends())))
    return HELD, f"{number} types, tallies and files, with {len(load.fields().given)} columns of known lineage"


def sites(records: Records) -> Checked:
    """Every file is of one site, and no table has a column that crosses sites."""
    named = [(part, _SITE.fullmatch(part.path)) for part in records.parts]
    faults = [f"{part.place}: of no site" for part, found in named if found is None]
    faults += [
        f"{part.place}: has a column `site`" for part in records.parts if "site" in rows(records, part).column_names
    ]
    number = len({found[1] for _, found in named if found})
    return judged(faults, f"{len(records.parts)} files, each of one of {number} sites")


def partner(records: Records) -> Checked:
    """The partner release stands for itself: larger crowds, rounded measures, listed tables."""
    folder, profile = FOLDERS["partner"], profiles()["partner"]
    if folder not in records.folders:
        return MISSING, f"there is no {folder}: nothing was published for partners"
    faults = []
    for part in records.of(folder):
        table = rows(records, part)
        numbers = [
            table[name].to_pylist() for name in table.column_names if table.schema.field(name).type == pa.int64()
        ]
        if part.facts["k"] < profile.k or any(one % profile.rounded for column in numbers for one in column):
            faults.append(f"{part.place}: k below {profile.k}, or measures that are not rounded")
        if part.path.partition("/")[0] not in profile.tables:
            faults.append(f"{part.place}: a table that is not for partners")
    said = f"k of {profile.k} and more, measures rounded to {profile.rounded}, tables: {', '.join(profile.tables)}"
    return judged(faults, f"{len(records.of(folder))} files, {said}")


def partner_audit(records: Records) -> Checked:
    """The last audit of the partner release was of it as it is now, and found nothing in it, whatever it found elsewhere."""
    folder = FOLDERS["partner"]
    if folder not in records.folders:
        return MISSING, f"there is no {folder} to attack"
    audit = records.audit_of(folder)
    changed = any(place.startswith(f"{folder}/") for place in records.changed)
    if audit is None or audit["releases"][folder] != records.releases.get(folder) or changed:
        return MISSING, "it was not audited as it is now: crowdlog audit DIR --profile partner"
    results = {one["id"]: one["result"] for one in audit["attacks"]}
    faults = [
        f"{one['id']} succeeded at {len(there)} places"
        for one in audit["attacks"]
        if (there := [found for found in one["evidence"] if found["where"].startswith(folder)])
    ]
    left = [name for name in PARTNER_ATTACKS if results.get(name, "not run") == "not run"]
    if left and not faults:
        return MISSING, f"{', '.join(left)} not run by audit {audit['id']}"
    return judged(faults, f"{', '.join(PARTNER_ATTACKS)} found nothing in it; audit {audit['id']}")


CHECKS: dict[str, Callable[[Records], Checked]] = {
    check.__name__: check
    for check in (crowds, columns, files, modes, totals, policies, lineage, sites, partner, partner_audit)
}
