"""A15: what a run stands on is taken away or changed, one thing at a time: it must refuse to start, and publish nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import schemas
from audit import bait
from audit.case import Case, Evidence, Tried
from audit.program import Program, each, hunt_for
from audit.windows import Hunt

ID = "A15"
TITLE = "tampering"
NEEDS = ("run",)

REFUSED = 2  # exit status


@dataclass(frozen=True)
class Tampered:
    """What is wrong: `options`, with {file} for one that has `text`; or a declaration `file` in which `old` becomes `new`."""

    name: str
    options: tuple[str, ...] = ()
    text: str = ""
    file: str = ""
    old: str = ""
    new: str = ""


POLICY, PARTNER = ("--policy", "{file}"), ("--profile", "partner")
LISTED, ANY_COLUMN = (
    r"tables = \[.*\]\n",
    '[[format]]\nname = "own"\nfamily = "json"\n[format.columns]\nclientele = "ip"\n',
)
TAMPERED = (
    Tampered("geo database that is missing", ("--geo-db", "{file}.none")),
    Tampered("geo database that is none", ("--geo-db", "{file}"), "countries\n"),
    Tampered("k = 0 as an option", ("--k", "0")),
    Tampered("k = 0 in the policy", POLICY, "k = 0\n"),
    Tampered("policy that is missing", ("--policy", "{file}.none")),
    Tampered("policy that is no TOML", POLICY, "k = = 10\n"),
    Tampered("policy with an unknown key", POLICY, "kk = 10\n"),
    Tampered("policy with an unknown table", POLICY, '[[site]]\nname = "shop"\ntables = { peoples = { grain = "week" } }\n'),
    Tampered("policy with an unknown column", POLICY, ANY_COLUMN),
    Tampered("policy with an empty list of values", POLICY, '[[site]]\nname = "shop"\nparameters = { pid = [] }\n'),
    Tampered("declaration of an unknown column", file="trends.toml", old=r'keys = \["country"\]', new='keys = ["city"]'),
    Tampered("declarations that are no TOML", file="fields.toml", old=r"\A", new="= = =\n"),
    Tampered("declarations that are missing", file="trends.toml"),
    Tampered("partners' list of tables empty", PARTNER, file="profiles.toml", old=LISTED, new="tables = []\n"),
    Tampered("partners' list of tables missing", PARTNER, file="profiles.toml", old=LISTED, new=""),
    Tampered("k = 0 for a profile", file="profiles.toml", old=r"k = 5\n", new="k = 0\n"),
)  # fmt: skip


def attack(case: Case) -> Tried:
    """Each must be refused with exit 2, without a published file, and without a word of the log."""
    with Program(case.run) as program:
        (program.folder / "given").mkdir()
        log = program.folder / "given" / "access.log"
        hunt = hunt_for(bait.write(log))
        if program.run("whole", [log]).status:
            return Tried("", why_not="the program does not run on the audit's own log")
        evidence = each(lambda number, what: _tampered(program, log, hunt, number, what), TAMPERED)
    return Tried(f"{len(TAMPERED)} things, one at a time", tuple(evidence))


def _tampered(program: Program, log: Path, hunt: Hunt, number: int, what: Tampered) -> Iterator[Evidence]:
    file = program.folder / "given" / f"tampered-{number}"
    file.write_text(what.text, encoding="utf-8")
    options = [one.replace("{file}", str(file)) for one in what.options]
    ran = program.run(f"tampered-{number}", [log], *options, declared=_declared(program.folder, number, what))
    if ran.status != REFUSED:
        yield Evidence(what.name, f"exit {ran.status}, where {REFUSED} was expected")
    if published := ran.published():
        yield Evidence(what.name, f"{len(published):,} files were published")
    if places := program.traces(hunt, ran):
        yield Evidence(what.name, f"values of single lines in {', '.join(places)}")


def _declared(folder: Path, number: int, what: Tampered) -> Path | None:
    """A copy of the declarations in which one is another one, in a folder for PYTHONPATH."""
    if not what.file:
        return None
    made = folder / "declared" / str(number)
    shutil.copytree(Path(schemas.__file__).parent, made / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    file = made / "schemas" / what.file
    if not what.old:
        file.unlink()
        return made
    text, count = re.subn(what.old, lambda _: what.new, file.read_text(encoding="utf-8"), count=1)
    if not count:
        raise ValueError(f"{what.file}: there is nothing to tamper with")
    file.write_text(text, encoding="utf-8")
    return made
