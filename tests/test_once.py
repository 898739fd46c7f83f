"""What was published once stays the only truth: rotation, other policies, other zones, and empty tables."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from blake3 import blake3

from pipeline import run as running
from pipeline.digests import Digests
from pipeline.find import Input
from pipeline.options import Wanted
from schemas.stages import Chunk, Events
from schemas.trouble import Trouble
from transforms.parse import Parse

NOW = int(dt.datetime(2026, 12, 1, tzinfo=dt.UTC).timestamp())
DAY = 86_400
START = int(dt.datetime(2026, 11, 18, tzinfo=dt.UTC).timestamp())


def lines(first: int, last: int, every: int = 600, host: str = "shop.example") -> str:
    """One request every ten minutes, each from another /24, in the vhost-combined format."""
    made = []
    for number, second in enumerate(range(first, last, every)):
        when = dt.datetime.fromtimestamp(second, dt.UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        client = f"198.18.{number % 250}.7"
        made.append(f'{host} {client} - - [{when}] "GET /a HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11) Firefox/100.0"\n')
    return "".join(made)


def run(*logs: Path, output: Path, policy: str = "", **options: object) -> dict[str, object]:
    """A run's record."""
    file = output.parent / "policy.toml"
    file.write_text(policy)
    return dict(running.run(Wanted(tuple(map(str, logs)), output, file, **options), now=NOW).record)  # type: ignore[arg-type]


def hits(output: Path, table: str = "sites") -> dict[tuple[str, str], int]:
    """Published hits by site and date."""
    rows = ds.dataset(output / "release" / table, partitioning="hive").to_table().to_pylist()
    return {(row["site"], str(row["date"])): row["hits"] for row in rows}


SHOP = '[[site]]\nname = "shop"\nhosts = ["shop.example"]\n'


def test_a_file_is_read_again_when_its_events_are_of_another_site(tmp_path: Path) -> None:
    """A site declared later gets all events of its days, also those of files that were published under (other)."""
    one, two = tmp_path / "1.log", tmp_path / "2.log"
    one.write_text(lines(START, START + DAY + DAY // 2))
    two.write_text(lines(START + DAY + DAY // 2, START + 2 * DAY))
    output = tmp_path / "out"
    run(one, two, output=output)
    two.write_text(lines(START + DAY + DAY // 2, START + 2 * DAY + 3600))
    assert run(one, two, output=output, policy=SHOP)["files_skipped"] == 0
    assert hits(output)["shop", "2026-11-19"] == 144


def test_another_time_zone_is_refused(tmp_path: Path) -> None:
    """Days that begin at another hour would overlap those published: refused, exit 4, nothing changes."""
    log, output = tmp_path / "a.log", tmp_path / "out"
    log.write_text(lines(START, START + 2 * DAY))
    run(log, output=output, policy=SHOP)
    before = hits(output)
    with pytest.raises(Trouble, match="time zone") as trouble:
        run(log, output=output, policy=SHOP + 'timezone = "Asia/Tokyo"\n')
    assert (trouble.value.code, trouble.value.exit) == ("E403", 4)
    assert hits(output) == before


@pytest.mark.parametrize("how", ["rotated", "cut"])
def test_a_file_that_was_rotated_while_it_was_read_is_refused(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between digest and commit the path got another file, or fewer bytes: exit 3, nothing published."""
    log, output = tmp_path / "access.log", tmp_path / "out"
    log.write_text(lines(START, START + 2 * DAY))
    execute = running.execute

    def rotate_first(*arguments: object) -> None:
        if how == "rotated":
            log.rename(tmp_path / "access.log.1")
            log.write_text(lines(START, START + 3 * DAY))
        else:
            log.write_text(lines(START, START + DAY))
        execute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "execute", rotate_first)
    with pytest.raises(Trouble) as trouble:
        run(log, output=output)
    assert (trouble.value.code, trouble.value.exit) == ("E303", 3)
    assert not (output / "release").exists()


def test_a_period_in_which_a_table_found_nothing_is_decided_too(tmp_path: Path) -> None:
    """No bot came on a published day: the ledger says so, and no file stands for it."""
    log, output = tmp_path / "a.log", tmp_path / "out"
    log.write_text(lines(START, START + DAY))
    run(log, output=output)
    (entry,) = (json.loads(file.read_text()) for file in (output / "internal" / "ledger").glob("*.json"))
    decided = {(p["table"], p["date"]): p["rows"] for p in entry["periods"]}
    assert decided["bots", "2026-11-18"] == 0
    assert not (output / "release" / "bots").exists()
    assert run(log, output=output)["files_skipped"] == 1


def test_preview_of_nothing_replaces_the_one_before(tmp_path: Path) -> None:
    """A preview is what there is to see now: when all is published, an older one does not stay."""
    log, output = tmp_path / "a.log", tmp_path / "out"
    log.write_text(lines(START, START + DAY))
    run(log, output=output, preview=True)
    assert list((output / "preview").rglob("*.parquet"))
    run(log, output=output)
    run(log, output=output, preview=True)
    assert list((output / "preview").rglob("*.parquet")) == []


def test_a_refused_run_leaves_its_counts(tmp_path: Path) -> None:
    """Too many rejects: nothing is published, but run.json has the counts, the shapes and the code."""
    log, output = tmp_path / "a.log", tmp_path / "out"
    log.write_text(lines(START, START + DAY) + "somebody@example.org wrote this\n" * 20)
    with pytest.raises(Trouble):
        run(log, output=output)
    (record,) = (json.loads(file.read_text()) for file in (output / "internal" / "runs").glob("*/run.json"))
    assert (record["refused"], record["rejected"]) == ("E305", {"no_format": 20})
    assert "somebody" not in json.dumps(record)
    assert not (output / "internal" / "staging").exists() or not list(
        (output / "internal" / "staging").rglob("*.parquet")
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened in the process of a run: names of files whose digest was asked for, and "read" when their lines were."""
    happened: list[str] = []
    of, events = Digests.of, Parse.events

    def digest(self: Digests, source: Input) -> str:
        happened.append(Path(source.path).name)
        return of(self, source)

    def parse(self: Parse, chunk: Chunk) -> Iterator[Events]:
        happened.append("read")
        yield from events(self, chunk)

    monkeypatch.setattr(Digests, "of", digest)
    monkeypatch.setattr(Parse, "events", parse)
    return happened


def test_digests_that_nobody_needs_are_waited_for_last(tmp_path: Path, asked: list[str]) -> None:
    """A file of a size that no file had: its lines are read first. The ledger has the digest of the library."""
    log, output = tmp_path / "a.log", tmp_path / "out"
    log.write_text(lines(START, START + DAY))
    run(log, output=output)
    assert asked == ["read", "a.log"]
    (entry,) = (json.loads(file.read_text()) for file in (output / "internal" / "ledger").glob("*.json"))
    assert [file["digest"] for file in entry["files_read"]] == [f"blake3:{blake3(log.read_bytes()).hexdigest()}"]


def test_digests_that_may_be_known_are_asked_for_first(tmp_path: Path, asked: list[str]) -> None:
    """Of a size that the ledger has, or of two inputs: the same bytes are not read again, other ones of that size are."""
    one, two, output = tmp_path / "1.log", tmp_path / "2.log", tmp_path / "out"
    one.write_text(lines(START, START + DAY))
    two.write_bytes(one.read_bytes())
    assert run(one, two, output=output)["files_skipped"] == 1
    assert asked == ["1.log", "2.log", "read"]
    asked.clear()
    assert run(one, output=output)["lines"] == 0
    assert asked == ["1.log"]
    asked.clear()
    one.write_text(one.read_text().replace("/a HTTP", "/b HTTP"))
    assert run(one, output=output)["lines"] == 144
    assert asked == ["1.log", "read"]


def test_a_file_that_is_rotated_before_its_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines were read, and the digest would be that of another file: exit 3, nothing published."""
    log, output, of = tmp_path / "access.log", tmp_path / "out", Digests.of
    log.write_text(lines(START, START + DAY))

    def rotate_first(self: Digests, source: Input) -> str:
        log.rename(tmp_path / "access.log.1")
        log.write_text(lines(START, START + 2 * DAY))
        return of(self, source)

    monkeypatch.setattr(Digests, "of", rotate_first)
    with pytest.raises(Trouble, match="rotated") as trouble:
        run(log, output=output)
    assert trouble.value.code == "E303"
    assert not (output / "release").exists()
    assert not list((output / "internal").glob("ledger/*.json"))
