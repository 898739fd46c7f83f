"""Files that are written whole: after a crash or a power cut, the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
PUBLIC_FOLDER, PUBLIC_FILE = 0o755, 0o644


def make_folder(base: Path, *parts: str, mode: int) -> Path:
    """The folder `base`/`parts`, made where it is missing; a private one that others could enter is closed to them.

    `base` itself and what is above it are made with the usual mode, for they are the operator's own.
    """
    base.mkdir(parents=True, exist_ok=True)
    folder = base
    for part in parts:
        folder = folder / part
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, mode)
        if mode == PRIVATE_FOLDER and folder.stat().st_mode & 0o077:
            os.chmod(folder, mode)
    return folder


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Replace a file by `content`, durably but for its name: that takes `sync_folders`."""
    part = _write_part(path, content, mode)
    os.replace(part, path)


def create_once(path: Path, content: bytes, mode: int) -> None:
    """Make a file that is not there yet, durably with its name. Raises FileExistsError; the file is then unchanged."""
    part = _write_part(path, content, mode)
    try:
        os.link(part, path)
    finally:
        os.unlink(part)
    sync_folders([path.parent])


def _write_part(path: Path, content: bytes, mode: int) -> Path:
    # a name of its own: two workers may be given the same bundle at the same time
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return part


def sweep(folder: Path) -> None:
    """Remove the unfinished files that a killed run left in a folder."""
    for part in sorted(folder.glob(".*.tmp")):
        os.unlink(part)


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the names in these folders survive a power cut."""
    for folder in sorted(set(folders)):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def branches(root: Path, files: Iterable[str]) -> set[Path]:
    """Every folder from `root` down to these files, which are named relative to it."""
    return {root / parent for file in files for parent in Path(file).parents}


def digest_of(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
