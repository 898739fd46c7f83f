"""`crowdlog policy --diff`: what a change of the policy would newly reveal or hide, and on which rows of a release."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.allowed import check_formats
from pipeline.changes import ALTERS, HIDES, REVEALS, changes
from pipeline.consequences import Release, publishers
from pipeline.records import Records
from schemas.load import DeclarationError
from schemas.policy import Policy, read_policy
from schemas.trouble import Trouble

LISTED = 20  # changes of one kind that are shown to a person; --json has all


def told(old: Path, new: Path, folder: Path | None, as_json: bool) -> str:
    """What is printed. Raises Trouble E202 for a wrong policy, E301 for a folder without a release."""
    try:
        before, after = read_policy(old), read_policy(new)
    except DeclarationError as error:
        raise Trouble("E202", str(error)) from None
    check_formats(before, str(old))
    check_formats(after, str(new))
    record = difference(before, after, Records(folder) if folder is not None else None)
    return json.dumps(record) if as_json else "\n".join(lines(record))


def difference(old: Policy, new: Policy, records: Records | None) -> dict[str, Any]:
    """The difference as data: both digests, and every change with its effect and, on a release, its consequence."""
    release = Release(records, old, new) if records else None
    found = []
    for change in changes(old, new):
        seen = release.consequence(change) if release else None
        found.append({**asdict(change), "release": seen._asdict() if seen else None})
    record: dict[str, Any] = {
        "old": old.digest,
        "new": new.digest,
        "changes": found,
        **{effect: sum(one["effect"] == effect for one in found) for effect in (REVEALS, HIDES, ALTERS)},
    }
    if records is not None:
        digests = list(publishers(records))
        record["published"] = {
            "rows": len(release.rows) if release else 0,
            "by": digests,
            "by_old": digests[:1] == [old.digest],
        }
    return record


def lines(record: Mapping[str, Any]) -> Iterator[str]:
    """The difference for people: by site, then what is revealed, hidden, changed."""
    order = (REVEALS, HIDES, ALTERS)
    ranked = sorted(
        record["changes"],
        key=lambda one: (one["site"], order.index(one["effect"]), one["key"], -_hits(one), one["name"]),
    )
    for site, of_site in groupby(ranked, key=lambda one: one["site"]):
        yield f"site {site}" if site else "all sites"
        for _, alike in groupby(of_site, key=lambda one: (one["effect"], one["key"])):
            yield from _listed(list(alike))
    if "published" in record:
        yield from _about_release(record["published"])
    what = f"{record[REVEALS]} reveal, {record[HIDES]} hide, {record[ALTERS]} alter something else"
    if not record["changes"]:
        what = "nothing that is shown" if record["old"] != record["new"] else "the same policy"
    yield f"{what}. What is published already stays as it is: a change counts for periods that come after"


def _hits(change: Mapping[str, Any]) -> int:
    """Hits in the release that a change is about: what concerns many is shown first."""
    return change["release"]["hits"] if change["release"] else 0


def _listed(alike: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in alike[:LISTED]:
        yield f"  {one['effect']:<8} {one['key']}: {one['said']}"
        if (seen := one["release"]) and seen["rows"]:
            yield f"           in the release: {seen['rows']:,} {seen['said']} ({seen['hits']:,} hits)"
    if len(alike) > LISTED:
        yield f"  {alike[0]['effect']:<8} {alike[0]['key']}: and {len(alike) - LISTED:,} more; --json lists them"


def _about_release(published: Mapping[str, Any]) -> Iterator[str]:
    by = "by OLD" if published["by_old"] else "last by another policy than OLD (a run's --k and --site are part of it)"
    yield f"the release: {published['rows']:,} rows, published {by}"
