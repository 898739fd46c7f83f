"""Forget: erasure; a tombstone, by which runs drop the events, and the lines of an address taken out of raw logs."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import lock
from pipeline.chosen import chosen_clock, chosen_formats, chosen_policy
from pipeline.digests import digest
from pipeline.durable import PRIVATE_FILE, PRIVATE_FOLDER, create_once, make_folder, sweep
from pipeline.find import find
from pipeline.options import Wanted
from pipeline.rewrite import is_open, real, remove_lines
from pipeline.rewrite import sweep as sweep_beside
from pipeline.search import Found, Search
from pipeline.subject import not_searched, ranges, record_of
from pipeline.whose import Whose, given
from schemas.policy import Policy
from schemas.trouble import Trouble, only_codes
from transforms.forgotten import FOLDER, KEY, files_of, read, read_key
from transforms.kernels import calls
from transforms.tombstones import KEY_BYTES, Tombstones, to_bytes

PUBLISHED = "  published   tables identify nobody (Art. 11 GDPR): there is nothing in them to be found or taken out"
SHOWN = 20  # ranges of line numbers of a file


@dataclass(frozen=True)
class Plan:
    """What would be erased: lines by log, those logs that a program still writes to apart, and a checksum over all of it."""

    found: Sequence[Found]
    held: Sequence[Found]
    checksum: str

    @property
    def lines(self) -> int:
        return sum(len(one.numbers) for one in self.found)


def forget(options: argparse.Namespace, now: int) -> tuple[Plan, bool]:
    """`crowdlog forget`: what was found, and whether it was erased. Raises Trouble.

    The tombstone comes first: whatever stops the machine behind it, no run counts the events any more, and the same
    command finds the lines that are left.
    """
    root: Path = options.output
    if not root.is_dir():
        raise Trouble("E301", f"--output: {root} is not there: name the folder that runs publish to")
    wanted = Wanted(
        tuple(options.inputs), root, policy=options.policy, format=options.format, log_date=options.log_date
    )
    policy = chosen_policy(wanted)
    asked = given(options, policy)
    with lock.hold(root), only_codes():
        key = kept_key(root)
        plan = planned(wanted, policy, asked, key, now)
        if options.delete is None:
            return plan, False
        if options.delete != plan.checksum:
            raise Trouble(
                "E409", "the checksum is not that of what would be erased now; nothing was changed: look again"
            )
        bury(root, key, asked, now)
        for one in plan.found:
            if one.numbers:
                remove_lines(one.source, one.numbers)
            else:
                sweep_beside(real(one.source))
    return plan, True


def planned(wanted: Wanted, policy: Policy, asked: Whose, key: bytes, now: int) -> Plan:
    """What would be erased of the logs."""
    inputs = find(wanted.inputs)
    formats, names = chosen_formats(wanted, policy, inputs)
    calls.warm()
    stop = now + 1 if asked.stop is None else asked.stop
    sought = Tombstones(key, asked.tombstones(key, stop), policy.ip)
    search = Search(policy, formats, chosen_clock(wanted, now), sought)
    found: list[Found] = []
    held: list[Found] = []
    for source, name in zip(inputs, names, strict=True):
        file = real(source)
        one = search.file(source, name)
        (held if one.numbers and is_open(file) else found).append(one)
    return Plan(found, held, checksum(key, asked, found))


def checksum(key: bytes, asked: Whose, found: Sequence[Found]) -> str:
    """64 bits, in hex, of what was asked for and every line that would go; keyed, for it is printed."""
    said = {
        "whom": sorted(one.mark(key) for one in asked.whom),
        "span": [asked.start, asked.stop],
        "lines": [[one.source.place, digest(one.source), list(one.numbers)] for one in found if one.numbers],
    }
    return hashlib.blake2b(json.dumps(said).encode(), key=key, digest_size=8, person=b"crowdlog check").hexdigest()


def kept_key(root: Path) -> bytes:
    """The key of the folder's tombstones, made when there is none. Raises Trouble E408 when it is lost."""
    folder = root.joinpath(*FOLDER)
    if not (folder / KEY).exists() and not files_of(folder):
        make_folder(root, *FOLDER, mode=PRIVATE_FOLDER)
        create_once(folder / KEY, secrets.token_bytes(KEY_BYTES), PRIVATE_FILE)
    sweep(folder)
    try:
        key = read_key(folder)
    except (OSError, ValueError):
        raise Trouble("E408", f"{folder / KEY} is missing or no key: restore it from a backup") from None
    if files_of(folder):
        read(folder)
    return key


def bury(root: Path, key: bytes, asked: Whose, now: int) -> None:
    """Keep the tombstones of a request, in a file of their own."""
    stones = asked.tombstones(key, now + 1)
    name = f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.json"
    create_once(root.joinpath(*FOLDER, name), to_bytes(key, stones), PRIVATE_FILE)


def run(options: argparse.Namespace, now: int) -> int:
    """Print what would be, or was, erased."""
    plan, done = forget(options, now)
    if options.json:
        print(json.dumps(record(plan, done)))
    else:
        for one in plan.found:
            if one.numbers:
                places = ranges(one.numbers)
                more = f", … ({len(places) - SHOWN:,} more ranges)" if len(places) > SHOWN else ""
                print(f"{one.source.path}: {len(one.numbers):,} lines: {', '.join(places[:SHOWN])}{more}")
        if not done:
            print(f"checksum {plan.checksum}")
    print(closing(plan, done), file=sys.stderr)
    return 0


def record(plan: Plan, done: bool) -> dict[str, Any]:
    """The result as data."""
    held = [one.source.path for one in plan.held]
    return {**record_of(plan.found), "held": held, "checksum": plan.checksum, "erased": done}


def closing(plan: Plan, done: bool) -> str:
    """What was done, and what was not."""
    files = sum(bool(one.numbers) for one in plan.found)
    if done:
        words = [
            f"crowdlog: {plan.lines:,} lines erased from {files} files; runs drop the events of that visitor and span"
        ]
    else:
        words = [f"crowdlog: {plan.lines:,} lines in {files} files would be erased, and runs would drop such events:"
                 f" --delete {plan.checksum}"]  # fmt: skip
    words += [
        f"  left        {one.source.path}: a program writes to it; rotate it, then do this again" for one in plan.held
    ]
    words += [f"  {text}" for text in not_searched([*plan.found, *plan.held])]
    words.append(PUBLISHED)
    return os.linesep.join(words)
