"""A small log with a crowd and one who is heavy, and runs over it with noise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.options import Wanted
from pipeline.run import run

ROOT = Path(__file__).resolve().parents[1]
GEO = ROOT / "sample_logs" / "test-country.mmdb"
NOW = 1_796_083_200  # 2026-12-01: the days of the logs are closed
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NEIGHBOURHOODS, HEAVY = 300, 700  # and the hits of one of them, beyond all bounds
EPSILON = 24.0
POLICY = f"[dp]\nepsilon = {EPSILON}\nbudget = {{ epsilon = 40 }}\n"
TABLES = {"sites", "traffic", "statuses", "countries", "browsers", "systems"}


def lines(day: int) -> Iterator[str]:
    """A day of requests: 1 to 6 of each /48, one that makes 700, and 5 of a client without an address."""
    for who in range(NEIGHBOURHOODS):
        for number in range(HEAVY if not who else 1 + who * 7 % 6):
            client, hour, status = f"2001:db8:{who:x}::{number % 2 + 1}", 8 + number % 3, (200, 404, 301)[number % 3]
            yield (
                f'{client} - - [{day}/Nov/2025:{hour:02d}:{number % 60:02d}:00 +0000] "GET /docs/start HTTP/1.1" {status}'
                f' 512 "-" "{FIREFOX}"'
            )
    for number in range(5):
        yield (f'crawl.example.net - - [{day}/Nov/2025:12:0{number}:00 +0000] "GET / HTTP/1.1" 200 1 "-" "{FIREFOX}"')


def write(folder: Path) -> Path:
    """Two days of logs, and a policy; the folder."""
    for day in (18, 19):
        (folder / f"{day}.log").write_text("\n".join(lines(day)) + "\n")
    (folder / "crowdlog.toml").write_text(POLICY)
    return folder


def publish(given: Path, folder: Path, day: int = 18, **more: Any) -> dict[str, Any]:
    """A run over one day; its record."""
    wanted = {"profiles": ("dp",), "policy": given / "crowdlog.toml", "partial": True, "quiet": True, **more}
    return dict(run(Wanted((str(given / f"{day}.log"),), folder, site="shop", geo_db=GEO, **wanted), NOW).record)


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, read without our own code."""
    found = (folder / "release-dp").rglob("*.parquet")
    return {file.relative_to(folder).parts[1]: pq.ParquetFile(file).read().to_pylist() for file in found}


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder by their path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def command(given: Path, folder: Path, day: int, *more: str, profiles: tuple[str, ...] = ("dp",)) -> list[str]:
    """The command line of a run."""
    return [
        "run", str(given / f"{day}.log"), "--output", str(folder), "--site", "shop", "--partial", "--quiet",
        "--policy", str(given / "crowdlog.toml"), "--geo-db", str(GEO), *more,
        *(word for profile in profiles for word in ("--profile", profile)),
    ]  # fmt: skip


DIE = """
import os, sys
from pipeline import publish
setattr(publish, sys.argv[1], lambda *_, **__: os._exit(9))
from pipeline.cli import main
main(sys.argv[2:])
"""


def died(at: str, arguments: list[str]) -> None:
    """A run that ends at once where it would call a function of publish."""
    done = subprocess.run([sys.executable, "-c", DIE, at, *arguments], cwd=ROOT, timeout=300, check=False)
    assert done.returncode == 9
