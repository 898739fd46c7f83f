"""`crowdlog scrub` beside anonip on the same lines: `python -m bench.scrub [LINES] [--anonip PATH]`; it asserts nothing.

anonip (https://pypi.org/project/anonip, BSD) masks addresses and nothing else. It is no dependency: install it into an
environment of its own and name its command. Both read a file from standard input and write to a file; CPU time is that of
the process and its children (getrusage), start-up (1,000 lines) is shown apart and taken off.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from bench.run import CROWDLOG, Spent, generate, spent


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lines", type=int, nargs="?", default=1_000_000)
    options.add_argument("--anonip", default=shutil.which("anonip"), help="the command, where it is not on the path")
    options.add_argument("--rounds", type=int, default=1, help="the best of so many rounds, taken in turns")
    chosen = options.parse_args()
    scrub = [str(CROWDLOG), "scrub", "-", "--format", "combined", "--quiet", "--ip"]
    commands = {f"crowdlog scrub --ip {how}": [*scrub, how] for how in ("hash", "truncate", "drop")}
    if chosen.anonip:
        commands["anonip"] = [chosen.anonip]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| filter | lines | CPU s | wall s | start-up CPU s | lines per CPU s | peak MB | times anonip |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="crowdlog-bench-") as name:
        folder = Path(name)
        tiny, log, out = folder / "tiny.log", folder / "one.log", folder / "out.log"
        generate(1_000, 500, tiny)
        generate(chosen.lines, max(1, chosen.lines * 75_000 // 1_000_000), log)
        spent([*scrub, "hash"], tiny, out)  # compiles the kernels where they are not cached
        best: dict[str, tuple[Spent, Spent]] = {}
        for _ in range(chosen.rounds):
            for title, command in commands.items():
                found = spent(command, log, out), spent(command, tiny, out)
                best[title] = min(best.get(title, found), found, key=lambda one: one[0].cpu - one[1].cpu)
    cost = {title: whole.cpu - start.cpu for title, (whole, start) in best.items()}
    for title, (whole, start) in best.items():
        ratio = f"{cost['anonip'] / cost[title]:.1f}" if "anonip" in cost else "not measured"
        print(
            f"| {title} | {chosen.lines:,} | {cost[title]:.1f} | {whole.wall:.1f} | {start.cpu:.1f} |"
            f" {chosen.lines / cost[title]:,.0f} | {whole.peak:.0f} | {ratio} |"
        )


if __name__ == "__main__":
    sys.exit(main())
