"""History: the ledger in words or as JSON; what was published and deleted when, by which policy and program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.entry import Entry
from pipeline.ledger import Ledger
from schemas.trouble import Trouble


def told(folder: Path, as_json: bool) -> str:
    """What `crowdlog ledger` prints. Raises Trouble E301 without a ledger, E402 for a broken one."""
    ledger = Ledger.load(folder)
    if not ledger.entries:
        raise Trouble("E301", f"{folder} has no ledger: nothing was published there")
    entries = [described(entry) for entry in ledger.entries]
    record = {"entries": entries, "sha256": ledger.tail}
    return json.dumps(record) if as_json else "\n".join([*map(line, entries), closing(ledger)])


def described(entry: Entry) -> dict[str, Any]:
    """An entry as data: what it decided, of which sites and days, and by what."""
    dates = sorted(period.date.isoformat() for period in entry.periods)
    by = entry.provenance
    return {
        "number": entry.number,
        "committed": entry.committed,
        "run": entry.run_id,
        "profile": entry.profile,
        "policy": by.policy_digest,
        "k": by.k,
        "program": by.program,
        "geo": by.geo,
        "sites": sorted({period.site for period in entry.periods}),
        "tables": sorted({period.table for period in entry.periods}),
        "grains": sorted({period.grain for period in entry.periods}),
        "first": dates[0] if dates else None,
        "last": dates[-1] if dates else None,
        "periods": len(entry.periods),
        "partial": sum(period.partial for period in entry.periods),
        "files": len(entry.files),
        "rows": sum(file.rows for file in entry.files),
        "withheld": sum(period.withheld for period in entry.periods),
        "logs_read": len(entry.files_read),
        "logs_skipped": len(entry.files_skipped),
        "retired": len(entry.retired),
        "erased": len(entry.erased),
    }


def line(one: dict[str, Any]) -> str:
    """An entry for a person."""
    return f"{one['number']:>5}  {one['committed'][:19]}  {'; '.join(words(one))}"


def words(one: dict[str, Any]) -> Iterator[str]:
    """What an entry did, and by what."""
    if one["periods"]:
        dates = one["first"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}"
        partial = f", {one['partial']} partial" if one["partial"] else ""
        yield f"{one['profile']}: {one['periods']:,} periods{partial} of {', '.join(one['sites'])}, {dates}"
        yield f"{one['rows']:,} rows in {one['files']:,} files from {one['logs_read']:,} logs"
    if one["retired"] or one["erased"]:
        yield f"retention: {one['retired']:,} published files and {one['erased']:,} raw logs deleted"
    yield f"policy {one['policy'][:12]}, k {one['k']}, crowdlog {one['program']}"


def closing(ledger: Ledger) -> str:
    """How long the chain is, and its end."""
    return f"{ledger.commits} commits, each with the sha256 of the one before it; the last is {ledger.tail[:12]}"
