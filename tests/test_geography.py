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
import mmdb_writer
import netaddr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.geography import Countries, GeographyError, continents, default_database
from transforms.kernels import calls, compiled

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


# ---- many at once ----------------------------------------------------------------------------------------------------

needs_kernels = pytest.mark.skipif(not compiled(), reason="without kernels each address is looked up by itself")
RECORDS = (24, 28, 32)
QUADS = st.integers(0, 2**32 - 1)


def single(database: Countries, quads: list[int]) -> list[str] | None:
    """What the library says of each address, None where it finds an error."""
    try:
        return [database.lookup(quad.to_bytes(4, "big")) for quad in quads]
    except GeographyError:
        return None


def together(database: Countries, quads: list[int]) -> list[str] | None:
    """The same of all at once."""
    try:
        return database.lookup_all(np.array(quads, np.int64))
    except GeographyError:
        return None


def written(file: Path, networks: dict[str, str], version: int, bits: int) -> Path:
    """A database of networks and their countries, with records of so many bits."""

    class Writer(mmdb_writer.TreeWriter):
        def _adjust_record_size(self) -> None:
            self.record_size = bits
            self.data_offset = bits * 2 / 8 * self._node_counter

    tree = mmdb_writer.MMDBWriter(ip_version=version, ipv4_compatible=version == 6)
    for network, country in networks.items():
        tree.insert_network(netaddr.IPSet([network]), {"country_code": country})
    meta = {"ip_version": version, "database_type": "test", "languages": [], "description": {}, "build_epoch": 1,
            "binary_format_major_version": 2, "binary_format_minor_version": 0}  # fmt: skip
    Writer(tree.tree, meta).write(str(file))
    return file


@pytest.fixture(scope="module", params=[(version, bits) for version in (4, 6) for bits in RECORDS], ids=str)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of all sizes and one within another, in a tree of IPv4 or IPv6, with records of each size."""
    version, bits = request.param
    networks = {f"{n}.0.0.0/8": "DE" for n in range(0, 256, 3)}
    networks |= {f"{n}.128.{n}.0/24": "FR" for n in range(0, 256, 5)}
    networks |= {"198.51.100.7/32": "IT", "203.0.113.128/25": "BR", "203.0.113.4/30": "ZZ"}
    return written(tmp_path_factory.mktemp("mmdb") / "a.mmdb", networks, version, bits)


def edges(networks: int) -> list[int]:
    """Addresses at both sides of where networks of the tree begin and end."""
    starts = [n << 24 for n in range(networks)] + [(n << 24) + (128 << 16) + (n << 8) for n in range(networks)]
    odd = [int(ipaddress.ip_address(text)) for text in ("198.51.100.7", "203.0.113.128", "203.0.113.4", "203.0.113.8")]
    return [place + by for place in (*starts, *odd) for by in (-1, 0, 1, 255, 256) if 0 <= place + by < 2**32]


def test_many_addresses_are_looked_up_as_each_of_them(tree: Path) -> None:
    """At all edges of all networks one walk for all gives what the library gives."""
    database, quads = Countries(tree), edges(256)
    found = together(database, quads)
    assert found == single(database, quads)
    assert {"DE", "FR", "IT", "BR", "(unknown)"} == set(found or ())


@settings(deadline=None)
@given(st.lists(QUADS, max_size=50))
def test_any_addresses_are_looked_up_as_each_of_them(quads: list[int]) -> None:
    """In the shipped database too."""
    assert together(SHIPPED, quads) == single(SHIPPED, quads)


SHIPPED = Countries()


def test_damaged_tree_is_an_error_or_read_as_the_library_reads_it(tree: Path, tmp_path: Path) -> None:
    """With bytes changed, or nodes in the place of others (which makes loops), a tree gives what the library gives: an error, if
    that finds one. Nothing is read outside.
    """
    whole, noise, quads, outcomes = tree.read_bytes(), np.random.default_rng(4), edges(256)[::7], set()
    nodes = Countries(tree)._metadata.node_count
    step = len(Countries(tree)._tree) // nodes
    for turn in range(30):
        damaged, file = bytearray(whole), tmp_path / f"{turn}.mmdb"
        to, of = (int(place) * step for place in noise.integers(nodes // 2, nodes, 2))
        damaged[to : to + step] = noise.bytes(step) if turn % 2 else whole[of : of + step]
        file.write_bytes(damaged)
        try:
            database = Countries(file)
        except GeographyError:
            outcomes.add("refused")
            continue
        expected = [single(database, [quad]) for quad in quads]
        outcomes |= {"error"} if None in expected else {"read"}
        assert [together(database, [quad]) for quad in quads] == expected
        assert together(database, quads) == (None if None in expected else [one[0] for one in expected if one])
    assert outcomes >= {"refused", "read"}


def test_error_of_a_walk_does_not_name_the_address(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an address leads to is looked up by the library, whose errors are never shown."""
    database = Countries(tree)
    monkeypatch.setattr(database, "_reader", Raises())
    with pytest.raises(GeographyError, match="a lookup failed") as caught:
        database.lookup_all(np.array([int(ipaddress.ip_address("192.0.2.133"))]))
    assert "192.0.2.133" not in str(caught.value)


def test_database_that_is_replaced_while_it_is_opened_is_refused(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree of one file is never read with the records of another."""
    file, other, real = tmp_path / "a.mmdb", tmp_path / "b.mmdb", maxminddb.open_database
    file.write_bytes(tree.read_bytes())
    other.write_bytes(tree.read_bytes())

    def replaced(path: str, mode: int) -> object:
        other.replace(file)
        return real(path, mode)

    monkeypatch.setattr(maxminddb, "open_database", replaced)
    with pytest.raises(GeographyError, match="corrupt"):
        Countries(file)


def test_database_is_checked_once_and_anew_when_it_changes(tree: Path, tmp_path: Path) -> None:
    """A file that this process has looked at is opened at once; in the place of a good one a bad one is refused."""
    file = tmp_path / "a.mmdb"
    file.write_bytes(tree.read_bytes())
    found = [Countries(file).lookup(packed("198.51.100.7")) for _ in range(2)]
    file.write_bytes(written(tmp_path / "b.mmdb", {"198.51.100.0/24": "ZZ"}, 4, 24).read_bytes())
    with pytest.raises(GeographyError, match="no country codes"):
        Countries(file)
    assert found == ["IT", "IT"]


@needs_kernels
@pytest.mark.parametrize("bits", RECORDS)
@settings(deadline=None)
@given(data=st.data())
def test_walk_reads_records_of_each_size(bits: int, data: st.DataObject) -> None:
    """Records of all values, as the format lays them out: two numbers, of 28 bits with their highest four in the middle byte."""
    nodes = data.draw(st.integers(1, 6))
    number = st.integers(0, nodes + 2) | st.integers(0, 2**bits - 1)
    records = data.draw(st.lists(st.tuples(number, number), min_size=nodes, max_size=nodes))
    low, size = (1 << 24) - 1, bits // 8
    if bits == 28:
        laid = [(a & low).to_bytes(3) + bytes([a >> 24 << 4 | b >> 24]) + (b & low).to_bytes(3) for a, b in records]
    else:
        laid = [a.to_bytes(size) + b.to_bytes(size) for a, b in records]
    quads, start = data.draw(st.lists(QUADS, max_size=5)), data.draw(st.integers(0, nodes + 1))
    expected = []
    for quad in quads:
        node = start
        for bit in f"{quad:032b}":
            node = records[node][int(bit)] if node < nodes else node
        expected.append(node)
    tree = np.frombuffer(b"".join(laid), np.uint8)
    assert calls.walk(tree, nodes, bits, start, np.array(quads, np.int64)).tolist() == expected
