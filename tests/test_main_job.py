"""The main job on a real log: what it published, counted again in plain Python from the raw lines."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline import cli
from schemas.policy import Policy
from transforms.treatments import agent, parameters, referrer, route

ROOT = Path(__file__).resolve().parents[1]
TRENDS = {table["name"]: table for table in tomllib.loads((ROOT / "schemas" / "trends.toml").read_text())["table"]}
CONTINENTS = tomllib.loads((ROOT / "schemas" / "continents.toml").read_text())["continent"]
K = 10
OTHER = "(other)"

Label = tuple[str, ...]


# ---- running it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """A finished run: its folder, its exit status and what it said on stderr."""

    root: Path
    status: int
    said: str

    @property
    def record(self) -> dict[str, Any]:
        """run.json"""
        (file,) = self.root.glob("internal/runs/*/run.json")
        return json.loads(file.read_text())  # type: ignore[no-any-return]

    def tables(self, table: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """(date, rows) of each file of a table, in `release`."""
        for file in sorted(self.root.glob(f"release/{table}/*/*/*/part-*.parquet")):
            yield file.parent.name.removeprefix("date="), pq.ParquetFile(file).read().to_pylist()


def crowdlog(output: Path, *arguments: object) -> Ran:
    """`crowdlog run ARGUMENTS --output OUTPUT` in this process."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            status = cli.main(["run", *map(str, arguments), "--output", str(output)])
    finally:
        logging.disable(logging.NOTSET)  # the command line silences engines for good; other tests want to hear them
    return Ran(output, status, said.getvalue())


def files_below(folder: Path) -> dict[str, bytes]:
    """Content by path of all files below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="session")
def log(shared: Path) -> Path:
    """10,000 lines of one real small site, four days of May 2015."""
    return shared / "logs" / "elastic_apache" / "access.log"


@pytest.fixture(scope="session")
def whole(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The log published with --partial, by a process of its own."""
    output = tmp_path_factory.mktemp("main_job") / "X"
    command = [sys.executable, "-m", "pipeline", "run", str(log), "--partial", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return Ran(output, done.returncode, done.stdout + done.stderr)


# ---- counting it again ----------------------------------------------------------------------------------------------

QUOTED = rb'"((?:[^"\\]|\\.)*)'
LINE = re.compile(
    rb"(\S+) \S+ \S+ \[(\d\d)/May/2015:(\d\d):\d\d:\d\d \+0000\] "
    + QUOTED
    + rb'" (\d{3}) (\d+|-) '
    + QUOTED
    + rb'" '
    + QUOTED
    + rb'("?)'
)


class Event(NamedTuple):
    """One request, as the log has it; the words of the tables are made from it when they are asked for."""

    client: str
    date: str
    hour: str
    target: bytes
    status: str
    size: int
    referrer: bytes
    agent: bytes

    def word(self, column: str) -> str | None:
        """The value of a column of schemas/trends.toml."""
        if column == "hour":
            return self.hour
        if column in ("status", "status_class"):
            return self.status if column == "status" else f"{self.status[0]}xx"
        return words_of(self)[column]

    @property
    def neighbourhood(self) -> str:
        return self.client.rpartition(".")[0]


# columns and tables of what clicks and pings tell of
TOLD = ("affiliate", "link", "licence_status", "licence_source", "server_os", "virtualisation", "feature")
ABOUT_EVENTS = {"affiliates", "links", "licences", "servers", "features"}


@cache
def tools() -> tuple[Any, ...]:
    """The treatments, whose own tests are elsewhere, and the country database as its own library reads it."""
    database = maxminddb.open_database(str(ROOT / "schemas" / "geo" / "dbip-country.mmdb"))
    return (
        agent.Treatment(),
        route.Treatment(),
        referrer.Treatment(),
        parameters.Treatment(),
        Policy().site("default"),
        database,
    )


@cache
def words_of(event: Event) -> dict[str, str | None]:
    """What the treatments make of one event, and its country."""
    agents, routes, referrers, campaigns, site, database = tools()
    path, _, query = event.target.partition(b"?")
    found = database.get(event.client)
    given: dict[str, str | None] = {"country": found["country_code"] if found else "(unknown)", "le_ms": None}
    given |= {**dict.fromkeys(TOLD), "event": "page"}  # an access log without endpoints tells of pages alone
    given |= zip(agent.GIVES, agents.treat(event.agent), strict=True)
    given |= zip(route.GIVES, routes.treat(path, query, site), strict=True)
    given |= zip(referrer.GIVES, referrers.treat(event.referrer, site), strict=True)
    given |= zip(parameters.GIVES, campaigns.treat(query), strict=True)
    return given


@pytest.fixture(scope="session")
def events(log: Path, whole: Ran) -> list[Event]:
    """The events that the run says it has parsed.

    One line ends inside of its last field. A parser may take it or refuse it; a run that rejects a line must mean that one.
    """
    found = [LINE.fullmatch(line) for line in log.read_bytes().splitlines()]
    matches = [match for match in found if match]
    assert len(matches) == 10_000
    closed = [match for match in matches if match[9]]
    assert len(closed) == 9_999
    chosen = closed if sum(whole.record["rejected"].values()) else matches
    return [
        Event(
            match[1].decode(), f"2015-05-{match[2].decode()}", match[3].decode(), match[4].split(b" ")[1],
            match[5].decode(), int(match[6].replace(b"-", b"0")), match[7], match[8],
        )
        for match in chosen
    ]  # fmt: skip


def concerned(table: dict[str, Any], event: Event) -> bool:
    """Whether a table counts an event."""
    if table.get("humans", True) and event.word("agent_class") != "human":
        return False
    if any(event.word(column) not in values for column, values in table.get("only", {}).items()):
        return False
    return all(event.word(column) is not None for column in table.get("present", ()))


def columns_of(table: dict[str, Any]) -> dict[str, str]:
    """Column by key."""
    return dict((key, key) if isinstance(key, str) else (key["name"], key["column"]) for key in table["keys"])


def steps(column: str, value: str) -> list[str]:
    """A value, and all that it may be generalised to, by PRIVACY.md 4.2."""
    above = []
    if column == "hour":
        quarter = int(value) // 6 * 6
        above = [f"{quarter:02d}-{quarter + 5:02d}"]
    elif column == "status":
        above = [f"{value[0]}xx"]
    elif column == "country":
        above = [f"({name})" for name, countries in CONTINENTS.items() if value in countries]
    elif column == "route":
        words = value.strip("/").split("/")
        above = ["/" + "/".join([*words[:depth], "{*}"]) for depth in range(len(words) - 1, 0, -1)]
    return list(dict.fromkeys([value, *above, OTHER]))


def ladder(table: dict[str, Any], event: Event) -> Iterator[Label]:
    """Every label under which an event may be published, the most exact one first."""
    columns = columns_of(table)
    label = {key: event.word(column) or "(none)" for key, column in columns.items()}
    yield tuple(label.values())
    for key in table["climb"]:
        for value in steps(columns[key], label[key])[1:]:
            label[key] = value
            yield tuple(label.values())


# ---- the counts -----------------------------------------------------------------------------------------------------


def test_run_succeeds(whole: Ran) -> None:
    """The main job exits 0 and says how many lines it has read."""
    assert whole.status == 0, whole.said
    assert "10,000 read" in whole.said


def test_lines_are_accounted_for(whole: Ran) -> None:
    """Each of the 10,000 lines is skipped, parsed or rejected."""
    record = whole.record
    assert record["lines"] == 10_000
    assert sum(record["skipped"].values()) + record["parsed"] + sum(record["rejected"].values()) == 10_000


def test_traffic_is_all_lines_of_a_day(whole: Ran, log: Path, events: list[Event]) -> None:
    """Published, withheld and rejected lines of a day are the lines that carry its date in field 4."""
    dates = Counter(line.split(b" ")[3][1:3].decode() for line in log.read_bytes().splitlines())
    lines = Counter({f"2015-05-{day}": count for day, count in dates.items()})
    rejected = lines - Counter(event.date for event in events)
    counted = Counter({date: sum(row["hits"] for row in rows) for date, rows in whole.tables("traffic")})
    for period in whole.record["periods"]:
        if period["table"] == "traffic":
            counted[period["date"]] += period["withheld"]
    assert len(lines) == 4
    assert counted + rejected == lines


@pytest.mark.parametrize("name", TRENDS)
def test_identity(whole: Ran, events: list[Event], name: str) -> None:
    """DESIGN.md 4.2: every event has one fate in a table, and what is published is the hits in its files."""
    record = whole.record
    counts = record["tables"][name]
    fates = ("not_applicable", "published_before", "open", "partial", "eligible")
    assert record["parsed"] == len(events) == sum(counts[fate] for fate in fates)
    assert counts["eligible"] == counts["published"] + counts["withheld"]
    assert counts["published"] == sum(row["hits"] for _, rows in whole.tables(name) for row in rows)
    assert counts["eligible"] == sum(concerned(TRENDS[name], event) for event in events)


def rows_behind(
    table: dict[str, Any], rows: set[Label], events: list[Event], shown: dict[Event, str] | None = None
) -> dict[Label, list[Event]]:
    """The events that each row of a table's day stands for.

    A label that has K neighbourhoods and is no row was pulled into (other), to cover a residue (PRIVACY.md 4.2); one of
    which a client makes more than half of the hits climbs on (4.5). `shown` is the status of each event that another table
    shows: this one shows the same and climbs by its other keys (4.3).
    """
    waiting: dict[tuple[Label, ...], list[Event]] = defaultdict(list)  # by what is left of the ladder
    behind: dict[Label, list[Event]] = defaultdict(list)
    for event in events:
        labels = tuple(ladder(table, event))
        if shown is not None:  # the status stands first
            labels = tuple((shown[event], *label[1:]) for label in ladder({**table, "climb": ["route"]}, event))
        waiting[labels].append(event)
    while waiting:
        highest = max(waiting, key=len)
        found = waiting.pop(highest)
        label, left, top = highest[0], highest[1:], highest[-1]
        if label in rows:
            behind[label] += found
        elif len({event.neighbourhood for event in found}) >= K and not is_mostly_one(found):
            behind[top] += found
        elif left:
            waiting[left] += found
    return {label: found for label, found in behind.items() if label in rows}


def is_mostly_one(events: list[Event]) -> bool:
    """Whether one client makes more than half of the hits."""
    return 2 * max(Counter(event.client for event in events).values()) > len(events)


def statuses_of(whole: Ran, events: list[Event], date: str) -> dict[Event, str]:
    """What `statuses` shows of each event of a day."""
    table, published = TRENDS["statuses"], dict(whole.tables("statuses"))[date]
    rows = {tuple(row[key] for key in columns_of(table)) for row in published}
    behind = rows_behind(table, rows, [event for event in events if event.date == date])
    return {event: label[0] for label, found in behind.items() for event in found}


@pytest.mark.parametrize("name", sorted(set(TRENDS) - {"campaigns", "latency"} - ABOUT_EVENTS))
def test_rows_are_what_the_log_says(whole: Ran, events: list[Event], name: str) -> None:
    """Every row stands for at least 10 neighbourhoods, and its measures are those of the events that belong to it."""
    table = TRENDS[name]
    applicable = [event for event in events if concerned(table, event)]
    assert list(whole.tables(name))
    for date, published in whole.tables(name):
        rows = {tuple(row[key] for key in columns_of(table)): row for row in published}
        shown = statuses_of(whole, events, date) if name == "errors" else None
        behind = rows_behind(table, set(rows), [event for event in applicable if event.date == date], shown)
        for label, row in rows.items():
            found = behind[label]
            assert len({event.neighbourhood for event in found}) >= K, (date, label)
            assert (row["hits"], row["visitors"]) == (len(found), len({event.client for event in found})), (date, label)
            for measure in table.get("measures", ()):
                assert row[measure] == sum(event.size for event in found), (date, label, measure)


def test_detail_is_what_the_log_says(whole: Ran, events: list[Event]) -> None:
    """`detail` is the share of people's hits whose row names their browser's family."""
    shown = sum(row["hits"] for _, rows in whole.tables("browsers") for row in rows if row["family"] != OTHER)
    people = sum(concerned(TRENDS["browsers"], event) for event in events)
    detail = whole.record["detail"]["browsers"]
    assert detail["family"] == pytest.approx(shown / people, abs=1e-4)
    assert 0 < detail["major"] < detail["family"] < 1


def test_no_row_has_fewer_visitors_than_k(whole: Ran) -> None:
    """Every neighbourhood has a network at least, and `visitors` counts networks: 10 or more in each row of each table."""
    visitors = [row["visitors"] for name in TRENDS for _, rows in whole.tables(name) for row in rows]
    assert len(visitors) == sum(period["rows"] for period in whole.record["periods"])
    assert min(visitors) >= K


# ---- the addresses --------------------------------------------------------------------------------------------------

RANDOM = re.compile(
    rb"[0-9a-f]{64}|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
)  # digests and run ids: 4 bytes of them mean nothing


class Hunt:
    """Looks for IPv4 addresses in bytes: as text, as text of the /24, as an integer in decimal, packed either way."""

    def __init__(self, addresses: set[str]) -> None:
        parts = [tuple(address.split(".")) for address in addresses]
        self.dotted = set(parts) | {part[:3] for part in parts}
        self.decimal = {str(int(IPv4Address(address))) for address in addresses}
        packed = np.array([int(IPv4Address(address)) for address in addresses], np.uint32)
        self.packed = np.union1d(packed, packed.byteswap())

    def written(self, content: bytes) -> set[str]:
        """Addresses as text. Numbers are taken whole, so that 192.0.2.1 is not found in 192.0.2.17."""
        found: set[str] = set()
        for token in set(re.findall(rb"[0-9]+(?:\.[0-9]+)*", content)):
            numbers = tuple(token.decode().split("."))
            windows = {numbers[start : start + size] for size in (3, 4) for start in range(len(numbers) - size + 1)}
            found |= {".".join(window) for window in windows & self.dotted} | (set(numbers) & self.decimal)
        return found

    def packed_in(self, content: bytes) -> set[str]:
        """Addresses as 4 bytes, the first or the last octet first, at every offset."""
        if len(content) < 4:
            return set()
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(content, np.uint8), 4)
        values = np.ascontiguousarray(windows).view(np.uint32).ravel()
        return {value.tobytes().hex() for value in np.intersect1d(values, self.packed)}

    def below(self, folder: Path) -> set[tuple[str, str]]:
        """(file, what was found) in names and bytes below a folder, Parquet pages unpacked."""
        found = set()
        for name, content in files_below(folder).items():
            found |= {(name, one) for one in self.written(name.encode()) | self.written(content)}
            for part in opened(content):
                found |= {(name, one) for one in self.written(part) | self.packed_in(RANDOM.sub(b"", part))}
        return found


def opened(content: bytes) -> Iterator[bytes]:
    """All bytes of a file; of Parquet the footer and every page unpacked: what is compressed is as good as random."""
    if not content.startswith(b"PAR1"):
        yield content
        return
    yield content[-8 - int.from_bytes(content[-8:-4], "little") :]
    for frame in re.finditer(re.escape(zstandard.FRAME_HEADER), content):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(content[frame.start() :])


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("192.0.2.17", id="text"),
        pytest.param("192.0.2", id="text-24"),
        pytest.param(str(0xC0000211), id="decimal"),
        pytest.param(b"\xc0\x00\x02\x11", id="packed"),
        pytest.param(b"\x11\x02\x00\xc0", id="packed-little-endian"),
        pytest.param(0xC0000211, id="integer"),
    ],
)
def test_hunt_finds_what_is_planted(tmp_path: Path, form: str | bytes | int) -> None:
    """The hunt below would find an address in any of these forms inside of a compressed Parquet file."""
    pq.write_table(
        pa.table({"key": ["a", "b"] * 64, "value": [form] * 128}), tmp_path / "planted.parquet", compression="zstd"
    )
    pq.write_table(
        pa.table({"key": ["a", "b"] * 64, "value": ["a"] * 128}), tmp_path / "clean.parquet", compression="zstd"
    )
    assert {name for name, _ in Hunt({"192.0.2.17"}).below(tmp_path)} == {"planted.parquet"}


def test_no_address_in_any_byte(whole: Ran, log: Path) -> None:
    """None of the 1,753 addresses is in a byte of the output folder or of what the run said."""
    addresses = {line.split(b" ")[0].decode() for line in log.read_bytes().splitlines()}
    assert len(addresses) == 1_753
    hunt = Hunt(addresses)
    assert hunt.below(whole.root) == set()
    assert hunt.written(whole.said.encode()) == set()


# ---- what is published, and when ------------------------------------------------------------------------------------


def test_only_covered_days(tmp_path: Path, log: Path) -> None:
    """Without --partial the days at the ends of the log stay, and the message names them and what to do."""
    ran = crowdlog(tmp_path, log)
    assert ran.status == 0
    assert {date for date, _ in ran.tables("traffic")} == {"2015-05-18", "2015-05-19"}
    held = [line for line in ran.said.splitlines() if "not covered" in line]
    assert [re.findall(r"2015-05-\d\d", line) for line in held] == [["2015-05-17"], ["2015-05-20"]]
    assert all("--partial" in line for line in held)


def test_covered_days_do_not_depend_on_partial(tmp_path: Path, whole: Ran, log: Path) -> None:
    """What --partial adds changes nothing in the days that are covered."""
    ran = crowdlog(tmp_path, log)
    without, everything = files_below(ran.root / "release"), files_below(whole.root / "release")
    assert {name: everything[name] for name in without if name.endswith(".parquet")} == {
        name: content for name, content in without.items() if name.endswith(".parquet")
    }


def test_again_changes_nothing(tmp_path: Path, whole: Ran, log: Path) -> None:
    """A second run on the same log publishes nothing, leaves release and ledger as they are, says so and exits 0."""
    shutil.copytree(whole.root, tmp_path / "X")
    ran = crowdlog(tmp_path / "X", log, "--partial")
    assert ran.status == 0
    assert "nothing new to publish" in ran.said
    for folder in ("release", "internal/ledger"):
        assert files_below(ran.root / folder) == files_below(whole.root / folder)


def test_preview_publishes_nothing(tmp_path: Path, whole: Ran, log: Path) -> None:
    """--preview shows the same tables in a folder that only its owner can read; release and ledger are not begun."""
    ran = crowdlog(tmp_path, log, "--preview")
    assert ran.status == 0
    assert not (tmp_path / "release").exists()
    assert not list(tmp_path.glob("internal/ledger/*"))
    assert stat.S_IMODE((tmp_path / "preview").stat().st_mode) == 0o700
    shown, published = files_below(tmp_path / "preview"), files_below(whole.root / "release")
    del published["manifest.json"]
    assert shown == published


def test_broken_lines_change_nothing(tmp_path: Path, shared: Path) -> None:
    """A log with broken lines gives the bytes of the same log without them, and each broken line is counted."""
    runs = [
        crowdlog(tmp_path / name, shared / "logs" / "advertools" / f"{name}.log", "--partial")
        for name in ("combined_with_errors", "combined_no_errors")
    ]
    broken, clean = runs
    assert [ran.status for ran in runs] == [0, 0]
    assert sum(broken.record["rejected"].values()) == broken.record["lines"] - clean.record["lines"] > 0
    assert files_below(broken.root / "release") == files_below(clean.root / "release") != {}
