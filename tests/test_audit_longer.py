"""Weeks beside days: what a week has beyond its days is found by A5, and crowdlog's weeks lack something where it would tell."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from audit import parquet
from audit.attacks import a05_differencing
from audit.case import Case, Part
from audit.longer import longer
from pipeline.options import Wanted
from pipeline.run import run
from transforms.guard.closure import Closure

FIRST = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)  # a Monday
POLICY = """[[site]]
name = "shop"
hosts = ["shop.example"]
routes = ["/gone"]
tables = {{ {tables} }}
"""
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"


def line(day: int, minute: int, home: int, path: str = "/", status: int = 200) -> str:
    """A request of one neighbourhood."""
    time = FIRST + dt.timedelta(days=day, minutes=minute)
    request = f'"GET {path} HTTP/1.1" {status} 512 "-" "{AGENT.format(140 + home % 3)}"'
    return f"198.18.{home}.9 - - [{time:%d/%b/%Y:%H:%M:%S +0000}] {request}\n"


def week(folder: Path, tables: str, *, gone: int, late: int) -> Case:
    """Seven nightly runs; on Thursday `gone` neighbourhoods see an error, else 12; on Wednesday `late` lines of Monday come."""
    (folder / "policy.toml").write_text(POLICY.format(tables=tables), encoding="utf-8")
    logs: list[str] = []
    for day in range(7):
        lines = [line(0, 780, 77) for _ in range(late if day == 2 else 0)]
        lines += [line(day, 1 + 3 * home, home) for home in range(20)]
        lines += [line(day, 720 + home, 40 + home, "/gone", 404) for home in range(gone if day == 3 else 12)]
        lines += [line(day, 1395 + 2 * home, home) for home in range(20)]
        logs.append(str(folder / f"access.log-{day}"))
        Path(logs[-1]).write_text("".join(lines), encoding="utf-8")
        now = int((FIRST + dt.timedelta(days=day + 1, hours=4)).timestamp())
        run(Wanted(tuple(logs), folder / "out", folder / "policy.toml", site="shop", quiet=True), now)
    return Case(folder / "out")


WEEKLY = 'errors = { grain = "week" }, pages = { grain = "week" }'


def test_week_of_crowds_is_held(tmp_path: Path) -> None:
    """Where every day shows its errors and nothing is late a week has nothing beyond its days."""
    assert list(a05_differencing.attack(week(tmp_path, WEEKLY, gone=12, late=0)).evidence) == []


def test_days_alone_are_held(tmp_path: Path) -> None:
    """Where all tables are published by the day nothing can be had of the same log."""
    assert list(a05_differencing.attack(week(tmp_path, "", gone=3, late=2)).evidence) == []


def test_day_that_folded_its_errors_is_not_told_by_the_week(tmp_path: Path) -> None:
    """Three people's errors of a Thursday, folded by `statuses`, are the week's errors minus those of the other days."""
    assert list(a05_differencing.attack(week(tmp_path, WEEKLY, gone=3, late=0)).evidence) == []


def test_late_lines_are_not_told_by_the_week(tmp_path: Path) -> None:
    """Two lines of one visitor that came after their day was published are the week's pages minus the days' hits."""
    assert list(a05_differencing.attack(week(tmp_path, WEEKLY, gone=12, late=2)).evidence) == []


@pytest.mark.parametrize(("gone", "late", "row"), [(3, 0, "errors"), (12, 2, "pages")])
def test_both_are_told_without_the_defence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int, late: int, row: str
) -> None:
    """Where nothing is compared over periods of two lengths the attack says what it was."""
    monkeypatch.setattr(Closure, "over_spans", lambda *_: None)
    (found,) = a05_differencing.attack(week(tmp_path, WEEKLY, gone=gone, late=late)).evidence
    assert found.where.startswith(f"release/{row}/")
    assert found.what.startswith(f"human: {gone if row == 'errors' else late} hits more")


# ---- the attack itself ----------------------------------------------------------------------------------------------


def part(table: str, grain: str, day: int, **columns: list[Any]) -> Part:
    """A published table, from plain columns."""
    file = parquet.File([], 0, [], b"", 0)
    date = (FIRST + dt.timedelta(days=day)).date().isoformat()
    return Part(Path(), f"release/{table}/{grain}", table, "shop", grain, date, 10, file, columns)


def case(*parts: Part) -> Case:
    """A release of these parts."""
    made = Case(Path())
    made.__dict__["parts"] = parts
    return made


def sites(*hits: int) -> list[Part]:
    """People's hits of some days."""
    return [part("sites", "day", day, agent_class=["human", "bot"], hits=[n, 500]) for day, n in enumerate(hits)]


@pytest.mark.parametrize(("hits", "found"), [(70, 0), (73, 1), (79, 1), (80, 0), (65, 0)])
def test_week_minus_its_days(hits: int, found: int) -> None:
    """One to nine hits more than seven days of ten are known exactly; none, ten or fewer than the days have tell nothing."""
    pages = part("pages", "week", 0, route=["/a", "(other)"], hits=[hits - 20, 20])
    assert len(list(longer(case(pages, *sites(*[10] * 7)), {"pages": "human"}))) == found


def test_days_of_other_weeks_do_not_count() -> None:
    """Only days within the week are taken from it."""
    pages = part("pages", "week", 0, route=["/a"], hits=[73])
    assert len(list(longer(case(pages, *sites(*[10] * 9)), {"pages": "human"}))) == 1
