"""`crowdlog subject`: the lines of an address and no others, in every format; what they say goes to the export alone."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import stat
from pathlib import Path

import expected
import lifecycle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifecycle import ALICE, NOW, PACK, command, said

from pipeline import search
from pipeline.chosen import chosen_formats, chosen_policy
from pipeline.cli import main
from pipeline.find import Input, find
from pipeline.search import Found, Search, pieces
from pipeline.subject import ranges
from pipeline.whose import END, whose
from schemas.policy import Ip, Policy
from schemas.trouble import Trouble
from transforms.tombstones import Tombstones

KEY = bytes(range(32))
VISITOR = "198.19.158.102"  # one of the cast of the small samples
WITHOUT = {"ga4", "plausible", "umami"}  # formats without addresses
OTHERS = {"combined", "common", "nginx_timed", "vhost_combined"}  # larger samples, of others


@pytest.fixture(autouse=True)
def logging_again(engines_may_log_again: None) -> None:
    """A command silences logging for its whole process; here the process goes on."""


def searched(name: str, address: str) -> tuple[Found, Path]:
    """What is found of an address in a sample log."""
    wanted = expected.wanted(name, Path())
    policy = chosen_policy(wanted)
    inputs = find(wanted.inputs)
    formats, names = chosen_formats(wanted, policy, inputs)
    sought = Tombstones(KEY, whose([address], None, None, policy).tombstones(KEY, END), policy.ip)
    return Search(policy, formats, expected.NOW, sought).file(inputs[0], names[0]), Path(inputs[0].path)


def named(line: bytes, address: str) -> bool:
    """Whether an address stands in a line, also in one that journald wrote as a list of bytes."""
    if listed := re.search(rb"\[((?:\d+,)+\d+)\]", line):
        line = bytes(map(int, listed[1].split(b",")))
    return re.search(rb"(?<![\d.])" + re.escape(address.encode()) + rb"(?![\d.])", line) is not None


# ---- which lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in expected.formats() if name not in WITHOUT | OTHERS])
def test_lines_of_every_format_are_found(name: str) -> None:
    """In each small sample the lines in which the visitor's address stands are found, header lines and envelopes or not."""
    found, file = searched(name, VISITOR)
    lines = file.read_bytes().split(b"\n")
    assert list(found.numbers) == [number for number, line in enumerate(lines, 1) if named(line, VISITOR)]
    assert len(found.numbers) == 8
    assert found.lines == len(lines) - 1


@pytest.mark.parametrize(("name", "place"), [("combined", 0), ("common", 0), ("nginx_timed", 0), ("vhost_combined", 1)])
def test_lines_among_rejected_ones_are_found(name: str, place: int) -> None:
    """Of the most frequent clients all lines are found, by the column in which the address is; broken lines are told."""
    file = expected.SAMPLES / name / "input.log"
    clients = [[*line.split(b" "), b"", b""][place].decode("latin-1") for line in file.read_bytes().split(b"\n")]
    for client in sorted(set(clients), key=clients.count)[-9:-1:4]:
        if client.count("."):
            found, _ = searched(name, client)
            assert list(found.numbers) == [number for number, one in enumerate(clients, 1) if one == client]
            assert found.unread > 0


VISITORS = {"ga4": "user_pseudo_id", "umami": "session_id", "plausible": "user_id"}


@pytest.mark.parametrize(("name", "key"), VISITORS.items())
def test_visitors_of_formats_without_addresses(name: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a collector names visitors by an id, --visitor finds them, and an address of the same text does not."""
    file = expected.SAMPLES / name / "input.log"
    ids = re.findall(rf'"{key}": ?"?([^",}}]+)', file.read_text())
    visitor = max(sorted(set(ids)), key=ids.count)
    result = said(capsys, expected.NOW, "subject", "--visitor", visitor, "--format", name, file)
    wanted = [n for n, line in enumerate(file.read_text().splitlines(), 1) if visitor in line]
    assert (result["files"][0]["found"], result["files"][0]["addressless"]) == (wanted, 0)
    assert len(wanted) > 1


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_lines_without_addresses_are_told(name: str) -> None:
    """Events of a format without addresses are none's, and how many there were is said."""
    found, file = searched(name, VISITOR)
    assert (list(found.numbers), found.addressless) == ([], 83)
    assert file.read_bytes().count(b"\n") >= 83


def test_halves_are_not_parsed_where_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log in which nobody is sought costs one reading: halving is for what was found."""
    calls = []
    halve = search._middle
    monkeypatch.setattr(search, "_middle", lambda lines: calls.append(1) or halve(lines))
    searched("combined", "192.0.2.199")
    assert calls == []
    searched("combined", "198.18.195.56")
    assert calls


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\0", b"x" * 70_000, b"y" * 1_100_000]), max_size=12))
def test_pieces_are_the_file(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    """Pieces joined are the bytes of the file, and each begins with the line of its number."""
    content = b"".join(parts)
    file = tmp_path_factory.mktemp("pieces") / "x.log"
    file.write_bytes(content)
    found = list(pieces(Input(str(file), len(content), False)))
    assert b"".join(one.content for one in found) == content
    before = 0
    for one in found:
        assert one.first == content.count(b"\n", 0, before) + 1
        before += len(one.content)


def test_odd_lines_do_not_shift_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines too long to be read, blank ones, carriage returns and a missing last newline count as lines; so grep says too."""
    lines = lifecycle.lines()[:12]
    odd = [lines[0], "z" * 2_500_000, "", lines[4], "é" * 40_000, lines[1] + "\r", "w" * 66_000, lines[4]]
    file = tmp_path / "access.log"
    file.write_text("\n".join(odd))
    result = said(capsys, NOW, "subject", "--address", ALICE, file)
    found = [number for number, line in enumerate(odd, 1) if line.startswith(ALICE)]
    assert (result["files"][0]["found"], result["files"][0]["lines"]) == (found, len(odd))
    assert result["files"][0]["unread"] == 3
    assert found == [4, 8]


@pytest.mark.parametrize("ending", PACK)
def test_packed_logs_are_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    """Whatever a log is packed with, its lines have the same numbers."""
    file = lifecycle.write(tmp_path / f"access.log{ending}", lifecycle.lines())
    result = said(capsys, NOW, "subject", "--address", ALICE, file)
    expected_numbers = [n for n, line in enumerate(lifecycle.lines(), 1) if line.startswith(f"{ALICE} ")]
    assert result["files"][0]["found"] == expected_numbers
    assert (result["found"], len(expected_numbers)) == (60, 60)


SPANS = {
    "a day": (["--from", "2025-11-19", "--to", "2025-11-19"], "19/Nov", ""),
    "from a time": (["--from", "2025-11-20T12:36:00+00:00"], "20/Nov/2025:1[2-9]|20/Nov/2025:2", "20/Nov/2025:12:[0-2]"),
    "to a time, included": (["--to", "2025-11-18T00:36:00Z"], "18/Nov/2025:00:36:00", ""),
    "to the second before": (["--to", "2025-11-18T00:35:59Z"], "nothing", ""),
    "by another clock": (["--from", "2025-11-19T00:00:00+05:00", "--to", "2025-11-18T23:59:59+00:00"],
                         "18/Nov/2025:(19|2)", ""),
}  # fmt: skip


@pytest.mark.parametrize(("options", "some", "none"), SPANS.values(), ids=SPANS)
def test_span(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], some: str, none: str) -> None:
    """Only lines of the span are found; its ends are in it, and a day of the end is whole."""
    file = lifecycle.write(tmp_path / "access.log", lifecycle.lines())
    result = said(capsys, NOW, "subject", "--address", ALICE, *options, file)
    wanted = [
        number
        for number, line in enumerate(lifecycle.lines(), 1)
        if line.startswith(ALICE) and re.search(some, line) and not (none and re.search(none, line))
    ]
    assert result["files"][0]["found"] == wanted


def test_days_are_those_of_the_policy_s_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A day without a zone begins at midnight of the policy's time zone."""
    file, policy = lifecycle.write(tmp_path / "access.log", lifecycle.lines()), tmp_path / "crowdlog.toml"
    policy.write_text('timezone = "Asia/Tokyo"\n')
    options = ["--address", ALICE, "--from", "2025-11-19", "--to", "2025-11-19", "--policy", policy]
    found = said(capsys, NOW, "subject", *options, file)["files"][0]["found"]
    start = dt.datetime(2025, 11, 18, 15, tzinfo=dt.UTC)
    wanted = []
    for number, line in enumerate(lifecycle.lines(), 1):
        when = dt.datetime.strptime(line.split("[")[1][:26], "%d/%b/%Y:%H:%M:%S %z")
        if line.startswith(ALICE) and start <= when < start + dt.timedelta(days=1):
            wanted.append(number)
    assert found == wanted


FORMS = {
    "another form of it": ("::ffff:203.0.113.77", ["203.0.113.77", "203.0.113.78"], [0]),
    "an address of IPv6": ("2001:db8:1:200::7", ["2001:DB8:1:200:0:0:0:7", "2001:db8:1:200::8"], [0]),
    "a network of IPv6": (
        "2001:db8:1:2ff::/56",
        ["2001:db8:1:200::8", "2001:db8:1:2ab::1", "2001:db8:1:300::1"],
        [0, 1],
    ),
    "with a port": ("203.0.113.77", ["203.0.113.77:5443", "203.0.113.7:77"], [0]),
}


@pytest.mark.parametrize(("asked", "clients", "found"), FORMS.values(), ids=FORMS)
def test_forms_of_an_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, clients: list[str], found: list[int]
) -> None:
    """An address is found in whatever form it was logged, and a network of IPv6 by its first bits."""
    rest = ' - - [18/Nov/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"'
    file = lifecycle.write(tmp_path / "access.log", [client + rest for client in clients])
    numbers = said(capsys, NOW, "subject", "--address", asked, file)["files"][0]["found"]
    assert numbers == [one + 1 for one in found]


def test_visitor_behind_a_trusted_proxy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """X-Forwarded-For is read as a run reads it: behind trusted proxies, and not where anybody could have written it."""
    rest = '[18/Nov/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"'
    lines = [
        f'10.0.0.1 - - {rest} "{ALICE}"',
        f'192.0.2.1 - - {rest} "{ALICE}"',
        f'10.0.0.1 - - {rest} "{ALICE}, 192.0.2.9"',
    ]
    file, policy = lifecycle.write(tmp_path / "access.log", lines), tmp_path / "crowdlog.toml"
    policy.write_text('[ip]\ntrusted_proxies = ["10.0.0.0/8"]\n')
    options = ["--policy", policy, "--format", "combined_forwarded", file]
    assert said(capsys, NOW, "subject", "--address", ALICE, *options)["files"][0]["found"] == [1]
    assert said(capsys, NOW, "subject", "--address", "192.0.2.9", *options)["files"][0]["found"] == [3]


@pytest.mark.parametrize(
    "text", ["", "nobody", "1.2.3", "203.0.113.77/24", "2001:db8::/48", "2001:db8::/129", "2001:db8::/x", "::1/64/3"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A name, a broken address and a network of many people are wrong usage, and are not echoed."""
    with pytest.raises(Trouble) as refused:
        whose([text], None, None, Policy())
    assert refused.value.code == "E201"
    assert not text or text not in refused.value.message


def test_addresses_come_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-` reads them there, one a line, so that they are in no list of processes."""
    file = lifecycle.write(tmp_path / "access.log", lifecycle.lines())
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ALICE}\n\n198.18.0.9\n"))
    result = said(capsys, NOW, "subject", "--address", "-", file)
    assert result["found"] == sum(line.startswith((f"{ALICE} ", "198.18.0.9 ")) for line in lifecycle.lines())


def test_found_by_distinct_clients() -> None:
    """Events are looked at by the distinct clients of a batch: one reading of an address serves all of its lines."""
    import pyarrow as pa

    codes = pa.array([0, 1, 0, None, 0], pa.int32())
    client = pa.DictionaryArray.from_arrays(codes, pa.array([ALICE.encode(), b"198.18.0.1"], pa.binary()))
    batch = pa.record_batch({"client": client, "time": pa.array([5, 5, 9, 5, 10], pa.int64())})
    asked = whose([ALICE], dt.datetime.fromtimestamp(5, dt.UTC), dt.datetime.fromtimestamp(9, dt.UTC), Policy())
    sought = Tombstones(KEY, asked.tombstones(KEY, END), Ip())
    read = []
    whole = sought.spans
    sought.spans = lambda *row: read.append(row) or whole(*row)  # type: ignore[method-assign]
    assert np.flatnonzero(sought.found(batch)).tolist() == [0, 2]
    sought.found(batch)
    assert len(read) == 3  # each of the two, and the client that is missing, once


# ---- what is told ---------------------------------------------------------------------------------------------------


def test_ranges_of_lines() -> None:
    """Numbers in a row are told by their ends."""
    assert ranges([]) == []
    assert ranges([3, 5, 6, 7, 9, 10]) == ["3", "5-7", "9-10"]


def canaries() -> list[str]:
    """What must be seen in no message: the address, what it asked for, its agent."""
    return [ALICE, ALICE.replace(".", ""), "/secret-page", "maxine", "Gecko"]


def test_no_word_of_a_line_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither output nor messages hold an address or a word of a line, in words or as JSON; nor do those of a failure."""
    line = f'{ALICE} - maxine [18/Nov/2025:10:00:00 +0000] "GET /secret-page HTTP/1.1" 200 5 "-" "Gecko"'
    file = lifecycle.write(tmp_path / "access.log", [line, "maxine \x00 broken", line])
    broken = tmp_path / "broken.log.gz"
    broken.write_bytes(PACK[".gz"](f"{line}\n".encode() * 9000)[:-12])
    assert main(["subject", "--address", ALICE, str(file)]) == 0
    assert main(["subject", "--address", ALICE, str(file), "--json"]) == 0
    assert main(["subject", "--address", ALICE, str(broken), "--format", "combined"]) == 3
    assert main(["subject", "--address", ALICE + "0", str(file)]) == 2
    told = "".join(capsys.readouterr())
    assert f"{file}: 2 of 3 lines: 1, 3" in told
    assert [word for word in canaries() if word in told] == []


def test_export_is_the_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--export has the lines as they are in the logs, those of every log, in a file for its owner alone."""
    first = lifecycle.write(tmp_path / "a.log", lifecycle.lines()[:90])
    second = lifecycle.write(tmp_path / "b.log.gz", lifecycle.lines()[90:])
    file = tmp_path / "copy.log"
    old = os.umask(0)
    try:
        assert command(NOW, "subject", "--address", ALICE, first, second, "--export", file) == 0
    finally:
        os.umask(old)
    assert file.read_text().splitlines() == [line for line in lifecycle.lines() if line.startswith(f"{ALICE} ")]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ALICE not in "".join(capsys.readouterr())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.log", "b.log.gz", "copy.log"]


def test_export_has_the_header_that_counts(tmp_path: Path) -> None:
    """Lines of a log with header lines come with the one that says what their columns are."""
    log, file = expected.SAMPLES / "w3c" / "input.log", tmp_path / "copy.log"
    assert command(NOW, "subject", "--address", VISITOR, log, "--export", file) == 0
    lines = log.read_text().splitlines()
    header = [line for line in lines if line.startswith("#Fields:")]
    assert len(header) == 1
    assert file.read_text().splitlines() == header + [line for line in lines if f" {VISITOR} " in line]


def test_export_replaces_nothing(tmp_path: Path) -> None:
    """A file that is there stays; a search that fails leaves none, finished or not."""
    log = lifecycle.write(tmp_path / "access.log", lifecycle.lines())
    kept = tmp_path / "kept"
    kept.write_text("mine")
    with pytest.raises(Trouble) as refused:
        command(NOW, "subject", "--address", ALICE, log, "--export", kept)
    assert (refused.value.code, kept.read_text()) == ("E104", "mine")
    (tmp_path / "broken.log.gz").write_bytes(PACK[".gz"](log.read_bytes() * 300)[:-12])
    with pytest.raises(Trouble) as refused:
        command(NOW, "subject", "--address", ALICE, log, tmp_path / "broken.log.gz", "--export", tmp_path / "copy")
    assert refused.value.code == "E303"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["access.log", "broken.log.gz", "kept"]
