"""Noised: the budget is asked, then the noise of all sites is drawn, once, before the commit (docs/differential-privacy.md)."""

from __future__ import annotations

import contextlib
import shutil
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline import sink
from pipeline.job import Job
from pipeline.ledger import Ledger
from schemas.noise import Cost, Noise, shares, total
from schemas.trouble import Trouble
from transforms.guard import Terms
from transforms.guard.bounded import from_bytes
from transforms.guard.noise import Noisy
from transforms.keys import KeyReference, Seal


def draw(job: Job, sites: Sequence[dict[str, Any]], key: KeyReference) -> dict[str, dict[str, Noise]]:
    """Draw the noise, stage the rows, and complete the records of the sites, which are those of Stage.

    Returns by which noise each period was made, by profile and path. Raises Trouble E410 where a site's budget is not
    enough for all that is to be drawn; then nothing is. Nothing is kept of an earlier attempt: only what is committed was
    ever drawn.
    """
    return {
        terms.profile: _draw(job, terms, [site for site in sites if site["profile"] == terms.profile], key)
        for terms in job.terms
        if terms.noise
    }


def _draw(job: Job, terms: Terms, sites: Sequence[dict[str, Any]], key: KeyReference) -> dict[str, Noise]:
    root, folder = Path(job.root), job.folder(terms.profile)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(sink.staging_of(root, job.run_id, folder))
    costs = shares(terms.noise, job.policy.dp)
    noisy = {name: Noisy(bounds, costs[name], terms.k) for name, bounds in terms.noise.items()}
    told = {name: one.told() for name, one in noisy.items()}
    seal = Seal(key.fetch())
    bounded = {site["site"]: from_bytes(seal.open(b64decode(site["sealed"]))) for site in sites}
    needed = {name: [told[one.table].cost for one in found] for name, found in bounded.items()}
    spent = _ask(job.policy.dp.budget, Ledger.load(root), needed)
    tables = {table.name: table for table in terms.trends.tables}
    noise: dict[str, Noise] = {}
    for site in sites:
        site["privacy"] = spent.get(site["site"])
        for one in bounded[site["site"]]:
            staged = sink.stage(root, job.run_id, folder, noisy[one.table].draw(one, tables[one.table]))
            noise[staged.path] = told[one.table]
            _complete(site, staged)
    return noise


def _ask(budget: Cost, ledger: Ledger, needed: Mapping[str, Sequence[Cost]]) -> dict[str, Any]:
    """What each site has spent with this run. Raises Trouble E410."""
    found = {}
    for site, costs in sorted(needed.items()):
        epsilon, delta = total([*costs])
        before = ledger.spent(site)
        for name, wanted, had, most in (
            ("epsilon", epsilon, before[0], budget.epsilon),
            ("delta", delta, before[1], budget.delta),
        ):
            if wanted and had + wanted > Fraction(most):
                raise Trouble(
                    "E410",
                    f"site {site} has spent {name} {float(had):.4g} of its dp.budget of {most:g}, and this run needs"
                    f" {float(wanted):.4g} more; no noise was drawn, nothing was published",
                )
        if costs:
            found[site] = {
                "epsilon": float(epsilon), "delta": float(delta), "budget": asdict(budget),
                "spent": {"epsilon": float(before[0] + epsilon), "delta": float(before[1] + delta)},
            }  # fmt: skip
    return found


def _complete(site: dict[str, Any], staged: sink.Staged) -> None:
    """What came of a period: events behind noisy rows are published, all others stay withheld."""
    counts = site["counts"][staged.table]
    counts["published"] += staged.events
    counts["withheld"] -= staged.events
    (period,) = (
        one for one in site["periods"] if (one["table"], one["date"]) == (staged.table, staged.date.isoformat())
    )
    period["rows"], period["withheld"] = staged.rows, staged.withheld
    if period["cells"]:  # without any it is silent: decided, but nothing to publish
        site["staged"].append(sink.as_record(staged))
