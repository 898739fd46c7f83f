"""Run: one nightly job from command line to commit."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import conservation, lock, publish
from pipeline.chosen import chosen_database, chosen_policy
from pipeline.digests import Digests
from pipeline.find import Input, find
from pipeline.forked import AGAIN, DIED, ForkServer, forked_workers
from pipeline.job import Job
from pipeline.launcher import Launcher
from pipeline.options import Engine, Wanted, engine
from pipeline.prepare import prepare, refuse_noise
from pipeline.progress import Progress
from pipeline.sampler import awake
from schemas.load import DeclarationError
from schemas.trouble import Trouble, from_text

GETTING_READY = "getting ready; the first run on a machine compiles its kernels, which takes some seconds"


@dataclass(frozen=True)
class Outcome:
    """What a run did: its record (run.json), the inputs' names, and how long it took in seconds."""

    record: Mapping[str, Any]
    inputs: Sequence[str]
    warnings: Sequence[str]
    seconds: float


def run(wanted: Wanted, now: int | None = None, digests: Digests | None = None) -> Outcome:
    """Do the whole job. `now` is the clock in seconds since the epoch; `digests` may have begun already.

    Raises Trouble; then nothing was published.
    """
    with ForkServer(wanted.workers) as server:
        return _run(wanted, int(time.time()) if now is None else now, server, digests or Digests())


def _run(wanted: Wanted, now: int, server: ForkServer, digests: Digests) -> Outcome:
    began = time.monotonic()
    policy = chosen_policy(wanted)
    countries = chosen_database(wanted)
    refuse_noise(wanted, policy)
    chosen = engine(wanted)
    inputs = find(wanted.inputs)
    server.start(policy)  # before the lock, which a fork would hold as well
    with lock.hold(wanted.output):
        warnings = publish.recover(wanted.output)
        job, fresh = prepare(wanted, policy, countries, inputs, now, chosen, digests)
        if job.ranges:
            try:
                execute(job, chosen, wanted, fresh, server, digests)
            finally:
                publish.discard(wanted.output, job.run_id)
            record = json.loads((wanted.output / "internal" / "runs" / job.run_id / "run.json").read_text())
        else:
            record = nothing_to_read(job)
    return Outcome(record, [source.path for source in inputs], warnings, time.monotonic() - began)


def execute(
    job: Job, engine: Engine, wanted: Wanted, fresh: Sequence[Input], server: ForkServer, digests: Digests
) -> None:
    """Build the graph over the `fresh` inputs and run it. Raises Trouble."""
    import apache_beam as beam

    from pipeline.flow import flow
    from pipeline.loopback import loopback_only
    from transforms.held import Held, holding
    from transforms.kernels import calls

    progress = Progress(sum(source.size for source in fresh), sys.stderr, enabled=not wanted.quiet)
    progress.stage(GETTING_READY)
    if not server.is_needed:
        calls.warm()
    try:
        guarded = loopback_only() if engine.local else nullcontext()  # other engines bring servers of their own
        launching = Launcher(progress, wanted.key_ref, lambda number: digests.of(fresh[number]))
        with launching as launcher, guarded, forked_workers(server), awake(), holding():
            content = Held if engine.local else bytes
            pipeline = beam.Pipeline(runner=engine.runner, options=engine.options)
            reporter = launcher.reporter if progress.enabled else None
            flow(pipeline, job, launcher.key, reporter, launcher.due, content)
            pipeline.run().wait_until_finish()
    except Trouble:
        raise
    except DeclarationError as error:  # the graph was not built
        raise Trouble("E202", str(error)) from None
    except Exception as error:
        if os.environ.get("CROWDLOG_DEBUG") == "1":
            raise
        if "KeyboardInterrupt" in str(error):  # Beam wraps what stops a worker thread
            raise KeyboardInterrupt from None
        if not (trouble := from_text(str(error))):
            trouble = DIED if server.has_died(AGAIN) else Trouble("E103", f"the engine failed ({type(error).__name__})")
        raise trouble from None
    finally:
        progress.clear()


def nothing_to_read(job: Job) -> dict[str, Any]:
    """The record of a run whose inputs are all published or empty."""
    from pipeline.deliver import describe
    from schemas.stages import Accounts

    record = describe(job, [], Accounts())
    for counts in (one for view in conservation.by_profile(record) for one in view["tables"].values()):
        counts.update(dict.fromkeys(("published_before", "open", "partial", "eligible", "published", "withheld"), 0))
    publish.write_run(Path(job.root), job.run_id, record)
    if job.preview:
        publish.preview(Path(job.root), job.run_id, [])
    return record
