"""Forgotten: where the tombstones of an output folder are; a worker reads them there, the job graph knows their digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from schemas.policy import Ip
from schemas.trouble import Trouble
from transforms.tombstones import KEY_BYTES, Tombstone, Tombstones, from_bytes

FOLDER = ("internal", "forgotten")
KEY = "key"


@dataclass(frozen=True)
class Forgotten:
    """The tombstones in a folder as they were when a run began: their digest, "" where there are none."""

    folder: str = ""
    digest: str = ""

    @classmethod
    def of(cls, root: Path) -> Forgotten:
        """Those of an output folder. Raises Trouble E408 where they could not be applied."""
        folder = root.absolute().joinpath(*FOLDER)
        found = cls(str(folder), _digest(files_of(folder)))
        if found.digest:
            read(folder)
        return found

    def load(self, ip: Ip) -> Tombstones | None:
        """What drops the events, None where there are no tombstones.

        Raises Trouble E408 when those that are there are others: a worker that does not see the folder forgets nobody.
        """
        if not self.digest:
            return None
        folder = Path(self.folder)
        if _digest(files_of(folder)) != self.digest:
            raise Trouble("E408", f"a worker does not find the tombstones of {folder}: share the folder with it")
        key, stones = read(folder)
        return Tombstones(key, stones, ip)


def files_of(folder: Path) -> list[Path]:
    """The files that hold tombstones."""
    return sorted(folder.glob("*.json"))


def read(folder: Path) -> tuple[bytes, list[Tombstone]]:
    """(key, tombstones) of a folder that has some. Raises Trouble E408 where one cannot be read: nobody is forgotten by half."""
    stones: list[Tombstone] = []
    try:
        key = read_key(folder)
        for file in files_of(folder):
            stones += from_bytes(file.read_bytes(), key)
    except OSError as error:
        raise Trouble("E408", f"{folder} cannot be read ({error.strerror}): restore it from a backup") from None
    except (ValueError, KeyError, TypeError):
        raise Trouble("E408", f"a tombstone in {folder} is none, or of another key: restore it from a backup") from None
    return key, stones


def read_key(folder: Path) -> bytes:
    """The key of a folder's tombstones. Raises OSError, or ValueError for what is no key."""
    key = (folder / KEY).read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError("no key")
    return key


def _digest(files: list[Path]) -> str:
    """sha256 of the names and bytes of files, "" of none."""
    if not files:
        return ""
    parts = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
