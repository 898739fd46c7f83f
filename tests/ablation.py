"""Each layer of privacy switched off in a build of its own, and which attacks succeed then: the table in docs/audit.md.

`python tests/ablation.py` (make ablation) writes it. A build is this program with some attributes replaced; it publishes the
planted day (ablation_day.py) by the day, then once more by the week, and again in another order with another key. The
audit is given everything: raw log, planted values, key, second output, and what crossed between stages.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cloudpickle

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import ablation_day as day  # noqa: E402
from ablation_layers import LAYERS, Layer  # noqa: E402
from pages import with_table  # noqa: E402

from audit.attacks import a01_addresses  # noqa: E402
from audit.run import SUCCEEDED, case_of, run  # noqa: E402
from pipeline import flow, job  # noqa: E402
from pipeline.options import Wanted  # noqa: E402
from pipeline.run import run as crowdlog  # noqa: E402
from schemas.tables import trends  # noqa: E402
from transforms.tally import Tally  # noqa: E402

PAGE = ROOT / "docs" / "audit.md"
BEGIN, END = "<!-- made by `make ablation` -->\n", "<!-- end -->\n"
NOW = 1_796_083_200  # 2026-12-01
POLICY = '[[site]]\nname = "shop"\nhosts = ["shop.example"]\n'
BY_WEEK = "tables = { " + ", ".join(f"{one.name} = {{ grain = 'week' }}" for one in trends().tables) + " }\n"
KEYED_HASHES = 100_000  # of A1, whose millions take most of the time of an audit


def clear_caches() -> None:
    """Forget what treatments remember over runs: another build gives other words."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("schemas", "transforms", "pipeline"):
            for one in list(vars(module).values()):
                if callable(getattr(one, "cache_clear", None)):
                    one.cache_clear()


@contextmanager
def built_without(layer: Layer) -> Iterator[None]:
    """The program without a layer."""
    clear_caches()
    with ExitStack() as stack:
        for owner, attribute, instead in layer.off:
            stack.enter_context(patch.object(owner, attribute, instead))
        yield
    clear_caches()


@contextmanager
def overheard(folder: Path) -> Iterator[None]:
    """What crosses between stages, and the job as it is in the graph, is kept in a folder."""
    folder.mkdir()
    tallied, flowed = Tally.__call__, flow.flow

    @wraps(tallied)  # its types are the flow's
    def call(self: Tally, chunks: Any) -> Iterator[Any]:
        for number, sealed in enumerate(tallied(self, chunks)):
            with (folder / f"shuffle-{number}").open("ab") as file:
                file.write(sealed.content)
            yield sealed

    def build(pipeline: Any, made: job.Job, key: Any, *more: Any) -> Any:
        (folder / "graph").write_bytes(cloudpickle.dumps((made, key)))
        return flowed(pipeline, made, key, *more)

    with patch.object(Tally, "__call__", call), patch.object(flow, "flow", build):
        yield


def attacked(folder: Path, layer: Layer) -> dict[str, dict[str, Any]]:
    """What came of each attack on the release of a build, by its id."""
    log, pings, policy, weekly = folder / "access.log", folder / "pings.log", folder / "day.toml", folder / "week.toml"
    day.write(log)
    day.write_pings(pings)
    policy.write_text(POLICY, encoding="utf-8")
    weekly.write_text(POLICY + BY_WEEK, encoding="utf-8")
    (folder / "planted.txt").write_text("\n".join(day.PLANTED), encoding="utf-8")
    for name in ("key", "key-again"):  # no run of numbers: a list of networks by number is one
        (folder / name).write_bytes(hashlib.sha256(name.encode()).digest())
        (folder / name).chmod(0o600)

    def publish(output: str, by: Path, key: str, *beam: str, logs: Path = log, site: str = "shop") -> None:
        crowdlog(Wanted((str(logs),), folder / output, by, site=site, geo_db=ROOT / "sample_logs" / "test-country.mmdb",
                        partial=True, quiet=True, key_ref=f"file:{folder / key}", beam=beam), NOW)  # fmt: skip

    with built_without(layer):
        with overheard(folder / "look"):
            publish("one", policy, "key")
            publish("one", weekly, "key")
            publish("one", policy, "key", logs=pings, site="licences")
        publish("two", policy, "key-again", "--chunk_bytes=65536")
        publish("two", weekly, "key-again")
        publish("two", policy, "key-again", logs=pings, site="licences")
    case = {"folder": folder / "one", "raw": [str(log), str(pings)], "again": folder / "two", "planted": folder / "planted.txt",
            "key": folder / "key", "look": [folder / "look"]}  # fmt: skip
    with patch.object(a01_addresses, "KEYED_HASHES", KEYED_HASHES):
        return {one["id"]: one for one in run(case_of(case))["attacks"]}


def succeeded(layer: Layer) -> list[str]:
    """Ids of the attacks that succeed without a layer."""
    with tempfile.TemporaryDirectory(prefix="crowdlog-ablation-") as folder:
        done = attacked(Path(folder), layer)
    return [name for name, one in done.items() if one["result"] == SUCCEEDED]


def row(layer: Layer) -> str:
    """The row of a layer, as its build says now."""
    found = ", ".join(succeeded(layer)) or "none" + (f": {layer.held_by}" if layer.held_by else "")
    return f"| {layer.name} | {layer.rule} | {found} |"


def table() -> str:
    """A row for each layer."""
    return "\n".join(["| switched off | PRIVACY.md | attacks that succeed then |", "|---|---|---|", *map(row, LAYERS)])


def page(text: str) -> str:
    """The page with its table as the builds say now."""
    return with_table(text, BEGIN, table(), END)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
