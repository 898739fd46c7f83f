"""A13: a second run, over the same logs in another order, with other workers and another key, differs in some byte."""

from __future__ import annotations

from pathlib import Path

from audit.case import NOISY, Case, Evidence, Tried

ID = "A13"
TITLE = "order, workers, key"
NEEDS = ("again",)


def attack(case: Case) -> Tried:
    """Compare the releases byte by byte: a difference tells of something that is not in the logs' content."""
    assert case.again is not None
    evidence, compared = [], 0
    for name in (one for one in case.folders if one not in NOISY):
        one, other = _files(case.root / name), _files(case.again / name)
        compared += len(one)
        evidence += [
            Evidence(f"{name}/{place}", "only in one of the two") for place in sorted(one.keys() ^ other.keys())
        ]
        evidence += [
            Evidence(f"{name}/{place}", "other bytes")
            for place in sorted(one.keys() & other.keys())
            if one[place].read_bytes() != other[place].read_bytes()
        ]
    return Tried(f"{compared:,} files", tuple(evidence))


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
