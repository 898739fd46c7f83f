"""Every attack on the releases of three inputs, by crowdlog and by the naive twin, and one table of what came of it.

`python tests/audited.py OUTPUT [LOG]` (make audit): the samples, a real log in combined format if there is one, and a generated
month. Exit 5 unless crowdlog holds every attack on all of them and the twin loses every one. Each release has a second one, made
in another order with another key, the key of its run, and values to hunt.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import month  # noqa: E402
from month import SAMPLES, SIDES, quietly  # noqa: E402

from audit.naive.pipeline import run as naive  # noqa: E402
from audit.run import HELD, NOT_RUN, SUCCEEDED, case_of, entries, keep, run, table  # noqa: E402
from pipeline.options import Wanted  # noqa: E402
from pipeline.run import run as crowdlog  # noqa: E402

LEAK = 5
LOGS = ("combined", "common", "nginx_timed", "vhost_combined", "licence_pings")
PINGS = SAMPLES / "licence_pings" / "input.log"
COMMANDS = {"crowdlog": ["-P", "-m", "pipeline", "run"], "twin": ["-m", "audit.naive"]}
WANTED = {"crowdlog": HELD, "twin": SUCCEEDED}
OF_PROGRAM = frozenset(module.ID for module in entries() if "run" in module.NEEDS)

Results = dict[str, dict[str, str]]  # by input and side ("samples crowdlog"): what came of each attack


def planted(folder: Path) -> Path:
    """What was planted in the samples, one value a line."""
    listed = json.loads((SAMPLES / "planted.json").read_text(encoding="utf-8"))["planted"]
    listed += json.loads((PINGS.parent / "planted.json").read_text(encoding="utf-8"))
    file = folder / "planted.txt"
    file.write_text(
        "".join(f"{one}\n" for entry in listed for one in {entry["value"], entry["written"]}), encoding="utf-8"
    )
    return file


def publish(folder: Path, runs: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Publish some logs by both pipelines, twice; `runs` are crowdlog's, each with its logs. Gives all logs."""
    for which, first, beam in (("", 100, ()), ("-again", 7, ("--chunk_bytes=65536",))):
        key = folder / f"key{which}"
        key.write_bytes(bytes(range(first, first + 32)))
        key.chmod(0o600)
        for one in runs:
            logs = tuple(map(str, one["logs"]))[:: -1 if which else 1]
            more = {name: value for name, value in one.items() if name != "logs"}
            crowdlog(Wanted(logs, folder / f"crowdlog{which}", key_ref=f"file:{key}", quiet=True, beam=beam, **more))
    logs = [log for one in runs for log in one["logs"]]
    for which in ("", "-again"):
        quietly(naive, logs, folder / f"twin{which}")
    return logs


def attacked(folder: Path, side: str, logs: Sequence[Path], **more: Any) -> dict[str, Any]:
    """All attacks on one side of a folder that `publish` filled."""
    key = folder / "key" if side == "crowdlog" else folder / "twin" / "internal" / "key"
    given = {"folder": folder / side, "again": folder / f"{side}-again", "raw": [*map(str, logs)], "key": key,
             "sensitive": ["accounts.status"], **more}  # fmt: skip
    return run(case_of(given))


def kept(results: Results, name: str, side: str, root: Path, result: dict[str, Any]) -> None:
    """Show a result, keep it with the release, and note what came of each attack; of the program what came of it before."""
    keep(root, result)
    mine = [one for one in result["attacks"] if one["id"] not in OF_PROGRAM or one["result"] != NOT_RUN]
    missing = sum(one["result"] == NOT_RUN for one in mine)
    print(f"\n{side}, {name}\n{table({**result, 'attacks': mine, 'not_run': missing})}", flush=True)
    once = {attack: found for attack, found in results.get(f"samples {side}", {}).items() if attack in OF_PROGRAM}
    results[f"{name} {side}"] = once | {one["id"]: one["result"] for one in mine}


def closing(results: Results) -> list[str]:
    """The table: a row for each attack, a column for each input and side."""
    width = max(map(len, results)) + 2
    rows = [f"{'attack':<30}" + "".join(f"{one:<{width}}" for one in results)]
    for module in entries():
        shown = [done[module.ID] for done in results.values()]
        name = f"{module.ID:<4}{module.TITLE}{' *' if module.ID in OF_PROGRAM else ''}"
        rows.append((f"{name:<30}" + "".join(f"{one:<{width}}" for one in shown)).rstrip())
    return [*rows, "* of the program, not of what it published: tried once, on logs of the audit's own"]


def unexpected(results: Results) -> list[str]:
    """What is not as it must be: all held by crowdlog, none by the twin, and nothing left out."""
    return [f"{name}: {attack} {found}" for name, done in results.items() for attack, found in done.items()
            if found != WANTED[name.rpartition(" ")[2]]]  # fmt: skip


def main() -> int:
    """Publish, attack, and say what came of it."""
    began, root, real = time.monotonic(), Path(sys.argv[1]), [Path(one) for one in sys.argv[2:] if Path(one).is_file()]
    results: Results = {}
    shop = {
        "policy": SAMPLES / "crowdlog.toml",
        "geo_db": SAMPLES / "test-country.mmdb",
        "profiles": ("internal", "partner"),
    }
    inputs = {"samples": [{"logs": [SAMPLES / name / "input.log" for name in LOGS], **shop}]}
    if real:  # no real log of licence pings is at hand: the samples' are beside it as a site of their own
        inputs["real log"] = [{"logs": real, "partial": True}, {"logs": [PINGS], "site": "licences"}]
    for name, runs in inputs.items():
        folder = root / name.replace(" ", "-")
        folder.mkdir(parents=True)
        logs = publish(folder, runs)
        for side in SIDES:
            # the program is the same for all: it is attacked once
            more = {"run": [sys.executable, *COMMANDS[side]]} if name == "samples" else {}
            kept(results, name, side, folder / side, attacked(folder, side, logs, planted=planted(folder), **more))
    made = month.make(root / "month")
    for side in SIDES:
        kept(results, "month", side, made.folder / side, made.attacked(side))
    odd = unexpected(results)
    print("\n" + "\n".join(closing({name: results[name] for side in SIDES for name in results if name.endswith(side)})))
    late = sum(record["late"] for record in made.records)
    told = {"seconds": round(time.monotonic() - began), "nights": len(made.records), "late": late, "unexpected": odd}
    print(json.dumps(told))
    return LEAK if odd else 0


if __name__ == "__main__":
    sys.exit(main())
