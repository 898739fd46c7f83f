"""Chosen: the policy, the country database and the formats that a command line asks for; all commands ask here, none for Beam."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.find import Input
from pipeline.options import Wanted
from pipeline.read import head
from schemas import load
from schemas.load import DeclarationError, Format
from schemas.policy import K_FLOOR, Policy, read_policy
from schemas.profiles import NAMES
from schemas.trouble import Trouble
from transforms.geography import Countries, GeographyError
from transforms.parsers.detect import detect
from transforms.parsers.directive import DirectiveError
from transforms.parsers.families import atoms, check, readers

HEAD = 500  # lines by which a format is chosen


def chosen_policy(wanted: Wanted) -> Policy:
    """The policy with what the command line adds. Raises Trouble E202."""
    try:
        policy = read_policy(wanted.policy)
        if wanted.k is not None:
            load.expect("--k", "K", wanted.k, f"a whole number of at least {K_FLOOR}", wanted.k >= K_FLOOR)
            policy = replace(policy, k=max(policy.k, wanted.k))
        return policy.with_site(wanted.site) if wanted.site else policy
    except DeclarationError as error:
        raise Trouble("E202", str(error)) from None


def chosen_profiles(wanted: Wanted, policy: Policy) -> tuple[str, ...]:
    """For whom this run publishes: what the command line says wins."""
    return tuple(name for name in NAMES if name in (wanted.profiles or policy.profiles))


def chosen_database(wanted: Wanted) -> Countries:
    """The country database, opened and checked. Raises Trouble E203."""
    try:
        return Countries(wanted.geo_db and wanted.geo_db.absolute())
    except GeographyError as error:
        raise Trouble("E203", str(error)) from None


def chosen_clock(wanted: Wanted, now: int) -> int:
    """By when the lines were written, in seconds since the epoch: --log-date, else `now`. Raises Trouble E201."""
    if wanted.log_date is None:
        return now
    end = int(dt.datetime.combine(wanted.log_date, dt.time(23, 59, 59), dt.UTC).timestamp())
    if end >= now + 2 * 86400:
        raise Trouble("E201", f"--log-date {wanted.log_date} lies in the future")
    return end


def chosen_formats(wanted: Wanted, policy: Policy, inputs: Sequence[Input]) -> tuple[dict[str, Format], list[str]]:
    """(formats by name, what each input is in, made of such names). Raises Trouble E201, E304."""
    known = {**load.formats(), **policy.formats}
    asked = wanted.format or policy.format
    try:
        if asked == "auto":
            for one in known.values():
                readers(one)
            names = [detected(source, known) for source in inputs]
        else:
            if not set(atoms(asked)) <= set(known):
                known = {"(given)": Format("(given)", "", "", asked)}
                asked = "(given)"
            check(asked, known)
            names = [asked] * len(inputs)
    except DirectiveError as error:
        raise Trouble("E201", f"--format: {error}") from None
    return {name: known[name] for made in set(names) for name in atoms(made)}, names


def detected(source: Input, known: Mapping[str, Format]) -> str:
    """The formats of an input by its first lines; an empty one fits any."""
    lines = [line for line in head(source) if line.strip()][:HEAD]
    if not lines:
        return next(iter(known))
    try:
        name, _ = detect(lines, known)
    except DirectiveError as error:
        raise Trouble("E304", f"{source.path}: {error}. Name it with --format") from None
    return name
