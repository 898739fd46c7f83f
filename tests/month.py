"""A generated month, night by night: crowdlog and the naive twin on the same logs, and every attack on both.

Nights are runs of one process, each with its own clock, key and ledger as it finds it; licence pings are published at the end.
"""

from __future__ import annotations

import datetime as dt
import io
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
sys.path[:0] = [str(ROOT), str(SAMPLES)]

import nights  # noqa: E402

from audit.naive.pipeline import run as naive  # noqa: E402
from audit.run import case_of, run  # noqa: E402
from pipeline.options import Wanted  # noqa: E402
from pipeline.run import run as crowdlog  # noqa: E402

SEED = 20261121
NIGHTS, LINES = 30, 800
STARTS = 4  # o'clock: the nightly run, behind the end of a day and its hours of grace
SIDES = ("crowdlog", "twin")


@dataclass(frozen=True)
class Month:
    """Logs and what was published of them: `ours` and `again` by crowdlog, `twin` and `twin_again` by the naive pipeline."""

    folder: Path
    logs: tuple[str, ...]
    records: tuple[dict[str, Any], ...]

    def attacked(self, name: str) -> dict[str, Any]:
        """All attacks on `crowdlog` or `twin`, with everything that the command can be given."""
        folder = self.folder / name
        return run(case_of({
            "folder": folder, "raw": self.logs, "again": self.folder / f"{name}-again", "planted": self.folder / "planted.txt",
            "key": self.folder / "key" if name == "crowdlog" else folder / "internal" / "key",
            "sensitive": ["accounts.status"],
        }))  # fmt: skip


def logs(folder: Path, count: int, lines: int) -> tuple[list[Path], list[str]]:
    """The logs of so many nights, and the values that were planted in them."""
    cast = tomllib.loads((SAMPLES / "cast.toml").read_text(encoding="utf-8"))
    return nights.write(cast, folder, count, lines, SEED)


def make(folder: Path, count: int = NIGHTS, lines: int = LINES) -> Month:
    """Write the logs, and publish them by both pipelines, twice."""
    written, planted = logs(folder / "logs", count, lines)
    pings = folder / "logs" / "pings.jsonl"
    nights.write_pings(pings, count, SEED)
    (folder / "planted.txt").write_text("\n".join(planted) + "\n", encoding="utf-8")
    for name, first in (("key", 100), ("key-again", 7)):
        (folder / name).write_bytes(bytes(range(first, first + 32)))
        (folder / name).chmod(0o600)
    records = [_night(folder, "", count, written[: night + 1]) for night in range(count)]
    for night in range(count):
        _night(folder, "-again", count, written[: night + 1][::-1], "--chunk_bytes=65536")
    for which in ("", "-again"):
        _night(folder, which, count, [pings], format="auto", site="licences")
    for name in ("twin", "twin-again"):
        quietly(naive, [*written, pings], folder / name)
    return Month(folder, (*map(str, written), str(pings)), tuple(records))


def _night(folder: Path, which: str, nights_in_all: int, logs: list[Path], *beam: str, **more: Any) -> dict[str, Any]:
    """One nightly run over the logs that are there by then; its record."""
    after = nights.FIRST + dt.timedelta(days=nights_in_all if more else len(logs))
    now = int(dt.datetime.combine(after, dt.time(STARTS), dt.UTC).timestamp())
    wanted = Wanted(**{
        "inputs": tuple(map(str, logs)), "output": folder / f"crowdlog{which}", "policy": SAMPLES / "nights.toml",
        "format": "vhost_combined", "geo_db": SAMPLES / "test-country.mmdb", "quiet": True, "beam": beam,
        "key_ref": f"file:{folder / f'key{which}'}", **more,
    })  # fmt: skip
    return dict(crowdlog(wanted, now).record)


def quietly(work: Callable[..., object], *given: object) -> None:
    """The naive pipeline repeats what it cannot read."""
    with redirect_stderr(io.StringIO()):
        work(*given)
