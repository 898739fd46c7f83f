"""Retention: the end of raw logs, of published periods, of tombstones; shown first, deleted by the checksum of that list."""

from __future__ import annotations

import argparse
import calendar
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import lock, manifest, publish
from pipeline.chosen import chosen_clock, chosen_formats, chosen_policy
from pipeline.dated import AHEAD, Dated, Dating
from pipeline.digests import digest
from pipeline.durable import digest_of, sync_folders
from pipeline.entry import Entry, Provenance
from pipeline.find import Input, find
from pipeline.ledger import Ledger
from pipeline.options import Wanted
from pipeline.prepare import assignment
from pipeline.rewrite import is_open, real, sweep
from schemas.policy import Policy
from schemas.profiles import profiles
from schemas.tables import trends
from schemas.trouble import Trouble, only_codes
from transforms.forgotten import FOLDER, files_of, read_key
from transforms.kernels import calls
from transforms.periods import as_date, as_day, span
from transforms.tombstones import from_bytes

DAY = 86_400
LOG, TABLE, TOMBSTONE = "log", "table", "tombstone"


class Item(NamedTuple):
    """What is over its time: a raw log (by its path), or a published file or tombstones (by their place below DIR).

    `end` is the day of the newest event, or the last one of the period or of the span.
    """

    kind: str
    place: str
    digest: str
    end: str


class Log(NamedTuple):
    """A raw log with its digest, the time by which it is as old as it is, and why it has to stay although it is too old."""

    source: Input
    digest: str
    newest: int
    kept_for: str


@dataclass(frozen=True)
class Due:
    """All that is over its time: items that go, by kind and place, and logs that stay and why."""

    items: tuple[Item, ...]
    logs: tuple[Log, ...]
    kept: tuple[Log, ...]

    @property
    def checksum(self) -> str:
        """64 bits, in hex, of exactly these items."""
        said = json.dumps([[one.kind, one.place, one.digest] for one in self.items])
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def retention(options: argparse.Namespace, now: int) -> tuple[Due, bool]:
    """`crowdlog retention`: what is over its time, and whether it was deleted. Raises Trouble.

    The entry in the ledger comes first. A run that starts after a crash removes the published files that it names; logs
    that were not removed are found, and shown, again.
    """
    root: Path = options.output
    if not root.is_dir():
        raise Trouble("E301", f"--output: {root} is not there: name the folder that runs publish to")
    wanted = Wanted(
        tuple(options.inputs), root, policy=options.policy, format=options.format, site=options.site,
        log_date=options.log_date,
    )  # fmt: skip
    policy = chosen_policy(wanted)
    with lock.hold(root), only_codes():
        if options.delete is not None:
            publish.recover(root)
        due = over(wanted, policy, Ledger.load(root), options.unpublished, now)
        if options.delete is None:
            return due, False
        if options.delete != due.checksum:
            raise Trouble("E409", "the checksum is not that of what would be deleted now; nothing was: look again")
        delete(root, policy, due, now)
    return due, bool(due.items)


def over(wanted: Wanted, policy: Policy, ledger: Ledger, unpublished: bool, now: int) -> Due:
    """What is over its time by now (seconds since the epoch)."""
    old = list(old_logs(wanted, policy, ledger, unpublished, now))
    logs, kept = [one for one in old if not one.kept_for], [one for one in old if one.kept_for]
    items = [Item(LOG, one.source.place, one.digest, _date(one.newest).isoformat()) for one in logs]
    items += old_tables(ledger, before(_date(now), policy.retention.release_months))
    if not kept:  # a log that stays may still be read, and must be read without those that are forgotten
        items += old_tombstones(wanted.output, now - policy.retention.raw_days * DAY)
    return Due(tuple(sorted(items)), tuple(logs), tuple(kept))


def old_logs(wanted: Wanted, policy: Policy, ledger: Ledger, unpublished: bool, now: int) -> Iterator[Log]:
    """Logs whose newest event is older than raw_days.

    Not the time of the last change: copying, packing and taking lines out alter it. It counts only where no event is
    read. Times of the future are wrong, and would keep a log for ever: they do not count. A log is not deleted while a
    program writes to it, nor, unless `unpublished`, with events of a day that is not decided in each profile in use.
    """
    limit = now - policy.retention.raw_days * DAY
    inputs = [one for one in find(wanted.inputs) if one.size]
    formats, names = chosen_formats(wanted, policy, inputs)
    calls.warm()
    dating = Dating(policy, wanted.site, formats, chosen_clock(wanted, now), now)
    assigned = assignment(wanted, policy)
    for source, name in zip(inputs, names, strict=True):
        file, known_by = real(source), digest(source)
        known = ledger.read_as(known_by, assigned)
        if known is not None and known.last is not None and known.last <= now + AHEAD:
            dated = Dated(known.last, {site: frozenset(days) for site, days in known.days.items()})
        else:
            dated = dating.file(source, name)
        newest = int(file.stat().st_mtime) if dated.newest is None else dated.newest
        if newest < limit:
            yield Log(source, known_by, newest, why_kept(file, dated, policy, ledger, unpublished))


def why_kept(file: Path, dated: Dated, policy: Policy, ledger: Ledger, unpublished: bool) -> str:
    """Why a log that is too old stays, "" where it goes."""
    if is_open(file):
        return "a program writes to it: rotate it"
    if unpublished or not dated.days:
        return ""
    used = {entry.profile for entry in ledger.entries if entry.periods}
    for profile in used:
        tables = [table.name for table in profiles()[profile].trends(trends()).tables]
        grains = {site.name: dict.fromkeys(tables, "") for site in policy.all_sites}
        if not ledger.settled(profile, dated.days, grains):
            return "not published in full: run first, with --partial if need be, or give --unpublished"
    return "" if used else "nothing was published of it: run first, or give --unpublished"


def old_tables(ledger: Ledger, first_kept: dt.date) -> Iterator[Item]:
    """Published files of periods that ended before a day."""
    for entry in ledger.entries:
        files = {file.path: file.sha256 for file in entry.files}
        for period in entry.periods:
            place = f"{entry.folder}/{period.path}"
            end = as_date(span(as_day(period.date), period.grain)[1])
            if period.path in files and place not in ledger.retired and end <= first_kept:
                yield Item(TABLE, place, files[period.path], (end - dt.timedelta(days=1)).isoformat())


def old_tombstones(root: Path, limit: int) -> Iterator[Item]:
    """Files of tombstones all of whose events were before a time. Raises Trouble E408."""
    folder = root.joinpath(*FOLDER)
    for file in files_of(folder):
        try:
            stop = max((one.stop for one in from_bytes(file.read_bytes(), read_key(folder))), default=0)
        except (OSError, ValueError, KeyError, TypeError):
            raise Trouble("E408", f"{file} is no tombstone, or of another key: restore it from a backup") from None
        if stop < limit:
            yield Item(TOMBSTONE, "/".join((*FOLDER, file.name)), digest_of(file), _date(stop).isoformat())


def delete(root: Path, policy: Policy, due: Due, now: int) -> None:
    """Delete what is due: the ledger first, then published files, tombstones, raw logs."""
    if not due.items:
        return
    ledger = Ledger.load(root)
    when = dt.datetime.fromtimestamp(now, dt.UTC)
    entry = Entry(
        number=ledger.commits + 1,
        previous=ledger.tail,
        profile=ledger.entries[0].profile if ledger.entries else "internal",
        run_id=f"{when:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        committed=when.isoformat(),
        provenance=Provenance(policy.digest, policy.k, importlib.metadata.version("crowdlog"), "", "", "", ""),
        files_read=(),
        files_skipped=(),
        periods=(),
        files=(),
        retired=tuple(one.place for one in due.items if one.kind == TABLE),
        erased=tuple(sorted({one.digest for one in due.items if one.kind == LOG})),
    )
    ledger = ledger.append(root, entry)
    publish.retire(root, ledger)
    manifest.rebuild(root, ledger)
    stones = [root / one.place for one in due.items if one.kind == TOMBSTONE]
    for file in stones:
        file.unlink()
    if stones:
        sync_folders([root.joinpath(*FOLDER)])
    for log in due.logs:
        unlink(log.source)


def unlink(source: Input) -> None:
    """Remove a raw log, and the link by which it was named. Raises Trouble E303 when it is not the same any more."""
    file = real(source)
    now = file.stat()
    if (now.st_ino, now.st_size) != (source.inode, source.size) or is_open(file):
        raise Trouble("E303", f"{source.path} changed meanwhile and is still there; so are those behind it: look again")
    try:
        sweep(file)
        for name in {Path(source.path).absolute(), file}:
            name.unlink()
            sync_folders([name.parent])
    except OSError as error:
        raise Trouble("E104", f"{source.path} cannot be removed ({error.strerror}); nor were those behind it") from None


def before(date: dt.date, months: int) -> dt.date:
    """The same day so many months earlier, or the last one of that month."""
    year, month = divmod(date.year * 12 + date.month - 1 - months, 12)
    return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def _date(seconds: int) -> dt.date:
    return as_date(seconds // DAY)


def run(options: argparse.Namespace, now: int) -> int:
    """Print what would be, or was, deleted."""
    due, done = retention(options, now)
    if options.json:
        print(json.dumps(record(due, done)))
    else:
        for one in due.items:
            print(f"{one.kind:<9} {one.end} {one.place}")
        if not done and due.items:
            print(f"checksum  {due.checksum}")
    print(closing(due, done), file=sys.stderr)
    return 0


def record(due: Due, done: bool) -> dict[str, Any]:
    """The result as data."""
    kept = [{"place": one.source.place, "end": _date(one.newest).isoformat(), "why": one.kept_for} for one in due.kept]
    return {"items": [one._asdict() for one in due.items], "kept": kept, "checksum": due.checksum, "deleted": done}


def closing(due: Due, done: bool) -> str:
    """What was done, and what is left although it is over its time."""
    counts = [sum(one.kind == kind for one in due.items) for kind in (LOG, TABLE, TOMBSTONE)]
    what = f"{counts[0]} raw logs, {counts[1]} published files, {counts[2]} files of tombstones"
    if not due.items:
        words = ["crowdlog: nothing is over its time that may go"]
    elif done:
        words = [f"crowdlog: deleted: {what}; their periods stay decided, and are not published again"]
    else:
        words = [f"crowdlog: would be deleted: {what}: --delete {due.checksum}"]
    words += [f"  kept        {one.source.path} is over its time: {one.kept_for}" for one in due.kept]
    return os.linesep.join(words)
