"""A12: kill the program and make it fail at five places each; what it leaves behind, and what it publishes the next time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audit import bait
from audit.case import Case, Evidence, Tried
from audit.program import Program, Ran, each, hunt_for
from audit.windows import Hunt

ID = "A12"
TITLE = "crash"
NEEDS = ("run",)


def attack(case: Case) -> Tried:
    """SIGKILL, or "no space left", where it reads its log and where it changes files (audit/inside/); then run it again.

    Held: no canary can be read anywhere afterwards, in no encoding of A3; what is published then is whole files of an undisturbed
    run; and the next run ends with all of them, byte for byte, with nothing left over.
    """
    with Program(case.run) as program:
        (program.folder / "given").mkdir()
        log = program.folder / "given" / "access.log"
        hunt = hunt_for(bait.write(log))
        whole = program.run("whole", [log])
        if whole.status or not whole.published():
            return Tried("", why_not="the program publishes nothing of the audit's own log")
        crashes = list(crashes_of(whole))

        def tried(number: int, crash: tuple[str, str]) -> Iterator[Evidence]:
            return _crashed(program, log, hunt, whole, f"crash-{number}", *crash)

        evidence = [*_left("undisturbed", program, hunt, whole), *each(tried, crashes)]
    return Tried(f"{len(crashes)} crashes of {len(whole.places)} places", tuple(evidence))


def crashes_of(whole: Ran) -> Iterator[tuple[str, str]]:
    """(where, crash): five places at which to be killed, and five at which to fail, by the places of an undisturbed run."""
    reads = [at for at, (kind, _) in enumerate(whole.places, 1) if kind == "read"]
    last = max(reads, default=0)
    writes = [at for at, (kind, _) in enumerate(whole.places, 1) if kind == "write" and at > last]
    if not reads or not writes:
        return
    middle = (whole.places[writes[0] - 1][1] - whole.places[last - 1][1]) / 2
    share = {part: writes[min(len(writes) - 1, len(writes) * part // 4)] for part in range(5)}
    yield "killed when it opens the log", f"kill {last}"
    yield "killed between reading and writing", f"kill {last} {middle:.3f}"
    yield "killed before its first change of a file", f"kill {share[0]}"
    yield "killed in the middle of its changes", f"kill {share[2]}"
    yield "killed before its last change", f"kill {share[4]}"
    yield "failed when it opens the log", f"fail {last}"
    yield from ((f"failed at {part}/4 of its changes", f"fail {share[part]}") for part in (0, 1, 3, 4))


def _crashed(
    program: Program, log: Path, hunt: Hunt, whole: Ran, output: str, where: str, crash: str
) -> Iterator[Evidence]:
    wanted = whole.published()
    first = program.run(output, [log], crash=crash)
    yield from _left(where, program, hunt, first)
    if odd := sum(wanted.get(name) != content for name, content in first.published().items()):
        yield Evidence(where, f"{odd:,} files of a release that are not as an undisturbed run makes them")
    again = program.run(output, [log])
    yield from _left(f"{where}, run again", program, hunt, again)
    found = again.published()
    if again.status or found != wanted:
        odd = sum(wanted.get(name) != found.get(name) for name in wanted.keys() | found.keys())
        yield Evidence(f"{where}, run again", f"exit {again.status}, {odd:,} files are not those of an undisturbed run")


def _left(where: str, program: Program, hunt: Hunt, ran: Ran) -> Iterator[Evidence]:
    if places := program.traces(hunt, ran):
        yield Evidence(where, f"values of single lines in {', '.join(places)}")
