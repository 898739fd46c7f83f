"""Job: all that a run's graph is built from. Paths, digests and declarations; no key and no content."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.entry import FOLDERS, Provenance
from schemas.load import Fields, Format, Trends
from schemas.policy import Policy
from schemas.profiles import profiles
from schemas.stages import Range
from transforms.forgotten import Forgotten
from transforms.guard import Calendar


@dataclass(frozen=True)
class InputDigest:
    """An input file as it is read: its path, sha256 and size in bytes, and its inode number where it has one."""

    path: str
    sha256: str
    bytes: int
    inode: int | None


@dataclass(frozen=True)
class Job:
    """One run. `inputs` are the files that are read, by the number that Ranges carry; `skipped` the digests of those
    that are not; `repeated` counts files with the bytes of another; `assigned` is a digest of what assigns an event to
    a site and a day; `written` by when the lines were written, for those whose time says no year (seconds since the epoch);
    `forgotten` whose events are dropped.
    """

    root: str
    run_id: str
    profile: str
    preview: bool
    committed: str
    policy: Policy
    fields: Fields
    trends: Trends
    forced_site: str | None
    geo_db: str
    max_reject_rate: float
    inputs: tuple[InputDigest, ...]
    skipped: tuple[str, ...]
    repeated: int
    assigned: str
    written: int
    ranges: tuple[Range, ...]
    formats: dict[str, Format]
    shares: int
    chunk_bytes: int
    calendar: Calendar
    provenance: Provenance
    forgotten: Forgotten

    @property
    def folder(self) -> str:
        """The folder that is published to."""
        return "preview" if self.preview else FOLDERS[self.profile]

    @property
    def rounding(self) -> int:
        """Of what published measures are multiples."""
        return profiles()[self.profile].rounded

    @property
    def sites(self) -> int:
        return len(self.policy.all_sites)
