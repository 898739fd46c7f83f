"""Rewrite: a raw log without some of its lines, put in its place whole; and whether somebody still writes to it."""

from __future__ import annotations

import bz2
import contextlib
import errno
import fcntl
import glob
import gzip
import os
import secrets
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from pipeline.durable import PRIVATE_FILE, sync_folders
from pipeline.find import REMOTE, Input
from pipeline.search import Piece, pieces
from schemas.trouble import Trouble

QUIET = 3600  # seconds without a change after which a log counts as closed where the kernel does not say
ENDING = "crowdlog"  # of the unfinished file beside the log; nothing takes it for one


def real(source: Input) -> Path:
    """The file behind a path and its links. Raises Trouble E201 for what is not on this machine."""
    if source.path.startswith(REMOTE):
        raise Trouble("E201", f"{source.path}: logs that are elsewhere are not changed; name files of this machine")
    return Path(source.path).resolve()


def is_open(file: Path, now: float | None = None) -> bool:
    """Whether a program has the file open for writing: what it writes to a file that was replaced is lost.

    The kernel tells the owner of the file, by refusing a lease (fcntl(2), F_SETLEASE). Where it does not, a file that was
    changed within the last hour counts as open.
    """
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return True
        return os.fstat(handle).st_mtime > (time.time() if now is None else now) - QUIET
    finally:
        os.close(handle)


def remove_lines(source: Input, numbers: Sequence[int]) -> None:
    """Replace a log by one without the lines of these numbers (from 1, in order), packed as it was.

    The whole file or the old one is there, whenever the machine stops. Mode, owner and time of the last change are
    kept. Raises Trouble E303 when the file is not the same any more, E104 when it cannot be replaced.
    """
    file = real(source)
    sweep(file)
    before = os.stat(file)
    if (before.st_ino, before.st_size) != (source.inode, source.size):
        raise Trouble("E303", f"{source.path} changed since it was searched; it is as it was: do it again")
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.{ENDING}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE), "wb") as raw:
            with packed(raw, source) as out:
                for content in without(pieces(source), numbers):
                    out.write(content)
            raw.flush()
            os.fchown(raw.fileno(), before.st_uid, before.st_gid)
            os.fchmod(raw.fileno(), before.st_mode & 0o7777)
            os.utime(raw.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
            os.fsync(raw.fileno())
        if changed(before, os.stat(file)) or is_open(file):
            raise Trouble("E303", f"{source.path} changed while it was rewritten; it is as it was: do it again")
        os.replace(part, file)
        sync_folders([file.parent])
    except OSError as error:
        raise Trouble("E104", f"{source.path} cannot be replaced ({error.strerror}); it is as it was") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def changed(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file is another one, or has another content, by what the file system says."""
    facts = ("st_ino", "st_size", "st_mtime_ns")
    return any(getattr(before, one) != getattr(after, one) for one in facts)


def sweep(file: Path) -> None:
    """Remove what a killed rewriting has left beside a log."""
    for part in file.parent.glob(f".{glob.escape(file.name)}.*.{ENDING}"):
        part.unlink()


def without(stream: Iterator[Piece], numbers: Sequence[int]) -> Iterator[bytes]:
    """The bytes of a log without the lines of these numbers."""
    at = 0
    for piece in stream:
        stop = bisect_left(numbers, piece.first + piece.content.count(b"\n") + 1, at) if piece.is_whole else at
        if stop == at:
            yield piece.content
            continue
        gone = {number - piece.first for number in numbers[at:stop]}
        lines = piece.content.split(b"\n")  # what is behind the last newline is a line if it is anything
        lines = [line + b"\n" for line in lines[:-1]] + lines[-1:]
        yield b"".join(line for number, line in enumerate(lines) if number not in gone)
        at = stop


@contextmanager
def packed(raw: IO[bytes], source: Input) -> Iterator[Any]:
    """A stream that packs what is written to it as a log is packed; `raw` stays open."""
    path = source.path.lower()
    if not source.packed:
        yield raw
    elif path.endswith(".gz"):
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out:
            yield out
    elif path.endswith(".bz2"):
        with bz2.BZ2File(raw, "wb") as out:
            yield out
    else:
        with pa.CompressedOutputStream(pa.PythonFile(_Kept(raw), mode="w"), "zstd") as out:
            yield out


class _Kept:
    """A file that Arrow writes to and does not close."""

    closed = False

    def __init__(self, raw: IO[bytes]) -> None:
        self.write, self.flush = raw.write, raw.flush

    def close(self) -> None:
        self.flush()
