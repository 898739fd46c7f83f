"""Conservation: every line and every event of a run is in exactly one count of its record (DESIGN.md 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.trouble import Trouble

FATES = ("not_applicable", "published_before", "open", "partial", "eligible")


def by_profile(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The record of a run as it would be for each of its profiles alone: the first one's, then those beside it."""
    return [record, *({**record, **own} for own in record.get("beside", {}).values())]


def check(record: Mapping[str, Any], written: Mapping[str, int]) -> None:
    """Refuse a record (the content of run.json) that does not add up. Raises Trouble E406 with both numbers.

    `written` is the sum of `hits` in the files that are to be published, by table; no file is 0. Lines = skipped +
    parsed + rejected; by table parsed (+ repeated) = all fates, eligible = published + withheld, published = written.
    """
    parsed = record["parsed"]
    lines = sum(record["skipped"].values()) + parsed + sum(record["rejected"].values())
    _equal("lines", record["lines"], "skipped + parsed + rejected", lines)
    tables = record["tables"]
    for table in sorted({*tables, *written}):
        counts = tables.get(table)
        if counts is None:
            raise Trouble("E406", f"table {table}: {written[table]} events written, but the record does not have it")
        repeated = counts.get("repeated", 0)  # only where one event has a row for each word of a list
        fates = sum(counts[fate] for fate in FATES)
        _equal(
            f"table {table}: parsed + repeated" if repeated else f"table {table}: parsed",
            parsed + repeated,
            " + ".join(FATES),
            fates,
        )
        published, withheld = counts["published"], counts["withheld"]
        _equal(f"table {table}: eligible", counts["eligible"], "published + withheld", published + withheld)
        _equal(f"table {table}: published", published, "the hits to be written", written.get(table, 0))
        for name, count in counts.items():
            if count < 0:
                raise Trouble("E406", f"table {table}: {name} is {count}, expected 0 or more")


def _equal(name: str, count: int, parts: str, total: int) -> None:
    if count != total:
        raise Trouble("E406", f"{name} is {count}, but {parts} is {total}; nothing was published")
