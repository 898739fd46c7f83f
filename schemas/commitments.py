"""The commitments (commitments.toml) as frozen dataclasses: what is promised, and what has to hold to prove it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from schemas.load import Fields, entries, expect, fields, only_keys, shipped
from schemas.table import Trends
from schemas.tables import trends

PROOFS = ("tables", "dropped", "denied", "geography", "apart", "checks", "commands", "attacks", "tests")
"""Kinds of proof, in the order in which they are shown."""

_TEXTS = ("id", "flow", "promise")
_ID = re.compile(r"C[1-9][0-9]*")
_SHAPES = {
    "attacks": (re.compile(r"A[1-9][0-9]*"), "an attack such as 'A1'"),
    "tests": (
        re.compile(r"tests/test_\w+\.py::test_\w+"),
        "a test such as 'tests/test_rules.py::test_flow_is_one_chain'",
    ),
}


@dataclass(frozen=True)
class Commitment:
    """One promise. `proof` has, by kind, the names of what has to hold."""

    id: str
    policies: tuple[str, ...]
    flow: str
    promise: str
    proof: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    apart: tuple[tuple[str, ...], ...] = ()


def read_commitments(data: Mapping[str, Any], known: Fields, published: Trends, where: str) -> tuple[Commitment, ...]:
    """Commitments from parsed TOML, checked against fields and tables. Raises DeclarationError."""
    only_keys(where, data, ("commitment",))
    found = tuple(_read(entry, known, published, where) for entry in entries(where, data, "commitment", dict))
    ids = [one.id for one in found]
    for name in ids:
        expect(where, f"the commitment {name!r} is declared", ids.count(name), "1 time", ids.count(name) == 1)
    return found


def _read(entry: Mapping[str, Any], known: Fields, published: Trends, where: str) -> Commitment:
    here = f"{where}: commitment {entry.get('id')!r}"
    only_keys(here, entry, (*_TEXTS, "policies", *PROOFS))
    for key in _TEXTS:
        expect(here, key, entry.get(key), "a text", isinstance(entry.get(key), str) and bool(entry[key]))
    expect(here, "id", entry["id"], "C and a number", bool(_ID.fullmatch(entry["id"])))
    policies = entries(here, entry, "policies")
    expect(here, "policies", list(policies), "at least one policy", bool(policies))
    proof = {kind: entries(here, entry, kind) for kind in PROOFS if kind in entry and kind != "apart"}
    apart = _apart(here, entry.get("apart", []), known)
    given = [kind for kind, names in {**proof, "apart": apart}.items() if names]
    expect(here, "proof", given, f"at least one of {', '.join(PROOFS)}: a promise needs proof", bool(given))
    names = {
        "tables": [table.name for table in published.tables],
        "dropped": [*known.columns],
        "geography": [*known.given],
    }
    for kind, listed in proof.items():
        for name in listed:
            if kind in names:
                expect(here, kind, name, f"one of {', '.join(sorted(names[kind]))}", name in names[kind])
            if kind in _SHAPES:
                expect(here, kind, name, _SHAPES[kind][1], bool(_SHAPES[kind][0].fullmatch(name)))
    return Commitment(entry["id"], policies, entry["flow"], entry["promise"], proof, apart)


def _apart(here: str, found: Any, known: Fields) -> tuple[tuple[str, ...], ...]:
    wanted = "two lists of pseudonymous columns"
    holds = isinstance(found, list) and len(found) in (0, 2) and all(isinstance(side, list) and side for side in found)
    expect(here, "apart", found, wanted, holds)
    for name in (name for side in found for name in side):
        expect(here, "apart", name, f"one of {', '.join(sorted(known.given))}", name in known.given)
    return tuple(tuple(side) for side in found)


@cache
def commitments() -> tuple[Commitment, ...]:
    """The shipped commitments.toml."""
    return read_commitments(shipped("commitments.toml"), fields(), trends(), "schemas/commitments.toml")
