"""Where the time goes: CPU per line of each stage, in one process without Beam: `python -m bench.steps LOG`.

The stages are those of pipeline/flow.py, called one after the other as the engine calls them; of a step of the fused stage
its own time is counted, without that of the steps before it. Asserts nothing. The share of the largest is what to look at.
`--history N`: the ledger has N nights in which every table was published, as a nightly run finds it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import secrets
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline import collector, publish, read
from pipeline.chosen import chosen_database, chosen_policy, chosen_profiles
from pipeline.digests import digest
from pipeline.entry import Period
from pipeline.find import find
from pipeline.options import Wanted, engine
from pipeline.prepare import prepare, provenance
from pipeline.read import Read
from schemas.noise import UNIT, Noise
from schemas.profiles import profiles
from schemas.tables import trends
from transforms.anonymise import Anonymise
from transforms.fused import Step
from transforms.guard import GuardSite
from transforms.kernels import calls
from transforms.keys import KeyReference
from transforms.merge import ArrowMerge
from transforms.parse import Parse
from transforms.tally import Tally


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def timed(self, name: str, stream: Iterator[Any]) -> Iterator[Any]:
        """The same stream; the time to make each item is counted."""
        while True:
            before = time.process_time()
            item = next(stream, None)
            self.spent[name] += time.process_time() - before
            if item is None:
                return
            yield item

    def of(self, name: str, call: Any, *given: Any) -> Any:
        before = time.process_time()
        result = call(*given)
        self.spent[name] += time.process_time() - before
        return result


def publish_nights(wanted: Wanted, nights: int) -> None:
    """Ledger entries of so many nights, without files: what a run asks of earlier ones is which periods are decided."""
    policy = chosen_policy(wanted)
    by = provenance(policy, chosen_database(wanted))
    for night in range(1, nights + 1):
        date = dt.date(2000, 1, 1) + dt.timedelta(days=night)
        tables = [Period(site.name, table.name, "day", date, 0, 0, 0, False)
                  for site in policy.all_sites for table in trends().tables]  # fmt: skip
        nightly = [publish.Publication(name, by, [], tables, noise_of(name, tables))
                   for name in chosen_profiles(wanted, policy)]  # fmt: skip
        publish.commit(wanted.output, nightly, run_id=f"20000101T000000Z-{night:08x}", committed=date.isoformat(),
                       files_read=[])  # fmt: skip


def noise_of(profile: str, tables: list[Period]) -> dict[str, Noise]:
    """Noise that has cost nothing, for a profile that has any."""
    free = Noise(UNIT, 0, 0, 1, 0, 0, {}, 0.0, 0.0, "")
    return {table.path: free for table in tables} if profiles()[profile].noise else {}


def measure(wanted: Wanted, nights: int) -> tuple[dict[str, float], int]:
    """CPU seconds by stage, and lines."""
    clock = Clock()
    policy, countries, inputs = chosen_policy(wanted), chosen_database(wanted), find(wanted.inputs)
    calls.warm()
    for source in inputs:
        clock.of("digest", digest, source)
    publish_nights(wanted, nights)
    made = clock.of("prepare", prepare, wanted, policy, countries, inputs, int(time.time()), engine(wanted))
    job = made[0]
    path = wanted.output / "key"
    path.write_bytes(secrets.token_bytes(32))
    path.chmod(0o600)
    key = KeyReference(f"file:{path}")
    steps: list[tuple[str, Step]] = [
        ("Read", Read(job.chunk_bytes, None, job.formats)),
        ("Parse", Parse(job.policy, job.fields, job.formats)),
        ("Anonymise", Anonymise(job.policy, job.fields, job.forced_site, job.geo_db, key)),
        ("Tally", Tally(job.policy, job.trends, job.shares, key)),
    ]
    merge, held = ArrowMerge(key, job.shares), defaultdict[int, list[bytes]](list)
    for range_ in job.ranges:
        stream: Iterator[Any] = iter((range_,))
        for name, step in steps:
            stream = clock.timed(name, step(stream))
        for sealed in stream:
            number = int(sealed.number)
            held[number] = clock.of("Merge", merge.add_input, held[number], sealed.content)
    whole = {number: clock.of("Merge", merge.extract_output, one) for number, one in held.items()}
    guard = GuardSite(job.policy, job.trends, job.terms, key)
    accounts = whole.pop(job.sites * job.shares)
    lines = 0
    for site in range(job.sites):
        tallies = [one for number, one in whole.items() if number // job.shares == site]
        for _, found in clock.of("Guard", lambda one: list(guard.process(one)), (site, [*tallies, accounts])):
            lines = found.lines
    names = [name for name, _ in steps]
    within = {name: clock.spent[before] for before, name in pairwise(names)}
    return {name: spent - within.get(name, 0) for name, spent in clock.spent.items()}, lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("log", nargs="+")
    options.add_argument("--rounds", type=int, default=2, help="the last round is shown: the first one warms up")
    options.add_argument("--history", type=int, default=0, help="nights that the ledger has already")
    options.add_argument("--profile", dest="profiles", action="append", default=[], help="as for crowdlog run")
    given = options.parse_args()
    collector.relax()  # as the command does
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory(prefix="crowdlog-steps-") as folder:
            wanted = Wanted(tuple(given.log), Path(folder), profiles=tuple(given.profiles), partial=True, quiet=True)
            # what a thread of its own takes would count for whatever step is at work
            with patch.object(read, "ahead", iter):
                spent, lines = measure(wanted, given.history)
    total = sum(spent.values())
    print("| stage | ns a line | share |\n|---|---:|---:|")
    for name in ("digest", "prepare", "Read", "Parse", "Anonymise", "Tally", "Merge", "Guard"):
        print(f"| {name} | {spent[name] / lines * 1e9:,.0f} | {spent[name] / total:.0%} |")
    print(f"| all | {total / lines * 1e9:,.0f} | {lines / total:,.0f} lines per CPU s |")


if __name__ == "__main__":
    main()
