"""How much of personal data is found, and how much can become a word: `python bench/recall.py` writes docs/recall.md.

Three measures, of made-up values (bench/people.py) by kind and encoding. *Detectors*: a detector fires on the request,
read layer by layer. *Parameter* and *path*: nothing of the value is left in what the treatments give for it, before any k.
Intervals are Wilson's, 95 %. With `--data FOLDER` also the corpus and the false flags of a real log.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import presets
from bench.people import ENCODINGS, KINDS, OTHERS, WORDS, values
from schemas.policy import Site
from transforms.detectors import UNREADABLE, detectors, found
from transforms.reading import read
from transforms.treatments import parameters, route

COUNT = 40
SITE = Site("shop", parameters={"lang": "word"})
OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "recall.md"
_SLOT = re.compile(r"\{[a-z*]+\}|\((?:other|none)\)")


def is_found(target: str) -> bool:
    """Whether a detector fires on a request target, or it cannot be read: which counts as found, for it is refused."""
    return bool(found(read(target.encode(), "target")))


def routed(target: str) -> str:
    """The route of a request target."""
    path, _, query = target.partition("?")
    return route.Treatment().treat(path.encode(), query.encode(), SITE)[0]


def left_of_path(text: str) -> str:
    """What of a segment is in the route; letters and digits alone."""
    shown = routed(f"/x/{text}/y").removeprefix("/x/").removesuffix("/y")
    return re.sub(r"[\W_]", "", _SLOT.sub("", shown))


def left_of_parameter(text: str) -> str:
    """What of a value is in the route or in the words of a campaign, where the parameter is allowed or read."""
    words = [routed(f"/x?lang={text}").removeprefix("/x").removeprefix("?lang=")]
    for name in ("utm_source", "utm_medium", "utm_campaign"):
        query = f"utm_source=x&{name}={text}" if name != "utm_source" else f"{name}={text}"
        given = dict(
            zip(("utm_source", "utm_medium", "utm_campaign"), parameters.Treatment().treat(query.encode()), strict=True)
        )
        words.append(given[name] or "")
    return re.sub(r"[\W_]", "", _SLOT.sub("", "".join(words)))


def interval(hits: int, count: int) -> str:
    """A share in %, with Wilson's interval at 95 %."""
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return f"{100 * share:.1f} ({100 * max(0, middle - half):.1f}-{100 * min(1, middle + half):.1f})"


Counts = dict[str, dict[str, int]]


def measured(kinds: Mapping[str, object], names: Mapping[str, str]) -> tuple[Counts, Counts, Counts]:
    """Hits of COUNT by kind and encoding: found by detectors, nothing left of a parameter, nothing left of a path."""
    tables: tuple[Counts, Counts, Counts] = ({}, {}, {})
    for kind in kinds:
        made = values(kind, COUNT)
        for encoding, encode in ENCODINGS.items():
            written = [encode(value) for value in made]
            hits = (
                sum(is_found(f"/x?{names[kind]}={text}") for text in written),
                sum(not left_of_parameter(text) for text in written),
                sum(not left_of_path(text) for text in written),
            )
            for table, count in zip(tables, hits, strict=True):
                table.setdefault(kind, {})[encoding] = count
    return tables


def drawn(title: str, counts: Counts) -> Iterable[str]:
    """A Markdown table of shares in %, kinds down, encodings across."""
    columns = list(ENCODINGS)
    yield f"\n### {title}\n"
    yield "| kind | " + " | ".join(f"`{name}`" for name in columns) + " | all (95 %) |"
    yield "|---|" + "---:|" * (len(columns) + 1)
    for kind, row in counts.items():
        cells = " | ".join(f"{100 * row[name] / COUNT:.0f}" for name in columns)
        yield f"| {kind} | {cells} | {interval(sum(row.values()), COUNT * len(columns))} |"
    sums = [sum(row[name] for row in counts.values()) for name in columns]
    total = COUNT * len(counts)
    yield (
        "| **all** | "
        + " | ".join(f"{100 * one / total:.0f}" for one in sums)
        + f" | {interval(sum(sums), total * len(columns))} |"
    )


def corpus(file: Path) -> Iterable[str]:
    """The corpus of request targets by kind."""
    yield "\n## The corpus of 44 kinds\n"
    yield "| kind | detectors | one route for all samples |\n|---|---:|---|"
    hits = count = 0
    for kind, targets in json.loads(file.read_text()).items():
        fired = sum(map(is_found, targets))
        hits, count = hits + fired, count + len(targets)
        yield f"| {kind} | {interval(fired, len(targets))} | {'yes' if len(set(map(routed, targets))) == 1 else '**no**'} |"
    yield f"| **all** | {interval(hits, count)} | |"


def described() -> Iterable[str]:
    """The detectors by their own words."""
    yield "\n## Detectors\n"
    yield "| kind | source | found | left alone |\n|---|---|---|---|"
    for one in detectors():
        found_examples, left_alone = (
            " ".join(f"`{example}`" for example in examples if "|" not in example and "`" not in example)
            for examples in (one.FOUND[:6], one.LEFT_ALONE[:4])
        )
        yield f"| {one.KIND} | {one.SOURCE} | {found_examples} | {left_alone} |"


def false_flags(log: Path) -> Iterable[str]:
    """Flags on the distinct targets of a real log, by kind."""
    targets = set()
    for line in log.read_text("latin-1").splitlines():
        parts = line.split('"')[1].split(" ")
        targets.update(parts[1:2])
    kinds: dict[str, int] = {}
    flagged = 0
    for target in sorted(targets):
        fired = found(read(target.encode("latin-1"), "target"))
        flagged += bool(fired)
        for kind in fired:
            kinds[kind] = kinds.get(kind, 0) + 1
    yield "\n## Flags on a real log\n"
    yield (
        f"{flagged} of {len(targets):,} distinct targets of the 10,000 lines are flagged: "
        f"{interval(flagged, len(targets))} %. By kind: "
        + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        + f". ({UNREADABLE}: bytes that are no UTF-8, or control characters.)"
    )


def report(data: Path | None) -> Sequence[str]:
    names = {kind: name for kind, (name, _) in {**KINDS, **OTHERS, **WORDS}.items()}
    lines = [HEAD, *described()]
    for heading, kinds in (("Kinds of PRIVACY.md 2.8", KINDS), ("Other kinds", OTHERS), ("Words", WORDS)):
        detected, parameter, path = measured(kinds, names)
        lines.append(f"\n## {heading}")
        lines += drawn("Detectors alone, value of a parameter", detected)
        lines += drawn("Nothing left of a parameter (policy and detectors, before k)", parameter)
        lines += drawn("Nothing left of a path segment (policy and detectors, before k)", path)
    lines += presets.table()
    if data is not None:
        lines += corpus(data / "corpora" / "pii_in_urls.json")
        lines += false_flags(data / "logs" / "elastic_apache" / "access.log")
    return lines


HEAD = f"""# Recall, measured

Made by `make recall` (`bench/recall.py`); do not edit. Shares in % of {COUNT} made-up values a cell. What is *found* is counted
and refused; what is *left* is letters and digits of the value in a word that could be published once a crowd has seen it.
Parameters are measured at their most generous: as one that the policy allows as `word`, and as each of the three of a campaign.
All others are dropped unread."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, help="folder with corpora/ and logs/")
    options.add_argument("--output", type=Path, default=OUTPUT)
    given = options.parse_args()
    given.output.write_text("\n".join(report(given.data)) + "\n")


if __name__ == "__main__":
    main()
