"""crowdlog beside what one would use instead: `make compare`, or `python -m bench.compare [--lines N] [--real LOG]`.

In one run, on the same files, one after the other: CPU time (of the process and its children), wall time and peak memory of
`crowdlog run` (1 and 2 workers; plain, .gz, .zst), `crowdlog scrub`, GoAccess with masked addresses, anonip, a per-line Beam
pipeline, a DuckDB script, and `zcat` and `wc -l` as the floor. It asserts nothing. What is not installed is left out, and
said. Start-up (1,000 lines) is measured for each command and taken off, so that the ratios are those of lines.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.run import CROWDLOG, Spent, generate, spent

PEERS = Path(__file__).resolve().parent / "peers"
DUCKDB = """
import duckdb, pathlib, sys
script = pathlib.Path(sys.argv[1]).read_text()
duckdb.execute(script.replace("<log>", sys.argv[2]).replace("<out>", sys.argv[3]))
"""


@dataclass(frozen=True)
class Tool:
    """A command on a log. LOG and OUT in its words are the files; `packed` is the ending of the log it is given.

    stdin: whether it reads the log from standard input; does: what it does, beside what crowdlog does.
    """

    name: str
    words: tuple[str, ...]
    does: str
    packed: str = ""
    stdin: bool = False

    def run(self, log: Path, folder: Path) -> Spent:
        """Run it to its end. Raises SystemExit when it fails."""
        out = Path(tempfile.mkdtemp(dir=folder)) / "out"
        command = [word.replace("LOG", str(log)).replace("OUT", str(out)) for word in self.words]
        used = spent(command, log if self.stdin else None)
        shutil.rmtree(out.parent)
        return used


def crowdlog(name: str, *options: str, packed: str = "") -> Tool:
    """`crowdlog run`, everything published."""
    words = str(CROWDLOG), "run", "LOG", "--format", "combined", "--partial", "--quiet", "--output", "OUT", *options
    return Tool(name, words, "all tables, all layers, k = 10", packed)


def tools(python: str, goaccess: str | None, anonip: str | None) -> list[Tool]:
    """All that can be run here; `python` is one that has DuckDB."""
    scrub = str(CROWDLOG), "scrub", "-", "--format", "combined", "--quiet"
    found = [
        Tool("wc -l", ("wc", "-l", "LOG"), "counts line ends"),
        Tool("zcat", ("zcat", "LOG"), "unpacks", ".gz"),
        crowdlog("crowdlog run"),
        crowdlog("crowdlog run, 2 workers", "--workers", "2"),
        crowdlog("crowdlog run, .gz", packed=".gz"),
        crowdlog("crowdlog run, .zst", packed=".zst"),
        Tool("crowdlog scrub", scrub, "a line for a line, all layers", stdin=True),
        Tool("per-line Beam", (sys.executable, str(PEERS / "per_line.py"), "LOG", "OUT"), "one table, no threshold"),
    ]
    if goaccess:
        masked = "--log-format=COMBINED", "--anonymize-ip", "--no-global-config", "-o", "OUT.json"
        found.append(
            Tool("GoAccess, masked", (goaccess, "LOG", *masked), "about 25 panels; masks addresses, leaves the rest")
        )
    if anonip:
        found.append(Tool("anonip", (anonip,), "a line for a line; masks the first address", stdin=True))
    if subprocess.run([python, "-c", "import duckdb"], capture_output=True).returncode == 0:
        found.append(
            Tool("DuckDB", (python, "-c", DUCKDB, str(PEERS / "count.sql"), "LOG", "OUT"), "one table, no threshold")
        )
    return found


def versions(chosen: Sequence[Tool], python: str) -> str:
    """What was run, in one line."""
    asked = {
        "GoAccess, masked": ["goaccess", "--version"],
        "DuckDB": [python, "-c", "import duckdb; print('DuckDB', duckdb.__version__)"],
        "per-line Beam": [sys.executable, "-c", "import apache_beam as b; print('Beam', b.__version__)"],
    }
    said = [
        subprocess.run([*asked[tool.name]], capture_output=True, text=True).stdout.splitlines()[0].strip(" .")
        for tool in chosen
        if tool.name in asked
    ]
    return ", ".join([f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", *said])


def packed(log: Path) -> None:
    """The log also as .gz and .zst, as log rotation makes them."""
    import zstandard

    subprocess.run(["gzip", "--keep", "--force", str(log)], check=True)
    with log.open("rb") as source, Path(f"{log}.zst").open("wb") as target:
        zstandard.ZstdCompressor().copy_stream(source, target)


def compare(lines: int, log: Path, chosen: Sequence[Tool], folder: Path) -> None:
    """One table: the tools in turns on one log."""
    tiny = folder / "tiny.log"
    generate(1_000, 500, tiny)
    packed(tiny)
    packed(log)
    print(
        "| tool | CPU s | of it start-up | wall s | peak MB | lines per CPU s | CPU per line, crowdlog = 1 | what it does |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|", flush=True)
    chosen[0].run(tiny, folder)
    ours = 0.0
    for tool in sorted(
        chosen, key=lambda one: one.name != "crowdlog run"
    ):  # the one that all are compared with is the first
        start = min(tool.run(Path(f"{tiny}{tool.packed}"), folder).cpu for _ in range(2))
        used = tool.run(Path(f"{log}{tool.packed}"), folder)
        cpu = max(used.cpu - start, 0.01)
        ours = ours or cpu
        print(
            f"| {tool.name} | {used.cpu:.1f} | {start:.1f} | {used.wall:.1f} | {used.peak:.0f} | {lines / cpu:,.0f} "
            f"| {cpu / ours:.2f} | {tool.does} |",
            flush=True,
        )


def growth(sizes: Sequence[int], folder: Path) -> None:
    """How time and memory grow: the same lines many times over, and lines that are all different."""
    one, tool = folder / "one.log", crowdlog("crowdlog run")
    generate(1_000, 500, one)
    start = tool.run(one, folder).cpu
    print(
        "\n| lines | their crowd | CPU s | wall s | lines per CPU s, start-up apart | peak MB |\n|---:|---|---:|---:|---:|---:|"
    )
    generate(1_000_000, 75_000, one)
    for lines in sizes:
        for kind in ("the same million", "growing: 75,000 addresses a million"):
            log = folder / "grown.log"
            if kind.startswith("the same"):
                with log.open("wb") as file:
                    for _ in range(lines // 1_000_000):
                        file.write(one.read_bytes())
            else:
                generate(lines, 75_000 * (lines // 1_000_000), log)
            used = tool.run(log, folder)
            speed = f"{lines / (used.cpu - start):,.0f}"
            print(f"| {lines:,} | {kind} | {used.cpu:.1f} | {used.wall:.1f} | {speed} | {used.peak:.0f} |", flush=True)
            log.unlink()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=5_000_000)
    options.add_argument("--crowd", type=int, default=75_000, help="distinct addresses of the generated log")
    options.add_argument("--real", type=Path, help="a real log in combined format, for a second table")
    options.add_argument("--times", type=int, default=20, help="the real log is read so many times over, as one file")
    options.add_argument("--growth", type=int, nargs="*", default=[], help="sizes in lines: how time and memory grow")
    options.add_argument("--only", nargs="*", help="names of tools; crowdlog run is always there")
    options.add_argument("--goaccess", default=shutil.which("goaccess"))
    options.add_argument(
        "--anonip", default=shutil.which("anonip", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    )
    options.add_argument("--python", default=sys.executable, help="one that has DuckDB")
    given = options.parse_args()
    chosen = tools(given.python, given.goaccess, given.anonip)
    if given.only is not None:
        chosen = [tool for tool in chosen if tool.name in {*given.only, "crowdlog run"}]
    print(versions(chosen, given.python))
    for name in {"GoAccess, masked", "anonip", "DuckDB"} - {tool.name for tool in chosen}:
        print(f"not here: {name}")
    with tempfile.TemporaryDirectory(prefix="crowdlog-compare-") as name:
        folder = Path(name)
        log = folder / "log.log"
        if given.lines:
            generate(given.lines, given.crowd, log)
            print(
                f"\n{given.lines:,} generated lines of {given.crowd:,} addresses, {log.stat().st_size / 1e6:,.0f} MB\n"
            )
            compare(given.lines, log, chosen, folder)
        if given.real:
            content = given.real.read_bytes()
            content += b"" if content.endswith(b"\n") else b"\n"
            with log.open("wb") as file:
                for _ in range(given.times):
                    file.write(content)
            lines = given.times * content.count(b"\n")
            print(
                f"\n{given.real.name}, {given.times} times over: {lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB\n"
            )
            compare(lines, log, chosen, folder)
        if given.growth:
            growth(given.growth, folder)


if __name__ == "__main__":
    main()
