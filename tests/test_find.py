"""Find: which files a run is about, each once, and which it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.find import find
from schemas.trouble import Trouble


def touch(folder: Path, *names: str) -> list[str]:
    """Files of one byte."""
    for name in names:
        (folder / name).write_bytes(b"\n")
    return [str(folder / name) for name in names]


ROTATED = [
    "access.log", "access.log.1", "access.log.14", "access.log-20261120", "access.log.2026-11-20", "access.log.2.gz",
    "access_log", "access_log-20261120", "access.log-20261120-1764633600", "access.log-20261120.gz", "ACCESS.LOG",
    "shop.example.log.3.bz2", "a.zst", "20261120",
]  # fmt: skip


@pytest.mark.parametrize("name", ROTATED)
def test_names_of_logs_are_known(tmp_path: Path, name: str) -> None:
    """What servers and logrotate call their logs can be read; a compressed one by its last ending."""
    (path,) = touch(tmp_path, name)
    assert [(one.path, one.packed) for one in find([path])] == [(path, name.endswith((".gz", ".bz2", ".zst")))]


@pytest.mark.parametrize("name", ["a.log.xz", "a.7z", "a.log.lz4", "a.zip", "a.tar", "a.log.old", "a.bin", "a.exe.1"])
def test_unknown_endings_are_refused(tmp_path: Path, name: str) -> None:
    """An ending that nobody declared is not read as text."""
    with pytest.raises(Trouble, match=r"unknown ending") as found:
        find(touch(tmp_path, name))
    assert found.value.code == "E302"


def test_inputs_are_found_once_and_sorted(tmp_path: Path) -> None:
    """File, folder and glob that mean the same file give it once, sorted by path; hidden files of a folder are left."""
    paths = touch(tmp_path, "b.log", "a.log", "c.log.gz")
    touch(tmp_path, ".hidden.xz")
    os.mkdir(tmp_path / "sub")
    found = find([str(tmp_path / "*.log"), paths[2], str(tmp_path), paths[0]])
    assert [one.path for one in found] == sorted(paths)


@pytest.mark.parametrize("pattern", ["none-*.log", "none.log", "empty", "**/none"])
def test_what_matches_nothing_is_an_error(tmp_path: Path, pattern: str) -> None:
    """A glob, a name or a folder without a file is named, with exit 3."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(Trouble, match="nothing matches") as found:
        find([str(tmp_path / pattern)])
    assert (found.value.code, found.value.exit) == ("E301", 3)


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    """A named pipe could be read once, and a run reads twice; it is refused before it is opened."""
    os.mkfifo(tmp_path / "a.log")
    with pytest.raises(Trouble, match="pipe") as found:
        find([str(tmp_path / "a.log")])
    assert found.value.code == "E302"
