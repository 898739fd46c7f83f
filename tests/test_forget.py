"""`crowdlog forget`: a forgotten visitor is as if he had never been there, in what is published and in the raw logs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import stat
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import lifecycle
import pytest
from lifecycle import ALICE, NOW, PACK, command, everything, publish, read, released, said, stopping

from pipeline import forget, rewrite
from pipeline.cli import main
from pipeline.find import Input, find
from pipeline.rewrite import is_open, remove_lines
from schemas.policy import Ip
from schemas.trouble import Trouble
from transforms.forgotten import Forgotten
from transforms.tombstones import BEGINNING, Network, Tombstone, from_bytes, to_bytes

HERS = [line for line in lifecycle.lines() if line.startswith(f"{ALICE} ")]
OTHERS = [line for line in lifecycle.lines() if not line.startswith(f"{ALICE} ")]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty output folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with her lines."""
    return lifecycle.write(tmp_path / "logs" / "access.log", lifecycle.lines())


def erase(capsys: Any, output: Path, *logs: Path, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """Forget her: look, then do it."""
    asked = ("forget", "--address", ALICE, *options, *logs, "--output", output)
    checksum = said(capsys, NOW, *asked)["checksum"]
    return said(capsys, NOW, *asked, "--delete", checksum)


def bury(capsys: Any, output: Path, log: Path, options: tuple[str, ...] = ()) -> None:
    """A tombstone alone: her lines stay in the log that runs are given."""
    copy = Path(shutil.copy(log, log.parent / "copy.log"))
    assert erase(capsys, output, copy, options=options)["erased"]
    copy.unlink()


# ---- no run counts her ------------------------------------------------------------------------------------------------


def test_release_is_that_of_a_log_without_her(
    tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a tombstone the release is, byte for byte, that of the log out of which grep took her lines; so are the counts."""
    bury(capsys, output, log)
    record = publish(output, log)
    without = publish(tmp_path / "without", lifecycle.write(tmp_path / "without.log", OTHERS))
    assert released(output) == released(tmp_path / "without")
    assert len(released(output)) > 10
    assert record["skipped"] == {"forgotten": len(HERS)}
    assert record["lines"] == len(lifecycle.lines())
    assert record["lines"] == sum(record["skipped"].values()) + record["parsed"] + sum(record["rejected"].values())
    assert (record["tables"], record["detail"]) == (without["tables"], without["detail"])


def test_without_a_tombstone_she_is_counted(tmp_path: Path, output: Path, log: Path) -> None:
    """The comparison is one that fails where nobody is forgotten: her hits and her 404s are in the totals."""
    record = publish(output, log)
    publish(tmp_path / "without", lifecycle.write(tmp_path / "without.log", OTHERS))
    assert record["skipped"] == {}
    assert released(output) != released(tmp_path / "without")


def test_workers_of_other_processes_forget_too(
    tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two worker processes give the bytes of one."""
    bury(capsys, output, log)
    shutil.copytree(output, tmp_path / "two")
    publish(output, log)
    publish(tmp_path / "two", log, workers=2)
    assert released(output) == released(tmp_path / "two")


def test_only_the_span_is_forgotten(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Events before and behind the span are counted: the address may have been another's then."""
    bury(capsys, output, log, options=("--from", "2025-11-19", "--to", "2025-11-19T11:59:59Z"))
    record = publish(output, log)
    half = [line for line in HERS if re.search(r"\[19/Nov/2025:(0\d|1[01]):", line)]
    assert record["skipped"] == {"forgotten": len(half)}
    assert 0 < len(half) < len(HERS) / 3


def test_what_comes_later_is_counted(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --to a tombstone ends now: who has the address next is another person."""
    bury(capsys, output, log)
    later = lifecycle.write(
        log.parent / "later.log", [line.replace("Nov/2025", "Dec/2025") for line in lifecycle.lines()]
    )
    assert publish(output, later, now=NOW + 40 * 86_400)["skipped"] == {}


def test_an_objection_is_about_what_is_to_come(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --to in the future later events are dropped as well."""
    bury(capsys, output, log, options=("--to", "2026-11-24"))
    later = lifecycle.write(
        log.parent / "later.log", [line.replace("Nov/2025", "Dec/2025") for line in lifecycle.lines()]
    )
    assert publish(output, later, now=NOW + 40 * 86_400)["skipped"] == {"forgotten": len(HERS)}


def test_a_visitor_without_an_address_is_forgotten(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a format that names visitors by an id, a run drops the events of the id as if they had not been there."""
    sample = lifecycle.ROOT / "sample_logs" / "ga4" / "input.log"
    ids = re.findall(r'"user_pseudo_id":"([^"]+)"', sample.read_text())
    visitor, log = max(sorted(set(ids)), key=ids.count), Path(shutil.copy(sample, tmp_path / "events.jsonl"))
    asked = ("forget", "--visitor", visitor, "--to", "2026-12-31", log, "--output", output)
    assert said(capsys, NOW, *asked, "--delete", said(capsys, NOW, *asked)["checksum"])["erased"]
    others = [line for line in sample.read_text().splitlines() if visitor not in line]
    assert log.read_text().splitlines() == others
    now = NOW + 400 * 86_400
    record = publish(output, sample, now=now)
    without = publish(tmp_path / "without", log, now=now)
    assert record["skipped"] == {**without["skipped"], "forgotten": ids.count(visitor)}
    assert (record["tables"], record["parsed"]) == (without["tables"], len(others))
    kept = b"".join(everything(output).values())
    assert visitor.encode() not in kept


def test_a_file_of_hers_alone_is_no_trouble(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log of which every event is dropped is read, and nothing is published of it."""
    bury(capsys, output, log)
    record = publish(output, lifecycle.write(log.parent / "hers.log", HERS))
    assert (record["parsed"], record["skipped"]) == (0, {"forgotten": len(HERS)})
    assert [name for name in released(output) if name.endswith(".parquet")] == []


# ---- what a tombstone is ---------------------------------------------------------------------------------------------


def forms(address: str) -> list[bytes]:
    """What an address could stand in a file as: text, bytes, numbers, and digests of these without a key."""
    packed = ip_address(address).packed
    texts = [address.encode(), packed, str(int.from_bytes(packed, "big")).encode(), address.rsplit(".", 1)[0].encode()]
    digests = [hashlib.new(name, text).digest() for name in ("md5", "sha1", "sha256", "blake2b") for text in texts[:3]]
    plain = [*texts, *digests, *(one[:16] for one in digests)]
    return [form for one in plain if len(one) > 3 for form in (one, one.hex().encode(), base64.b64encode(one))]


def test_a_tombstone_is_no_list_of_addresses(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that is kept holds the address, or a digest of it that could be made without the key; all is the owner's alone."""
    erase(capsys, output, log)
    publish(output, log)
    kept = everything(output)
    assert [name for name, content in kept.items() for form in forms(ALICE) if form in content] == []
    folder = output / "internal" / "forgotten"
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) == 2


def test_who_holds_the_key_finds_an_address(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mark is keyed BLAKE2b of the network, no more: with the key it can be tried, so the folder is as private as a log."""
    erase(capsys, output, log)
    folder = output / "internal" / "forgotten"
    key = (folder / "key").read_bytes()
    (file,) = folder.glob("*.json")
    (stone,) = from_bytes(file.read_bytes(), key)
    text = bytes([4, 32]) + ip_address(ALICE).packed
    assert stone.mark == hashlib.blake2b(text, key=key, digest_size=32, person=b"crowdlog forget").hexdigest()
    assert (stone.start, stone.stop) == (BEGINNING, NOW + 1)
    assert hmac.compare_digest(Network(ip_address(ALICE).packed, 32).mark(key), stone.mark)
    assert Network(ip_address(ALICE).packed, 32).mark(bytes(32)) != stone.mark


def test_each_folder_has_a_key_of_its_own(
    tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tombstones of two folders cannot be compared, and one that was copied to another folder stops the run there."""
    (tmp_path / "other").mkdir()
    for folder in (output, tmp_path / "other"):
        bury(capsys, folder, log)
    (mine,) = (output / "internal" / "forgotten").glob("*.json")
    theirs = tmp_path / "other" / "internal" / "forgotten"
    assert (output / "internal" / "forgotten" / "key").read_bytes() != (theirs / "key").read_bytes()
    shutil.copy(mine, theirs / "copied.json")
    with pytest.raises(Trouble, match="another key"):
        publish(tmp_path / "other", log)


BROKEN = {
    "key is gone": lambda folder: (folder / "key").unlink(),
    "key is cut": lambda folder: (folder / "key").write_bytes(b"short"),
    "key is another": lambda folder: (folder / "key").write_bytes(bytes(32)),
    "tombstone is cut": lambda folder: next(folder.glob("*.json")).write_bytes(b"{"),
    "tombstone lacks its end": lambda folder: (file := next(folder.glob("*.json"))).write_bytes(
        file.read_bytes().replace(b'"stop"', b'"stopp"')
    ),
    "tombstone is of nobody": lambda folder: (file := next(folder.glob("*.json"))).write_bytes(
        file.read_bytes().replace(b'"bits": 32', b'"bits": 0')
    ),
}


@pytest.mark.parametrize("defect", BROKEN.values(), ids=BROKEN)
def test_tombstones_that_cannot_be_read_stop_the_run(
    output: Path, log: Path, capsys: pytest.CaptureFixture[str], defect: Any
) -> None:
    """Nobody is forgotten by half: a run exits with 4 and publishes nothing, and no key is made in the place of a lost one."""
    bury(capsys, output, log)
    defect(output / "internal" / "forgotten")
    before = everything(output)
    with pytest.raises(Trouble) as refused:
        publish(output, log)
    assert (refused.value.code, refused.value.exit) == ("E408", 4)
    with pytest.raises(Trouble) as refused:
        command(NOW, "forget", "--address", ALICE, log, "--output", output)
    assert refused.value.code == "E408"
    assert everything(output) == before


def test_a_worker_without_the_folder_refuses(
    tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker that does not see the tombstones, or sees others, stops; where there are none it looks for nothing."""
    assert Forgotten.of(output).load(Ip()) is None
    bury(capsys, output, log)
    made = Forgotten.of(output)
    assert made.load(Ip()) is not None
    with pytest.raises(Trouble) as refused:
        replace(made, folder=str(tmp_path / "elsewhere")).load(Ip())
    assert refused.value.code == "E408"


@pytest.mark.parametrize(
    ("change", "value"), [("mark", "0" * 63), ("size", 5), ("bits", 33), ("bits", 0), ("stop", 0), ("start", "0")]
)
def test_what_is_no_tombstone_is_refused(change: str, value: Any) -> None:
    """A tombstone has a mark, a network that there can be, and a span."""
    good = Tombstone("0" * 64, 4, 32, 0, 9)
    assert from_bytes(to_bytes(bytes(32), [good]), bytes(32)) == [good]
    with pytest.raises(ValueError, match="no "):
        replace(good, **{change: value})


# ---- raw logs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACK)
def test_her_lines_go_from_the_logs(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    """What is left of a log is what grep -v leaves, packed as it was, with its mode and the time of its last change."""
    log = lifecycle.write(tmp_path / f"access.log{ending}", lifecycle.lines())
    os.chmod(log, 0o640)
    os.utime(log, (1_700_000_000, 1_700_000_123))
    done = erase(capsys, output, log)
    assert read(log) == OTHERS
    assert (done["found"], done["erased"]) == (len(HERS), True)
    assert (stat.S_IMODE(log.stat().st_mode), int(log.stat().st_mtime)) == (0o640, 1_700_000_123)
    assert sorted(one.name for one in tmp_path.iterdir()) == [log.name, "out"]
    assert said(capsys, NOW, "subject", "--address", ALICE, log)["found"] == 0


@pytest.mark.parametrize("ending", PACK)
def test_a_log_of_hers_alone_is_empty_then(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    """All lines may go; what is left can still be unpacked."""
    log = lifecycle.write(tmp_path / f"access.log{ending}", HERS)
    erase(capsys, output, log)
    assert read(log) == []
    assert [one.lines for one in [*map(found_nothing, find([str(log)]))]] == [0]


def found_nothing(source: Input) -> Any:
    """What a search finds in a log."""
    from pipeline.search import Search
    from schemas import load
    from schemas.policy import Policy
    from transforms.tombstones import Tombstones

    return Search(Policy(), load.formats(), NOW, Tombstones(bytes(32), [], Ip())).file(source, "combined")


def test_logs_without_her_lines_are_not_touched(
    tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log in which nothing was found is the same file afterwards."""
    other = lifecycle.write(tmp_path / "logs" / "other.log", OTHERS)
    before = other.stat()
    erase(capsys, output, log, other)
    assert (other.stat().st_ino, other.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert read(log) == OTHERS


def test_other_bytes_stay_as_they_are(tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that nobody can read, bytes that are no text, and a missing last newline are copied as they are."""
    hers, other = HERS[0].encode(), OTHERS[0].encode()
    kept = [b"\xff\xfe\0", b"z" * 2_000_000, b"", other + b"\r", other]
    log = tmp_path / "access.log"
    log.write_bytes(b"\n".join([kept[0], hers, kept[1], hers, hers, kept[2], kept[3], hers, kept[4]]))
    erase(capsys, output, log)
    assert log.read_bytes() == b"\n".join(kept)


def test_looking_changes_nothing(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --delete no log changes and no tombstone is made; a key is, for the checksum is keyed."""
    before = log.read_bytes()
    first = said(capsys, NOW, "forget", "--address", ALICE, log, "--output", output)
    again = said(capsys, NOW + 60, "forget", "--address", ALICE, log, "--output", output)
    assert (log.read_bytes(), first, first["erased"]) == (before, again, False)
    assert list(everything(output)) == ["internal/forgotten/key"]
    assert first["found"] == len(HERS)


OTHER_REQUESTS: dict[str, Any] = {
    "another checksum": lambda log, words: [*words[:-1], "0" * 16],
    "another address": lambda log, words: [*words[:2], "198.18.0.9", *words[3:]],
    "another span": lambda log, words: [*words, "--to", "2025-11-18"],
    "a log that has grown": lambda log, words: (lifecycle.write(log, [*lifecycle.lines(), HERS[0]]), words)[1],
    "another log": lambda log, words: [*words[:4], lifecycle.write(log.with_name("more.log"), HERS), *words[4:]],
}


@pytest.mark.parametrize("change", OTHER_REQUESTS.values(), ids=OTHER_REQUESTS)
def test_nothing_else_is_erased_than_was_shown(
    output: Path, log: Path, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    """The checksum is that of one request and exactly its lines; any other is refused with exit 4, and changes nothing."""
    words = ["forget", "--address", ALICE, log, "--output", output]
    checksum = said(capsys, NOW, *words)["checksum"]
    words = change(log, [*words, "--delete", checksum])
    before = everything(log.parent), everything(output)
    with pytest.raises(Trouble) as refused:
        command(NOW, *words)
    assert (refused.value.code, refused.value.exit) == ("E409", 4)
    assert (everything(log.parent), everything(output)) == before


def test_a_log_that_is_written_to_is_left(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server would go on writing to the file that is gone: such a log is left and named, and its events are dropped."""
    other = lifecycle.write(log.parent / "access.log.1", lifecycle.lines())
    with log.open("ab"):
        assert is_open(log)
        done = erase(capsys, output, log, other)
        assert (done["held"], done["found"]) == ([str(log)], len(HERS))
        assert (read(log), read(other)) == (lifecycle.lines(), OTHERS)
        command(NOW, "forget", "--address", ALICE, log, "--output", output)
        assert "rotate it" in capsys.readouterr().err
    assert not is_open(log)
    assert publish(output, log)["skipped"] == {"forgotten": len(HERS)}


def test_without_word_of_the_kernel_a_fresh_log_counts_as_open(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lease can be had, a log that was changed within the hour is left alone."""

    def refuse(*_: Any) -> int:
        raise PermissionError(13, "no lease")

    monkeypatch.setattr(rewrite.fcntl, "fcntl", refuse)
    os.utime(log, (NOW, NOW - 3599))
    assert is_open(log, NOW)
    os.utime(log, (NOW, NOW - 3601))
    assert not is_open(log, NOW)


@pytest.mark.parametrize("change", ["replaced", "grown"])
def test_a_log_that_changed_since_is_left(log: Path, change: str) -> None:
    """Numbers of lines are those of the file that was searched: rotated or written to since, it is left as it is."""
    (source,) = find([str(log)])
    if change == "replaced":
        log.rename(log.with_name("access.log.1"))
        lifecycle.write(log, lifecycle.lines())
    else:
        with log.open("a") as file:
            file.write("one more\n")
    before = log.read_bytes()
    with pytest.raises(Trouble, match="do it again"):
        remove_lines(source, [1])
    assert log.read_bytes() == before


def test_a_link_s_log_is_rewritten(tmp_path: Path, output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through a link the log behind it is rewritten, and the link stays one."""
    link = tmp_path / "link.log"
    link.symlink_to(log)
    erase(capsys, output, link)
    assert link.is_symlink()
    assert read(log) == OTHERS


# ---- stopped midway --------------------------------------------------------------------------------------------------


POINTS = {
    "before the tombstone": (forget, "create_once", 1),
    "behind the tombstone": (forget, "remove_lines", 1),
    "in the first log": (rewrite, "packed", 1),
    "before the first log is in its place": (rewrite.os, "replace", 1),
    "behind the first log": (rewrite, "sync_folders", 1),
    "in the second log": (rewrite.os, "utime", 2),
}


@pytest.mark.parametrize(("module", "name", "at"), POINTS.values(), ids=POINTS)
def test_stopped_anywhere_it_can_be_done_again(
    output: Path, log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    module: Any, name: str, at: int,
) -> None:  # fmt: skip
    """Each log is the old or the new one, whole; from the tombstone on no run counts her; the same again erases the rest."""
    other = lifecycle.write(log.parent / "access.log.1.gz", lifecycle.lines())
    words = ["forget", "--address", ALICE, log, other, "--output", output]
    checksum = said(capsys, NOW, *words)["checksum"]
    with stopping(monkeypatch, module, name, at):
        command(NOW, *words, "--delete", checksum)
    assert all(read(file) in (lifecycle.lines(), OTHERS) for file in (log, other))
    if at > 1 or name != "create_once":
        copy = lifecycle.write(log.parent / "all.log", lifecycle.lines())
        assert publish(output, copy)["skipped"] == {"forgotten": len(HERS)}
        copy.unlink()
    assert erase(capsys, output, log, other)["erased"]
    assert (read(log), read(other)) == (OTHERS, OTHERS)
    assert sorted(file.name for file in log.parent.iterdir()) == ["access.log", "access.log.1.gz"]


def test_what_a_kill_leaves_is_swept(output: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unfinished copy, which no handler could remove, goes with the next rewriting of its log; others' files stay."""
    left, other = log.parent / ".access.log.0123456789abcdef.crowdlog", log.parent / ".access.log.swp"
    for file in (left, other):
        file.write_text("x")
    erase(capsys, output, log)
    assert (left.exists(), other.exists()) == (False, True)


# ---- what is told ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engines_may_log_again")
def test_nothing_of_her_is_told(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message, of success, refusal or failure, holds the address or a word of a line; published tables are explained."""
    line = f'{ALICE} - maxine [18/Nov/2025:10:00:00 +0000] "GET /secret-page HTTP/1.1" 200 5 "-" "Gecko"'
    log = lifecycle.write(tmp_path / "access.log", [line, "maxine broken", line])
    asked = ["forget", "--address", ALICE, str(log), "--output", str(output)]
    assert main(asked) == 0
    shown = capsys.readouterr()
    checksum = re.findall(r"^checksum ([0-9a-f]{16})$", shown.out, re.M)
    assert main([*asked, "--delete", "0"]) == 4

    def failing(*_: Any) -> None:
        raise RuntimeError(line)

    with monkeypatch.context() as patch:
        patch.setattr(forget, "remove_lines", failing)
        assert main([*asked, "--delete", *checksum]) == 1
    assert main([*asked[:2], "maxine", *asked[3:]]) == 2
    (tmp_path / "file").write_text("")
    assert main([*asked[:-1], str(tmp_path / "nowhere")]) == 3
    assert main([*asked, "--delete", *checksum]) == 0
    rest = capsys.readouterr()
    assert "Art. 11 GDPR" in shown.err
    assert "2 lines erased from 1 files" in rest.err
    told = "".join([*shown, *rest])
    assert [word for word in (ALICE, "maxine", "secret-page", "Gecko") if word in told] == []
    assert "maxine" not in "".join(sys.argv)
