"""Ledger entries: what one commit published and what it had read, as types and as JSON bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from schemas.noise import Noise, noise_from
from schemas.tables import GRAINS
from transforms.periods import as_day, span

FOLDERS = {"internal": "release", "partner": "release-partner", "dp": "release-dp"}  # where each profile publishes
GENESIS = "0" * 64  # what the first entry has for the digest of the one before it

OWN = ("provenance", "periods", "files", "noise")  # what each profile of a commit has for itself

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
TABLE = re.compile(r"[a-z0-9_]+")
SITE = re.compile(r"[a-z0-9-]+|\(other\)")


@dataclass(frozen=True)
class Period:
    """A table of a site over one period, as it was decided once: `events` are those published, in `rows` rows; exact, also
    where the rows are noisy.

    Without rows nothing was published, because the log had nothing or all was withheld; that stays so too.
    """

    site: str
    table: str
    grain: str
    date: dt.date
    events: int
    rows: int
    withheld: int
    partial: bool

    @property
    def path(self) -> str:
        """Where its rows are, below the release folder."""
        return f"{self.table}/site={self.site}/grain={self.grain}/date={self.date.isoformat()}/part-0.parquet"

    def __post_init__(self) -> None:
        # The path is made of these: none may climb out of the folder. A wrong site is not named: it could be a Host
        # header.
        if not (TABLE.fullmatch(self.table) and SITE.fullmatch(self.site) and self.grain in GRAINS):
            raise ValueError("no such table, site or grain")
        if as_day(self.date) != span(as_day(self.date), self.grain)[0]:
            raise ValueError(f"{self.date} is not the first day of a {self.grain}")


@dataclass(frozen=True)
class FileRead:
    """An input file that was read in full: digest and bytes as stored, extreme event times (seconds since the epoch).

    `days` are the events by site and the site's own date; `assigned` is a digest of what decides on both.
    """

    digest: str
    bytes: int
    first: int | None
    last: int | None
    days: Mapping[str, Mapping[dt.date, int]]
    assigned: str = ""


@dataclass(frozen=True)
class PublishedFile:
    """A file of a release: path below the release folder, sha256, rows, bytes."""

    path: str
    sha256: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Provenance:
    """By what a release was made: digest of the policy, k, program version, and the data that it looked up."""

    policy_digest: str
    k: int
    program: str
    geo: str
    agents: str
    bots: str
    suffixes: str


@dataclass(frozen=True)
class Entry:
    """What one commit published for one profile; those of one commit are one file, and differ in what is `OWN`.

    `previous` is the sha256 of the bytes of the commit before it, `committed` an ISO 8601 time. `files_skipped` are the
    digests of input files that earlier entries list as read and that this run did not read; `zones` the time zone of
    each site; `noise` by which noise each period was made, by its path, in a profile that has any. An entry of a deletion
    publishes nothing: `retired` are the places below DIR of published files that go, `erased` the digests of raw logs.
    """

    number: int
    previous: str
    profile: str
    run_id: str
    committed: str
    provenance: Provenance
    files_read: tuple[FileRead, ...]
    files_skipped: tuple[str, ...]
    periods: tuple[Period, ...]
    files: tuple[PublishedFile, ...]
    zones: Mapping[str, str] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    noise: Mapping[str, Noise] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.noise.keys() != ({period.path for period in self.periods} if self.profile == "dp" else set()):
            raise ValueError("the noise is not that of the periods")
        if self.profile not in FOLDERS or not RUN_ID.fullmatch(self.run_id):
            raise ValueError(f"no such profile or run: {self.profile!r}, {self.run_id!r}")
        if sorted(file.path for file in self.files) != sorted(period.path for period in self.periods if period.rows):
            raise ValueError("the files are not those of the periods")

    @property
    def folder(self) -> str:
        """The release folder that it publishes to."""
        return FOLDERS[self.profile]


def to_bytes(entry: Entry, *beside: Entry) -> bytes:
    """A commit as JSON with the sha256 of the rest of it, the same bytes for the same entries.

    `beside` are those of its other profiles. Raises ValueError where they are not of the same commit.
    """
    data = asdict(entry)
    if beside:
        data["beside"] = {one.profile: {name: asdict(one)[name] for name in OWN} for one in beside}
        if entry.profile in data["beside"] or any(replace(entry, **_own(one)) != one for one in beside):
            raise ValueError("not two profiles of one commit")
    for file in data["files_read"]:
        file["days"] = {site: {date.isoformat(): n for date, n in days.items()} for site, days in file["days"].items()}
    return _render({**data, "sha256": hashlib.sha256(_render(data)).hexdigest()})


def _own(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ("profile", *OWN)}


def _render(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, default=dt.date.isoformat) + "\n").encode()


def from_bytes(content: bytes) -> tuple[Entry, ...]:
    """The entries of the commit in these bytes. Raises ValueError, KeyError, TypeError or AttributeError when it is none.

    The chain of digests says nothing yet of the last commit; its own digest does.
    """
    data = json.loads(content)
    if data.pop("sha256") != hashlib.sha256(_render(data)).hexdigest():
        raise ValueError("not the bytes that were written")
    entry = Entry(
        number=_whole(data["number"]),
        previous=_text(data["previous"]),
        run_id=_text(data["run_id"]),
        committed=_text(data["committed"]),
        files_read=tuple(_file_read(file) for file in data["files_read"]),
        files_skipped=tuple(_text(digest) for digest in data["files_skipped"]),
        zones={_text(site): _text(zone) for site, zone in data["zones"].items()},
        retired=tuple(_text(place) for place in data.get("retired", ())),
        erased=tuple(_text(digest) for digest in data.get("erased", ())),
        **_published(_text(data["profile"]), data),
    )
    beside = data.get("beside", {})
    if entry.profile in beside:
        raise ValueError("a commit has a profile twice")
    return (entry, *(replace(entry, **_published(profile, own)) for profile, own in beside.items()))


def _published(profile: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a commit has for one profile."""
    return {
        "profile": profile,
        "provenance": Provenance(**data["provenance"]),
        "periods": tuple(Period(**{**one, "date": dt.date.fromisoformat(one["date"])}) for one in data["periods"]),
        "files": tuple(PublishedFile(**file) for file in data["files"]),
        "noise": {_text(path): noise_from(one) for path, one in data.get("noise", {}).items()},
    }


def _file_read(data: Mapping[str, Any]) -> FileRead:
    days = {
        site: {dt.date.fromisoformat(date): _whole(n) for date, n in counts.items()}
        for site, counts in data["days"].items()
    }
    # of the first days it was sha256, and called so
    data = {name.replace("sha256", "digest"): value for name, value in data.items()}
    return FileRead(**{**data, "days": days})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__} where a whole number belongs")
    return value
