"""Eight nights of the generated month (`make audit` has thirty): every attack is held by crowdlog, none by the naive twin."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import audited
import month
import nights
import pytest

NIGHTS = 8  # a Sunday, then a whole week


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> month.Month:
    """The nights, published by both pipelines."""
    return month.make(tmp_path_factory.mktemp("month"), NIGHTS, 500)


@pytest.fixture(scope="module", params=month.SIDES)
def attacked(made: month.Month, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """What came of all attacks on one of the two, but of those on the program itself."""
    done = made.attacked(request.param)["attacks"]
    return request.param, {one["id"]: one["result"] for one in done if one["id"] not in audited.OF_PROGRAM}


def test_attacks_come_out_as_they_should(attacked: tuple[str, dict[str, Any]]) -> None:
    """Against crowdlog every attack is held, against the twin every one succeeds; none is left out."""
    name, done = attacked
    assert audited.unexpected({f"month {name}": done}) == []


def test_what_is_not_as_it_should_be_is_found(attacked: tuple[str, dict[str, Any]]) -> None:
    """The result of one, taken for that of the other, is wrong in every row; and so is what was not run."""
    name, done = attacked
    other = next(one for one in month.SIDES if one != name)
    assert len(audited.unexpected({f"month {other}": done})) == len(done) >= 12
    assert audited.unexpected({f"month {name}": {"A1": "not run"}}) == [f"month {name}: A1 not run"]


def test_month_is_what_it_says(made: month.Month) -> None:
    """Each night publishes; lines were late; a site opens midway; days and weeks lie side by side, and no table is empty."""
    assert [night["periods"] != [] for night in made.records] == [True] * NIGHTS
    assert sum(night["late"] for night in made.records) > 10
    hosts = [Counter(line.split(" ")[0] for line in Path(log).read_text().splitlines()) for log in made.logs[:-1]]
    assert [bool(night["docs.example:443"]) for night in hosts] == [False] * 3 + [True] * 5  # from the evening before
    files = [path.relative_to(made.folder) for path in (made.folder / "crowdlog" / "release").rglob("*.parquet")]
    assert {re.findall("grain=([a-z]+)", str(file))[0] for file in files} == {"day", "week"}
    assert {re.findall("site=([a-z]+)", str(file))[0] for file in files} >= {"shop", "blog", "docs", "licences"}
    assert {file.parts[2] for file in files} >= {
        "sites",
        "traffic",
        "pages",
        "statuses",
        "errors",
        "browsers",
        "bots",
        "licences",
    }


def test_logs_are_what_their_seed_says(made: month.Month, tmp_path: Path) -> None:
    """The same seed gives the same bytes, with documentation addresses alone."""
    logs, _ = month.logs(tmp_path, NIGHTS, 500)
    assert [log.read_bytes() for log in logs] == [Path(log).read_bytes() for log in made.logs[:-1]]
    pings = tmp_path / "pings.jsonl"
    nights.write_pings(pings, NIGHTS, month.SEED)
    assert pings.read_bytes() == Path(made.logs[-1]).read_bytes()
    assert set(re.findall(r'"server_ip": "(\d+\.\d+)', pings.read_text())) == {"198.19"}
    four = {one for log in logs for one in re.findall(r"^\S+ (\d+\.\d+\.\d+)\.\d+", log.read_text(), re.MULTILINE)}
    assert all(re.fullmatch(r"198\.1[89]\.\d+|192\.0\.2|198\.51\.100|203\.0\.113", one) for one in four)
