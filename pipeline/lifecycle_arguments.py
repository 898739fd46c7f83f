"""The arguments of the commands about what is kept: ledger, subject, forget, retention."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.argument_types import day, folder, moment

SUBJECT_EXAMPLES = """\
examples:
  crowdlog subject --address 192.0.2.7 '/var/log/nginx/access.log*'
  crowdlog subject --address - --from 2026-11-01 --to 2026-11-20 --export copy.log logs < addresses.txt

It prints file names and line numbers, never what the lines say: that is in FILE alone (mode 0600). Make sure that the
address was that person's at the time before you hand it over.
"""

FORGET_EXAMPLES = """\
examples:
  crowdlog forget --address 192.0.2.7 '/var/log/nginx/access.log*' --output /srv/trends
  crowdlog forget --address 192.0.2.7 '/var/log/nginx/access.log*' --output /srv/trends --delete 0123456789abcdef

The first shows what would go, and the checksum that the second has to be given. Tables that were published identify
nobody (Art. 11 GDPR): nothing is taken out of them.
"""

RETENTION_EXAMPLES = """\
examples:
  crowdlog retention '/var/log/nginx/access.log*' --output /srv/trends --policy crowdlog.toml
  crowdlog retention '/var/log/nginx/access.log*' --output /srv/trends --policy crowdlog.toml --delete 0123456789abcdef

The first shows what is over its time, and the checksum that the second has to be given. By default a log is kept 35 days
from its newest event, a published period 25 months from its end.
"""

LEDGER_EXAMPLES = """\
examples:
  crowdlog ledger /srv/trends
  crowdlog ledger /srv/trends --json | python3 -m json.tool
"""


def _command(commands: Any, name: str, help: str, description: str, examples: str) -> Any:
    return commands.add_parser(
        name, help=help, allow_abbrev=False, description=description, epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def _add_reading(command: Any) -> None:
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="raw logs, as for run")
    command.add_argument(
        "--policy", type=Path, metavar="FILE", help="as for run; the same, for it says what is read how"
    )
    command.add_argument("--format", metavar="NAME", help="as for run")
    command.add_argument("--log-date", type=day, metavar="DAY", help="as for run")


def _add_whose(command: Any, until: str) -> None:
    command.add_argument(
        "--address", default=[], action="append", metavar="A",
        help="an address, or an IPv6 network of 56 bits or more; several by giving it again; - reads them, one a line,"
        " from standard input, so that they are in no list of processes and no history",
    )  # fmt: skip
    command.add_argument(
        "--visitor", default=[], action="append", metavar="ID",
        help="the id that a collector gave a visitor, in formats without addresses (GA4, Plausible, Umami)",
    )  # fmt: skip
    command.add_argument(
        "--from", dest="start", type=moment, metavar="T",
        help="the first day or time (default: the beginning); without a zone it is by the policy's clock",
    )  # fmt: skip
    command.add_argument(
        "--to", dest="stop", type=moment, metavar="T", help=f"the last day or time, included (default: {until})"
    )


def _add_deletion(command: Any) -> None:
    command.add_argument("--output", required=True, type=folder, metavar="DIR", help="the folder that runs publish to")
    command.add_argument("--delete", metavar="CHECKSUM", help="do it, if it is still what was shown with this checksum")
    command.add_argument("--json", action="store_true", help="print one JSON object")


def add_subject(commands: Any) -> None:
    subject = _command(
        commands, "subject", "find the raw lines that there are of an address",
        "Find the raw lines of an address: the right of access to what still identifies somebody.", SUBJECT_EXAMPLES,
    )  # fmt: skip
    _add_reading(subject)
    _add_whose(subject, "the end")
    subject.add_argument("--export", type=Path, metavar="FILE", help="write the lines to a new file of mode 0600")
    subject.add_argument("--json", action="store_true", help="print one JSON object")


def add_forget(commands: Any) -> None:
    forget = _command(
        commands, "forget", "erase the raw lines of an address, and let no run count them",
        "Erase what still identifies somebody: keep a tombstone, by which every later run drops the events, and take the"
        " lines out of raw logs. Without --delete it only shows what would be done.", FORGET_EXAMPLES,
    )  # fmt: skip
    _add_reading(forget)
    _add_whose(forget, "now; a later one is an objection to what is to come")
    _add_deletion(forget)


def add_retention(commands: Any) -> None:
    retention = _command(
        commands, "retention", "delete raw logs and published periods that are over their time",
        "Delete raw logs older than raw_days and published periods older than release_months of the policy. Without"
        " --delete it only shows what would go.", RETENTION_EXAMPLES,
    )  # fmt: skip
    _add_reading(retention)
    retention.add_argument("--site", metavar="NAME", help="as for run")
    retention.add_argument(
        "--unpublished", action="store_true", help="raw logs with events that no run has published yet go too"
    )
    _add_deletion(retention)


def add_ledger(commands: Any) -> None:
    ledger = _command(
        commands, "ledger", "show what was published and deleted when, and by what",
        "Show every entry of the ledger: what was published or deleted, when, by which policy and program.",
        LEDGER_EXAMPLES,
    )  # fmt: skip
    ledger.add_argument("folder", type=Path, metavar="DIR", help="what `crowdlog run --output` was given")
    ledger.add_argument("--json", action="store_true", help="print one JSON object")


LIFECYCLE = (add_subject, add_forget, add_retention, add_ledger)
