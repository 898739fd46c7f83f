"""Geography: lookups agree with an oracle; a database that is missing, corrupt or unsuitable stops the run."""

from __future__ import annotations

import ipaddress
import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path

import maxminddb
import pytest

from transforms.geography import Countries, GeographyError, continents, default_database

REPOSITORY = Path(__file__).resolve().parents[1]
MMDB = REPOSITORY.parent / "shared" / "data" / "mmdb" / "maxmind-test"
needs_data = pytest.mark.skipif(not MMDB.is_dir(), reason="the folder of shared test data is absent")
BROKEN = [
    *sorted(MMDB.glob("bad-data/*/*.mmdb")),
    MMDB / "GeoIP2-City-Test-Broken-Double-Format.mmdb",
    MMDB / "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
    MMDB / "GeoLite2-ASN-Test.mmdb",
]


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


@needs_data
def test_lookups_agree_with_the_oracle() -> None:
    """The first address of every network of MaxMind's test database has the country that its JSON source names."""
    database = Countries(MMDB / "GeoIP2-Country-Test.mmdb")
    entries = [pair for entry in json.loads((MMDB / "GeoIP2-Country-Test.json").read_text()) for pair in entry.items()]
    networks = {ipaddress.ip_network(text, strict=False): record for text, record in entries}
    wrong = []
    for network, record in networks.items():
        inside = [other for other in networks if other != network and network.network_address in other]
        if any(other.prefixlen > network.prefixlen for other in inside):
            continue
        expected = record.get("country", {}).get("iso_code", "(unknown)")
        if database.lookup(network.network_address.packed) != expected:
            wrong.append(str(network))
    assert len(networks) > 100
    assert wrong == []


@needs_data
@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_broken_databases_are_refused(file: Path) -> None:
    """A corrupt or unsuitable database is refused when it is opened, in one line that names it, in bounded time."""
    program = f"from transforms.geography import Countries, GeographyError\ntry:\n    Countries({str(file)!r})\n"
    program += "except GeographyError as error:\n    print(error)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, timeout=20, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert str(file) in done.stdout


def test_missing_database_is_refused(tmp_path: Path) -> None:
    """A file that is not there is named with the reason."""
    with pytest.raises(GeographyError, match=r"none\.mmdb: No such file"):
        Countries(tmp_path / "none.mmdb")


@pytest.mark.parametrize("size", [0, 1, 1_000_000], ids=["empty", "byte", "half"])
def test_truncated_database_is_refused(tmp_path: Path, size: int) -> None:
    """A database of which only the beginning arrived is refused."""
    file = tmp_path / "cut.mmdb"
    file.write_bytes(default_database().read_bytes()[:size])
    with pytest.raises(GeographyError, match="corrupt"):
        Countries(file)


class Raises:
    """A reader that fails, with the address in its message as the real one has."""

    def get(self, address: str) -> object:
        raise maxminddb.InvalidDatabaseError(f"Error while looking up data for {address}")


def test_corruption_that_shows_later_stops_the_run_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a lookup becomes a GeographyError that does not name the address."""
    database = Countries()
    monkeypatch.setattr(database, "_reader", Raises())
    with pytest.raises(GeographyError, match="a lookup failed") as caught:
        database.lookup(packed("192.0.2.133"))
    assert "192.0.2.133" not in str(caught.value)
    assert caught.value.__suppress_context__


class Record:
    """A reader that has one record everywhere."""

    def __init__(self, record: object) -> None:
        self.record = record

    def get(self, address: str) -> object:
        return self.record


LAYOUTS = {
    "flat": ({"country_code": "DE"}, "DE"),
    "nested": ({"country": {"iso_code": "DE", "names": {}}}, "DE"),
    "nested_code": ({"country": {"code": "DE"}}, "DE"),
    "plain": ({"country": "DE", "continent": "EU"}, "DE"),
    "lower": ({"country_code": "de"}, "DE"),
    "kosovo": ({"country_code": "XK"}, "XK"),
    "registered_only": ({"registered_country": {"iso_code": "DE"}}, "(unknown)"),
    "none_as_text": ({"country_code": "None"}, "(unknown)"),
    "empty": ({"country_code": ""}, "(unknown)"),
    "no_country": ({"country_code": "ZZ"}, "(unknown)"),
    "name": ({"country": "Germany"}, "(unknown)"),
    "number": ({"country_code": 49}, "(unknown)"),
    "text": ("DE", "(unknown)"),
    "absent": (None, "(unknown)"),
}


@pytest.mark.parametrize(("record", "expected"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(monkeypatch: pytest.MonkeyPatch, record: object, expected: str) -> None:
    """Four layouts of records are read; what is no ISO code is unknown."""
    database = Countries()
    monkeypatch.setattr(database, "_reader", Record(record))
    assert database.lookup(packed("192.0.2.1")) == expected


def test_ipv6_in_a_database_of_ipv4_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database without IPv6 does not know IPv6 addresses, and that is no error."""
    database = Countries()
    monkeypatch.setattr(database, "_only_ipv4", True)
    assert database.lookup(packed("2001:4860:4860::8888")) == "(unknown)"


def test_default_database_knows_the_world() -> None:
    """The shipped database tells where two well-known networks are, its kind and its date."""
    database = Countries()
    assert [database.lookup(packed(text)) for text in ("1.0.0.1", "2001:200::1")] == ["AU", "JP"]
    assert database.lookup(packed("192.0.2.1")) == database.lookup(packed("10.0.0.1")) == "(unknown)"
    assert database.kind
    assert database.build_date.startswith("20")


def test_every_code_of_the_default_database_has_a_continent() -> None:
    """No country of the shipped database is left without a continent."""
    with maxminddb.open_database(str(default_database())) as reader:
        codes = {record["country_code"] for _, record in itertools.islice(reader, 0, 200_000)}
    assert len(codes) > 200
    assert codes - set(continents()) == set()


def test_continents_are_a_partition() -> None:
    """All 249 codes of ISO 3166-1 and Kosovo's are there, each once."""
    assert len(continents()) == 250
    assert set(continents().values()) == {"AF", "AN", "AS", "EU", "NA", "OC", "SA"}
    assert [continents()[code] for code in ("DE", "BR", "JP", "NZ", "EG", "MX", "AQ", "XK")] == [
        "EU", "SA", "AS", "OC", "AF", "NA", "AN", "EU",
    ]  # fmt: skip


def test_database_travels_as_its_path() -> None:
    """A worker opens the database itself."""
    database = pickle.loads(pickle.dumps(Countries()))
    assert database.lookup(packed("1.0.0.1")) == "AU"
