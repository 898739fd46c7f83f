"""Attacks on the program itself (A12, A15, A16): crowdlog holds them, and not without its defences; the naive twin loses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import bait, program
from audit.attacks import a12_crash, a15_tampering, a16_hostile_input
from audit.case import Case, Tried
from audit.program import Program, hunt_for
from pipeline import cli

ROOT = Path(__file__).resolve().parents[1]
CROWDLOG = (sys.executable, "-P", "-m", "pipeline", "run")
TWIN = (sys.executable, "-m", "audit.naive")
SOME_CRASHES = ("killed in the middle of its changes", "failed at 3/4 of its changes")
SOME_TAMPERED = (
    "geo database that is missing",
    "k = 0 as an option",
    "policy that is no TOML",
    "partners' list of tables empty",
)
# crowdlog with one thing switched off, as a command line
WITHOUT = "import sys; {off}; from pipeline.cli import main; sys.exit(main(['run', *sys.argv[1:]]))"
DISCARDS = (
    "import shutil; from pipeline import publish;"
    " publish.discard = lambda root, run: shutil.rmtree(root / 'internal' / 'staging' / run, ignore_errors=True)"
)
SPILLS = (
    "from pipeline import digests; import tempfile, shutil; real = digests.digest;"
    " digests.digest = lambda source, *_: (shutil.copy(source.path, tempfile.gettempdir()), real(source))[1]"
)
ANY_K = "from schemas import policy; policy.K_FLOOR = 0; from pipeline import chosen; chosen.K_FLOOR = 0"
SHOWS = "from transforms.parsers import blocks; blocks.shape = lambda line: line.decode('utf-8', 'replace')"


@pytest.fixture(autouse=True)
def from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is found wherever it is started."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the crashes and of what is tampered with: `make audit` tries all."""
    every = a12_crash.crashes_of
    chosen = tuple(one for one in a15_tampering.TAMPERED if one.name in SOME_TAMPERED)
    monkeypatch.setattr(a12_crash, "crashes_of", lambda whole: [one for one in every(whole) if one[0] in SOME_CRASHES])
    monkeypatch.setattr(a15_tampering, "TAMPERED", chosen)
    assert len(chosen) == len(SOME_TAMPERED)


def tried(attack: Any, *command: str) -> Tried:
    """What came of an attack on a program."""
    done: Tried = attack.attack(Case(Path(), run=command))
    assert done.why_not == ""
    return done


def said(done: Tried) -> str:
    """All evidence as text."""
    return "\n".join(f"{one.where}: {one.what}" for one in done.evidence)


def without(off: str) -> tuple[str, ...]:
    """crowdlog, with something of it replaced before it starts."""
    return (sys.executable, "-c", WITHOUT.format(off=off))


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("attack", [a12_crash, a15_tampering, a16_hostile_input], ids=lambda one: one.ID)
def test_crowdlog_holds(attack: Any) -> None:
    """The attack finds nothing in what crowdlog does."""
    done = tried(attack, *CROWDLOG)
    assert said(done) == ""
    assert done.what


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("attack", "reasons"),
    [
        (a12_crash, ["single lines in a temporary folder", "not those of an undisturbed run", "not as an undisturbed run"]),
        (a15_tampering, ["k = 0 as an option: exit 0", "policy that is no TOML: exit 0", "geo database that is missing: 28 "]),
        (a16_hostile_input, ["more than ", "values of single lines in what it said", " are counted"]),
    ],
    ids=["A12", "A15", "A16"],
)  # fmt: skip
def test_twin_loses(attack: Any, reasons: list[str]) -> None:
    """The naive pipeline loses, for each of the reasons that it was taught."""
    found = said(tried(attack, *TWIN))
    assert [reason for reason in reasons if reason not in found] == []


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("attack", "off", "reason"),
    [
        (a12_crash, DISCARDS, "failed at 3/4 of its changes, run again: exit 4"),
        (a12_crash, SPILLS, "killed in the middle of its changes: values of single lines in a temporary folder"),
        (a15_tampering, ANY_K, "k = 0 as an option: exit 0, where 2 was expected"),
        (a16_hostile_input, SHOWS, "hostile lines: values of single lines in spoiled/internal"),
    ],
    ids=["A12 staged files are removed", "A12 a copy of the log", "A15 any k", "A16 rejects as they are"],
)  # fmt: skip
def test_attack_succeeds_without_the_defence(attack: Any, off: str, reason: str) -> None:
    """With one defence of crowdlog switched off the attack finds it."""
    assert reason in said(tried(attack, *without(off)))


def test_program_that_does_not_run_is_not_held() -> None:
    """That a program which refuses everything publishes nothing proves nothing: not run."""
    for attack in (a12_crash, a15_tampering, a16_hostile_input):
        assert attack.attack(Case(Path(), run=(sys.executable, "-c", "import sys; sys.exit(2)"))).why_not


def test_command_hands_over_how_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--run` gives the audit the command line of `crowdlog run`; without it there is none."""
    given: list[dict[str, Any]] = []

    def start(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        given.append(json.loads(command[-1]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(cli.subprocess, "run", start)
    assert [cli.dispatch(["audit", "x", *more]) for more in ([], ["--run"])] == [0, 0]
    assert [one["run"] for one in given] == [[], list(CROWDLOG)]


# ---- the scratch folder ---------------------------------------------------------------------------------------------


@pytest.fixture
def scratch() -> Iterator[Program]:
    """A program that writes two files, says a word and needs memory."""
    body = (
        "import sys, pathlib; out = pathlib.Path(sys.argv[3]); pathlib.Path(sys.argv[1]).read_text(); out.mkdir();"
        " (out / 'release').mkdir(); (out / 'release' / 'a').write_text('x'); print('kerensa');"
        " big = bytearray(60_000_000); (out / 'b').write_text('y')"
    )
    with Program((sys.executable, "-c", body)) as made:
        (made.folder / "log").write_text("line\n")
        yield made
    assert not made.folder.exists()


def test_places_are_noted_in_their_order(scratch: Program) -> None:
    """Where it reads the log, makes a folder, opens a file for writing."""
    ran = scratch.run("out", [scratch.folder / "log"])
    assert (ran.status, ran.said.strip(), ran.published()) == (0, b"kerensa", {"release/a": b"x"})
    assert [kind for kind, _ in ran.places] == ["read", "write", "write", "write", "write"]


@pytest.mark.parametrize(
    ("crash", "status", "left"), [("kill 5", -9, {"a"}), ("fail 5", 1, {"a"}), ("kill 1", -9, set())]
)
def test_crash_is_where_it_is_wanted(scratch: Program, crash: str, status: int, left: set[str]) -> None:
    """Killed or failed before a place, what is behind it does not happen."""
    ran = scratch.run("out", [scratch.folder / "log"], crash=crash)
    assert (ran.status, {path.name for path in ran.output.rglob("*") if path.is_file()}) == (status, left)


def test_bounds_end_a_run(scratch: Program) -> None:
    """Too long, or too large, is ended, and it is said which."""
    with Program((sys.executable, "-c", "import time; time.sleep(30)")) as slow:
        (slow.folder / "log").touch()
        assert slow.run("out", [slow.folder / "log"], seconds=0.5).why == "more than 0 s"
    with Program((sys.executable, "-c", "import time; big = bytearray(80_000_000); time.sleep(30)")) as large:
        (large.folder / "log").touch()
        assert large.run("out", [large.folder / "log"], memory=50 << 20).why == "more than 50 MiB"


def test_traces_are_found_wherever_they_are(scratch: Program) -> None:
    """In what was said, in a file, in the name of a file, and encoded; the log itself is not looked at."""
    ran = scratch.run("out", [scratch.folder / "log"])
    hunt = hunt_for(["kerensa", "morwenna"])
    assert scratch.traces(hunt, ran) == ["what it said"]
    (ran.temporary / "rows-morwenna.csv").touch()
    (ran.output / "internal").mkdir()
    (ran.output / "internal" / "x").write_bytes(b"bW9yd2VubmE=")
    assert scratch.traces(hunt, ran) == ["a temporary folder", "out/internal", "what it said"]


def test_bait_is_worth_hunting(tmp_path: Path) -> None:
    """Each line of the audit's own log has values that stand in no other line."""
    values = bait.write(tmp_path / "log", 90)
    text = (tmp_path / "log").read_text()
    assert len(values) == len(set(values)) == 90 * 5 + 10
    lines = text.splitlines()
    assert [value for value in values if sum(value in line for line in lines) != 1] == []


def test_runs_are_independent() -> None:
    """`each` gives what came of all, in their order."""
    found = program.each(lambda number, thing: [program.Evidence(thing, str(number))], ["a", "b", "c"])
    assert [(one.where, one.what) for one in found] == [("a", "0"), ("b", "1"), ("c", "2")]
