"""Commitments: every promise of the policies with its evidence on a release, in words or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.checks import FAILED, MISSING
from pipeline.proofs import evidence
from pipeline.records import Records, read_results
from schemas.commitments import Commitment, commitments
from schemas.load import DeclarationError
from schemas.trouble import Trouble

MET, UNMET, UNPROVEN = "met", "unmet", "unproven"
LEAK = 5  # exit status where a promise is not kept


def shown(folder: Path, tests: Path | None, as_json: bool) -> tuple[str, int]:
    """What `crowdlog commitments` prints, and its exit status: 5 if a promise is unmet. Raises Trouble."""
    records = Records(folder, read_results(tests) if tests else None)
    try:
        entries = [described(one, records) for one in commitments()]
    except DeclarationError as error:
        raise Trouble("E202", str(error)) from None
    record = {**summary(entries, records), "commitments": entries}
    text = json.dumps(record) if as_json else "\n".join(lines(record))
    return text, LEAK if record[UNMET] else 0


def described(commitment: Commitment, records: Records) -> dict[str, Any]:
    """One commitment as data: met where all evidence holds, unmet where some speaks against it, else unproven."""
    found = list(evidence(commitment, records))
    results = {one.result for one in found}
    state = UNMET if FAILED in results else UNPROVEN if MISSING in results or not found else MET
    return {
        "id": commitment.id,
        "policies": list(commitment.policies),
        "flow": commitment.flow,
        "promise": commitment.promise,
        "state": state,
        "evidence": [one._asdict() for one in found],
    }


def summary(entries: list[dict[str, Any]], records: Records) -> dict[str, Any]:
    """How many are met, and by what: the release, the audit and the tests that were looked at."""
    counts = Counter(one["state"] for one in entries)
    audit = records.audit or {}
    return {
        MET: counts[MET],
        UNMET: counts[UNMET],
        UNPROVEN: counts[UNPROVEN],
        "files": len(records.parts),
        "releases": records.releases,
        "programs": sorted({part.facts["program"] for part in records.parts}),
        "audit": audit.get("id"),
        "audited": audit.get("at"),
        "tested": records.results.when if records.results else None,
    }


def lines(record: Mapping[str, Any]) -> Iterator[str]:
    """The record for people."""
    for one in record["commitments"]:
        state = one["state"] if one["state"] == MET else one["state"].upper()
        yield f"{one['id']:<4} {state:<9} {one['promise']} ({', '.join(one['policies'])}: {one['flow']})"
        for found in one["evidence"]:
            yield printable(f"     {found['result']:<9} {found['kind']} {found['name']}: {found['said']}")
    yield ""
    audit = f"audit {record['audit']}" if record["audit"] else "no audit"
    tests = f"tests of {record['tested']}" if record["tested"] else "no tests"
    made = f", made by crowdlog {', '.join(record['programs'])}" if record["programs"] else ""
    counts = f"{record[MET]} met, {record[UNMET]} unmet, {record[UNPROVEN]} unproven"
    yield printable(f"{counts}; {record['files']} files{made}; {audit}; {tests}")


def printable(text: str) -> str:
    """A line that moves no cursor, whatever a file is called."""
    return "".join(c if c.isprintable() else "?" for c in text)
