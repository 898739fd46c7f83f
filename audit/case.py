"""What an attack is given (Case), and what it says (Evidence): counts, places and file names, never a found value."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit import parquet
from audit.raw import Raw
from audit.thrift import Unreadable
from schemas.tables import trends
from schemas.trouble import Trouble

FOLDERS = {"internal": "release", "partner": "release-partner", "dp": "release-dp"}  # by profile
RELEASES = tuple(FOLDERS.values())
# folders whose measures are noisy: what is subtracted, or compared with a second run, tells nothing
NOISY = ("release-dp",)
ROUNDED = {"release-partner": 10}  # folders whose measures are rounded down, and to multiples of what
AUDITS = ("internal", "audits")
K = 10  # where no manifest says it
PLACE = re.compile(r"(?P<table>[^/]+)/site=(?P<site>[^/]+)/grain=(?P<grain>[^/]+)/date=(?P<date>[^/]+)/[^/]+\.parquet")
MEASURES = ("hits", "visitors", "bytes")
# keys whose words come from our own vocabularies: that a visitor typed such a word too means nothing
CLOSED = frozenset(
    ["hour", "agent_class", "status", "country", "family", "major", "os", "device", "bot", "le_ms", "medium"]
)


@dataclass(frozen=True)
class Evidence:
    """One thing that an attack found: where (a file, a column, a row by its position), and how many or how bad."""

    where: str
    what: str


@dataclass(frozen=True)
class Tried:
    """What an attack did and what came of it; without evidence it was held. `why_not` says why it could not be done."""

    what: str
    evidence: tuple[Evidence, ...] = ()
    why_not: str = ""


@dataclass(frozen=True)
class Part:
    """A published file: where it lies and what is in it, column by column."""

    path: Path
    place: str
    table: str
    site: str
    grain: str
    date: str
    k: int
    file: parquet.File
    columns: dict[str, list[Any]]

    @property
    def rows(self) -> int:
        """How many rows its columns have."""
        return max((len(values) for values in self.columns.values()), default=0)

    @property
    def period(self) -> tuple[str, str, str, str]:
        """Site, table, grain and first day."""
        return self.site, self.table, self.grain, self.date

    def span(self) -> tuple[dt.date, dt.date]:
        """First day, and the first day after."""
        start = dt.date.fromisoformat(self.date)
        if self.grain == "month":
            return start, (start.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
        return start, start + dt.timedelta(days=7 if self.grain == "week" else 1)

    def keys(self) -> list[str]:
        """Columns of text that are no measures."""
        return [name for name, values in self.columns.items()
                if name not in MEASURES and any(isinstance(one, str) for one in values)]  # fmt: skip

    def free(self) -> list[str]:
        """Keys whose words visitors make up: as trends.toml says, and all but closed ones of tables that it lacks."""
        for table in trends().tables:
            if table.name == self.table:
                return [name for name in table.free if name in self.columns]
        return [name for name in self.keys() if name not in CLOSED]


@dataclass(frozen=True)
class Case:
    """A published folder, and what else the operator has handed over; None or empty is what nobody gave.

    `folders` are the releases to attack: one alone is attacked as whoever was given no other has it.
    `run` is the command that made it, up to its inputs: to be started, not to be imported.
    """

    root: Path
    raw: Raw | None = None
    again: Path | None = None
    look: tuple[Path, ...] = ()
    planted: tuple[str, ...] = ()
    key: bytes | None = None
    sensitive: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)
    folders: tuple[str, ...] = RELEASES

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every published file, decoded. Raises Trouble E303 for one that cannot be read to its end."""
        return tuple(part for name in self.folders for part in _parts(self.root, self.root / name))

    @cached_property
    def manifests(self) -> dict[str, Any]:
        """{release folder: its manifest}, {} for one that has none."""
        return {name: _manifest(self.root / name) for name in self.folders if (self.root / name).is_dir()}

    @cached_property
    def releases(self) -> dict[str, str]:
        """{release folder: sha256 of its manifest}: which release was attacked."""
        files = {name: self.root / name / "manifest.json" for name in self.folders}
        return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()}

    @cached_property
    def zones(self) -> dict[str, ZoneInfo]:
        """The time zone of each site, as the ledger says; UTC for others."""
        found: dict[str, ZoneInfo] = {}
        for file in sorted((self.root / "internal" / "ledger").glob("*.json")):
            for site, zone in (_json(file).get("zones") or {}).items():
                try:
                    found[str(site)] = ZoneInfo(str(zone))
                except (ZoneInfoNotFoundError, ValueError):
                    self.notes["zones unknown"] = self.notes.get("zones unknown", 0) + 1
        return found

    @cached_property
    def withheld(self) -> dict[tuple[str, str, str, str, str], int]:
        """Hits that were withheld of each period (release folder, site, table, grain, first day), as the ledger says."""
        found: dict[tuple[str, str, str, str, str], int] = {}
        for file in sorted((self.root / "internal" / "ledger").glob("*.json")):
            commit = _json(file)
            by_profile = {str(commit.get("profile")): commit, **(commit.get("beside") or {})}
            for profile, own in by_profile.items():
                for one in own.get("periods") or ():
                    site, table, grain, date = (str(one.get(name)) for name in ("site", "table", "grain", "date"))
                    found[FOLDERS.get(profile, ""), site, table, grain, date] = int(one.get("withheld", 0))
        return found

    def everywhere(self) -> Iterator[tuple[str, bytes]]:
        """(where, bytes) of all that was written: files as they lie there, their names, and Parquet unpacked."""
        for path in self.disk():
            where = self.name(path)
            yield where, path.read_bytes()
            yield f"{where} (its name)", where.encode()
        for part in self.parts:
            yield f"{part.place} (unpacked)", b"\0".join(page for column in part.file.columns for page in column.pages)

    def disk(self) -> list[Path]:
        """All files below the folder but earlier audits (of a release alone, its own), and of what else is to be looked at."""
        audits = self.root.joinpath(*AUDITS)
        tops = [self.root] if self.folders == RELEASES else [self.root / name for name in self.folders]
        below = sorted(path for top in tops for path in top.rglob("*"))
        mine = [path for path in below if path.is_file() and audits not in path.parents]
        more = [path for place in self.look for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
        return mine + [path for path in more if path.is_file()]

    def name(self, path: Path) -> str:
        """A file relative to the folder, or by its last name."""
        return path.relative_to(self.root).as_posix() if self.root in path.parents else path.name


def _parts(root: Path, folder: Path) -> Iterator[Part]:
    facts = _manifest(folder).get("files", {})
    for path in sorted(folder.rglob("*.parquet")):
        below = path.relative_to(folder).as_posix()
        place = path.relative_to(root).as_posix()
        named = PLACE.fullmatch(below)
        try:
            file = parquet.read(path)
        except Unreadable as error:
            raise Trouble("E303", f"{place}: {error}") from None
        k = facts.get(below, {}).get("k", K)
        about = named.groupdict() if named else {"table": below, "site": "", "grain": "", "date": ""}
        yield Part(path, place, k=int(k), file=file, columns=file.values(), **about)


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / "manifest.json"
    return _json(file) if file.is_file() else {}


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        raise Trouble("E303", f"{file.name} is not JSON") from None
    return found if isinstance(found, dict) else {}
