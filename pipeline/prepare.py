"""Prepare: the Job of a run: which inputs it reads, in which Ranges, and on which terms each profile is published."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.chosen import chosen_clock, chosen_formats, chosen_profiles
from pipeline.digests import Digests
from pipeline.entry import Provenance
from pipeline.find import Input
from pipeline.job import InputDigest, Job
from pipeline.ledger import Ledger
from pipeline.options import Engine, Wanted
from pipeline.plan import expected_bytes, plan
from schemas import load
from schemas.policy import Policy
from schemas.profiles import profiles, together
from schemas.tables import trends
from schemas.trouble import Trouble
from transforms.forgotten import Forgotten
from transforms.geography import Countries
from transforms.guard import Calendar, Terms
from transforms.guard.noise import library

RANGE = 320 << 20  # bytes of a Range at most: about what a tally holds before it is sealed (HELD, transforms/tally.py)


def refuse_noise(wanted: Wanted, policy: Policy) -> None:
    """A profile with noise needs the library, and is never looked at before: each look is another draw. Raises Trouble E201."""
    if any(profiles()[name].noise for name in chosen_profiles(wanted, policy)):
        if wanted.preview:
            raise Trouble("E201", "--preview draws noise anew at each look: preview another profile")
        library()


def prepare(
    wanted: Wanted,
    policy: Policy,
    countries: Countries,
    inputs: Sequence[Input],
    now: int,
    engine: Engine,
    digests: Digests | None = None,
) -> tuple[Job, list[Input]]:
    """The Job, and the inputs that it reads: not those whose events are all published."""
    ledger = Ledger.load(wanted.output)
    names = chosen_profiles(wanted, policy)
    for name in names:
        refuse_other_zones(policy, ledger.zones(name))
    grains = {name: grains_of(policy, name) for name in names}
    assigned = assignment(wanted, policy)
    made = digests or Digests()
    same_size = Counter(source.size for source in inputs)
    fresh: list[Input] = []
    read: list[InputDigest] = []
    skipped: set[str] = set()
    repeated = 0
    for source in inputs:
        # a file that cannot be one that was read, nor another input once more, is hashed while it is read
        can_wait = engine.local and same_size[source.size] == 1 and source.size not in ledger.sizes
        digest = None if can_wait else made.of(source)
        if digest and digest in {one.digest for one in read} | skipped:
            repeated += 1  # the same bytes under two names are the same requests
        elif digest and all(ledger.skippable(name, digest, grains[name], assigned) for name in names):
            skipped.add(digest)
        else:
            fresh.append(source)
            read.append(InputDigest(source.place, digest, source.size, source.inode))
    written = chosen_clock(wanted, now)
    formats, forms = chosen_formats(wanted, policy, fresh)
    total = expected_bytes(fresh)
    target = max(engine.chunk, range_bytes(total, engine))
    terms = tuple(terms_of(name, wanted, policy, ledger, now, ledger.edges(skipped)) for name in names)
    job = Job(
        root=str(wanted.output.absolute()),
        run_id=f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        preview=wanted.preview,
        committed=dt.datetime.fromtimestamp(now, dt.UTC).isoformat(),
        policy=policy,
        fields=load.fields(),
        trends=together(names, trends()),
        forced_site=wanted.site,
        geo_db=str(countries.path),
        max_reject_rate=wanted.max_reject_rate,
        inputs=tuple(read),
        skipped=tuple(sorted(skipped)),
        repeated=repeated,
        assigned=assigned,
        written=written,
        ranges=tuple(plan(fresh, forms, target, formats, engine.workers)),
        formats=formats,
        shares=max(1, min(64, -(-total // engine.share))),
        chunk_bytes=engine.chunk,
        terms=terms,
        provenance={one.profile: provenance(replace(policy, k=one.k), countries) for one in terms},
        forgotten=Forgotten.of(wanted.output),
    )
    return job, fresh


def range_bytes(total: int, engine: Engine) -> int:
    """Bytes of a Range at most, so that all workers have as much of the `total`.

    Beam's local engine deals Ranges out in turns before any is read; others give the next one to whoever is done. Each Range is a
    tally to be merged.
    """
    rounds = -(-total // (engine.workers * RANGE)) if engine.local else 4
    return min(RANGE, -(-total // (engine.workers * max(1, rounds))))


def grains_of(policy: Policy, profile: str) -> dict[str, dict[str, str]]:
    """By site, the grain of each table that a profile has."""
    return {site.name: {name: site.grain(name) for name in profiles()[profile].tables} for site in policy.all_sites}


def terms_of(
    name: str, wanted: Wanted, policy: Policy, ledger: Ledger, now: int, edges: tuple[int | None, int | None]
) -> Terms:
    """On which a profile is published; `edges` are the extremes of files that are not read again."""
    profile = profiles()[name]
    covered, decided = ledger.covered(name), ledger.decided(name)
    calendar = Calendar(now, covered, *edges, wanted.partial, wanted.preview, decided)
    k = max(policy.k, profile.k)
    return Terms(name, profile.trends(trends()), k, profile.rounded, calendar, profile.noise)


def assignment(wanted: Wanted, policy: Policy) -> str:
    """sha256 of what decides to which site and day an event belongs."""
    sites = [(site.name, site.hosts, site.timezone) for site in policy.all_sites]
    formats = sorted(repr(one) for one in policy.formats.values())
    dated = [str(wanted.log_date)] if wanted.log_date else []
    return hashlib.sha256(
        json.dumps([wanted.site, wanted.format or policy.format, sites, formats, *dated]).encode()
    ).hexdigest()


def refuse_other_zones(policy: Policy, published: Mapping[str, str]) -> None:
    """A site whose days began at another hour would publish some hours twice and others never. Raises Trouble E403."""
    for site in policy.all_sites:
        if published.get(site.name, site.timezone) != site.timezone:
            raise Trouble(
                "E403",
                f"site {site.name} was published in the time zone {published[site.name]}: its days cannot begin at another"
                f" hour ({site.timezone}) now; give the site a new name",
            )


def provenance(policy: Policy, countries: Countries) -> Provenance:
    """By what this run publishes."""
    version = importlib.metadata.version
    return Provenance(
        policy_digest=policy.digest,
        k=policy.k,
        program=version("crowdlog"),
        geo=f"{countries.kind} {countries.build_date}",
        agents=f"ua-parser-builtins {version('ua-parser-builtins')}",
        bots=f"crawler-user-agents {version('crawler-user-agents')}",
        suffixes=f"publicsuffixlist {version('publicsuffixlist')}",
    )
