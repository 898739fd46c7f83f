"""The command line: `crowdlog COMMAND …`; heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pipeline import apart, collector, spared
from pipeline.arguments import parser
from schemas.load import DeclarationError
from schemas.trouble import Trouble


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. Whatever goes wrong is one line on stderr, with a code.

    Without `argv` the command is that of the process, which ends with it.
    """
    if argv is None:
        collector.relax()
        spared.spare()
        try:
            return main(sys.argv[1:])
        finally:
            collector.leave_alone()
    arguments = list(argv)
    if os.environ.get("CROWDLOG_DEBUG") != "1":
        logging.disable(logging.CRITICAL)  # engines log values and tracebacks; what a run has to say it says itself
    try:
        return dispatch(arguments)
    except Trouble as trouble:
        print(f"crowdlog: {trouble.code}: {trouble.message}", file=sys.stderr)
        return trouble.exit
    except (
        DeclarationError
    ) as error:  # of a declaration that is shipped: what a policy says wrong is said where it is read
        refused = Trouble("E202", str(error).strip())
        print(f"crowdlog: {refused.code}: {refused.message}", file=sys.stderr)
        return refused.exit
    except KeyboardInterrupt:
        print("crowdlog: stopped; the next run does what was not committed", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("CROWDLOG_DEBUG") == "1":
            raise
        print(
            f"crowdlog: E101: an internal error ({type(error).__name__}); CROWDLOG_DEBUG=1 shows more", file=sys.stderr
        )
        return 1


def dispatch(arguments: list[str]) -> int:
    """Parse strictly and call the command; what stands behind `--` is Beam's."""
    ours, beam = arguments, []
    if arguments[:1] == ["run"] and "--" in arguments:
        at = arguments.index("--")
        ours, beam = arguments[:at], arguments[at + 1 :]
    options = parser().parse_args(ours)
    commands = {
        "run": run_command, "scrub": scrub_command, "explain": explain_command, "policy": policy_command,
        "formats": formats_command, "sample": sample_command, "learn": learn_command, "audit": audit_command,
        "commitments": commitments_command, "subject": subject_command, "forget": forget_command,
        "retention": retention_command, "ledger": ledger_command,
    }  # fmt: skip
    return commands[options.command](options, tuple(beam))


def audit_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog audit`: in a process of its own, for what attacks shares no code with what it attacks (DESIGN.md 2)."""
    if wrong := [one for one in options.sensitive or () if one.count(".") != 1]:
        raise Trouble("E201", f"--sensitive takes TABLE.KEY, {len(wrong)} are something else")
    given = {key: value for key, value in vars(options).items() if key != "command"}
    given["run"] = apart.command("pipeline", "run") if options.run else []
    sys.stdout.flush()
    command = apart.command("audit", json.dumps(given))
    return subprocess.run(command, check=False, env=apart.surroundings()).returncode


def commitments_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog commitments`."""
    from pipeline.commitments import shown

    text, status = shown(options.folder, options.tests, options.json)
    print(text)
    return status


def stop(_: int, __: object) -> NoReturn:
    """SIGTERM, as systemd sends it, is Ctrl-C: the run ends in order."""
    raise KeyboardInterrupt


def run_command(options: argparse.Namespace, beam: tuple[str, ...]) -> int:
    """`crowdlog run`."""
    check_run(options)
    private_memory()
    signal.signal(signal.SIGTERM, stop)
    if options.workers > 1:
        os.environ.update(apart.ALONE)  # before the imports: workers are forks of this process
    from pipeline.digests import Digests

    with Digests(options.inputs) as digests:
        from pipeline.options import Wanted
        from pipeline.run import run

        given = {key: value for key, value in vars(options).items() if key != "command"}
        given |= {"inputs": tuple(options.inputs), "profiles": tuple(options.profiles or ()), "beam": beam}
        outcome = run(Wanted(**given), digests=digests)
    from pipeline.summary import summary

    if not options.quiet:
        print(summary(outcome, options.output), file=sys.stderr)
    if options.json:
        print(json.dumps(outcome.record, sort_keys=True))
    return 0


def private_memory() -> None:
    """No core file: it would hold raw lines."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def check_run(options: argparse.Namespace) -> None:
    """What argparse cannot say."""
    if options.workers < 1:
        raise Trouble("E201", f"--workers is {options.workers}, expected at least 1")
    check_rate(options)
    if options.partial and options.preview:
        raise Trouble("E201", "--preview shows partial periods anyway; leave --partial out")
    check_output(options.output)
    if options.key_ref and not options.key_ref.startswith("file:"):
        raise Trouble("E201", "--key-ref is file:PATH")


def check_rate(options: argparse.Namespace) -> None:
    """A share of lines."""
    if not 0 <= options.max_reject_rate <= 1:
        raise Trouble("E201", f"--max-reject-rate is {options.max_reject_rate}, expected 0 to 1")


def check_output(output: Path) -> None:
    """Refuse a folder that could not be made or written to, before anything is read."""
    there = output.absolute()
    while not os.path.exists(there):
        there = there.parent
    if not os.path.isdir(there):
        raise Trouble("E201", f"--output: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise Trouble("E201", f"--output: {there} cannot be written to")


def scrub_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog scrub`."""
    check_rate(options)
    if options.output is not None:
        check_output(options.output)
    private_memory()
    signal.signal(signal.SIGTERM, stop)  # a live pipe ends in its own way
    from pipeline.scrub import scrub

    return scrub(options)


def explain_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog explain`."""
    private_memory()
    from pipeline.explain import explain

    def complain(text: str) -> None:
        print(f"crowdlog: {text}", file=sys.stderr)

    lines = sys.stdin.buffer if options.line in (None, "-") else [os.fsencode(options.line)]
    for text in explain(lines, options, complain):
        print(text if options.json or options.line != "-" else f"{text}\n")
    return 0


def policy_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog policy`."""
    if options.diff:
        if options.file is not None or options.preset is not None:
            raise Trouble("E201", "--diff compares two policies: leave FILE and --preset out")
        from pipeline import policy_diff

        old, new = options.diff
        print(policy_diff.told(old, new, options.release, options.json))
        return 0
    if options.release is not None:
        raise Trouble("E201", "--release is for --diff OLD NEW")
    from pipeline.allowed import told

    print(told(options.file, options.preset, options.json))
    return 0


def formats_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog formats`."""
    from pipeline.formats import formats

    print(formats(options))
    return 0


def sample_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog sample`."""
    from pipeline.sample import sample

    sys.stdout.buffer.write(sample(options))
    sys.stdout.buffer.flush()
    return 0


def learn_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog learn`."""
    check_rate(options)
    private_memory()
    from pipeline.learn import closing, learn, told
    from pipeline.options import Wanted

    given = {key: value for key, value in vars(options).items() if key != "command"}
    wanted = Wanted(**{**given, "inputs": tuple(options.inputs), "output": Path()})
    learned = learn(wanted)
    if not options.quiet:
        print(closing(learned), file=sys.stderr)
    print(told(wanted, learned).rstrip("\n"))
    return 0


def subject_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog subject`."""
    private_memory()
    from pipeline import subject

    return subject.run(options, int(time.time()))


def forget_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog forget`."""
    private_memory()
    signal.signal(signal.SIGTERM, stop)
    from pipeline import forget

    return forget.run(options, int(time.time()))


def retention_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog retention`."""
    private_memory()
    signal.signal(signal.SIGTERM, stop)
    from pipeline import retention

    return retention.run(options, int(time.time()))


def ledger_command(options: argparse.Namespace, _: tuple[str, ...]) -> int:
    """`crowdlog ledger`."""
    from pipeline.history import told

    print(told(options.folder, options.json))
    return 0
