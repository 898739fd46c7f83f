"""Adding up accounts, and accounts as bytes: the counts that travel beside the tallies."""

from __future__ import annotations

import json
from dataclasses import fields

from schemas.stages import Accounts

SHAPES = 20  # shapes of rejected lines that a run keeps


def add(total: Accounts, more: Accounts) -> None:
    """Add `more` to `total`, in place."""
    total.lines += more.lines
    total.parsed += more.parsed
    for name in ("skipped", "rejected", "noted", "not_applicable", "repeated", "days", "shapes"):
        getattr(total, name).update(getattr(more, name))
    for file, (first, last) in more.edges.items():
        widest = total.edges.get(file, (first, last))
        total.edges[file] = (min(first, widest[0]), max(last, widest[1]))
    _keep_most_frequent(total)


def _keep_most_frequent(total: Accounts) -> None:
    """Bound the shapes; ties by the shape itself, so that the order of chunks does not matter more than it must."""
    if len(total.shapes) > 4 * SHAPES:
        kept = sorted(total.shapes.items(), key=lambda item: (-item[1], item[0]))[: 2 * SHAPES]
        total.shapes.clear()
        total.shapes.update(dict(kept))


def to_bytes(accounts: Accounts) -> bytes:
    """JSON; counters with tuple keys as lists."""
    record = {f.name: getattr(accounts, f.name) for f in fields(accounts)}
    for name in ("days", "shapes"):
        record[name] = [[*key, count] for key, count in record[name].items()]
    record["edges"] = [[file, *edges] for file, edges in accounts.edges.items()]
    return json.dumps(record).encode()


def from_bytes(content: bytes) -> Accounts:
    """The Accounts that `to_bytes` wrote."""
    record = json.loads(content)
    accounts = Accounts(record["lines"], record["parsed"], edges={file: (a, b) for file, a, b in record["edges"]})
    for name in ("skipped", "rejected", "noted", "not_applicable", "repeated"):
        getattr(accounts, name).update(record[name])
    for name in ("days", "shapes"):
        getattr(accounts, name).update({tuple(key): count for *key, count in record[name]})
    return accounts
