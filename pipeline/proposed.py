"""What learn proposes, as a policy in TOML whose comments are the evidence, and as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schemas.policy import Policy
from schemas.stages import Accounts
from transforms.evidence import Crowd, Evidence, Threshold
from transforms.proposal import Proposal
from transforms.survey import AGENTS
from transforms.verdicts import Verdict

RANKED = 40
"""Places and parameters that the comments list for a site; --json has all."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Learned:
    """What was learned: proposals by site, the counts of lines, and what was left out of the survey."""

    policy: Policy
    threshold: Threshold
    proposals: Sequence[Proposal]
    accounts: Accounts
    left_out: Mapping[str, int]
    share: float


# ---- TOML -----------------------------------------------------------------------------------------------------------


def toml_of(given: Mapping[str, Any], learned: Learned) -> str:
    """A policy: what `given` (parsed TOML of the operator's policy) says, and what is proposed beside it."""
    proposed = {one.site.name: one for one in learned.proposals}
    sites = {site["name"]: dict(site) for site in given.get("site", [])}
    for name, one in proposed.items():
        if name not in sites and name != "(other)" and (one.routes or one.parameters or one.denied):
            sites[name] = {"name": name, **({"hosts": list(one.site.hosts)} if one.site.hosts else {})}
    lines = list(_head(learned))
    top = {"k": learned.policy.k, **{key: value for key, value in given.items() if key not in ("k", "site")}}
    lines += [f"{key} = {value_of(value)}" for key, value in top.items() if not _is_table(value)]
    for key, value in top.items():
        if _is_table(value):
            for table in value if isinstance(value, list) else [value]:
                lines += ["", f"[[{key}]]" if isinstance(value, list) else f"[{key}]"]
                lines += [f"{key_of(name)} = {value_of(inner)}" for name, inner in table.items()]
    for name, site in sites.items():
        lines += ["", "[[site]]", *_site_lines(site, proposed[name])]
    if "(other)" in proposed:
        lines += ["", *_other_lines(proposed["(other)"])]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def _head(learned: Learned) -> Iterator[str]:
    crowd = f"{learned.threshold.k} neighbourhoods and {learned.threshold.agents} agents"
    yield f"# Proposed by `crowdlog learn` from {learned.accounts.parsed:,} requests. Read it before you use it."
    yield f"# Words and names that are shown here were brought by at least {crowd}, and no detector finds anything in them."
    yield "# hits, and distinct neighbourhoods and agents, stand behind each line; people alone are counted, no bots."
    if learned.share < 1:
        yield f"# Counts are those of a sample: {learned.share:.2%} of the neighbourhoods."
    yield ""


def _site_lines(site: Mapping[str, Any], proposal: Proposal) -> Iterator[str]:
    for key, value in site.items():
        if key not in ("routes", "parameters", "deny"):
            yield f"{key_of(key)} = {value_of(value)}"
    yield from _route_lines(site.get("routes", []), proposal)
    shared = proposal.parameters.get(None, {})
    own = site.get("parameters", {})
    if shared or own:
        kinds = {**own, **{name: kind for name, kind in shared.items() if name not in own}}
        yield f"parameters = {value_of({name: list(k) if isinstance(k, tuple) else k for name, k in kinds.items()})}"
    if proposal.denied or site.get("deny"):
        yield "deny = ["
        yield from (f"  {value_of(name)}," for name in site.get("deny", []))
        yield from (f"  {value_of(name)},  # {why}" for name, why in sorted(proposal.denied.items()))
        yield "]"
    yield from _ranked_lines(proposal)
    yield from (f"# left out: {count:,} {name}" for name, count in proposal.left_out.items() if count)


def _route_lines(own: Sequence[Any], proposal: Proposal) -> Iterator[str]:
    by_route = {route: kinds for route, kinds in proposal.parameters.items() if route is not None}
    if not (own or proposal.routes or by_route):
        return
    yield "routes = ["
    yield from (f"  {value_of(route)}," for route in own)
    for route in sorted({*proposal.routes, *by_route}):
        kinds = {name: list(k) if isinstance(k, tuple) else k for name, k in by_route.get(route, {}).items()}
        text = value_of({"path": route, "parameters": kinds} if kinds else route)
        note = counted(proposal.routes[route]) if route in proposal.routes else "declared already, with more parameters"
        yield f"  {text},  # {note}"
    yield "]"


def _ranked_lines(proposal: Proposal) -> Iterator[str]:
    """Places and parameters, the most telling first, as comments."""
    for title, verdicts in (
        ("places in paths", list(proposal.slots)),
        ("parameters", [verdict for _, verdict in proposal.judged]),
    ):
        if verdicts:
            yield f"# {title}, the most telling first ({min(len(verdicts), RANKED)} of {len(verdicts)}):"
        yield from (f"#   {place_of(one)}: {evidence_of(one.evidence)}; {outcome_of(one)}" for one in verdicts[:RANKED])


def _other_lines(proposal: Proposal) -> Iterator[str]:
    if proposal.hosts:
        yield "# hosts that no site declares:"
        yield from (f"#   {host}: {counted(crowd)}" for host, crowd in sorted(proposal.hosts.items()))
    if left := proposal.left_out["hosts without a crowd"]:
        yield f"# {left:,} hosts more that no site declares, without a crowd"


def key_of(name: str) -> str:
    """A key of a TOML table."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def value_of(value: Any) -> str:
    """A value as TOML on one line (toml.io/en/v1.0.0): JSON's strings are basic strings."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key_of(name)} = {value_of(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(value_of, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# ---- words ----------------------------------------------------------------------------------------------------------


def counted(crowd: Crowd) -> str:
    """A crowd in words."""
    agents = f"{crowd.agents}{' or more' if crowd.agents >= AGENTS else ''}"
    return f"{crowd.hits:,} hits, {crowd.neighbourhoods:,} neighbourhoods, {agents} agents"


def place_of(verdict: Verdict) -> str:
    """Where it is: "/kb/{…}", or "/list?page"."""
    subject = verdict.subject
    return f"{subject.at}…" if subject.kind == "slot" else f"{subject.at or '(any other path)'}?{subject.name}"


def evidence_of(one: Evidence) -> str:
    """Evidence as counts."""
    constant = (
        "" if one.constant is None else f", {one.constant:.0%} of {one.returning:,} returning visitors keep to one"
    )
    found = "".join(f", {kind} in {count / max(one.crowd.hits, 1):.0%}" for kind, count in one.found.items())
    return f"{one.distinct:,} values, {one.entropy:.1f} bits{constant}{found}; {counted(one.crowd)}"


def outcome_of(verdict: Verdict) -> str:
    """What is proposed, and why."""
    if verdict.hidden:
        return f"hidden: {verdict.why}"
    kind = verdict.kind if verdict.kind is not None else verdict.slot or "words"
    return f"{'|'.join(kind) if isinstance(kind, tuple) else kind}: {verdict.why}"


# ---- data -----------------------------------------------------------------------------------------------------------


def record_of(learned: Learned) -> dict[str, Any]:
    """All of it as data; keys are stable."""
    accounts = learned.accounts
    return {
        "k": learned.threshold.k,
        "agents": learned.threshold.agents,
        "lines": accounts.lines,
        "parsed": accounts.parsed,
        "rejected": dict(accounts.rejected),
        "share": learned.share,
        "left_out": dict(learned.left_out),
        "sites": [_site_record(one) for one in learned.proposals],
    }


def _site_record(proposal: Proposal) -> dict[str, Any]:
    return {
        "name": proposal.site.name,
        "routes": {route: asdict(crowd) for route, crowd in sorted(proposal.routes.items())},
        "parameters": {route or "": dict(kinds) for route, kinds in proposal.parameters.items()},
        "denied": dict(sorted(proposal.denied.items())),
        "slots": [_verdict_record(one) for one in proposal.slots],
        "judged": [_verdict_record(one) for _, one in proposal.judged],
        "hosts": {host: asdict(crowd) for host, crowd in sorted(proposal.hosts.items())},
        "left_out": {name: count for name, count in proposal.left_out.items() if count},
    }


def _verdict_record(verdict: Verdict) -> dict[str, Any]:
    kind = list(verdict.kind) if isinstance(verdict.kind, tuple) else verdict.kind
    return {
        "at": verdict.subject.at,
        "name": verdict.subject.name,
        "slot": verdict.slot,
        "hidden": verdict.hidden,
        "kind": kind,
        "why": verdict.why,
        **asdict(verdict.evidence),
        "is_identifying": verdict.evidence.is_identifying,
    }
