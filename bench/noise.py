"""What differential privacy costs: `python -m bench.noise LOG [--visits] [--epsilon 1 3 10]` prints a table; it asserts nothing.

The log is run for the house and with noise; the noise is then drawn for each epsilon, three times. *Rows* are those of the
house's release that are shown, *hits* the exact hits of these rows as a share of all, *error* the median over rows shown of
how far noisy hits are from exact ones, bounds included. The lines of bench/lines.py are drawn one by one: with --visits
an address keeps the agent and the hour of its first line, as people do.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq

from pipeline import noised
from pipeline.options import Wanted
from pipeline.run import run
from schemas.noise import Dp, shares
from schemas.profiles import profiles
from schemas.tables import trends
from transforms.guard.bounded import Bounded
from transforms.guard.noise import Noisy

DRAWS = 3
Exact = dict[tuple[str, str], dict[tuple[str, ...], int]]  # by table and date: hits by label


LINE = re.compile(r"(\S+)( - - \[\S+?:)(\d\d)(:.*) \"([^\"]*)\"\n")


def visits(log: Path, file: Path) -> Path:
    """The log once more, a visit for each address."""
    first: dict[str, tuple[str, str]] = {}
    with log.open() as lines, file.open("w") as out:
        for client, before, hour, after, agent in (found.groups() for line in lines if (found := LINE.fullmatch(line))):
            hour, agent = first.setdefault(client, (hour, agent))
            out.write(f'{client}{before}{hour}{after} "{agent}"\n')
    return file


def exact(folder: Path) -> Exact:
    """The house's release."""
    found: Exact = {}
    for file in folder.glob("release/**/*.parquet"):
        table, date = file.relative_to(folder / "release").parts[0], file.parts[-2].removeprefix("date=")
        keys = next(one for one in trends().tables if one.name == table).key_names
        rows = pq.ParquetFile(file).read().to_pylist()
        found[table, date] = {tuple(row[name] for name in keys): row["hits"] for row in rows}
    return found


def bounded(log: Path, folder: Path) -> list[Bounded]:
    """What a run draws noise for, which is published for the house too."""
    kept: list[Bounded] = []

    def keep(content: bytes, real: Any = noised.from_bytes) -> list[Bounded]:
        found = real(content)
        kept.extend(found)
        return list(found)

    with patch.object(noised, "from_bytes", keep):
        run(Wanted((str(log),), folder, site="bench", profiles=("internal", "dp"), partial=True, quiet=True))
    return kept


def measure(found: Sequence[Bounded], known: Exact, epsilon: float) -> list[str]:
    """A line by table."""
    noise, lines = profiles()["dp"].noise, []
    costs = shares(noise, Dp(epsilon))
    for table in profiles()["dp"].trends(trends()).tables:
        noisy = Noisy(noise[table.name], costs[table.name], profiles()["dp"].k)
        errors, shown, hits = [], 0, 0
        mine = [one for one in found if one.table == table.name]
        whole = [rows for (name, _), rows in known.items() if name == table.name]
        for one in [one for one in mine for _ in range(DRAWS)]:
            truth = known.get((table.name, one.date), {})
            for row in noisy.draw(replace(one), table).rows.to_pylist():
                if real := truth.get(tuple(row[name] for name in table.key_names)):
                    errors.append(abs(row["hits"] - real) / real)
                    shown, hits = shown + 1, hits + real
        rows, events = sum(map(len, whole)), sum(one.events for one in mine)
        error = f"{statistics.median(errors):.1%}" if errors else "-"
        lines.append(
            f"| {table.name} | {epsilon:g} | {noisy.told().least} | {shown / DRAWS:.0f} of {rows} |"
            f" {hits / DRAWS / max(events, 1):.1%} | {error} |"
        )
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("log", type=Path)
    options.add_argument("--visits", action="store_true")
    options.add_argument("--epsilon", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="crowdlog-bench-") as name:
        log = visits(given.log, Path(name) / "visits.log") if given.visits else given.log
        found = bounded(log, Path(name) / "out")
        known = exact(Path(name) / "out")
    print("| table | epsilon a day | least visitors | rows | hits | error |")
    print("|---|---:|---:|---:|---:|---:|")
    for epsilon in given.epsilon:
        print("\n".join(measure(found, known, epsilon)))


if __name__ == "__main__":
    main()
