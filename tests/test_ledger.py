"""The ledger: entries that are never changed, and what small hand-made ones say of periods, files and late lines."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.entry import Entry, FileRead, Period, Provenance, PublishedFile, from_bytes, to_bytes
from pipeline.ledger import Ledger
from schemas.trouble import Trouble

BY = Provenance("0" * 64, 10, "1.0", "2026-06-01", "agents 1", "bots 1", "suffixes 1")
SAT, SUN, MON = dt.date(2026, 11, 21), dt.date(2026, 11, 22), dt.date(2026, 11, 23)


def period(date: dt.date, table: str = "pages", site: str = "shop", grain: str = "day") -> Period:
    """A period of which everything was withheld: it needs no file."""
    return Period(site, table, grain, date, 0, 0, 9, False)


def read(name: str, days: Mapping[dt.date, int], site: str = "shop") -> FileRead:
    """A file that was read in full, with its events by day."""
    return FileRead(name, 100, None, None, {site: days})


def following(ledger: Ledger, *periods: Period, files: tuple[FileRead, ...] = (), **changes: object) -> Entry:
    """The next entry of a ledger."""
    number = len(ledger.entries) + 1
    made = Entry(number, ledger.tail, "internal", f"run-{number}", "2026-11-24T03:00:00Z", BY, files, (), periods, ())
    return replace(made, **changes)  # type: ignore[arg-type]


def history(root: Path, *entries: tuple[tuple[Period, ...], tuple[FileRead, ...]]) -> Ledger:
    """A ledger on disk with these entries, loaded again."""
    ledger = Ledger()
    for periods, files in entries:
        ledger = ledger.append(root, following(ledger, *periods, files=files))
    return Ledger.load(root)


def test_entry_survives_its_bytes() -> None:
    """An entry read from its JSON is the entry that was written."""
    entry = Entry(
        7, "a" * 64, "partner", "run-7", "2026-11-24T03:00:00+00:00", BY,
        (FileRead("b" * 64, 12, 5, None, {"shop": {SAT: 3}, "(other)": {SUN: 1}}),), ("c" * 64,),
        (Period("shop", "pages", "week", dt.date(2026, 11, 16), 40, 2, 1, True),),
        (PublishedFile("pages/site=shop/grain=week/date=2026-11-16/part-0.parquet", "d" * 64, 2, 900),),
    )  # fmt: skip
    assert from_bytes(to_bytes(entry)) == (entry,)


def sealed(data: dict[str, Any]) -> bytes:
    """An entry as JSON, with the digest of its rest."""
    body = json.dumps(data, indent=1, sort_keys=True) + "\n"
    return json.dumps({**data, "sha256": hashlib.sha256(body.encode()).hexdigest()}).encode()


def test_entry_of_the_first_days_is_read() -> None:
    """Digests of the files read were sha256, and called so."""
    entry = following(Ledger(), period(SAT), files=(read("e" * 64, {SAT: 9}),))
    data = json.loads(to_bytes(entry))
    del data["sha256"]
    (file,) = data["files_read"]
    file["sha256"] = file.pop("digest")
    assert from_bytes(sealed(data)) == (entry,)


def test_two_profiles_of_a_commit_survive_its_bytes(tmp_path: Path) -> None:
    """One file holds both entries; each has what is its own, and shares the rest; the next commit follows it."""
    ledger = Ledger()
    house = following(ledger, period(SAT), files=(read("b" * 64, {SAT: 3}),))
    partner = replace(house, profile="partner", provenance=replace(BY, k=50), periods=(period(SUN),))
    assert from_bytes(to_bytes(house, partner)) == (house, partner)
    ledger = ledger.append(tmp_path, house, partner)
    ledger = ledger.append(tmp_path, replace(following(ledger, period(SUN)), number=2))
    assert Ledger.load(tmp_path) == ledger
    assert [(entry.number, entry.profile) for entry in ledger.entries] == [
        (1, "internal"),
        (1, "partner"),
        (2, "internal"),
    ]
    assert set(ledger.published("partner")) == {("shop", "pages", "day", SUN)}


@pytest.mark.parametrize(
    "changes", [{"profile": "internal"}, {"run_id": "run-9"}, {"files_read": (read("c" * 64, {SAT: 1}),)}], ids=str
)
def test_entries_of_two_commits_are_no_commit(changes: dict[str, object]) -> None:
    """A second entry of the same profile, or with another run or other files, is refused before it is written."""
    house = following(Ledger(), period(SAT))
    with pytest.raises(ValueError, match="not two profiles of one commit"):
        to_bytes(house, replace(house, **{"profile": "partner", **changes}))  # type: ignore[arg-type]


def test_a_day_that_one_profile_has_already_refuses_the_commit(tmp_path: Path) -> None:
    """The partner's day was published: a commit with it beside the house's is refused whole."""
    ledger = Ledger()
    ledger = ledger.append(tmp_path, following(ledger, period(SAT), profile="partner"))
    house = following(ledger, period(SAT))
    with pytest.raises(Trouble) as refused:
        ledger.append(tmp_path, house, replace(house, profile="partner"))
    assert refused.value.code == "E403"
    assert Ledger.load(tmp_path) == ledger


def test_appended_entries_load_in_order(tmp_path: Path) -> None:
    """Entries are files of eight digits from 1 on, private, with nothing unfinished beside them."""
    ledger = history(tmp_path, ((period(SAT),), ()), ((period(SUN),), ()))
    folder = tmp_path / "internal" / "ledger"
    assert sorted(os.listdir(folder)) == ["00000001.json", "00000002.json"]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [entry.periods[0].date for entry in ledger.entries] == [SAT, SUN]


def test_no_ledger_is_an_empty_one(tmp_path: Path) -> None:
    """A folder that nothing was published to has an empty ledger, and loading makes nothing."""
    assert Ledger.load(tmp_path) == Ledger()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_changed_entry_is_found(tmp_path: Path, number: int) -> None:
    """One digit changed in any entry, the last one too, stops the run with exit 4 and names the file."""
    history(tmp_path, *(((period(date),), ()) for date in (SAT, SUN, MON)))
    file = tmp_path / "internal" / "ledger" / f"0000000{number}.json"
    file.write_text(file.read_text().replace('"withheld": 9', '"withheld": 8'))
    with pytest.raises(Trouble, match=file.name) as refused:
        Ledger.load(tmp_path)
    assert (refused.value.code, refused.value.exit) == ("E402", 4)


def test_rewritten_entry_breaks_the_chain(tmp_path: Path) -> None:
    """An entry that was replaced by a valid one is found by the entry behind it."""
    ledger = history(tmp_path, ((period(SAT),), ()), ((period(SUN),), ()))
    forged = replace(ledger.entries[0], committed="2020-01-01T00:00:00Z")
    (tmp_path / "internal" / "ledger" / "00000001.json").write_bytes(to_bytes(forged))
    with pytest.raises(Trouble, match=r"00000002\.json does not follow"):
        Ledger.load(tmp_path)


@pytest.mark.parametrize("number", [1, 2])
def test_missing_entry_is_found(tmp_path: Path, number: int) -> None:
    """A gap in the numbers stops the run and names the file that is gone."""
    history(tmp_path, *(((period(date),), ()) for date in (SAT, SUN, MON)))
    file = tmp_path / "internal" / "ledger" / f"0000000{number}.json"
    file.unlink()
    with pytest.raises(Trouble, match=rf"{file.name} is missing"):
        Ledger.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"sha256": 1}', b"[" * 100_000], ids=len
)
def test_content_that_is_no_entry_is_found(tmp_path: Path, content: bytes) -> None:
    """Truncated, empty and foreign files are broken entries, not crashes."""
    folder = tmp_path / "internal" / "ledger"
    folder.mkdir(parents=True)
    (folder / "00000001.json").write_bytes(content)
    with pytest.raises(Trouble, match=r"00000001\.json"):
        Ledger.load(tmp_path)


def test_path_outside_the_folder_is_no_entry() -> None:
    """An entry, well sealed, whose file lies elsewhere is refused: promotion follows its paths."""
    data = json.loads(to_bytes(following(Ledger(), period(SAT))))
    del data["sha256"]
    data["files"] = [{"path": "../../etc/x", "sha256": "0" * 64, "rows": 1, "bytes": 1}]
    with pytest.raises(ValueError, match="not those of the periods"):
        from_bytes(sealed(data))


def test_entry_number_is_taken_once(tmp_path: Path) -> None:
    """A second entry of a number is refused, and the first stays as it was."""
    first = Ledger().append(tmp_path, following(Ledger(), period(SAT)))
    with pytest.raises(Trouble, match="already there"):
        Ledger().append(tmp_path, following(Ledger(), period(SUN)))
    assert Ledger.load(tmp_path) == first


def test_published_periods_are_those_of_the_profile(tmp_path: Path) -> None:
    """What the house published says nothing of the partner's release."""
    ledger = history(tmp_path, ((period(SAT),), ()))
    assert set(ledger.published("internal")) == {("shop", "pages", "day", SAT)}
    assert ledger.published("partner") == {}


WEEK = dt.date(2026, 11, 16)
OVERLAPS = [
    ("same-day", "day", SAT, "pages", "shop", True),
    ("its-week", "week", WEEK, "pages", "shop", True),
    ("its-month", "month", dt.date(2026, 11, 1), "pages", "shop", True),
    ("next-day", "day", SUN, "pages", "shop", False),
    ("next-week", "week", MON, "pages", "shop", False),
    ("other-table", "day", SAT, "bots", "shop", False),
    ("other-site", "day", SAT, "pages", "blog", False),
]


@pytest.mark.parametrize(
    ("grain", "date", "table", "site", "overlap"), [o[1:] for o in OVERLAPS], ids=[o[0] for o in OVERLAPS]
)
def test_overlap_counts_every_grain(
    tmp_path: Path, grain: str, date: dt.date, table: str, site: str, overlap: bool
) -> None:
    """A published day lies in its week and month as well, for that table and site alone."""
    ledger = history(tmp_path, ((period(SAT),), ()))
    assert ledger.overlaps("internal", site, table, grain, date) is overlap


@pytest.mark.parametrize("second", [period(SAT), period(WEEK, grain="week")], ids=["same", "its-week"])
def test_second_publication_is_refused(tmp_path: Path, second: Period) -> None:
    """A day that is published, also under another grain, is never published again: exit 4 and no new entry."""
    ledger = history(tmp_path, ((period(SAT),), ()))
    with pytest.raises(Trouble) as refused:
        ledger.append(tmp_path, following(ledger, second))
    assert (refused.value.code, refused.value.exit) == ("E403", 4)
    assert Ledger.load(tmp_path) == ledger


def test_one_entry_cannot_publish_a_day_twice(tmp_path: Path) -> None:
    """A day and its week in one commit are refused as well."""
    with pytest.raises(Trouble, match="once"):
        Ledger().append(tmp_path, following(Ledger(), period(SAT), period(WEEK, grain="week")))


TABLES = {"shop": {"pages": "day", "bots": "week"}}
BOTH = (period(SAT), period(WEEK, "bots", grain="week"))


def test_file_is_skipped_when_every_table_has_all_its_days(tmp_path: Path) -> None:
    """Read in full, and each day published for each table under whatever grain: nothing is to be had from it."""
    ledger = history(tmp_path, (BOTH, (read("f1", {SAT: 5}),)))
    assert ledger.skippable("internal", "f1", TABLES)


def test_file_read_by_an_earlier_run_is_skipped_once_its_days_are_published(tmp_path: Path) -> None:
    """The reading and the publication may be in different entries."""
    ledger = history(tmp_path, ((period(SUN),), (read("f1", {SAT: 5}),)), (BOTH, (read("f2", {SAT: 7}),)))
    assert ledger.skippable("internal", "f1", TABLES)


READ_AGAIN = [
    ("never-read", BOTH, read("other", {SAT: 5}), TABLES, "internal"),
    ("a-day-is-open", BOTH, read("f1", {SAT: 5, MON: 1}), TABLES, "internal"),
    ("a-table-lacks-the-day", BOTH[:1], read("f1", {SAT: 5}), TABLES, "internal"),
    ("a-new-table", BOTH, read("f1", {SAT: 5}), {"shop": {**TABLES["shop"], "links": "day"}}, "internal"),
    ("site-not-declared", BOTH, read("f1", {SAT: 5}), {"blog": TABLES["shop"]}, "internal"),
    ("no-events", BOTH, read("f1", {}), TABLES, "internal"),
    ("other-profile", BOTH, read("f1", {SAT: 5}), TABLES, "partner"),
]


@pytest.mark.parametrize(
    ("periods", "file", "tables", "profile"), [r[1:] for r in READ_AGAIN], ids=[r[0] for r in READ_AGAIN]
)
def test_file_that_may_add_something_is_read_again(
    tmp_path: Path, periods: tuple[Period, ...], file: FileRead, tables: Mapping[str, Mapping[str, str]], profile: str
) -> None:
    """A file is skipped only if that can change nothing."""
    ledger = history(tmp_path, (periods, (file,)))
    assert not ledger.skippable(profile, "f1", tables)


def test_nothing_is_late_when_the_same_events_come_again(tmp_path: Path) -> None:
    """A file that is read again for its open days brings the published ones along: none of them is late."""
    ledger = history(tmp_path, ((period(SAT),), (read("f1", {SAT: 5, SUN: 2}),)))
    assert ledger.late("internal", {("shop", SAT): 5, ("shop", SUN): 9}, []) == 0


def test_late_lines_are_those_beyond_the_ledger(tmp_path: Path) -> None:
    """Skipped files count as found, days that are not published never."""
    ledger = history(tmp_path, ((period(SAT),), (read("f1", {SAT: 5}), read("f2", {SAT: 3}))))
    assert ledger.late("internal", {("shop", SAT): 2, ("shop", SUN): 9}, ["f1", "f2"]) == 2
    assert ledger.late("internal", {("shop", SAT): 5}, ["f1"]) == 2  # f2 grew from 3 to 5 under another digest


def test_growing_log_is_not_counted_twice(tmp_path: Path) -> None:
    """A log read each night under another digest: its old events are no reserve that hides late ones."""
    ledger = history(
        tmp_path, ((period(SAT),), (read("f1", {SAT: 5}),)), ((period(SUN),), (read("f1-grown", {SAT: 5, SUN: 4}),))
    )
    assert ledger.events("internal") == {("shop", SAT): 5, ("shop", SUN): 4}
    assert ledger.late("internal", {("shop", SAT): 6, ("shop", SUN): 4}, []) == 1


def test_late_lines_are_reported_once(tmp_path: Path) -> None:
    """The entry of the run that found them raises the count, with the files that it skipped."""
    ledger = history(tmp_path, ((period(SAT),), (read("f1", {SAT: 5}),)))
    second = following(ledger, period(SUN), files=(read("f2", {SAT: 2, SUN: 4}),), files_skipped=("f1",))
    ledger = ledger.append(tmp_path, second)
    assert ledger.late("internal", {}, ["f1", "f2"]) == 0


def test_events_seen_before_the_publication_are_no_measure(tmp_path: Path) -> None:
    """Only runs since the publication count: what an earlier one had may have been another set of files."""
    ledger = history(
        tmp_path, ((period(SAT),), (read("f1", {SAT: 5, SUN: 50}),)), ((period(SUN),), (read("f2", {SUN: 4}),))
    )
    assert ledger.events("internal")["shop", SUN] == 4


def test_equal_files_count_once(tmp_path: Path) -> None:
    """A copy of a file, which has its digest, adds no events."""
    ledger = history(tmp_path, ((period(SAT),), (read("f1", {SAT: 5}), read("f1", {SAT: 5}))))
    assert ledger.events("internal") == {("shop", SAT): 5}
