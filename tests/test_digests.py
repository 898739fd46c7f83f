"""Digests of the inputs: the same whether a thread has made them or not, and never of anything but what is asked for."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipeline import digests, source
from pipeline.digests import Digests
from schemas.trouble import Trouble


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    path.write_bytes(os.urandom(3 << 20))
    return path


def test_digests_are_those_of_the_library(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread before they are asked for, or by whoever asks; in blocks, or at once."""
    (found,) = source.find([str(log)])
    expected = hashlib.sha256(log.read_bytes()).hexdigest()
    assert Digests().of(found) == expected
    monkeypatch.setattr(source, "DIGESTED", 1000)
    with Digests([str(log)]) as early:
        early._thread.join()
        monkeypatch.setattr(digests, "digest", lambda source: "asked again")
        assert early.of(found) == expected


def test_a_file_that_has_changed_is_read_again(log: Path) -> None:
    """What the thread knows is of a file of another size: a log grows while a run begins."""
    with Digests([str(log)]) as early:
        early._thread.join()
        with log.open("ab") as file:
            file.write(b"one more\n")
        (found,) = source.find([str(log)])
        assert early.of(found) == hashlib.sha256(log.read_bytes()).hexdigest()


def test_trouble_is_that_of_whoever_asks(log: Path, tmp_path: Path) -> None:
    """The thread says nothing of it, and goes no further; what it could not read is an error when it is asked for."""
    (found,) = source.find([str(log)])
    with Digests([str(tmp_path / "nothing"), str(log)]) as early:
        early._thread.join()
        assert early.of(found) == hashlib.sha256(log.read_bytes()).hexdigest()
        os.truncate(log, 10)
        early._made.clear()
        with pytest.raises(Trouble, match="shorter"):
            early.of(found)


def test_it_ends_with_the_run(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends early, as for a wrong policy, does not wait for what nobody asks for any more."""
    taken = []

    def slowly(found: source.Input, stopped: object) -> str:
        assert callable(stopped)
        while not stopped():
            taken.append(found)
        raise Trouble("E303", "stopped")

    monkeypatch.setattr(digests, "digest", slowly)
    with Digests([str(log)]) as early:
        pass
    assert not early._thread.is_alive()


def test_urls_are_left_to_the_run() -> None:
    """They take what is not imported yet."""
    assert Digests(["gs://bucket/a.log", "b.log"])._patterns == []
