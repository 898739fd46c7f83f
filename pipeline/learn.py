"""Learn: one scan over logs, in this process and its memory alone, and a policy proposed by what crowds brought."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence

from pipeline.chosen import chosen_clock, chosen_database, chosen_formats, chosen_policy
from pipeline.find import Input, find
from pipeline.options import Wanted
from pipeline.plan import plan
from pipeline.progress import Progress
from pipeline.proposed import Learned, record_of, toml_of
from pipeline.read import CHUNK, Read
from pipeline.rejects import refuse_rejects
from schemas import load
from schemas.load import DeclarationError, Format
from schemas.policy import Policy, make_policy
from schemas.stages import Accounts
from schemas.trouble import Trouble, only_codes
from transforms import accounts as accounting
from transforms.anonymise import Bench
from transforms.evidence import Counts, Threshold
from transforms.kernels import calls
from transforms.parse import Parse
from transforms.proposal import propose
from transforms.survey import Bounds, Survey


def learn(wanted: Wanted, bounds: Bounds | None = None, threshold: Threshold | None = None) -> Learned:
    """Scan the inputs. Nothing is written anywhere. Raises Trouble, as a run does; `threshold` is for tests."""
    policy = chosen_policy(wanted)
    database = chosen_database(wanted)
    inputs = find(wanted.inputs)
    formats, names = chosen_formats(wanted, policy, inputs)
    calls.warm()
    bench = Bench(policy, wanted.site, database, secrets.token_bytes(32))
    survey = Survey(policy, bounds)
    with only_codes():
        accounts = scan(wanted, policy, formats, inputs, names, bench, survey)
        refuse_rejects(accounts.parsed, accounts.rejected, wanted.max_reject_rate)
        threshold = threshold or Threshold(policy.k)
        counts = Counts(survey, threshold.k)
        proposals = [propose(counts, at, site, threshold) for at, site in enumerate(policy.all_sites)]
    left_out = {name: count for name, count in sorted(survey.left_out.items()) if count}
    return Learned(policy, threshold, proposals, accounts, left_out, survey.share)


def scan(
    wanted: Wanted,
    policy: Policy,
    formats: Mapping[str, Format],
    inputs: Sequence[Input],
    names: Sequence[str],
    bench: Bench,
    survey: Survey,
) -> Accounts:
    """Count every chunk; returns the counts of lines."""
    progress = Progress(sum(one.size for one in inputs), sys.stderr, enabled=not wanted.quiet)
    parse = Parse(policy, load.fields(), formats, chosen_clock(wanted, int(time.time())))
    total = Accounts()
    parse.allowed = None  # a run drops parameters that nobody allowed; here they are what is looked for
    try:
        for chunk in Read(CHUNK, progress, formats)(iter(plan(inputs, names, CHUNK * 16, formats))):
            for events in parse.events(chunk):
                survey.take(events, bench.anonymise(events))
                accounting.add(total, events.accounts)
    finally:
        progress.clear()
    return total


def told(wanted: Wanted, learned: Learned) -> str:
    """What `crowdlog learn` prints: a policy, or with --json an object. It is loaded once before it is shown."""
    given = load.parse(wanted.policy.read_text(encoding="utf-8"), str(wanted.policy)) if wanted.policy else {}
    text = toml_of(given, learned)
    try:
        make_policy(load.parse(text, "the proposal"), "the proposal")
    except DeclarationError:
        raise Trouble("E101", "the proposed policy does not load; it is not shown") from None
    return json.dumps(record_of(learned) | {"policy": text}) if wanted.json else text


def closing(learned: Learned) -> str:
    """The closing words, for stderr."""
    accounts, lines = learned.accounts, []
    rejected = sum(accounts.rejected.values())
    lines.append(
        f"{accounts.lines:,} lines read, {accounts.parsed:,} parsed, {rejected:,} rejected; nothing was written"
    )
    lines += [f"  left out    {count:,} {name}" for name, count in learned.left_out.items()]
    if learned.share < 1:
        lines.append(
            f"  sample      {learned.share:.2%} of the neighbourhoods, so that memory is bounded; counts are theirs"
        )
    return "\n".join(lines)
