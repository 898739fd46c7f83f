"""Digests of the inputs: the same whether a fork has made them or not, and never of anything but what is asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest
from blake3 import blake3

from pipeline import apart, digests
from pipeline.digests import Digests, digest
from pipeline.find import find
from schemas.trouble import Trouble


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    path.write_bytes(os.urandom(3 << 20))
    return path


BESIDE = """
import json, os, sys
from pipeline import digests
from pipeline.find import find
made = []
with digests.Digests(sys.argv[1:]) as early:
    process = early._process
    own, digests.digest = digests.digest, lambda source: made.append(source) or own(source)
    print(json.dumps([[early.of(one) for one in find(sys.argv[1:])], len(made), process.is_alive() or process.exitcode]))
    early._line = None
print(process.exitcode)
"""


def beside(*paths: Path) -> list[str]:
    """What a process of one thread prints: digests, how many it made itself, and how its fork ended."""
    command = [*apart.command("x")[:-2], "-c", BESIDE, *map(str, paths)]
    done = subprocess.run(command, env=apart.surroundings(), capture_output=True, timeout=60, check=True, text=True)
    return done.stdout.splitlines()


def of(path: Path) -> str:
    """That of the library, of all bytes at once."""
    return f"blake3:{blake3(path.read_bytes()).hexdigest()}"


def test_digests_are_those_of_the_library(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fork before they are asked for, or by whoever asks; in blocks, or at once."""
    (found,) = find([str(log)])
    assert Digests().of(found) == of(log)
    monkeypatch.setattr(digests, "DIGESTED", 1000)
    assert digests.digest(found) == of(log)
    (tmp_path / "b.log").write_bytes(b"line\n")
    told = json.loads(beside(log, tmp_path / "b.log")[0])
    assert told[:2] == [[of(log), of(tmp_path / "b.log")], 0]


def test_a_file_that_has_changed_is_read_again(log: Path) -> None:
    """What the fork knows is of a file of another size: a log grows while a run begins."""
    (found,) = find([str(log)])
    known = Digests()
    known._made[found] = "of what it was"
    assert known.of(found) == "of what it was"
    with log.open("ab") as file:
        file.write(b"one more\n")
    assert known.of(*find([str(log)])) == of(log)


def test_trouble_is_that_of_whoever_asks(log: Path, tmp_path: Path) -> None:
    """The fork says nothing of it, and goes no further; what it could not read is an error when it is asked for."""
    ours, theirs = Pipe()
    digests.send(theirs, [str(tmp_path / "nothing"), str(log)])
    theirs.close()
    known = Digests()
    known._line = ours
    (found,) = find([str(log)])
    assert known.of(found) == of(log)
    os.truncate(log, 10)
    with pytest.raises(Trouble, match="shorter"):
        known.of(found)


def test_it_ends_with_the_run(log: Path) -> None:
    """A run that ends early, as for a wrong policy, does not wait for what nobody asks for any more."""
    log.write_bytes(b"")
    os.truncate(log, 1 << 36)  # no byte of it is stored; its digest would take half a minute
    began = time.monotonic()
    program = BESIDE.replace("[early.of(one) for one in find(sys.argv[1:])]", "[]")
    command = [*apart.command("x")[:-2], "-c", program, str(log)]
    done = subprocess.run(command, env=apart.surroundings(), capture_output=True, timeout=60, check=True, text=True)
    assert done.stdout.splitlines() == ["[[], 0, true]", str(-signal.SIGKILL)]
    assert time.monotonic() - began < 15


def test_urls_are_left_to_the_run() -> None:
    """They take what is not imported yet."""
    assert Digests(["gs://bucket/a.log", "b.log"])._patterns == []


def test_only_the_bytes_of_the_beginning_count(tmp_path: Path) -> None:
    """A log that grows during the run keeps its digest: that of the bytes it had; one that shrinks is an error."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    (known,) = find([str(path)])
    before = digest(known)
    path.write_bytes(b"one\ntwo\n")
    assert digest(known) == before
    path.write_bytes(b"on")
    with pytest.raises(Trouble, match="shorter"):
        digest(known)
