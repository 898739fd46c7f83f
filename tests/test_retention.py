"""`crowdlog retention`: raw logs, published periods and tombstones have an end; nothing else goes, and nothing comes back."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import lifecycle
import pytest
from lifecycle import ALICE, NOW, PACK, command, everything, publish, released, said, stopping

from pipeline import publish as publishing
from pipeline import retention
from pipeline.checks import HELD, files, modes, policies, totals
from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.records import Records
from pipeline.retention import before
from schemas.trouble import Trouble

DAY = 86_400
LAST_EVENT = int((lifecycle.FIRST + dt.timedelta(minutes=3 * 1440 - 12)).timestamp())
OVER = LAST_EVENT + 35 * DAY + 1
"""The first second in which the log is over its time."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three days, each covered."""
    return lifecycle.write(tmp_path / "logs" / "access.log.1", lifecycle.lines())


@pytest.fixture
def output(tmp_path: Path, log: Path, once_published: Path) -> Path:
    """A folder to which the log was published."""
    return Path(shutil.copytree(once_published, tmp_path / "out"))


@pytest.fixture(scope="module")
def once_published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, made once."""
    folder = tmp_path_factory.mktemp("published")
    publish(folder / "out", lifecycle.write(folder / "access.log", lifecycle.lines()))
    return folder / "out"


def at(year: int, month: int, day: int) -> int:
    """Midnight (UTC) of a day."""
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())


def due(capsys: Any, now: int, *arguments: object) -> dict[str, Any]:
    """What would go."""
    return said(capsys, now, "retention", *arguments)


def delete(capsys: Any, now: int, *arguments: object) -> dict[str, Any]:
    """Look, then do it."""
    return due(capsys, now, *arguments, "--delete", due(capsys, now, *arguments)["checksum"])


def places(result: dict[str, Any], kind: str) -> list[str]:
    """What goes of a kind."""
    return [one["place"] for one in result["items"] if one["kind"] == kind]


# ---- raw logs --------------------------------------------------------------------------------------------------------


def test_a_log_goes_35_days_behind_its_newest_event(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the second: 35 days after its newest event it stays, a second later it goes, and nothing of visitors is left."""
    assert due(capsys, OVER - 1, log, "--output", output)["items"] == []
    result = delete(capsys, OVER, log, "--output", output)
    assert places(result, "log") == [str(log)]
    assert result["items"][0]["end"] == "2025-11-20"
    assert not log.exists()
    # nobody can be found any more, without an account or with one: there is no line, and what is kept names none
    kept = everything(output) | everything(log.parent)
    assert [name for name, content in kept.items() if ALICE.encode() in content or b"198.18.7.9" in content] == []
    assert any("198.18.7.9" in line for line in lifecycle.lines())


@pytest.mark.parametrize("changed", [OVER - 100 * DAY, OVER + 100 * DAY], ids=["old", "of today"])
def test_the_time_of_the_last_change_does_not_count(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str], changed: int
) -> None:
    """Copying and packing make a log no younger, and a clock that was wrong no older."""
    os.utime(log, (changed, changed))
    assert due(capsys, OVER - 1, log, "--output", output)["items"] == []
    assert places(due(capsys, OVER, log, "--output", output), "log") == [str(log)]


def test_a_packed_log_is_read_for_its_age(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that was packed since is unknown to the ledger by its digest; its days are published all the same."""
    for ending in PACK:
        if ending:
            lifecycle.write(log.with_name(f"access.log.2{ending}"), lifecycle.lines())
    log.unlink()
    assert due(capsys, OVER - 1, log.parent, "--output", output)["items"] == []
    result = delete(capsys, OVER, log.parent, "--output", output)
    assert (len(places(result, "log")), result["kept"]) == (3, [])
    assert list(log.parent.iterdir()) == []


def test_days_of_the_policy_count(log: Path, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """raw_days and release_months are the policy's."""
    policy = tmp_path / "crowdlog.toml"
    policy.write_text("[retention]\nraw_days = 3\nrelease_months = 1\n")
    assert places(due(capsys, LAST_EVENT + 3 * DAY + 1, log, "--output", output, "--policy", policy), "log") == [
        str(log)
    ]
    result = due(capsys, at(2025, 12, 20), log, "--output", output, "--policy", policy)
    dates = {place.split("date=")[1][:10] for place in places(result, "table")}
    assert dates == {"2025-11-18", "2025-11-19"}


def test_an_unpublished_log_stays(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log with an event of a day that is not decided is kept and named, until --unpublished says that it may go."""
    more = lifecycle.write(
        log.with_name("access.log.0"), [*lifecycle.lines(), lifecycle.lines()[0].replace("18/", "12/")]
    )
    result = delete(capsys, OVER, log, more, "--output", output)
    assert places(result, "log") == [str(log)]
    assert [(one["place"], "not published in full" in one["why"]) for one in result["kept"]] == [(str(more), True)]
    assert (more.exists(), log.exists()) == (True, False)
    assert places(delete(capsys, OVER, more, "--output", output, "--unpublished"), "log") == [str(more)]
    assert not more.exists()


def test_where_nothing_was_published_all_stays(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a ledger lets no log go."""
    (tmp_path / "empty").mkdir()
    result = due(capsys, OVER, log, "--output", tmp_path / "empty")
    assert (result["items"], "nothing was published" in result["kept"][0]["why"]) == ([], True)


def test_each_profile_in_use_has_to_have_it(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where partners are published to as well, a log stays until their release has its days too."""
    other = [line.replace("/Nov/2025", "/Oct/2025") for line in lifecycle.lines()]
    publish(output, lifecycle.write(log.with_name("october.log"), other), profiles=("partner",))
    assert {entry.profile for entry in Ledger.load(output).entries} == {"internal", "partner"}
    assert due(capsys, OVER, log, "--output", output)["items"] == []
    publish(output, log, profiles=("partner",), now=NOW)
    assert places(due(capsys, OVER, log, "--output", output), "log") == [str(log)]


def test_a_log_that_is_written_to_stays(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server's log is not taken away from it, however old its lines are."""
    with log.open("ab"):
        result = due(capsys, OVER, log, "--output", output)
        assert (result["items"], "writes to it" in result["kept"][0]["why"]) == ([], True)
    assert places(due(capsys, OVER, log, "--output", output), "log") == [str(log)]


AGES = {
    "a time of the future is wrong": (["01/Jan/2031:00:00:00"], True),
    "a clock may be ahead by hours": (["OVER+12h"], False),
    "no line is read: its last change": ([], None),
}


@pytest.mark.parametrize(("times", "goes"), AGES.values(), ids=AGES)
def test_age_of_an_odd_log(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str], times: list[str], goes: bool | None
) -> None:
    """Times that cannot be keep no log for ever; where none is read the time of the last change counts."""
    now = OVER + DAY
    soon = dt.datetime.fromtimestamp(now + 12 * 3600, dt.UTC).strftime("%d/%b/%Y:%H:%M:%S")
    clocks = [soon if one == "OVER+12h" else one for one in times]
    extra = [re.sub(r"\[[^ ]*", f"[{clock}", lifecycle.lines()[0]) for clock in clocks]
    odd = lifecycle.write(log.with_name("odd.log"), [*lifecycle.lines(), *extra] if times else ["nobody reads this"])
    options = (odd, "--output", output, "--format", "combined", "--unpublished")
    if goes is None:
        os.utime(odd, (now - 35 * DAY, now - 35 * DAY))
        assert due(capsys, now, *options)["items"] == []
        assert places(due(capsys, now + 1, *options), "log") == [str(odd)]
    else:
        assert places(due(capsys, now, *options), "log") == ([str(odd)] if goes else [])


def test_an_empty_log_is_none(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log without a byte holds nothing, and stays for its server."""
    log.write_bytes(b"")
    os.utime(log, (0, 0))
    assert due(capsys, OVER, log, "--output", output)["items"] == []


# ---- published periods -----------------------------------------------------------------------------------------------


def test_a_period_goes_25_months_behind_its_end(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files of a day go 25 months after it has ended, day by day; the manifest has what is left."""
    log = lifecycle.write(log, [])  # a log of which nothing is due
    there = {place for place in released(output) if place != "manifest.json"}
    assert due(capsys, at(2027, 12, 19) - 1, log, "--output", output)["items"] == []
    assert len(there) > 10
    for day, number in ((18, 19), (19, 20), (20, 21)):
        gone = {f"release/{place}" for place in there if f"date=2025-11-{day}" in place}
        assert gone
        result = delete(capsys, at(2027, 12, number), log, "--output", output)
        assert set(places(result, "table")) == gone
        there -= {place.removeprefix("release/") for place in gone}
        kept = released(output)
        assert set(kept) == {*there, "manifest.json"}
        assert set(json.loads(kept["manifest.json"])["files"]) == there
    assert [path.name for path in (output / "release").iterdir()] == ["manifest.json"]


def test_what_went_is_not_published_again(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its periods stay decided: the same log gives nothing new, for a second publication could be subtracted from the first."""
    before = released(output)
    delete(capsys, at(2027, 12, 20), lifecycle.write(log.with_name("empty.log"), []), "--output", output)
    left = released(output)
    assert 0 < len(left) < len(before)
    packed = lifecycle.write(log.with_name("again.log.gz"), lifecycle.lines())
    record = publish(output, log, packed, now=at(2027, 12, 21))
    assert record["periods"] == []
    assert released(output) == left


def test_a_run_without_retention_would_miss_the_files(output: Path, log: Path) -> None:
    """Files that are only removed are missed by the next run, which is why their end is in the ledger."""
    next((output / "release" / "pages").rglob("*.parquet")).unlink()
    with pytest.raises(Trouble, match="is missing"):
        publish(output, log)


def test_a_file_of_a_backup_goes_again(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a backup brings back over its time is removed by the next run; a file of another content is left and told."""
    copy = Path(shutil.copytree(output, output.with_name("backup")))
    empty = lifecycle.write(log.with_name("empty.log"), [])
    gone = [one["place"] for one in delete(capsys, at(2027, 12, 20), empty, "--output", output)["items"]]
    for place in gone[:2]:
        (output / place).parent.mkdir(parents=True)
        shutil.copy(copy / place, output / place)
    (output / gone[1]).write_bytes(b"other")
    warnings = publishing.recover(output)
    assert ((output / gone[0]).exists(), (output / gone[1]).exists()) == (False, True)
    assert [gone[1] in warning for warning in warnings] == [True]


def test_a_release_without_its_old_periods_is_whole(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checks that commitments are proven by hold afterwards."""
    delete(capsys, at(2027, 12, 20), log, "--output", output)
    records = Records(output)
    assert [check(records) for check in (files, modes, policies, totals) if check(records)[0] != HELD] == []


def test_the_ledger_has_what_went(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One more entry, chained to those before: places of published files and digests of logs, and no log's name."""
    old = Ledger.load(output)
    digest = old.entries[0].files_read[0].digest
    result = delete(capsys, at(2027, 12, 20), log, "--output", output)
    entry = Ledger.load(output).entries[-1]
    assert (entry.number, entry.previous) == (len(old.entries) + 1, old.tail)
    assert list(entry.retired) == places(result, "table")
    assert (entry.erased, entry.periods, entry.files) == ((digest,), (), ())
    assert "access.log" not in (output / "internal" / "ledger" / "00000002.json").read_text()


MONTHS = [
    ("2027-12-19", 25, "2025-11-19"), ("2027-03-31", 1, "2027-02-28"), ("2028-03-31", 1, "2028-02-29"),
    ("2027-01-15", 1, "2026-12-15"), ("2027-12-31", 12, "2026-12-31"), ("2027-05-31", 24, "2025-05-31"),
]  # fmt: skip


@pytest.mark.parametrize(("date", "months", "expected"), MONTHS)
def test_months_are_those_of_the_calendar(date: str, months: int, expected: str) -> None:
    """The same day of an earlier month, or its last."""
    assert before(dt.date.fromisoformat(date), months).isoformat() == expected


# ---- tombstones ------------------------------------------------------------------------------------------------------


def test_a_tombstone_goes_when_no_log_of_its_span_is_left(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands for a person too: 35 days behind its span it goes, but not while a log that is over its time is kept."""
    words = ["forget", "--address", ALICE, log, "--output", output]
    command(NOW, *words, "--delete", said(capsys, NOW, *words)["checksum"])
    held = lifecycle.write(log.with_name("held.log"), lifecycle.lines()[:1])
    over = NOW + 1 + 35 * DAY + 1
    with held.open("ab"):
        assert places(due(capsys, over, log, held, "--output", output), "tombstone") == []
    assert places(due(capsys, over - 1, log, "--output", output), "tombstone") == []
    result = delete(capsys, over, log, "--output", output)
    assert [place.startswith("internal/forgotten/") for place in places(result, "tombstone")] == [True]
    assert [file.name for file in (output / "internal" / "forgotten").iterdir()] == ["key"]


# ---- the checksum, and being stopped ------------------------------------------------------------------------------------


def test_looking_deletes_nothing(log: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --delete nothing changes, and the same list has the same checksum."""
    kept = everything(output), everything(log.parent)
    first, again = (due(capsys, at(2027, 12, 20) + second, log, "--output", output) for second in (0, 5))
    assert first == again
    assert (everything(output), everything(log.parent)) == kept
    assert (len(places(first, "log")), first["deleted"]) == (1, False)


OTHER_LISTS: dict[str, Any] = {
    "another checksum": lambda log: (at(2027, 12, 20), "0" * 16),
    "a day later": lambda log: (at(2027, 12, 21), None),
    "one more log": lambda log: (lifecycle.write(log.with_name("b.log"), lifecycle.lines()) and at(2027, 12, 20), None),
    "another content": lambda log: (lifecycle.write(log, lifecycle.lines()[1:]) and at(2027, 12, 20), None),
    "one log less": lambda log: (log.rename(log.with_name("moved.log")) and at(2027, 12, 20), None),
}


@pytest.mark.parametrize("change", OTHER_LISTS.values(), ids=OTHER_LISTS)
def test_nothing_else_is_deleted_than_was_shown(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    """Any other list than the one that was shown is refused with exit 4, and nothing goes."""
    checksum = due(capsys, at(2027, 12, 20), log.parent, "--output", output)["checksum"]
    now, other = change(log)
    kept = released(output), everything(log.parent), len(Ledger.load(output).entries)
    with pytest.raises(Trouble) as refused:
        command(now, "retention", log.parent, "--output", output, "--delete", other or checksum)
    assert (refused.value.code, refused.value.exit) == ("E409", 4)
    assert (released(output), everything(log.parent), len(Ledger.load(output).entries)) == kept


POINTS = {
    "behind the entry": (retention.publish, "retire", 2),
    "behind the first file": (publishing.os, "unlink", 3),
    "before the folders go": (publishing.os, "rmdir", 2),
    "before the manifest": (retention.manifest, "rebuild", 2),
    "before the logs": (retention, "unlink", 1),
}


def folders(output: Path) -> list[str]:
    """Folders below the release."""
    return sorted(str(one.relative_to(output)) for one in (output / "release").rglob("*") if one.is_dir())


@pytest.mark.parametrize(("module", "name", "number"), POINTS.values(), ids=POINTS)
def test_stopped_anywhere_the_next_run_does_the_rest(
    log: Path, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    module: Any, name: str, number: int,
) -> None:  # fmt: skip
    """Behind the entry, wherever it stops: a start-up has the release of one that was not stopped; the log is shown again."""
    whole = Path(shutil.copytree(output, tmp_path / "whole"))
    copy = lifecycle.write(tmp_path / "logs2" / "access.log.1", lifecycle.lines())
    delete(capsys, at(2027, 12, 20), copy, "--output", whole)
    checksum = due(capsys, at(2027, 12, 20), log, "--output", output)["checksum"]
    with stopping(monkeypatch, module, name, number):
        command(at(2027, 12, 20), "retention", log, "--output", output, "--delete", checksum)
    assert len(Ledger.load(output).entries) == 2
    publishing.recover(output)
    assert released(output) == released(whole)
    assert folders(output) == folders(whole)
    left = delete(capsys, at(2027, 12, 20), log, "--output", output)
    assert (places(left, "log"), places(left, "table")) == ([str(log)], [])
    assert not log.exists()


@pytest.mark.usefixtures("engines_may_log_again")
def test_no_word_of_a_line_is_told(
    log: Path, output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files, days and counts are shown, and nothing of what lines say, whether it goes well or not."""
    options = ["retention", str(log), "--output", str(output)]
    monkeypatch.setattr("pipeline.cli.time.time", lambda: at(2027, 12, 20))
    assert main(options) == 0
    shown = capsys.readouterr()
    assert f"log       2025-11-20 {log}" in shown.out
    (checksum,) = re.findall(r"^checksum +([0-9a-f]{16})$", shown.out, re.M)

    def failing(*_: Any) -> None:
        raise RuntimeError(lifecycle.lines()[0])

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete", failing)
        assert main([*options, "--delete", checksum]) == 1
    assert main([*options, "--delete", "0"]) == 4
    assert main([*options, "--delete", checksum]) == 0
    told = "".join([*shown, *capsys.readouterr()])
    assert "their periods stay decided" in told
    assert [word for word in (ALICE, "198.18.", "Gecko", "/docs", "/pricing") if word in told] == []
