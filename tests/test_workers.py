"""Workers of `--workers N`: what they are forked from, and what they may say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline import apart, worker
from pipeline.forked import ForkServer
from pipeline.options import Wanted
from pipeline.run import run
from schemas.policy import Policy
from schemas.trouble import Trouble

LOG = Path(__file__).resolve().parents[1] / "sample_logs" / "combined" / "input.log"
DEADLINE = 120.0
FORKED = """
import json, os
from pipeline import worker
from schemas.policy import Policy
worker.load()
worker.get_ready(Policy())
threads = len(os.listdir("/proc/self/task"))
worker.work = lambda environment, parent: os._exit(7)
pid = worker.start({})
print(json.dumps([threads, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))
"""
ANEW = """
import json, os, subprocess, threading
from pipeline import worker
threading.Thread(target=threading.Event().wait, daemon=True).start()
real, commands = subprocess.Popen, []
subprocess.Popen = lambda command, **named: commands.append(command) or real(command, **named)
pid = worker.start({"PIPELINE_OPTIONS": "no JSON"})
print(json.dumps([commands[0][-1], os.waitpid(pid, 0)[1] != 0]))
"""
LEARNT = """
import json, sys
from pipeline import worker
from schemas.policy import Policy
from transforms.anonymise import EXAMPLE, worded
from transforms.distinct import Words
if sys.argv[1:]:
    worker.load()
    worker.get_ready(Policy())
began = set(sys.modules)
import ua_parser_rs
from transforms.treatments import referrer
opened = []
def opening(kind):
    return lambda *given, **named: opened.append(1) or kind(*given, **named)
ua_parser_rs.UserAgentExtractor, ua_parser_rs.OSExtractor, referrer.PublicSuffixList = map(
    opening, (ua_parser_rs.UserAgentExtractor, ua_parser_rs.OSExtractor, referrer.PublicSuffixList)
)
told = dict(EXAMPLE, path=b"/b-2", referrer=b"https://www.example.net/")
for treatment in worded(Policy(), Words()):
    treatment.treat(0, *map(told.get, treatment.takes))
print(json.dumps([len(opened), sorted(name for name in set(sys.modules) - began if name.startswith("transforms."))]))
"""
SERVER = """
import json
from pipeline import apart
from pipeline.forked import ForkServer
from schemas.policy import Policy
begin, methods = apart.begin, []
apart.begin = lambda method, *given: methods.append(method) or begin(method, *given)
with ForkServer(2) as server:
    server.start(Policy())
    server.wait_until_ready()
    print(json.dumps([methods, server.has_died(0.0)]))
"""


def told(program: str, *arguments: str) -> Any:
    """What a program prints, as JSON."""
    command = [*apart.command("x")[:-2], "-c", program, *arguments]
    done = subprocess.run(
        command, env=apart.surroundings(apart.ALONE), capture_output=True, timeout=DEADLINE, check=True, text=True
    )
    return json.loads(done.stdout)


def published(folder: Path, workers: int) -> dict[str, bytes]:
    """The release of a sample."""
    run(Wanted((str(LOG),), folder, workers=workers, partial=True, quiet=True))
    release = folder / "release"
    return {str(path.relative_to(release)): path.read_bytes() for path in release.rglob("*.parquet")}


def test_what_is_forked_has_one_thread() -> None:
    """With everything imported and all kernels there the process has one thread, and so its workers are forks of it."""
    assert told(FORKED) == [1, 7]


def test_workers_have_open_what_values_are_looked_up_in() -> None:
    """Suffix list, agent rules and detectors are opened once, by what workers are forked from, and by each without it."""
    assert told(LEARNT, "ready") == [0, []]
    opened, imported = told(LEARNT)
    assert opened == 4  # families, systems, crawlers, suffixes
    assert imported


def test_server_is_a_fork_of_the_run() -> None:
    """What the process of a run has imported is imported once, not again for its workers."""
    assert told(SERVER) == [["fork"], False]


def test_process_with_threads_is_not_forked() -> None:
    """A second thread, which could hold a lock for ever in a fork: the worker is started anew."""
    assert told(ANEW) == ["pipeline.worker", True]


def test_workers_that_are_started_anew_publish_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that start threads cost time, and not a byte."""
    expected = published(tmp_path / "one", 1)
    monkeypatch.setattr(apart, "ALONE", {"OPENBLAS_NUM_THREADS": "2"})
    assert len(expected) > 5
    assert published(tmp_path / "two", 2) == expected


def test_server_that_cannot_start_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends before it is ready: E103 and what to do."""
    monkeypatch.setattr(worker, "serve", isinstance)  # which takes no connection for a type
    with pytest.raises(Trouble, match="--workers 1") as failed, ForkServer(2) as server:
        server.start(Policy())
        server.wait_until_ready()
    assert failed.value.code == "E103"


def test_one_worker_needs_no_server() -> None:
    """A run in one process starts no other."""
    with ForkServer(1) as server:
        server.start(Policy())
        assert server._process is None
        server.wait_until_ready()
