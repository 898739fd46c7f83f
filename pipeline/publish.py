"""Publish: the commit, the promotion of its files, and the recovery of a run that was killed (DESIGN.md 4.4)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import manifest
from pipeline.durable import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    PUBLIC_FILE,
    PUBLIC_FOLDER,
    branches,
    digest_of,
    make_folder,
    sweep,
    sync_folders,
    write_whole,
)
from pipeline.entry import FOLDERS, RUN_ID, Entry, FileRead, Period, Provenance, PublishedFile
from pipeline.ledger import Ledger, folder_of
from pipeline.sink import PREVIEW, STAGING, Staged, staging_of
from schemas.noise import Noise
from schemas.trouble import Trouble
from transforms.forgotten import FOLDER as FORGOTTEN


@dataclass(frozen=True)
class Publication:
    """What a commit publishes for one profile: what was staged, and by what it was made.

    `silent` are closed periods in which a table found no event: decided as well. `noise` as in Entry.
    """

    profile: str
    provenance: Provenance
    staged: Sequence[Staged]
    silent: Sequence[Period] = ()
    noise: Mapping[str, Noise] = field(default_factory=dict)

    @property
    def periods(self) -> tuple[Period, ...]:
        """All that is decided, in the order of their paths."""
        return tuple(sorted([*(one.period for one in self.staged), *self.silent], key=lambda period: period.path))

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """The files, in the order of their paths."""
        tables = sorted(self.staged, key=lambda one: one.path)
        return tuple(PublishedFile(one.path, one.sha256, one.rows, one.bytes) for one in tables if one.rows)


def commit(
    root: Path,
    publications: Iterable[Publication],
    *,
    run_id: str,
    committed: str,
    files_read: Iterable[FileRead],
    files_skipped: Iterable[str] = (),
    zones: Mapping[str, str] | None = None,
) -> tuple[Entry, ...]:
    """Publish what a run has staged: write one ledger file for all profiles, then move the files to their folders.

    The caller holds the lock and has called `recover`. Raises Trouble before anything is published: E403 (a second
    time), E405 (a staged file is not as it was written, or another file stands in its place). Once the ledger has it,
    a crash leaves the rest to `recover`.
    """
    ledger = Ledger.load(root)
    read = tuple(sorted(files_read, key=lambda file: file.digest))
    skipped = tuple(sorted(set(files_skipped)))
    entries = tuple(
        Entry(
            number=ledger.commits + 1,
            previous=ledger.tail,
            profile=one.profile,
            run_id=run_id,
            committed=committed,
            provenance=one.provenance,
            files_read=read,
            files_skipped=skipped,
            periods=one.periods,
            files=one.files,
            zones=dict(sorted((zones or {}).items())),
            noise=dict(sorted(one.noise.items())),
        )
        for one in publications
    )
    for entry in entries:
        _check_staging(root, entry)
    ledger = ledger.append(root, *entries)
    for entry in entries:
        _promote(root, entry, {})
    for entry in entries:
        _clear(staging_of(root, run_id, entry.folder))
    manifest.rebuild(root, ledger)
    return entries


def _clear(staging: Path) -> None:
    """Remove a staging folder, and the run's when it is empty then; what cannot be removed is left to `recover`."""
    with contextlib.suppress(OSError):
        shutil.rmtree(staging)
    with contextlib.suppress(OSError):
        os.rmdir(staging.parent)


def _check_staging(root: Path, entry: Entry) -> None:
    """Refuse to commit what could not be promoted, and make it last: the entry must never outlive its files."""
    staging = staging_of(root, entry.run_id, entry.folder)
    for file in entry.files:
        _expect(staging / file.path, file.sha256, "changed since it was staged")
        target = root / entry.folder / file.path
        if target.exists():
            _expect(target, file.sha256, "is in no ledger entry: move it away")
    if entry.files:
        sync_folders([root, *branches(root, [str((staging / file.path).relative_to(root)) for file in entry.files])])


def _promote(root: Path, entry: Entry, retired: Collection[str]) -> None:
    """Move the files of an entry to the release folder; those that stand there already are left, retired ones are not missed."""
    staging = staging_of(root, entry.run_id, entry.folder)
    release = root / entry.folder
    moved = []
    for file in entry.files:
        source, target = staging / file.path, release / file.path
        if f"{entry.folder}/{file.path}" in retired:
            continue
        if target.exists():
            _expect(target, file.sha256, "changed since it was published: restore it from a backup")
            continue
        if not source.is_file():
            raise Trouble("E405", f"{target} is missing: restore it from a backup")
        _expect(source, file.sha256, "changed since it was staged")
        make_folder(root, *target.parent.relative_to(root).parts, mode=PUBLIC_FOLDER)
        os.chmod(source, PUBLIC_FILE & ~_umask())
        os.replace(source, target)
        moved.append(file.path)
    if moved:
        sync_folders([root, *branches(release, moved)])


def _expect(file: Path, sha256: str, trouble: str) -> None:
    if not file.is_file():
        raise Trouble("E405", f"{file} is missing: restore it from a backup")
    if digest_of(file) != sha256:
        raise Trouble("E405", f"{file} {trouble}")


def _umask() -> int:
    mask = os.umask(0o077)  # it can only be read by setting it; meanwhile nobody gets more than before
    os.umask(mask)
    return mask


def discard(root: Path, run_id: str) -> None:
    """Remove what a run has left in staging: nothing after a commit, all of it after a refusal.

    What was committed, and then could not be moved (a full disk), stays: `recover` moves it.
    """
    try:
        is_committed = any(entry.run_id == run_id for entry in Ledger.load(root).entries)
    except Trouble:  # `recover` will say what is wrong with the ledger
        return
    if is_committed:
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(root.joinpath(*STAGING, run_id))


def recover(root: Path) -> list[str]:
    """Bring a folder to what its ledger says, whatever a killed run left; to be called under the lock, at each start.

    Completes promotions and deletions, removes what no entry lists from staging, and rebuilds the manifests. Returns
    warnings: files in a release folder that no entry lists, which are left as they are. Raises Trouble E402 (broken
    ledger) and E405 (a published file is missing or changed).
    """
    for folder in (folder_of(root), root.joinpath(*FORGOTTEN), *root.glob("internal/runs/*")):
        sweep(folder)
    ledger = Ledger.load(root)
    if ledger.entries:
        sync_folders([folder_of(root)])  # the killed run may not have got to it, and promotion relies on the entry
    for entry in ledger.entries:
        _promote(root, entry, ledger.retired)
    retire(root, ledger)
    staging = root.joinpath(*STAGING)
    if staging.exists():
        shutil.rmtree(staging)
    manifest.rebuild(root, ledger)
    return _unlisted(root, ledger)


def retire(root: Path, ledger: Ledger) -> None:
    """Remove the published files whose end is in the ledger, and the folders that are empty then.

    A file that is there again, from a backup, goes again; one of another content is none of ours, and is left.
    """
    for place, sha256 in ledger.retired.items():
        if _is(root / place, sha256):
            os.unlink(root / place)
    there = {folder for folder in branches(root, ledger.retired) if folder.is_dir()}
    for folder in sorted(there - {root}, key=lambda one: -len(one.parts)):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    sync_folders(folder for folder in there if folder.is_dir())


def _is(file: Path, sha256: str) -> bool:
    return file.is_file() and digest_of(file) == sha256


def _unlisted(root: Path, ledger: Ledger) -> list[str]:
    found = []
    for profile, name in FOLDERS.items():
        entries = [entry for entry in ledger.entries if entry.profile == profile]
        listed = {root / name / file.path for entry in entries for file in entry.files}
        listed -= {root / place for place in ledger.retired}
        listed |= {root / name / manifest.NAME} if entries else set()
        files = (Path(folder, file) for folder, _, files in os.walk(root / name) for file in files)
        found += [f"{file} is in no ledger entry; it was left as it is" for file in sorted(files) if file not in listed]
    return found


def preview(root: Path, run_id: str, staged: Sequence[Staged]) -> None:
    """Make DIR/preview what this run has staged for it, and nothing else; done again, it changes nothing.

    A second profile is in a folder of its own inside. No ledger entry; the earlier preview is gone. Raises Trouble E405
    when a staged file is not as it was written.
    """
    staging, target = staging_of(root, run_id, PREVIEW), root / PREVIEW
    files = [(one, Path(one.folder, one.path).relative_to(PREVIEW)) for one in staged if one.rows]
    if files and not staging.exists():  # a replay: the files have moved
        for one, path in files:
            _expect(target / path, one.sha256, "changed since it was made")
        return
    fresh = make_folder(root, *STAGING, run_id, "preview-new", mode=PRIVATE_FOLDER)
    for one, path in files:
        _expect(staging / path, one.sha256, "changed since it was staged")
        make_folder(fresh, *path.parent.parts, mode=PRIVATE_FOLDER)
        os.replace(staging / path, fresh / path)
    if target.exists():
        os.replace(target, fresh.with_name("preview-old"))
    os.replace(fresh, target)
    shutil.rmtree(fresh.parent)


def write_run(root: Path, run_id: str, record: Mapping[str, Any]) -> Path:
    """Write DIR/internal/runs/<run-id>/run.json, the exact counts of a run, mode 0600; returns its path."""
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"no such run: {run_id!r}")
    folder = make_folder(root, "internal", "runs", run_id, mode=PRIVATE_FOLDER)
    write_whole(folder / "run.json", (json.dumps(record, indent=1, sort_keys=True) + "\n").encode(), PRIVATE_FILE)
    sync_folders([folder])
    return folder / "run.json"
