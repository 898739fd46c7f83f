"""A9: Parquet forensics: what lies in a file beside its rows, and what lies in the folder beside its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from audit.case import PLACE, Case, Evidence, Part, Tried
from audit.parquet import Column

ID = "A9"
TITLE = "Parquet forensics"
NEEDS = ()

METADATA = {b"crowdlog": b"1"}
CREATED_BY = re.compile(rb"parquet-cpp-arrow version \d+\.\d+\.\d+")
MANIFEST = "manifest.json"


def attack(case: Case) -> Tried:
    """Compare dictionaries and statistics with the values in use; metadata and names with what is allowed."""
    columns = [(part, column) for part in case.parts for column in part.file.columns]
    evidence = [
        *(one for part, column in columns for one in _column(f"{part.place}: {column.name}", column)),
        *(one for part in case.parts for one in _file(part)),
        *_folder(case),
    ]
    return Tried(f"{len(case.parts):,} files, {len(columns):,} column chunks", tuple(evidence))


def _column(where: str, column: Column) -> Iterator[Evidence]:
    used = {value for value in column.values if value is not None}
    if unused := set(column.dictionary or ()) - used:
        yield Evidence(where, f"{len(unused):,} dictionary values that are in no row")
    if len(set(column.dictionary or ())) != len(column.dictionary or ()):
        yield Evidence(where, "dictionary values come twice")
    if foreign := sum(value not in used for pair in column.bounds for value in pair):
        yield Evidence(where, f"{foreign:,} bounds of statistics that are in no row")
    if column.has_bloom:
        yield Evidence(where, "a Bloom filter, which answers for values that one may guess")


def _file(part: Part) -> Iterator[Evidence]:
    if dict(part.file.metadata) != METADATA:
        keys = sum(METADATA.get(key) != value for key, value in part.file.metadata)
        yield Evidence(part.place, f"{keys:,} metadata entries that are not allowed")
    if not CREATED_BY.fullmatch(part.file.created_by):
        yield Evidence(part.place, "an unknown writer's name in the footer")
    if part.file.unaccounted:
        yield Evidence(part.place, f"{part.file.unaccounted:,} bytes that belong to no page and no footer")


def _folder(case: Case) -> Iterator[Evidence]:
    for name, manifest in case.manifests.items():
        folder, listed = case.root / name, manifest.get("files", {})
        there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        if MANIFEST not in there:
            yield Evidence(name, "no manifest")
        strange = [one for one in there if one != MANIFEST and not _is_named_well(one)]
        if strange:
            yield Evidence(name, f"{len(strange):,} files whose names are not those of a release")
        if differing := (set(there) - {MANIFEST}) ^ set(listed):
            yield Evidence(f"{name}/{MANIFEST}", f"{len(differing):,} files are only in it or only on the disk")
        changed = [one for one in set(there) & set(listed)
                   if hashlib.sha256(there[one].read_bytes()).hexdigest() != listed[one].get("sha256")]  # fmt: skip
        if changed:
            yield Evidence(f"{name}/{MANIFEST}", f"{len(changed):,} files have other bytes than it says")


def _is_named_well(below: str) -> bool:
    named = PLACE.fullmatch(below)
    return bool(
        named and re.fullmatch(r"[a-z_]+", named["table"]) and re.fullmatch(r"[a-z0-9-]+|\(other\)", named["site"])
        and named["grain"] in ("day", "week", "month") and re.fullmatch(r"\d{4}-\d\d-\d\d", named["date"])
        and below.endswith("/part-0.parquet")
    )  # fmt: skip
