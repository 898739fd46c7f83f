"""The manifest of a release folder, made from the ledger alone: what each file is and by what it was made."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.durable import PUBLIC_FILE, PUBLIC_FOLDER, make_folder, sync_folders, write_whole
from pipeline.entry import FOLDERS, Entry, Period
from pipeline.ledger import Ledger
from schemas.noise import Cost, total

NAME = "manifest.json"


def render(ledger: Ledger, profile: str) -> bytes:
    """The manifest of a profile as JSON: no clock and no run in it, so equal releases have equal manifests."""
    files = {
        path: facts
        for entry in ledger.entries
        if entry.profile == profile
        for path, facts in _facts(entry).items()
        if f"{entry.folder}/{path}" not in ledger.retired
    }
    found = {"profile": profile, "files": files, **_privacy([one for one in ledger.entries if one.profile == profile])}
    return (json.dumps(found, indent=1, sort_keys=True) + "\n").encode()


def _privacy(entries: Sequence[Entry]) -> dict[str, Any]:
    """What a profile with noise has spent, by site, in all and by grain and first day; also on tables that came to no row.

    Of periods alone that show something: that another one was looked at would say that somebody was there. The ledger
    counts them all.
    """
    found: dict[str, dict[str, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    shown = {_when(period) for entry in entries for period in entry.periods if period.rows}
    for entry in entries:
        for period in entry.periods:
            if _when(period) in shown and (noise := entry.noise.get(period.path)):
                found[period.site][f"{period.grain} {period.date.isoformat()}"].append(noise.cost)
    return {"privacy": {site: _spent(periods) for site, periods in found.items()}} if found else {}


def _when(period: Period) -> tuple[str, str, dt.date]:
    return period.site, period.grain, period.date


def _spent(periods: Mapping[str, Sequence[Cost]]) -> dict[str, Any]:
    summed = {when: total(costs) for when, costs in periods.items()}
    whole = total(cost for costs in periods.values() for cost in costs)
    return {
        **dict(zip(("epsilon", "delta"), map(float, whole), strict=True)),
        "periods": {
            when: {"epsilon": float(epsilon), "delta": float(delta)} for when, (epsilon, delta) in summed.items()
        },
    }


def _facts(entry: Entry) -> dict[str, dict[str, Any]]:
    by = entry.provenance
    partial = {period.path for period in entry.periods if period.partial}
    return {
        file.path: {
            "k": by.k,
            "rows": file.rows,
            "sha256": file.sha256,
            "policy": by.policy_digest,
            "coverage": "partial" if file.path in partial else "whole",
            "geo_built": by.geo,
            "agents": by.agents,
            "bots": by.bots,
            "suffixes": by.suffixes,
            "program": by.program,
            **({"noise": asdict(noise)} if (noise := entry.noise.get(file.path)) else {}),
        }
        for file in entry.files
    }


def rebuild(root: Path, ledger: Ledger) -> None:
    """Write the manifest of every profile that has an entry, where it differs from what the ledger says."""
    for profile, name in FOLDERS.items():
        if not any(entry.profile == profile for entry in ledger.entries):
            continue
        folder = make_folder(root, name, mode=PUBLIC_FOLDER)
        for part in folder.glob(f".{NAME}.*.tmp"):
            part.unlink()
        content = render(ledger, profile)
        file = folder / NAME
        if not file.exists() or file.read_bytes() != content:
            write_whole(file, content, PUBLIC_FILE)
            sync_folders([folder])
