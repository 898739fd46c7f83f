"""Proofs: what each kind of proof of a commitment comes to on a release, as lines of evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.arguments import COMMANDS
from pipeline.checks import CHECKS, FAILED, HELD, MISSING, judged
from pipeline.records import Records
from schemas import load
from schemas.commitments import PROOFS, Commitment
from schemas.denied import denied
from schemas.lineage import classes, columns_of
from schemas.tables import trends
from schemas.trouble import Trouble

AS_DECLARED = "as declared in this version"


class Evidence(NamedTuple):
    """One proof that was looked at: its kind and name, HELD, FAILED or MISSING, and what was seen, where and when."""

    kind: str
    name: str
    result: str
    said: str


def evidence(commitment: Commitment, records: Records) -> Iterator[Evidence]:
    """All evidence of a commitment, kind by kind."""
    for kind in PROOFS:
        names = commitment.proof.get(kind, ())
        if kind == "apart" and commitment.apart:
            yield _apart(commitment)
        elif names:
            yield from _BY_KIND[kind](names, records)


def _tables(names: tuple[str, ...], records: Records) -> Iterator[Evidence]:
    for name in names:
        number = sum(part.path.startswith(f"{name}/") for part in records.parts)
        yield Evidence("tables", name, HELD, f"declared; {number} files in the release")


def _dropped(names: tuple[str, ...], _: Records) -> Iterator[Evidence]:
    kept = [f"{name} is read" for name in names if name in load.fields().kept]
    yield Evidence("dropped", ", ".join(names), *judged(kept, f"never built by a parser, {AS_DECLARED}"))


def _denied(names: tuple[str, ...], _: Records) -> Iterator[Evidence]:
    free = [f"{name} could be allowed" for name in names if denied(name) is None]
    yield Evidence("denied", ", ".join(names), *judged(free, f"parameters that no policy can allow, {AS_DECLARED}"))


def _geography(names: tuple[str, ...], _: Records) -> Iterator[Evidence]:
    fields = load.fields()
    of_network = {
        column
        for one in fields.treatments.values()
        if any(fields.columns[name].privacy == "network" for name in one.takes)
        for column in one.gives
        if "network" not in classes(fields, column)
    }
    told = [(t.name, column) for t in trends().tables for column in columns_of(t) if column in of_network]
    finer = [f"the table {table} tells {column}" for table, column in told if column not in names]
    yield Evidence("geography", ", ".join(names), *judged(finer, f"all that tables tell of an address, {AS_DECLARED}"))


def _apart(commitment: Commitment) -> Evidence:
    one, other = commitment.apart
    crossed = [
        f"the table {table.name} has both"
        for table in trends().tables
        if set(columns_of(table)) & set(one) and set(columns_of(table)) & set(other)
    ]
    said = f"in no table together, {AS_DECLARED}"
    return Evidence("apart", f"{', '.join(one)} | {', '.join(other)}", *judged(crossed, said))


def _checks(names: tuple[str, ...], records: Records) -> Iterator[Evidence]:
    for name in names:
        try:
            yield Evidence("checks", name, *CHECKS[name](records))
        except Trouble as trouble:
            yield Evidence("checks", name, FAILED, trouble.message)


def _commands(names: tuple[str, ...], _: Records) -> Iterator[Evidence]:
    for name in names:
        there = name in COMMANDS
        yield Evidence(
            "commands", name, HELD if there else MISSING, f"crowdlog {name} is {'there' if there else 'not there yet'}"
        )


def _attacks(names: tuple[str, ...], records: Records) -> Iterator[Evidence]:
    """By the last audit, if it was of the release as it is now."""
    audit = records.audit
    why = (
        "there was no audit: crowdlog audit DIR"
        if audit is None
        else f"audit {audit.get('id')} was of another release: run it again"
        if audit.get("releases") != records.releases or records.changed
        else ""
    )
    done = {one["id"]: one for one in audit["attacks"]} if audit and not why else {}
    for name in names:
        if name not in done:
            yield Evidence("attacks", name, MISSING, why or f"audit {audit and audit.get('id')} has no such attack")
            continue
        one, given = done[name], ", ".join(f"--{option}" for option in audit["given"]) if audit else ""
        result = {"held": HELD, "SUCCEEDED": FAILED}.get(one["result"], MISSING)
        found = f"succeeded, {len(one['evidence'])} findings" if result == FAILED else one["why_not"] or one["tried"]
        by = f"audit {audit and audit['id']}" + (f" ({given})" if given else "")
        yield Evidence("attacks", name, result, f"{one['title']}: {found}; {by}")


def _tests(names: tuple[str, ...], records: Records) -> Iterator[Evidence]:
    results = records.results
    for name in names:
        outcomes = results.outcomes.get(name, ()) if results else ()
        bad = sum(one in ("failure", "error") for one in outcomes)
        passed = sum(one == "passed" for one in outcomes)
        if results is None:
            yield Evidence("tests", name, MISSING, "needs --tests FILE (pytest --junitxml=FILE)")
        elif bad:
            yield Evidence("tests", name, FAILED, f"{bad} of {len(outcomes)} cases failed, {results.when}")
        elif not passed:
            yield Evidence("tests", name, MISSING, f"not run on {results.when}")
        else:
            yield Evidence("tests", name, HELD, f"{passed} cases passed, {results.when}")


_BY_KIND: dict[str, Callable[[tuple[str, ...], Records], Iterator[Evidence]]] = {
    "tables": _tables, "dropped": _dropped, "denied": _denied, "geography": _geography, "checks": _checks,
    "commands": _commands, "attacks": _attacks, "tests": _tests,
}  # fmt: skip
