"""The declarations as frozen dataclasses: read from TOML, checked here and nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CLASSES = ("network", "identity", "quasi", "safe")
TYPES = ("text", "timestamp", "status", "count", "duration")


class DeclarationError(ValueError):
    """A declaration is wrong: the message names the file, the key, what was found and what was expected."""


def expect(where: str, key: str, found: object, wanted: str, holds: bool) -> None:
    """Raise a DeclarationError that names file, key and both values, unless `holds`."""
    if not holds:
        raise DeclarationError(f"{where}: {key} is {found!r}, expected {wanted}")


def only_keys(where: str, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Refuse keys that nobody declared: a misspelt key must not be a silent default."""
    if unknown := sorted(set(table) - set(allowed)):
        raise DeclarationError(f"{where}: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(allowed))}")


def entries(where: str, data: Mapping[str, Any], key: str, kind: type = str) -> tuple[Any, ...]:
    """The list under a key, empty where there is none; `kind` is str, or dict for a list of tables."""
    found = data.get(key, [])
    wanted = f"a list of {'tables' if kind is dict else 'strings'}"
    expect(where, key, found, wanted, isinstance(found, list) and all(isinstance(one, kind) for one in found))
    return tuple(found)


def subtable(where: str, data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table under a key, empty where there is none."""
    found = data.get(key, {})
    expect(where, key, found, "a table", isinstance(found, dict))
    return dict(found)


def parse(text: str, where: str) -> dict[str, Any]:
    """TOML text as a dict; a syntax error names the place, not the text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{where}: not TOML: {error}") from None


def shipped(*path: str) -> dict[str, Any]:
    """One of the TOML files shipped in schemas/."""
    where = f"schemas/{'/'.join(path)}"
    try:
        text = resources.files("schemas").joinpath(*path).read_text(encoding="utf-8")
    except OSError as error:
        raise DeclarationError(f"{where}: {error.strerror}; crowdlog is not installed as a whole") from None
    return parse(text, where)


# ---- fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A canonical column of an event; see the head of fields.toml."""

    name: str
    type: str
    privacy: str
    treatment: str
    meaning: str


@dataclass(frozen=True)
class Treatment:
    """What one file of transforms/treatments/ takes (canonical columns) and gives (pseudonymous columns).

    `classes` are those of given columns that are not of the classes of all that is taken; `lowered` says why not.
    """

    name: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict)
    lowered: str = ""


@dataclass(frozen=True)
class Fields:
    """All canonical columns and all treatments."""

    columns: Mapping[str, Column]
    treatments: Mapping[str, Treatment]

    @property
    def kept(self) -> frozenset[str]:
        """Names of the columns that a parser builds: all that are not dropped."""
        return frozenset(name for name, column in self.columns.items() if column.treatment != "drop")

    @property
    def given(self) -> frozenset[str]:
        """Names of all pseudonymous columns."""
        return frozenset(name for treatment in self.treatments.values() for name in treatment.gives)


def read_fields(data: Mapping[str, Any], where: str) -> Fields:
    """Fields from parsed TOML; every column needs a declared treatment that takes it."""
    only_keys(where, data, ("column", "treatment"))
    treatments = {name: _read_treatment(where, data["treatment"], name) for name in subtable(where, data, "treatment")}
    columns = {}
    for name in subtable(where, data, "column"):
        entry = subtable(f"{where}: column", data["column"], name)
        only_keys(f"{where}: column.{name}", entry, ("type", "class", "treatment", "meaning"))
        for key, allowed in (("type", TYPES), ("class", CLASSES), ("treatment", tuple(treatments))):
            expect(
                where, f"column.{name}.{key}", entry.get(key), f"one of {', '.join(allowed)}", entry.get(key) in allowed
            )
        column = Column(name, entry["type"], entry["class"], entry["treatment"], entry.get("meaning", ""))
        takes = treatments[column.treatment].takes
        expect(
            where,
            f"treatment.{column.treatment}.takes",
            takes,
            f"a list with {name!r}",
            column.treatment == "drop" or name in takes,
        )
        columns[name] = column
    for treatment in treatments.values():
        for name in treatment.takes:
            expect(where, f"treatment.{treatment.name}.takes", name, "a declared column", name in columns)
    given = [name for treatment in treatments.values() for name in treatment.gives]
    for name in given:
        expect(where, f"treatment: the column {name!r} is given", given.count(name), "1 time", given.count(name) == 1)
    return Fields(columns, treatments)


def _read_treatment(where: str, data: Mapping[str, Any], name: str) -> Treatment:
    entry, here = subtable(f"{where}: treatment", data, name), f"{where}: treatment.{name}"
    only_keys(here, entry, ("takes", "gives", "class", "lowered"))
    gives, classes, lowered = entries(here, entry, "gives"), subtable(here, entry, "class"), entry.get("lowered", "")
    for column, privacy in classes.items():
        expect(here, "class", column, f"one of what it gives: {', '.join(gives)}", column in gives)
        expect(here, f"class.{column}", privacy, f"one of {', '.join(CLASSES)}", privacy in CLASSES)
    expect(here, "lowered", lowered, "a text", isinstance(lowered, str))
    return Treatment(name, entries(here, entry, "takes"), gives, classes, lowered)


@cache
def fields() -> Fields:
    """The shipped fields.toml."""
    return read_fields(shipped("fields.toml"), "schemas/fields.toml")


# ---- formats --------------------------------------------------------------------------------------------------------

FAMILIES = ("directive", "pattern", "json", "delimited", "labelled")
DEFAULT_TYPES = {
    "time": "iso8601|clf", "status": "status", "bytes": "count", "duration": "seconds",
    "date": "%Y-%m-%d", "clock": "%H:%M:%S%f",
}  # fmt: skip
# What is no column itself but gives one, or a line inside.
PIECES = ("request", "target", "url", "location", "date", "clock", "message")


@dataclass(frozen=True)
class Source:
    """Where a column comes from: a key path (json), a label (labelled) or the name in the header (delimited)."""

    column: str
    name: str
    type: str


@dataclass(frozen=True)
class Format:
    """A log format that can be read.

    `family` says how lines are built: by a server's own `directive`, by `patterns` of ours (tried in their order), or
    of named values: `sources`. `separator`, `header` ("fields": #Fields lines, "row": the first line, "": `names`),
    `quotes` (whether a value may be in double quotes) are for delimited
    lines. `plus` are columns that write + for a space, `percent` those in percent-encoding that
    visitors did not send so. `zone` is that of times that say none. `required`
    columns must be in each line. One whose source is a `message` is an envelope around lines of other formats.
    """

    name: str
    title: str
    spec: str
    directive: str = ""
    family: str = "directive"
    patterns: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    separator: str = ""
    header: str = ""
    names: tuple[str, ...] = ()
    quotes: bool = True
    plus: tuple[str, ...] = ()
    percent: tuple[str, ...] = ()
    zone: str = "UTC"
    required: tuple[str, ...] = ("client", "time", "path")

    @property
    def envelope(self) -> bool:
        """Whether lines of other formats are inside its lines."""
        return "message" in self.required or any("{message}" in pattern for pattern in self.patterns)


_KEYS = {
    "directive": ("directive",),
    "pattern": ("patterns", "zone", "plus", "percent"),
    "json": ("columns", "zone", "required", "percent"),
    "labelled": ("columns", "zone", "required"),
    "delimited": ("columns", "zone", "required", "separator", "header", "names", "quotes", "plus", "percent"),
}


def read_format(data: Mapping[str, Any], where: str) -> Format:
    """A Format from parsed TOML. What its directive, patterns and sources say is checked when they are compiled."""
    family = data.get("family", "directive")
    expect(where, "family", family, f"one of {', '.join(FAMILIES)}", family in FAMILIES)
    only_keys(where, data, ("name", "title", "spec", "family", *_KEYS[family]))
    needed = {"directive": None} if family == "directive" else {"directive": ""}
    texts = {"name": None, "title": "", "spec": "", **needed, "separator": " ", "header": "", "zone": "UTC"}
    for key, default in texts.items():
        expect(where, key, data.get(key), "a string", isinstance(data.get(key, default), str))
    expect(where, "name", data["name"], "a name without / and +", not set("/+") & set(data["name"]))
    zone, header, separator = data.get("zone", "UTC"), data.get("header", ""), data.get("separator", " ")
    expect(where, "zone", zone, "a time zone of the IANA database", _is_zone(zone))
    expect(where, "header", header, "fields or row", header in ("", "fields", "row"))
    expect(where, "separator", separator, "one character", len(separator.encode()) == 1 and separator not in '"\r\n')
    quotes = data.get("quotes", True)
    expect(where, "quotes", quotes, "true or false", isinstance(quotes, bool))
    required = entries(where, data, "required") or (
        ("message",) if "message" in data.get("columns", {}) else ("client", "time", "path")
    )
    expect(where, "required", list(required), "a list with 'time'", bool({"time", "message"} & set(required)))
    return Format(
        data["name"], data.get("title", data["name"]), data.get("spec", ""), data.get("directive", ""), family,
        entries(where, data, "patterns"), _read_sources(where, data), separator, header, entries(where, data, "names"),
        quotes, entries(where, data, "plus"), entries(where, data, "percent"), zone, required,
    )  # fmt: skip


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


def _read_sources(where: str, data: Mapping[str, Any]) -> tuple[Source, ...]:
    """Sources in the order of the file: `column = "name"`, or a list of names or of { from = "name", type = "…" }."""
    found = []
    for column, value in subtable(where, data, "columns").items():
        here = f"columns.{column}"
        expect(where, here, column, "a column of fields.toml", column in fields().columns or column in PIECES)
        for one in value if isinstance(value, list) else [value]:
            entry = {"from": one} if isinstance(one, str) else one
            good = isinstance(entry, dict) and "from" in entry and set(entry) <= {"from", "type"}
            good = good and all(isinstance(text, str) for text in entry.values())
            expect(where, here, one, 'a name, or { from = "name", type = "…" }', good)
            found.append(Source(column, entry["from"], entry.get("type", DEFAULT_TYPES.get(column, "text"))))
    return tuple(found)


@cache
def formats() -> Mapping[str, Format]:
    """The shipped formats by name: every file of schemas/formats/."""
    folder = resources.files("schemas").joinpath("formats")
    found = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        where = f"schemas/formats/{file.name}"
        entry = read_format(parse(file.read_text(encoding="utf-8"), where), where)
        expect(where, "name", entry.name, repr(Path(file.name).stem), entry.name == Path(file.name).stem)
        found[entry.name] = entry
    return found
