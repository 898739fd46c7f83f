"""A generated month, night by night: crowdlog and the naive twin on the same logs, and every attack on both.

`python tests/month.py OUTPUT` (make audit) exits with 5 unless every attack is held by crowdlog's release and succeeds
against the twin's. Nights are runs of one process, each with its own clock, key and ledger as it finds it.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"
sys.path[:0] = [str(ROOT), str(SAMPLES)]

import nights  # noqa: E402

from audit.naive.pipeline import run as naive  # noqa: E402
from audit.run import HELD, NOT_RUN, SUCCEEDED, case_of, run, table  # noqa: E402
from pipeline.options import Wanted  # noqa: E402
from pipeline.run import run as crowdlog  # noqa: E402

SEED = 20261121
NIGHTS, LINES = 30, 800
STARTS = 4  # o'clock: the nightly run, behind the end of a day and its hours of grace
LEAK = 5
OPTIONAL: dict[str, set[str]] = {
    "crowdlog": {"A6"},
    "twin": set(),
}  # no key of crowdlog's tables is declared to be sensitive


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
    (folder / "planted.txt").write_text("\n".join(planted) + "\n", encoding="utf-8")
    for name, first in (("key", 100), ("key-again", 7)):
        (folder / name).write_bytes(bytes(range(first, first + 32)))
        (folder / name).chmod(0o600)
    records = [_night(folder, "", written[: night + 1]) for night in range(count)]
    for night in range(count):
        _night(folder, "-again", written[: night + 1][::-1], "--chunk_bytes=65536")
    for name in ("twin", "twin-again"):
        naive(written, folder / name)
    return Month(folder, tuple(map(str, written)), tuple(records))


def _night(folder: Path, which: str, logs: list[Path], *beam: str) -> dict[str, Any]:
    """One nightly run over the logs that are there by then; its record."""
    after = nights.FIRST + dt.timedelta(days=len(logs))
    now = int(dt.datetime.combine(after, dt.time(STARTS), dt.UTC).timestamp())
    wanted = Wanted(
        tuple(map(str, logs)), folder / f"crowdlog{which}", SAMPLES / "nights.toml", format="vhost_combined",
        geo_db=SAMPLES / "test-country.mmdb", quiet=True, beam=beam, key_ref=f"file:{folder / f'key{which}'}",
    )  # fmt: skip
    return dict(crowdlog(wanted, now).record)


def surprises(name: str, result: dict[str, Any]) -> list[str]:
    """Attacks that did not come out as they should."""
    wanted = HELD if name == "crowdlog" else SUCCEEDED
    return [
        one["id"]
        for one in result["attacks"]
        if one["result"] != wanted and not (one["result"] == NOT_RUN and one["id"] in OPTIONAL[name])
    ]


def main() -> int:
    """Make the month in a folder, attack it, say what came of it."""
    month = make(Path(sys.argv[1]))
    odd = []
    for name in OPTIONAL:
        result = month.attacked(name)
        print(f"{name}: {len(month.records)} nights\n{table(result)}\n")
        odd += [f"{name} {one}" for one in surprises(name, result)]
    late = sum(record["late"] for record in month.records)
    print(json.dumps({"nights": len(month.records), "late": late, "unexpected": odd}))
    return LEAK if odd else 0


if __name__ == "__main__":
    sys.exit(main())
