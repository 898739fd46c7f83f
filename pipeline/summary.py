"""Summary: what a run did, in a few lines for a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.conservation import by_profile
from pipeline.entry import FOLDERS
from pipeline.run import Outcome
from pipeline.sink import PREVIEW
from schemas.profiles import profiles

SIDES = {
    "before": "the log before it is probably missing",
    "after": "the log after it is probably missing",
    "both": "the logs before and after it are probably missing",
}


def summary(outcome: Outcome, output: Path) -> str:
    """The closing words of a run; what is true of several profiles is said once."""
    record = outcome.record
    first, *beside = by_profile(record)
    lines = [headline(first, output), f"  lines       {counted(record)}"]
    if record["files_skipped"]:
        lines.append(f"  files       {record['files_skipped']} skipped: all their events are published, or given twice")
    lines += of_profile(first)
    for view in beside:
        lines += [headline(view, output), *(line for line in of_profile(view) if line not in lines)]
    lines += [f"  noted       {text}" for text in noted(record)]
    lines += [f"  warning     {text}" for text in outcome.warnings]
    rate = f", {record['lines'] / outcome.seconds:,.0f} lines/s" if record["lines"] else ""
    lines.append(f"  time        {outcome.seconds:.1f} s{rate}")
    return "\n".join(lines)


def of_profile(record: Mapping[str, Any]) -> list[str]:
    """Lines of what became of the events of one profile."""
    shown = "shown" if record["preview"] else "published"
    lines = [f"  {shown:<11} {text}" for text in periods(record)]
    lines += [f"  cells       {text}" for text in cells(record)]
    lines += [f"  withheld    {text}" for text in withheld(record)]
    lines += [f"  privacy     {text}" for text in privacy(record)]
    lines += [f"  held back   {text}" for text in held_back(record)]
    if record["late"]:
        lines.append(
            f"  late        {record['late']:,} events came after their period was published; they are in no table"
        )
    return lines


def headline(record: Mapping[str, Any], output: Path) -> str:
    """One line that says what came of it; of several profiles, for which."""
    decided, own = record["periods"], record["profile"]
    rows = sum(period["rows"] for period in decided)
    place, alone = output / FOLDERS[own], not record["beside"]
    if record["preview"]:
        shown = output / PREVIEW / ("" if own not in record["beside"] else own)
        return f"crowdlog: preview of {rows:,} rows in {shown}; nothing was published"
    if not decided:
        return "crowdlog: nothing new to publish" + ("" if alone else f" below {place}")
    if not rows:
        said = "" if alone else f" from {place}"
        return f"crowdlog: everything had to be withheld{said}: no crowd is large enough"
    files = sum(period["rows"] > 0 for period in decided)
    return f"crowdlog: published {rows:,} rows in {files} files below {place} (k = {record['k']})"


def counted(record: Mapping[str, Any]) -> str:
    """Lines read, skipped, parsed, rejected."""
    parts = [f"{record['lines']:,} read", f"{record['parsed']:,} parsed"]
    for fate in ("skipped", "rejected"):
        if total := sum(record[fate].values()):
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in record[fate].items())
            parts.append(f"{total:,} {fate} ({reasons})")
    return ", ".join(parts)


def periods(record: Mapping[str, Any]) -> list[str]:
    """Which periods of which sites; sites that published the same ones share a line."""
    dates: dict[tuple[str, str], set[str]] = defaultdict(set)
    for period in record["periods"]:
        if period["rows"]:
            dates[period["site"], period["grain"]].add(period["date"] + (" (partial)" if period["partial"] else ""))
    sites: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (site, grain), found in sorted(dates.items()):
        sites[grain, tuple(sorted(found))].append(site)
    return [
        f"{shortened(names)}: {plural(len(found), grain)}: {shortened(found)}"
        for (grain, found), names in sites.items()
    ]


def cells(record: Mapping[str, Any]) -> list[str]:
    """How much detail k has cost."""
    total = sum(period["cells"] for period in record["periods"])
    if profiles()[record["profile"]].noise:
        rows = sum(period["rows"] for period in record["periods"])
        return [f"{rows:,} of {total:,} are above the noisy threshold"] if total else []
    climbed = sum(period["generalised"] for period in record["periods"])
    return [f"{climbed:,} of {total:,} were too small and went into a more general row"] if total else []


def withheld(record: Mapping[str, Any]) -> list[str]:
    """What no row could stand for."""
    lost = {name: counts["withheld"] for name, counts in record["tables"].items() if counts["withheld"]}
    if not lost:
        return []
    tables = ", ".join(f"{name} {count:,}" for name, count in lost.items())
    if profiles()[record["profile"]].noise:
        return [
            f"{tables} hits: of no network, beyond what one neighbourhood counts for, or in cells below the threshold"
        ]
    rounded = ", or taken by rounding" if profiles()[record["profile"]].rounded > 1 else ""
    return [f"{tables} hits: fewer than {record['k']} neighbourhoods at every level{rounded}"]


def privacy(record: Mapping[str, Any]) -> list[str]:
    """What noise has cost."""
    return [
        f"{site}: epsilon {one['epsilon']:.4g}, delta {one['delta']:.2g}; spent {one['spent']['epsilon']:.4g} of"
        f" {one['budget']['epsilon']:g}, {one['spent']['delta']:.2g} of {one['budget']['delta']:g}"
        for site, one in record.get("privacy", {}).items()
    ]


def held_back(record: Mapping[str, Any]) -> list[str]:
    """Periods that were not published, and why."""
    found = []
    sites = record["tables"].get("sites", {})
    if sites.get("open"):
        found.append(f"{sites['open']:,} events of periods that are not closed yet (3 hours after their end)")
    published = {(period["site"], period["date"]) for period in record["periods"]}
    uncovered: dict[tuple[str, str], list[str]] = defaultdict(list)
    for site, dates in sorted(record["missing"].items()):
        for date, side in dates.items():
            if (site, date) not in published:
                uncovered[date, side].append(site)
    for (date, side), names in sorted(uncovered.items()):
        found.append(f"{date} of {shortened(names)} is not covered: {SIDES[side]}; --partial publishes it as it is")
    if sites.get("published_before"):
        found.append(f"{sites['published_before']:,} events of periods that are published already")
    return found


def noted(record: Mapping[str, Any]) -> list[str]:
    """What was odd inside of parsed lines."""
    words = {
        "host_name": "clients were host names: dropped, counted as hits without a visitor",
        "no_visitor": "events named no visitor: counted as hits without one",
        "no_agent": "events are of logs without agents, which do not tell people from bots: no table about people counts them",
        "invalid_address": "clients were no address: counted as hits without a visitor",
    }
    return [f"{count:,} {words.get(name, name)}" for name, count in record["noted"].items()]


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def shortened(words: Sequence[str]) -> str:
    """A list for one line."""
    return ", ".join(words if len(words) <= 4 else [*words[:2], "…", words[-1]])
