"""Find: from what the operator names to the files of a run, as they are when it begins."""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.trouble import Trouble

PLAIN = (".log", ".txt", ".access", ".clf", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".w3c", ".ltsv", "")
PACKED = (".gz", ".zst", ".bz2")
REMOTE = ("s3://", "gs://", "hdfs://", "http://", "https://")
_ROTATION = re.compile(r"(?:[-.][0-9]+)+\Z")  # logrotate: .1, and -20261120 of dateext


@dataclass(frozen=True)
class Input:
    """One input file as it was when the run began: only its first `size` bytes are read."""

    path: str
    size: int
    packed: bool
    inode: int | None = None

    @property
    def place(self) -> str:
        """The path for workers, whose working folder may be another."""
        return self.path if self.path.startswith(REMOTE) else os.path.abspath(self.path)


def find(patterns: Sequence[str]) -> list[Input]:
    """Inputs for files, folders, globs and URLs, each once, sorted by path. Raises Trouble E301, E302."""
    paths = sorted({path for pattern in patterns for path in _expand(pattern)})
    return [_look_at(path) for path in paths]


def _expand(pattern: str) -> list[str]:
    if pattern == "-":
        raise Trouble("E201", "standard input has no end that a run can publish up to; give files")
    if pattern.startswith(REMOTE):
        found = _remote_paths(pattern)
    elif os.path.isdir(pattern):
        found = [
            str(file) for file in sorted(Path(pattern).iterdir()) if file.is_file() and not file.name.startswith(".")
        ]
    elif os.path.exists(pattern):
        if not os.path.isfile(pattern):  # it would be read twice, and is gone after the first time
            raise Trouble("E302", f"{pattern}: a pipe or device, expected a file; save it first")
        found = [pattern]
    else:
        found = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not found:
        raise Trouble("E301", f"nothing matches {pattern}")
    return found


def _remote_paths(pattern: str) -> list[str]:
    from apache_beam.io.filesystems import FileSystems

    try:
        return [found.path for match in FileSystems.match([pattern]) for found in match.metadata_list]
    except Exception as error:
        raise Trouble("E302", f"{pattern} cannot be listed ({type(error).__name__})") from None


def is_plain(path: str) -> bool:
    """Whether a name is that of a plain log: a known ending, or a rotation number or date behind one."""
    ending = os.path.splitext(_ROTATION.sub("", path.lower()))[1]
    return ending in PLAIN


def _look_at(path: str) -> Input:
    packed = path.lower().endswith(PACKED)
    if not packed and not is_plain(path):
        raise Trouble(
            "E302", f"{path}: unknown ending; known are {' '.join(filter(None, PLAIN + PACKED))} and rotation numbers"
        )
    with open_bytes(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if packed and size == 0:
            raise Trouble("E303", f"{path}: a compressed file of 0 bytes is truncated")
        file.read(1)
    return Input(path, size, packed, None if path.startswith(REMOTE) else os.stat(path).st_ino)


def open_bytes(path: str) -> BinaryIO:
    """The raw bytes of a file or URL. Raises Trouble E302."""
    try:
        if path.startswith(REMOTE):
            from apache_beam.io.filesystem import CompressionTypes
            from apache_beam.io.filesystems import FileSystems

            remote: BinaryIO = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
            return remote
        return open(path, "rb")
    except OSError as error:
        raise Trouble("E302", f"{path}: {error.strerror or type(error).__name__}") from None
