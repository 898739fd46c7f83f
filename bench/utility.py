"""How much of what people ask for keeps its full path: `python bench/utility.py LOG` prints a table; it asserts nothing.

A hit keeps its full path where it is published under a route that has all the segments of the path: words, or slots for
what must not be shown ({n}, {token}, …), but not `{*}`, which a route climbs to, and not `(other)`. *Word for word* counts
routes without any slot. Shares are of all hits of people that could be published, what was withheld included.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.cli import main as crowdlog

POLICY = '[[site]]\nname = "default"\ntables = {{ pages = {{ grain = "{grain}" }} }}\n'
NEEDED = {"day": (54.0, 57.5), "week": (66.0, 69.6), "month": (71.0, 74.0)}
"""Grain → share in % that elastic_apache's log must keep at k = 10, and the share of paths with k neighbourhoods."""


def kept(folder: Path) -> tuple[int, int]:
    """(hits with their full path, hits with it word for word) of a published folder."""
    full = literal = 0
    for file in folder.glob("release/pages/**/*.parquet"):
        for row in pq.read_table(file, columns=["route", "hits"]).to_pylist():
            if row["route"].startswith("/") and "{*}" not in row["route"]:
                full += row["hits"]
                literal += 0 if "{" in row["route"] else row["hits"]
    return full, literal


def measure(log: Path, grain: str) -> tuple[float, float, int]:
    """(share of full paths in %, share word for word in %, hits of people) of a log at a grain, with default rules."""
    with tempfile.TemporaryDirectory(prefix="crowdlog-bench-") as name:
        policy, output = Path(name) / "crowdlog.toml", Path(name) / "out"
        policy.write_text(POLICY.format(grain=grain))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = crowdlog(
                ["run", str(log), "--partial", "--quiet", "--json", "--policy", str(policy), "--output", str(output)]
            )
        if status:
            raise SystemExit(f"the run ended with status {status}")
        eligible = json.loads(said.getvalue())["tables"]["pages"]["eligible"]
        full, literal = kept(output)
        return 100 * full / eligible, 100 * literal / eligible, eligible


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("log", type=Path)
    log = options.parse_args().log
    print("| pages by | full path | word for word | hits of people | needed | paths with k neighbourhoods |")
    print("|---|---:|---:|---:|---:|---:|")
    for grain, (needed, ceiling) in NEEDED.items():
        full, literal, hits = measure(log, grain)
        print(f"| {grain} | {full:.1f} % | {literal:.1f} % | {hits:,} | {needed:.0f} % | {ceiling:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
