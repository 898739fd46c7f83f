"""Records: what lies on disk about a release, for whoever has to show what was kept: manifests, ledger, audits, tests."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from pipeline import manifest
from pipeline.entry import FOLDERS
from pipeline.ledger import Ledger
from schemas.trouble import Trouble

AUDITS = ("internal", "audits")
AUDIT_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+\.json")


class Part(NamedTuple):
    """A published file as the manifest lists it: release folder, path below it, and what the manifest says of it."""

    folder: str
    path: str
    facts: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Its path below DIR."""
        return f"{self.folder}/{self.path}"


class Results(NamedTuple):
    """Results of tests: when they began, and the outcomes of each test's cases by its id (file::function)."""

    when: str
    outcomes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Records:
    """A folder that `crowdlog run` has published to. Raises Trouble E301 without one, E303 for a record that is none."""

    root: Path
    results: Results | None = None

    def __post_init__(self) -> None:
        if not self.folders:
            raise Trouble("E301", f"{self.root} has no folder `release`: nothing was published there")

    @property
    def folders(self) -> list[str]:
        """The release folders that are there."""
        return [name for name in FOLDERS.values() if (self.root / name).is_dir()]

    @cached_property
    def manifests(self) -> dict[str, bytes]:
        """Bytes of the manifest by release folder."""
        files = {name: self.root / name / manifest.NAME for name in self.folders}
        return {name: file.read_bytes() for name, file in files.items() if file.is_file()}

    @cached_property
    def releases(self) -> dict[str, str]:
        """sha256 of each manifest: what a release is, for a manifest has the sha256 of every file."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.manifests.items()}

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All files that the manifests list."""
        return tuple(
            Part(name, path, _facts(facts, f"{name}/{manifest.NAME}"))
            for name, content in self.manifests.items()
            for path, facts in sorted(_json(content, f"{name}/{manifest.NAME}").get("files", {}).items())
        )

    def of(self, folder: str) -> list[Part]:
        """The files of one release folder."""
        return [part for part in self.parts if part.folder == folder]

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger. Raises Trouble E402 where it is broken."""
        return Ledger.load(self.root)

    def run(self, run_id: str) -> dict[str, Any] | None:
        """The record of a run, None where it is gone."""
        file = self.root / "internal" / "runs" / run_id / "run.json"
        return _json(file.read_bytes(), f"run.json of {run_id}") if file.is_file() else None

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """The last audit of all releases that are there; else the last one, whatever it was of; None where there was none."""
        return self.audit_of(*self.folders) or self.audit_of()

    def audit_of(self, *folders: str) -> dict[str, Any] | None:
        """The last audit that attacked all of these release folders; None where there was none."""
        return next((one for one in self._audits() if set(folders) <= set(one.get("releases") or ())), None)

    def _audits(self) -> Iterator[dict[str, Any]]:
        """All audits, the last one first."""
        folder = self.root.joinpath(*AUDITS)
        for file in sorted((one for one in folder.glob("*.json") if AUDIT_NAME.fullmatch(one.name)), reverse=True):
            found = _json(file.read_bytes(), file.name)
            if not _is_audit(found):
                raise Trouble("E303", f"{file.name} is no result of an audit")
            yield found

    @cached_property
    def changed(self) -> list[str]:
        """Places of listed files that are missing or not as listed, and of files that no manifest lists."""
        listed = {part.place: part.facts["sha256"] for part in self.parts}
        there = set(self._there())
        other = [place for place in listed.keys() & there if self._digest(place) != listed[place]]
        return sorted([*other, *(listed.keys() ^ there)])

    def _there(self) -> Iterator[str]:
        for name in self.folders:
            for file in (self.root / name).rglob("*"):
                if not file.is_dir() and file != self.root / name / manifest.NAME:
                    yield file.relative_to(self.root).as_posix()

    def _digest(self, place: str) -> str:
        return hashlib.sha256((self.root / place).read_bytes()).hexdigest()


def _is_audit(found: Mapping[str, Any]) -> bool:
    """Whether it has what `crowdlog audit` keeps."""
    keys = {"id", "title", "result", "tried", "why_not", "evidence"}
    done = found.get("attacks")
    listed = isinstance(done, list) and all(isinstance(one, dict) and keys <= set(one) for one in done)
    return listed and isinstance(found.get("id"), str) and isinstance(found.get("given"), list)


def _facts(facts: Any, name: str) -> Mapping[str, Any]:
    """What a manifest says of a file. Raises Trouble E303 where that is not enough to judge by."""
    kinds = {"k": int, "sha256": str, "program": str}
    if not isinstance(facts, dict) or not all(isinstance(facts.get(key), kind) for key, kind in kinds.items()):
        raise Trouble("E303", f"{name} does not say k, sha256 and program of each file")
    return facts


def _json(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        raise Trouble("E303", f"{name} is not JSON") from None
    if not isinstance(found, dict):
        raise Trouble("E303", f"{name} is no JSON object")
    return found


def read_results(file: Path) -> Results:
    """What pytest --junitxml has written. Raises Trouble E302 for a file that is not there, E303 for another one."""
    try:
        suites = ElementTree.parse(file).getroot()
    except OSError:
        raise Trouble("E302", f"--tests: {file} cannot be read") from None
    except ElementTree.ParseError:
        raise Trouble("E303", f"--tests: {file} is not what pytest --junitxml=FILE writes") from None
    outcomes: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for case in suites.iter("testcase"):
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').partition('[')[0]}"
        bad = [one.tag for one in case if one.tag in ("failure", "error", "skipped")]
        outcomes[test] += (bad[0] if bad else "passed",)
    if not outcomes:
        raise Trouble("E303", f"--tests: {file} holds no test")
    return Results(next(suites.iter("testsuite")).get("timestamp", "")[:19], dict(outcomes))
