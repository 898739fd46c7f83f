"""Geography: the country of an address, from a MaxMind DB file that is checked before the first line is read."""

from __future__ import annotations

import datetime as dt
import ipaddress
import mmap
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any

import maxminddb
import numpy as np
from numpy.typing import NDArray

from schemas.load import shipped
from transforms.kernels import compiled
from transforms.kernels.calls import walk
from transforms.kernels.modes import DEPTH

UNKNOWN = "(unknown)"
PROBES = 4096
"""Lookups of each of the two kinds with which a database is checked."""

_NO_CODE = {"", "None"}
_SIZES = (24, 28, 32)  # bits of a record
_IN_IPV6 = 96  # zeros in front of an IPv4 address in a tree of IPv6


class GeographyError(ValueError):
    """A geo database is missing, corrupt or not about countries; the message is one line: file and reason."""


@cache
def continents() -> dict[str, str]:
    """ISO 3166-1 alpha-2 code → code of its continent (AF, AN, AS, EU, NA, OC, SA), from schemas/continents.toml."""
    table = shipped("continents.toml")["continent"]
    return {code: continent for continent, codes in table.items() for code in codes}


@cache
def _names() -> dict[str, str]:
    """Codes, and names as `_plain_name` gives them → code, from schemas/countries.toml."""
    table: dict[str, list[str]] = shipped("countries.toml")["country"]
    found = {_plain_name(name): code for code, names in table.items() for name in names}
    return {**found, **{code.lower(): code for code in continents()}}


def _plain_name(name: str) -> str:
    """A name without case, accents and the signs between its words."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z]+", " ", bare.casefold().replace("&", " and ")).split())


def country_named(country: bytes | None) -> str:
    """ISO 3166-1 alpha-2 code for a code or an English name of a country, "(unknown)" for anything else."""
    if not country or len(country) > 128:
        return UNKNOWN
    return _names().get(_plain_name(country.decode("utf-8", "replace")), UNKNOWN)


def default_database() -> Path:
    """The shipped database: DB-IP Lite, CC BY 4.0, "IP Geolocation by DB-IP" (https://db-ip.com)."""
    return Path(str(resources.files("schemas").joinpath("geo", "dbip-country.mmdb")))


def _code(record: Any) -> str:
    """The country code of a record in any of four layouts, "" where it has none.

    `{country_code}` (DB-IP Lite, iptoasn), `{country: {iso_code}}` (MaxMind, DB-IP), `{country: {code}}`,
    `{country}` (IPinfo).
    """
    if not isinstance(record, dict):
        return ""
    code = record.get("country_code")
    if not isinstance(code, str):
        code = record.get("country")
        if isinstance(code, dict):
            code = code.get("iso_code") or code.get("code")
    return "" if not isinstance(code, str) or code in _NO_CODE else code.upper()


_checked: set[tuple[int, ...]] = set()  # files that this process has looked at


def _identity(about: os.stat_result) -> tuple[int, ...]:
    """What a file is known by, and changes with it."""
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


class Countries:
    """An open country database. Reading is by memory map; pickles as its path and is opened again.

    Raises GeographyError where the file is missing, corrupt or not about countries.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else default_database()
        try:
            with open(self.path, "rb") as file:
                self._reader = maxminddb.open_database(str(self.path), maxminddb.MODE_AUTO)
                self._metadata = self._reader.metadata()
                self._tree = self._mapped(file.fileno())
        except OSError as error:
            raise self._error(error.strerror or "not readable") from None
        except (maxminddb.InvalidDatabaseError, ValueError, TypeError, RecursionError, MemoryError):
            raise self._error("not a MaxMind DB file, or a corrupt one") from None
        self._known = continents()
        self._only_ipv4 = self._metadata.ip_version == 4
        self._ends: dict[int, str] = {}  # country by what addresses lead to
        if self._file not in _checked:  # a run opens it for itself, and again in each worker
            self._check()
            _checked.add(self._file)

    def _mapped(self, file: int) -> NDArray[np.uint8]:
        """The search tree of an open file, which must be the one that the reader has opened. Raises ValueError, OSError."""
        self._file, now = _identity(os.fstat(file)), _identity(os.stat(self.path))
        nodes, bits = self._metadata.node_count, self._metadata.record_size
        if self._file != now or bits not in _SIZES:
            raise ValueError
        tree = np.frombuffer(mmap.mmap(file, 0, access=mmap.ACCESS_READ), np.uint8)
        if nodes < 1 or tree.size < nodes * bits // 4:
            raise ValueError
        return tree[: nodes * bits // 4]

    @property
    def kind(self) -> str:
        """What the database says that it is, for example "GeoLite2-Country"."""
        return str(self._metadata.database_type)

    @property
    def build_date(self) -> str:
        """The day (UTC, ISO 8601) on which the database was made, "(unknown)" where that is no date."""
        try:
            return (dt.date(1970, 1, 1) + dt.timedelta(seconds=int(self._metadata.build_epoch))).isoformat()
        except (OverflowError, ValueError, TypeError):
            return UNKNOWN

    def lookup(self, packed: bytes) -> str:
        """ISO 3166-1 alpha-2 code for an address of 4 or 16 bytes, "(unknown)" where the database has none.

        Raises GeographyError where the database turns out to be corrupt.
        """
        if len(packed) == 16 and self._only_ipv4:
            return UNKNOWN
        code = _code(self._record(packed))
        return code if code in self._known else UNKNOWN

    def lookup_all(self, quads: NDArray[np.int64]) -> list[str]:
        """The same for many IPv4 addresses, given as numbers: one for each record that they lead to is looked up."""
        if not compiled():
            return [self.lookup(quad.to_bytes(4, "big")) for quad in quads.tolist()]
        ends, first, which = np.unique(self._walk(self._start, quads), return_index=True, return_inverse=True)
        for end, quad in zip(ends.tolist(), quads[first].tolist(), strict=True):
            if end not in self._ends:
                self._ends[end] = self.lookup(quad.to_bytes(4, "big"))
        countries = [self._ends[end] for end in ends.tolist()]
        return [countries[place] for place in which.tolist()]

    def _walk(self, start: int, quads: NDArray[np.int64]) -> NDArray[np.int64]:
        return walk(self._tree, self._metadata.node_count, self._metadata.record_size, start, quads)

    @cached_property
    def _start(self) -> int:
        """The node at which IPv4 addresses begin."""
        start = 0
        for _ in range(0 if self._only_ipv4 else _IN_IPV6 // DEPTH):
            start = int(self._walk(start, np.zeros(1, np.int64))[0])
        return start

    def _record(self, packed: bytes) -> Any:
        text = inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)
        try:
            return self._reader.get(text)
        except (maxminddb.InvalidDatabaseError, ValueError, TypeError, RecursionError, MemoryError):
            # The reader's message names the address.
            raise self._error("corrupt: a lookup failed") from None

    def _check(self) -> None:
        if self._metadata.ip_version not in (4, 6):
            raise self._error(f"ip_version is {self._metadata.ip_version!r}, expected 4 or 6")
        found: Counter[bool] = Counter()
        for record in self._sample():
            if record is not None:
                found[_code(record) in self._known] += 1
        if not found[True]:
            raise self._error(f"no country codes in {found[False]} records, expected a country database")

    def _sample(self) -> Iterator[Any]:
        """Records of the first networks in order, and of addresses spread over all the space."""
        bits = 32 if self._only_ipv4 else 128
        address = 0
        for _ in range(PROBES):
            if address >> bits:
                break
            record, length = self._record_and_length(address, bits)
            yield record
            address += 1 << (bits - length)
        for step in range(PROBES):
            yield self._record((step * (2**32 // PROBES) + 1).to_bytes(4, "big"))
            if bits == 128:
                yield self._record(((0x2000 << 112) + step * (2**125 // PROBES) + 1).to_bytes(16, "big"))

    def _record_and_length(self, address: int, bits: int) -> tuple[Any, int]:
        where = ipaddress.IPv4Address(address) if bits == 32 else ipaddress.IPv6Address(address)
        try:
            record, length = self._reader.get_with_prefix_len(where)
        except (maxminddb.InvalidDatabaseError, ValueError, TypeError, RecursionError, MemoryError):
            raise self._error("corrupt: a lookup failed") from None
        return record, length

    def _error(self, reason: str) -> GeographyError:
        return GeographyError(f"geo database {self.path}: {reason}")

    def __reduce__(self) -> tuple[type[Countries], tuple[Path]]:
        return Countries, (self.path,)
