"""What a run is asked for, and Beam's own options behind `--`."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.read import CHUNK
from schemas.trouble import Trouble

FN_API = "FnApiRunner"
LOCAL = ("", FN_API, "DirectRunner", "BundleBasedDirectRunner", "SwitchingDirectRunner")


LOCAL_SHARE, OTHER_SHARE = 128 << 20, 32 << 20
OTHER_WORKERS = 8  # a guess: other engines do not tell


@dataclass(frozen=True)
class Wanted:
    """The command line of `crowdlog run`."""

    inputs: tuple[str, ...]
    output: Path
    policy: Path | None = None
    format: str | None = None
    site: str | None = None
    profiles: tuple[str, ...] = ()  # none: those of the policy
    k: int | None = None
    geo_db: Path | None = None
    workers: int = 1
    partial: bool = False
    preview: bool = False
    max_reject_rate: float = 0.05
    quiet: bool = False
    json: bool = False
    key_ref: str | None = None
    log_date: dt.date | None = None
    beam: tuple[str, ...] = ()


class Engine(NamedTuple):
    """What runs the flow: a Beam runner with its PipelineOptions, and how the work is cut for it, in bytes of input.

    `share` is one share of the neighbourhoods: local workers take few large ones; other engines want shuffled elements
    below 8 MB. Results depend on none of it.
    """

    runner: Any
    options: Any
    local: bool
    workers: int
    share: int
    chunk: int


def engine(wanted: Wanted) -> Engine:
    """The engine that was asked for. Raises Trouble E201 for what Beam does not know or we refuse."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    own.add_argument("--runner", default="")
    own.add_argument("--chunk_bytes", type=int, default=CHUNK)
    try:
        ours, flags = own.parse_known_args(list(wanted.beam))
    except argparse.ArgumentError as error:
        raise Trouble("E201", f"behind --: {error}") from None
    if ours.chunk_bytes < 1 << 16:
        raise Trouble("E201", f"--chunk_bytes is {ours.chunk_bytes}, expected at least 65536")
    if any("multi_threading" in flag for flag in flags):
        raise Trouble("E201", "direct_running_mode=multi_threading loses data with Arrow coders; use --workers N")
    if any(flag.startswith(("--direct_running_mode", "--direct_num_workers")) for flag in flags):
        raise Trouble("E201", "--workers N sets Beam's running mode: its own workers would print what they read")
    if ours.runner.rsplit(".", 1)[-1] in LOCAL:
        return Engine(*_local(wanted.workers, flags), True, wanted.workers, LOCAL_SHARE, ours.chunk_bytes)
    if wanted.workers != 1:
        raise Trouble("E201", f"--workers is for the local engine; tell {ours.runner} its own way behind --")
    return Engine(*_other(ours.runner, flags), False, OTHER_WORKERS, OTHER_SHARE, ours.chunk_bytes)


def _local(workers: int, flags: Sequence[str]) -> tuple[Any, Any]:
    """FnApiRunner by name: DirectRunner may choose another engine (DESIGN.md 5.1).

    More than one worker is Beam's multi_processing mode with workers of our own (pipeline/forked.py), which are silent.
    """
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    if workers == 1:
        return FnApiRunner(), _checked(flags)
    environment = SubprocessSDKEnvironment.from_command_string("false")  # no command: they are forked
    return FnApiRunner(default_environment=environment), _checked([*flags, f"--direct_num_workers={workers}"])


def _other(runner: str, flags: Sequence[str]) -> tuple[Any, Any]:
    from apache_beam.runners.runner import create_runner

    try:
        made = create_runner(runner)
    except (ImportError, ValueError, AttributeError):
        raise Trouble("E201", f"no runner {runner} is installed here") from None
    return made, _checked([*flags, f"--runner={runner}"])


def _checked(flags: Sequence[str]) -> Any:
    """PipelineOptions, refusing flags that no part of Beam declares: a misspelt one must not be ignored."""
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, conflict_handler="resolve"
    )
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(list(flags))
    except argparse.ArgumentError as error:
        raise Trouble("E201", f"behind --: {error}") from None
    if unknown:
        raise Trouble("E201", f"behind --: Beam has no option {unknown[0].split('=')[0]}")
    return PipelineOptions(list(flags))
