"""What a million lines cost: `python bench/run.py [--quick]` prints a Markdown table; it asserts nothing.

CPU time is that of the process and its children (getrusage), so that a busy machine does not show as much; start-up is
measured on 1,000 lines and taken off. `wc -l` on the same file in the same run is the floor to compare with.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CROWDLOG = Path(sys.executable).with_name("crowdlog")


@dataclass(frozen=True)
class Spent:
    """What a command took: seconds of CPU (its children included) and by the clock, peak memory in MB."""

    cpu: float
    wall: float
    peak: float


def spent(command: Sequence[str], source: Path | None = None, target: Path | None = None) -> Spent:
    """Run a command to its end, from and to a file if it is a filter. Raises SystemExit when it fails."""
    began = time.monotonic()
    with open(source or os.devnull, "rb") as given, open(target or os.devnull, "wb") as taken:
        process = subprocess.Popen(command, stdin=given, stdout=taken, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} ended with status {status}")
    return Spent(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024)


def run(log: Path, folder: Path, *options: str) -> Spent:
    """One `crowdlog run` over a log, everything published."""
    output = tempfile.mkdtemp(dir=folder)
    return spent([str(CROWDLOG), "run", str(log), "--partial", "--quiet", "--output", output, *options])


def generate(lines: int, crowd: int, log: Path, *options: str) -> None:
    """A synthetic log (bench/lines.py)."""
    subprocess.run(
        [sys.executable, str(HERE / "lines.py"), str(lines), "--output", str(log), "--crowd", str(crowd), *options],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def row(name: str, lines: int, size: int, used: Spent, start: Spent) -> str:
    """A line of the table; start-up is taken off the CPU time."""
    cpu = used.cpu - start.cpu
    return f"| {name} | {lines:,} | {cpu:.1f} | {lines / cpu:,.0f} | {size / cpu / 1e6:.0f} | {used.peak:.0f} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="1 M lines only")
    quick = options.parse_args().quick
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| log | lines | CPU s | lines per CPU s | MB per CPU s | peak MB |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="crowdlog-bench-") as name:
        folder = Path(name)
        tiny, one = folder / "tiny.log", folder / "one.log"
        generate(1_000, 500, tiny)
        generate(1_000_000, 75_000, one)
        run(tiny, folder)  # compiles the kernels where they are not cached
        start = min((run(tiny, folder) for _ in range(3)), key=lambda one: one.cpu)
        print(f"| start-up (1,000 lines) | 1,000 | {start.cpu:.1f} | | | {start.peak:.0f} |")
        print(row("wc -l", 1_000_000, one.stat().st_size, spent(["wc", "-l", str(one)]), Spent(0, 0, 0)))
        print(row("1 M lines", 1_000_000, one.stat().st_size, run(one, folder), start), flush=True)
        if not quick:
            larger(folder, one, start)


def larger(folder: Path, one: Path, start: Spent) -> None:
    """The rows of 5 M lines."""
    five = folder / "five.log"
    with five.open("wb") as file:
        for _ in range(5):
            file.write(one.read_bytes())
    size = five.stat().st_size
    print(row("the same 1 M lines five times", 5_000_000, size, run(five, folder), start), flush=True)
    print(row("the same, 2 workers", 5_000_000, size, run(five, folder, "--workers", "2"), start), flush=True)
    for crowd in (75_000, 375_000):
        generate(5_000_000, crowd, five)
        print(
            row(f"5 M lines of {crowd:,} addresses", 5_000_000, five.stat().st_size, run(five, folder), start),
            flush=True,
        )


if __name__ == "__main__":
    main()
