"""Endpoints: addresses of a site whose requests tell of something else than a page, by parameters of their query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.denied import denied
from schemas.load import entries, expect, only_keys, subtable

COLUMNS = ("affiliate", "link", "licence_status", "licence_source", "server_os", "virtualisation", "features")
"""Canonical columns that a parameter may give; "url" gives path, query and host, "referrer" the referrer."""

_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+/?")
_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


@dataclass(frozen=True)
class Endpoint:
    """One path, as it stands in the log.

    `columns`: canonical column by the parameter that gives it. `page`: whether the request is one for a page as well.
    `other`: parameters that say, by being there, that what was tracked is no page view.
    """

    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    page: bool = True
    other: tuple[str, ...] = ()


def read_endpoints(where: str, data: Mapping[str, Any], at: str = "") -> tuple[Endpoint, ...]:
    """Endpoints from `endpoints = [{ path = …, columns = { affiliate = "aff" } }]`; `at` is put before each path."""
    return tuple(_read_endpoint(f"{where}: endpoints", one, at) for one in entries(where, data, "endpoints", dict))


def _read_endpoint(where: str, data: Mapping[str, Any], at: str) -> Endpoint:
    only_keys(where, data, ("path", "columns", "page", "other"))
    path, page = data.get("path"), data.get("page", True)
    expect(where, "path", path, "a path such as '/aff.php'", isinstance(path, str) and bool(_PATH.fullmatch(path)))
    expect(where, "page", page, "true or false", isinstance(page, bool))
    columns, allowed = subtable(where, data, "columns"), (*COLUMNS, "url", "referrer")
    for column in columns:
        expect(where, "columns", column, f"one of {', '.join(allowed)}", column in allowed)
    other = entries(where, data, "other")
    for name in (*columns.values(), *other):
        holds = isinstance(name, str) and bool(_NAME.fullmatch(name))
        expect(where, "columns", name, "the name of a parameter", holds)
    for column in set(COLUMNS) & set(columns):  # of an address within the query no word is published as it is
        name = columns[column]
        expect(where, "columns", name, "a parameter that may be read (schemas/denied.toml)", denied(name) is None)
    return Endpoint(at + str(path), columns, page, other)


def known(where: str, all_sites: Iterable[Sequence[Endpoint]]) -> tuple[Endpoint, ...]:
    """All endpoints of a policy, each path once. They are found before the site is known, so two must not differ."""
    found: dict[str, Endpoint] = {}
    for one in (endpoint for endpoints in all_sites for endpoint in endpoints):
        same = found.setdefault(one.path, one) == one
        expect(where, f"endpoints: {one.path}", one.columns, "the same on all sites", same)
    return tuple(found.values())
