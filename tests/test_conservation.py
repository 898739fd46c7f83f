"""Conservation: a record that adds up passes, and every single count that is off by one is found."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.conservation import check
from schemas.trouble import Trouble

# the example of DESIGN.md 4.2
RECORD: dict[str, Any] = {
    "lines": 10003, "skipped": {"blank": 1, "directive": 2}, "parsed": 9990, "rejected": {"no_format": 10},
    "files_skipped": 0,
    "tables": {"pages": {"not_applicable": 1210, "published_before": 0, "open": 0, "partial": 0, "eligible": 8780,
                         "published": 8741, "withheld": 39}},
}  # fmt: skip


def test_record_of_the_design_adds_up() -> None:
    """The example that the design gives is accepted."""
    check(RECORD, {"pages": 8741})


PLACES = [
    ("lines",), ("skipped", "blank"), ("parsed",), ("rejected", "no_format"),
    *(("tables", "pages", count) for count in RECORD["tables"]["pages"]),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_one_too_many_is_refused(place: tuple[str, ...]) -> None:
    """A single count that is one too high is refused with exit 4."""
    record = copy.deepcopy(RECORD)
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] += 1
    with pytest.raises(Trouble) as refused:
        check(record, {"pages": 8741})
    assert (refused.value.code, refused.value.exit) == ("E406", 4)


def test_message_names_the_table_and_both_numbers() -> None:
    """What was written is compared with what the record says, and both are told."""
    with pytest.raises(Trouble, match=r"table pages: published is 8741, .* is 8740"):
        check(RECORD, {"pages": 8740})


def test_table_that_is_not_in_the_record_is_refused() -> None:
    """Files of a table that nobody counted are refused."""
    with pytest.raises(Trouble, match="table errors: 5 events"):
        check(RECORD, {"pages": 8741, "errors": 5})


def test_negative_count_is_refused() -> None:
    """Counts that only add up because one is negative are refused."""
    record = copy.deepcopy(RECORD)
    record["tables"]["pages"].update(open=-5, partial=5)
    with pytest.raises(Trouble, match="open is -5"):
        check(record, {"pages": 8741})
