"""Table: what is declared of a published table, as types; schemas/tables.py reads them from trends.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Key:
    """A key of a published table and the pseudonymous column behind it."""

    name: str
    column: str


@dataclass(frozen=True)
class Table:
    """A published table; see the head of trends.toml."""

    name: str
    about: str
    keys: tuple[Key, ...]
    climb: tuple[str, ...]
    free: tuple[str, ...]
    humans: bool
    only: Mapping[str, tuple[str, ...]]
    present: tuple[str, ...]
    measures: tuple[str, ...]
    software: bool = False
    each: str = ""
    within: str = ""
    sensitive: tuple[str, ...] = ()

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)


@dataclass(frozen=True)
class Trends:
    """All published tables, in the order of the file."""

    tables: tuple[Table, ...]

    def __getitem__(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)
