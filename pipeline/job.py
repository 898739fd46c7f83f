"""Job: all that a run's graph is built from. Paths, digests and declarations; no key and no content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.entry import FOLDERS, Provenance
from pipeline.sink import PREVIEW
from schemas.load import Fields, Format
from schemas.policy import Policy
from schemas.stages import Range
from schemas.table import Trends
from transforms.forgotten import Forgotten
from transforms.guard import Terms


@dataclass(frozen=True)
class InputDigest:
    """An input file as it is read: its path, digest and size in bytes, and its inode number where it has one.

    Without `digest` it is one that nobody needs before the commit, which asks the launcher (`Due`).
    """

    path: str
    digest: str | None
    bytes: int
    inode: int | None


@dataclass(frozen=True)
class Job:
    """One run. `inputs` are the files that are read, by the number that Ranges carry; `skipped` the digests of those
    that are not; `repeated` counts files with the bytes of another; `assigned` is a digest of what assigns an event to
    a site and a day; `written` by when the lines were written, for those whose time says no year (seconds since the epoch);
    `trends` the tables that some profile has, `terms` those of each profile, and `provenance` by what it publishes;
    `forgotten` whose events are dropped.
    """

    root: str
    run_id: str
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
    terms: tuple[Terms, ...]
    provenance: Mapping[str, Provenance]
    forgotten: Forgotten

    def folder(self, profile: str) -> str:
        """The folder that a profile is published to; of a preview, the first one's holds that of the other."""
        if not self.preview:
            return FOLDERS[profile]
        return PREVIEW if profile == self.terms[0].profile else f"{PREVIEW}/{profile}"

    @property
    def sites(self) -> int:
        return len(self.policy.all_sites)
