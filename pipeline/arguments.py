"""The arguments of every command, and their help texts; imports nothing that takes time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from pipeline.argument_types import day, folder
from pipeline.lifecycle_arguments import LIFECYCLE
from schemas.trouble import Trouble

VERSION = "0.1.0"

DESCRIPTION = "Only crowds leave the logs: trend tables in which nobody can be found."

EXITS = """\
exit status:
  0  done; also when there was nothing new to publish, or everything had to be withheld
  1  an internal error
  2  wrong usage, a wrong policy, a missing or corrupt geo database
  3  input trouble: nothing matched, unreadable, truncated, too many lines rejected
  4  refused: another run holds the folder, or a check before the commit failed
  5  the audit found a leak, or a promise is unmet
Unless it is 0, nothing was published.
"""

RUN_EXAMPLES = """\
examples:
  crowdlog run /var/log/nginx/access.log* --output /srv/trends
  crowdlog run old.log --output /tmp/look --preview
  crowdlog run access.log --output out --format '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
  crowdlog run 'logs/*.gz' --output out --workers 2 -- --chunk_bytes=33554432
  crowdlog run access.log --output out --profile internal --profile partner
"""


SCRUB_EXAMPLES = """\
examples:
  CustomLog "|$crowdlog scrub - --format combined --quiet >> /var/log/apache2/scrubbed.log" combined
  crowdlog scrub access.log --ip truncate | goaccess - --log-format=COMBINED
  crowdlog scrub 'logs/*.gz' --output events

What it writes is pseudonymised, still personal data: a line stands for one request of one person.
A key for hashed addresses lives as long as a day, in memory alone.
"""


AUDIT_EXAMPLES = """\
examples:
  crowdlog audit /srv/trends
  crowdlog audit /srv/trends --raw '/var/log/nginx/access.log*'
  crowdlog audit /srv/trends --profile partner --raw '/var/log/nginx/access.log*'
"""

COMMITMENTS_EXAMPLES = """\
examples:
  crowdlog audit /srv/trends --raw '/var/log/nginx/access.log*'
  crowdlog commitments /srv/trends
"""


class Parser(argparse.ArgumentParser):
    """argparse, with one line on an error and exit status 2."""

    def error(self, message: str) -> NoReturn:
        raise Trouble("E201", f"{message}; see {self.prog} --help")


def parser() -> Parser:
    """The whole command line."""
    main_parser = Parser(
        prog="crowdlog", description=DESCRIPTION, epilog=EXITS, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    main_parser.add_argument("--version", action="version", version=f"crowdlog {VERSION}")
    commands = main_parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for add in _ADD:
        add(commands)
    return main_parser


def _add_log_date(command: Parser) -> None:
    command.add_argument(
        "--log-date", type=day, metavar="DAY", help="when lines whose time says no year were written last (today)"
    )


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run", help="read logs, publish trend tables", allow_abbrev=False,
        description="Read access logs and publish the periods that are closed, covered and not published yet.",
        epilog=RUN_EXAMPLES + "\n" + EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.add_argument("inputs", nargs="+", metavar="INPUT", help="file, folder, glob or URL; plain, .gz, .zst or .bz2")
    run.add_argument(
        "--output", required=True, type=folder, metavar="DIR", help="DIR/release is what may leave the house"
    )
    run.add_argument("--policy", type=Path, metavar="FILE", help="crowdlog.toml: sites, routes, time zones, k")
    run.add_argument(
        "--format", metavar="NAME", help="auto (default), a declared format, or the server's own directive"
    )
    run.add_argument("--site", metavar="NAME", help="all lines are of this site")
    run.add_argument(
        "--profile", dest="profiles", choices=("internal", "partner", "dp"), action="append",
        help="for whom; may be given again: all releases from one reading (default: as the policy says, internal)",
    )  # fmt: skip
    run.add_argument(
        "--k", type=int, metavar="N", help="neighbourhoods a row stands for; the larger of this and the policy's"
    )
    run.add_argument("--geo-db", type=Path, metavar="FILE", help="country database (.mmdb) instead of the shipped one")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="processes on this machine (default: 1)")
    run.add_argument("--partial", action="store_true", help="publish periods that the input does not cover, marked so")
    run.add_argument("--preview", action="store_true", help="only look: open and partial periods too, into DIR/preview")
    run.add_argument(
        "--max-reject-rate", type=float, default=0.05, metavar="R", help="more rejected lines stop the run (0.05)"
    )
    _add_log_date(run)
    run.add_argument("--key-ref", metavar="file:PATH", help="where workers on other hosts find the run's key")
    run.add_argument("--quiet", action="store_true", help="say nothing but errors")
    run.add_argument("--json", action="store_true", help="print the run's record as one JSON object")


def _add_scrub(commands: argparse._SubParsersAction[Parser]) -> None:
    scrub = commands.add_parser(
        "scrub", help="take out of log lines what names or follows a person", allow_abbrev=False,
        description="Write log lines anew, in their own format and order, without what names or follows a person.",
        epilog=SCRUB_EXAMPLES + "\n" + EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    scrub.add_argument("inputs", nargs="*", metavar="INPUT", help="as for run; - or nothing reads standard input")
    scrub.add_argument("--output", type=folder, metavar="DIR", help="events as Parquet into a new folder, not lines")
    scrub.add_argument(
        "--ip", choices=("truncate", "hash", "drop"), help="addresses (default: as the policy says, hash)"
    )
    scrub.add_argument("--policy", type=Path, metavar="FILE", help="as for run")
    scrub.add_argument("--format", metavar="NAME", help="as for run")
    scrub.add_argument("--site", metavar="NAME", help="as for run")
    scrub.add_argument("--geo-db", type=Path, metavar="FILE", help="as for run; for --output")
    scrub.add_argument(
        "--max-reject-rate", type=float, default=0.05, metavar="R", help="more dropped lines of files: exit 3 (0.05)"
    )
    scrub.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_explain(commands: argparse._SubParsersAction[Parser]) -> None:
    explain = commands.add_parser(
        "explain", help="show what happens to each field of one line, and why", allow_abbrev=False,
        description="Show each field of a log line: what happens to it and by which rule. For the operator's own eyes: it"
        " shows what the line says of a visitor.",
    )  # fmt: skip
    explain.add_argument(
        "line", nargs="?", metavar="LINE", help="the line; nothing reads one from standard input, - all lines there"
    )
    explain.add_argument("--policy", type=Path, metavar="FILE", help="the policy whose rules are shown")
    explain.add_argument(
        "--format", metavar="NAME", help="as for run, or the #Fields: line that stands before the line"
    )
    explain.add_argument("--site", metavar="NAME", help="as for run")
    explain.add_argument("--geo-db", type=Path, metavar="FILE", help="as for run")
    explain.add_argument("--json", action="store_true", help="print one JSON object")


def _add_policy(commands: argparse._SubParsersAction[Parser]) -> None:
    policy = commands.add_parser(
        "policy", help="check a policy, and say what may be published by it", allow_abbrev=False,
        description="Check a policy and say, by site, what may be published: routes, parameters, tables, grains, k.",
    )  # fmt: skip
    policy.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the policy (crowdlog.toml)")
    policy.add_argument("--preset", metavar="NAME", help="say what a shipped preset holds instead")
    policy.add_argument(
        "--diff",
        nargs=2,
        type=Path,
        metavar=("OLD", "NEW"),
        help="say what a change would newly reveal or hide instead",
    )
    policy.add_argument("--release", type=Path, metavar="DIR", help="with --diff: on which rows published in DIR")
    policy.add_argument("--json", action="store_true", help="print one JSON object")


def _add_formats(commands: argparse._SubParsersAction[Parser]) -> None:
    formats = commands.add_parser(
        "formats", help="list the log formats that are known", allow_abbrev=False,
        description="List the known log formats: what is read of each, its specification, and a line of it.",
    )  # fmt: skip
    formats.add_argument("name", nargs="?", metavar="NAME", help="this one alone")
    formats.add_argument("--policy", type=Path, metavar="FILE", help="with the formats of this policy")
    formats.add_argument("--json", action="store_true", help="print one JSON object")


def _add_sample(commands: argparse._SubParsersAction[Parser]) -> None:
    sample = commands.add_parser(
        "sample", help="print a safe imitation of a log, for bug reports", allow_abbrev=False,
        description="Print the first lines of a log with every word, number, address and time made up. Quotes, escapes and"
        " lengths stay. A line that no format reads is shown as its shape.",
    )  # fmt: skip
    sample.add_argument("file", metavar="FILE", help="a log; plain, .gz, .zst or .bz2")
    sample.add_argument("--format", metavar="NAME", help="as for run")
    sample.add_argument("--policy", type=Path, metavar="FILE", help="with the formats of this policy")
    sample.add_argument("--lines", type=int, default=20, metavar="N", help="how many lines (default: 20)")


def _add_learn(commands: argparse._SubParsersAction[Parser]) -> None:
    learn = commands.add_parser(
        "learn", help="propose a policy from logs: routes, parameters, what to deny", allow_abbrev=False,
        description="Read logs once, in memory, and print a policy that they suggest: routes with typed slots, parameters with"
        " types, names to deny, each with its evidence as counts. No value is printed that no crowd brought.",
    )  # fmt: skip
    learn.add_argument("inputs", nargs="+", metavar="INPUT", help="as for run")
    learn.add_argument(
        "--policy", type=Path, metavar="FILE", help="what is there already: sites and hosts, presets, routes"
    )
    learn.add_argument("--format", metavar="NAME", help="as for run")
    learn.add_argument("--site", metavar="NAME", help="as for run")
    learn.add_argument(
        "--k", type=int, metavar="N", help="neighbourhoods that must have brought what is printed; as for run"
    )
    learn.add_argument(
        "--max-reject-rate", type=float, default=0.05, metavar="R", help="more rejected lines: exit 3 (0.05)"
    )
    _add_log_date(learn)
    learn.add_argument("--quiet", action="store_true", help="say nothing but errors")
    learn.add_argument("--json", action="store_true", help="print one JSON object: all evidence, and the policy")


def _add_audit(commands: argparse._SubParsersAction[Parser]) -> None:
    audit = commands.add_parser(
        "audit", help="attack a published folder", allow_abbrev=False,
        description="Attack what was published, from its files alone. Exit 5 when an attack succeeds.",
        epilog=AUDIT_EXAMPLES + "\n" + EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    audit.add_argument("folder", metavar="DIR", help="what `crowdlog run --output` was given")
    audit.add_argument(
        "--profile",
        choices=("internal", "partner", "dp"),
        help="its release alone, as those have it who were given no other",
    )
    audit.add_argument("--raw", nargs="+", metavar="INPUT", help="the raw logs behind it: what the worst insider holds")
    audit.add_argument("--again", metavar="DIR", help="the output of a second run over the same logs, to be equal")
    audit.add_argument("--look", nargs="+", metavar="PATH", help="more to hunt in: captured stderr, temporary folders")
    audit.add_argument("--planted", metavar="FILE", help="values to hunt, one a line, or JSON like planted.json")
    audit.add_argument("--key", metavar="FILE", help="the key of a test run, to hunt for")
    audit.add_argument("--sensitive", nargs="+", metavar="TABLE.KEY", help="keys that must vary within every group")
    audit.add_argument("--run", action="store_true", help="start crowdlog too, in a scratch folder, and crash it there")
    audit.add_argument("--json", action="store_true", help="print the result as one JSON object")


def _add_commitments(commands: argparse._SubParsersAction[Parser]) -> None:
    commitments = commands.add_parser(
        "commitments", help="show what policies promise, with the evidence of a release", allow_abbrev=False,
        description="Show every promise that the privacy policies make, whether it is met, unmet or unproven, and by what: the"
        " last audit of the release, its records, the declarations, and tests. Exit 5 when one is unmet.",
        epilog=COMMITMENTS_EXAMPLES + "\n" + EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commitments.add_argument("folder", type=Path, metavar="DIR", help="what `crowdlog run --output` was given")
    commitments.add_argument("--tests", type=Path, metavar="FILE", help="results of the tests: pytest --junitxml=FILE")
    commitments.add_argument("--json", action="store_true", help="print one JSON object")


_ADD = (
    _add_run, _add_scrub, _add_explain, _add_policy, _add_formats, _add_sample, _add_learn, _add_audit, _add_commitments,
    *LIFECYCLE,
)  # fmt: skip
COMMANDS = tuple(add.__name__.rpartition("add_")[2] for add in _ADD)
"""Names of all commands."""
