"""Stage and Publish: the last two stages; Parquet files first, then one commit for all of them."""

import datetime as dt
import json
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipeline import conservation, publish, sink
from pipeline.entry import FileRead, Period
from pipeline.job import InputDigest, Job
from pipeline.launcher import Due
from pipeline.ledger import Ledger
from pipeline.noised import draw
from pipeline.rejects import refuse_rejects
from pipeline.sink import Staged, as_record
from schemas.noise import Noise
from schemas.stages import Accounts
from schemas.trouble import Trouble, only_codes
from transforms import accounts as accounting
from transforms.guard import SiteRelease, Terms
from transforms.keys import KeyReference
from transforms.periods import as_date

TOGETHER = 0  # the one key under which all sites meet


class Stage(beam.PTransform):
    """(SiteRelease, Accounts) → what was staged, as JSON under one key."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def expand(self, sites: beam.PCollection[tuple[SiteRelease, Accounts]]) -> beam.PCollection[tuple[int, bytes]]:
        return sites | "StageSite" >> beam.ParDo(StageSite(self.job))


class StageSite(beam.DoFn):
    """Writes one site's tables to the staging folder; the same bytes whenever a bundle is replayed."""

    def __init__(self, job: Job) -> None:
        self.root, self.run_id = job.root, job.run_id
        self.folders = {one.profile: job.folder(one.profile) for one in job.terms}
        self.first = job.policy.all_sites[0].name, job.terms[0].profile

    def process(self, site: tuple[SiteRelease, Accounts]) -> Iterable[tuple[int, bytes]]:
        released, accounts = site
        own = released.site, released.profile
        with only_codes():
            folder = self.folders[released.profile]
            staged = [sink.stage(Path(self.root), self.run_id, folder, one) for one in released.released]
            record = {
                "site": released.site,
                "profile": released.profile,
                "counts": released.counts,
                "periods": released.periods,
                "missing": released.missing,
                "staged": [as_record(one) for one in staged],
                "sealed": b64encode(released.sealed).decode(),
                # every site has been told the same accounts: one of them passes them on
                "accounts": accounting.to_bytes(accounts).decode() if own == self.first else None,
            }
            yield TOGETHER, json.dumps(record).encode()


class Publish(beam.PTransform):
    """What was staged → one commit with ledger entry, manifest and run.json; yields the run's number of tables."""

    def __init__(self, job: Job, key: KeyReference, due: Due | None = None) -> None:
        super().__init__()
        self.commit = Commit(job, key, due or Due())

    def expand(self, staged: beam.PCollection[tuple[int, bytes]]) -> beam.PCollection[int]:
        return staged | "Together" >> beam.GroupByKey() | "Commit" >> beam.ParDo(self.commit)


class Commit(beam.DoFn):
    """Checks that everything adds up, then commits. Replays change nothing."""

    def __init__(self, job: Job, key: KeyReference, due: Due) -> None:
        self.job, self.key, self.due = job, key, due

    def process(self, together: tuple[int, Iterable[bytes]]) -> Iterable[int]:
        _, contents = together
        with only_codes():
            sites = sorted((json.loads(content) for content in contents), key=lambda record: record["site"])
            accounts = next(site["accounts"] for site in sites if site["accounts"])
            yield finish(self.job, sites, accounting.from_bytes(accounts.encode()), self.key, self.due)


def committed(root: Path, run_id: str) -> bool:
    """Whether the ledger has this run."""
    return any(entry.run_id == run_id for entry in Ledger.load(root).entries)


def finish(job: Job, sites: list[dict[str, Any]], accounts: Accounts, key: KeyReference, due: Due) -> int:
    """Check, commit and record a run; `sites` are the records of Stage. Returns the number of periods decided."""
    root = Path(job.root)
    if not committed(root, job.run_id):
        noise = draw(job, sites, key)
        record = describe(job, sites, accounts)
        staged: dict[str, list[Staged]] = {one.profile: [] for one in job.terms}
        for site in sites:
            staged[site["profile"]] += [
                Staged(**one | {"date": dt.date.fromisoformat(one["date"])}) for one in site["staged"]
            ]
        publish.write_run(root, job.run_id, record)  # before the commit: behind it nothing may be missing
        try:
            read = [] if job.preview else files_read(job, accounts, due)
            check(job, record, staged)  # behind the digests: whether they are of the files that were read
            _commit(root, job, record, staged, read, noise)
        except Trouble as trouble:  # the counts and the shapes of rejects are needed most now
            publish.write_run(root, job.run_id, {**record, "refused": trouble.code})
            raise
    return sum(len(site["periods"]) for site in sites)


def _commit(
    root: Path, job: Job, record: dict[str, Any], staged: dict[str, list[Staged]], read: Sequence[FileRead],
    noise: Mapping[str, Mapping[str, Noise]],
) -> None:  # fmt: skip
    """Publish, or show, what was staged; a profile that has decided nothing is in no entry."""
    if job.preview:
        publish.preview(root, job.run_id, [one for tables in staged.values() for one in tables])
        return
    publications = [
        publish.Publication(
            profile=view["profile"],
            provenance=job.provenance[view["profile"]],
            staged=staged[view["profile"]],
            silent=[silent(period) for period in view["periods"] if not period["cells"]],
            noise=noise.get(view["profile"], {}),
        )
        for view in conservation.by_profile(record)
        if view["periods"]
    ]
    if publications:
        publish.commit(
            root,
            publications,
            run_id=job.run_id,
            committed=job.committed,
            files_read=read,
            files_skipped=job.skipped,
            zones={site.name: site.timezone for site in job.policy.all_sites},
        )


def silent(period: dict[str, Any]) -> Period:
    """The ledger's record of a period in which nothing concerned a table."""
    date = dt.date.fromisoformat(period["date"])
    return Period(period["site"], period["table"], period["grain"], date, 0, 0, 0, period["partial"])


def check(job: Job, record: dict[str, Any], staged: dict[str, list[Staged]]) -> None:
    """Refuse what does not add up, and a log of which too little could be read."""
    for source in job.inputs:
        if source.inode is not None and moved(source):
            raise Trouble(
                "E303", f"{source.path} was rotated or cut while it was read: run again; nothing was published"
            )
    for view in conservation.by_profile(record):
        written: Counter[str] = Counter()
        for one in staged[view["profile"]]:
            written[one.table] += one.events
        conservation.check(view, written)
    shapes = f"their shapes are in {job.root}/internal/runs/{job.run_id}/run.json"
    refuse_rejects(record["parsed"], record["rejected"], job.max_reject_rate, f"; nothing was published, {shapes}")


def moved(source: InputDigest) -> bool:
    """Whether another file stands at the path now, or the file is shorter: then it is not what was hashed."""
    try:
        now = os.stat(source.path)
    except OSError:
        return True
    return now.st_ino != source.inode or now.st_size < source.bytes


def files_read(job: Job, accounts: Accounts, due: Due) -> list[FileRead]:
    """The files of this run as the ledger keeps them. Raises Trouble E302, E303 when one is no longer what it was."""
    days: dict[int, dict[str, dict[dt.date, int]]] = {}
    for (file, site, day), count in accounts.days.items():
        days.setdefault(file, {}).setdefault(site, {})[as_date(day)] = count
    return [
        FileRead(one.digest or due.of(number), one.bytes, first, last, days.get(number, {}), job.assigned)
        for number, one in enumerate(job.inputs)
        for first, last in [accounts.edges.get(number, (None, None))]
    ]


def detail(periods: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By table and key, the share of the events to be published whose row shows the key in full (the rest is more general)."""
    events, kept = Counter[str](), Counter[tuple[str, str]]()
    for period in periods:
        events[period["table"]] += period["events"]
        kept.update({(period["table"], key): hits for key, hits in period.get("kept", {}).items()})
    found: dict[str, dict[str, float]] = {}
    for (table, key), hits in kept.items():
        found.setdefault(table, {})[key] = round(hits / events[table], 4)
    return found


def describe(job: Job, sites: list[dict[str, Any]], accounts: Accounts) -> dict[str, Any]:
    """The content of run.json (DESIGN.md 4.2): exact counts, for the house alone."""
    ledger = Ledger.load(Path(job.root))
    first, *beside = (describe_profile(job, terms, ledger, sites, accounts) for terms in job.terms)
    return {
        "run": job.run_id,
        "preview": job.preview,
        "lines": accounts.lines,
        "skipped": dict(sorted(accounts.skipped.items())),
        "parsed": accounts.parsed,
        "rejected": dict(sorted(accounts.rejected.items())),
        "noted": dict(sorted(accounts.noted.items())),
        "files": len(job.inputs),
        "files_skipped": len(job.skipped) + job.repeated,
        **first,
        "beside": {one["profile"]: one for one in beside},
        "shapes": [
            {"reason": reason, "shape": shape, "lines": count}
            for (reason, shape), count in sorted(accounts.shapes.items(), key=lambda item: (-item[1], item[0]))[
                : accounting.SHAPES
            ]
        ],
    }


def describe_profile(
    job: Job, terms: Terms, ledger: Ledger, sites: list[dict[str, Any]], accounts: Accounts
) -> dict[str, Any]:
    """What run.json says of one profile."""
    mine = [site for site in sites if site["profile"] == terms.profile]
    tables = {}
    for table in terms.trends.tables:
        counts = Counter[str]()
        for site in mine:
            counts.update(site["counts"].get(table.name, {}))
        tables[table.name] = {"not_applicable": accounts.not_applicable[table.name], **counts}
        if repeated := accounts.repeated[table.name]:
            tables[table.name]["repeated"] = repeated
    found: Counter[tuple[str, dt.date]] = Counter()
    for (_, name, day), count in accounts.days.items():
        found[(name, as_date(day))] += count
    periods = [period for site in mine for period in site["periods"]]
    return {
        "profile": terms.profile,
        "k": terms.k,
        "policy": job.provenance[terms.profile].policy_digest,
        "late": ledger.late(terms.profile, found, job.skipped),
        "tables": tables,
        "detail": detail(periods),
        "periods": periods,
        "missing": {site["site"]: site["missing"] for site in mine if site["missing"]},
        **({"privacy": {site["site"]: site["privacy"] for site in mine if site["privacy"]}} if terms.noise else {}),
    }
