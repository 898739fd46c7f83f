"""What a run refuses: the documented exit status, one line on stderr with a code, nothing published, no log content."""

from __future__ import annotations

import bz2
import fcntl
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[1]
SECRET = "wilhelmina"  # in every log of this file: never in a message
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def lines(days: range = range(18, 21)) -> list[str]:
    """One request each half hour of some days of November 2025, from 40 neighbourhoods."""
    made = []
    for i in range(48 * len(days)):
        when = f"{days[i // 48]}/Nov/2025:{i % 48 // 2:02d}:{i % 2 * 30:02d}:00 +0000"
        made.append(f'198.18.{i % 40}.9 - {SECRET} [{when}] "GET /docs?u={SECRET} HTTP/1.1" 200 5 "-" "{FIREFOX}"')
    return made


GOOD = ("\n".join(lines()) + "\n").encode()
HALVES = GOOD[: GOOD.index(b"\n", len(GOOD) // 2) + 1], GOOD[GOOD.index(b"\n", len(GOOD) // 2) + 1 :]


def zst(text: bytes) -> bytes:
    """One frame of Zstandard with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


def two(pack: Callable[[bytes], bytes]) -> bytes:
    """The log as two members of a compressed file."""
    return b"".join(map(pack, HALVES))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The output folder, not there yet."""
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that can be published."""
    file = tmp_path / "access.log"
    file.write_bytes(GOOD)
    return file


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(output: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line; gives exit status and stderr. Nothing may be on stdout."""

    def call(*arguments: str | Path, beam: tuple[str, ...] = ()) -> tuple[int, str]:
        given = ["run", *map(str, arguments)]
        if not any(one.startswith("--output") for one in given):
            given += ["--output", str(output)]
        status = main([*given, *(("--", *beam) if beam else ())])
        out, err = capfd.readouterr()
        assert out == ""
        return status, err

    return call


def refused(result: tuple[int, str], status: int, code: str, output: Path) -> str:
    """Check a refusal: status, one line with a code, no content, nothing published. Gives the line."""
    found, err = result
    assert re.fullmatch(r"crowdlog: E\d{3}: [^\n]+\n", err), err
    assert (found, err.split(": ")[1]) == (status, code), err
    assert "Traceback" not in err
    assert SECRET not in err
    assert "198.18." not in err
    assert not (output / "release").exists()
    assert not (output / "preview").exists()
    assert not list((output / "internal").glob("ledger/*"))
    assert not any(SECRET.encode() in file.read_bytes() for file in output.rglob("*") if file.is_file())
    return err


def test_good_log_is_published(run: Run, log: Path, output: Path) -> None:
    """What all others are compared with: this log and these options are fine."""
    assert run(log, "--quiet") == (0, "")
    assert (output / "release" / "manifest.json").exists()


# ---- files ----------------------------------------------------------------------------------------------------------

BROKEN = {
    "gz-cut-in-the-middle": ("a.log.gz", gzip.compress(GOOD)[:400], "E303"),
    "gz-last-byte": ("a.log.gz", gzip.compress(GOOD)[:-1], "E303"),
    "gz-second-member": ("a.log.gz", two(gzip.compress)[:-20], "E303"),
    "gz-second-header": ("a.log.gz", gzip.compress(GOOD) + b"\x1f\x8b\x08", "E303"),
    "gz-corrupt": ("a.log.gz", gzip.compress(GOOD)[:300] + b"\0\0\0\0" + gzip.compress(GOOD)[304:], "E303"),
    "gz-checksum": ("a.log.gz", gzip.compress(GOOD)[:-8] + b"\0\0\0\0" + gzip.compress(GOOD)[-4:], "E303"),
    "gz-garbage-behind": ("a.log.gz", gzip.compress(GOOD) + b"garbage behind it", "E303"),
    "gz-of-no-bytes": ("a.log.gz", b"", "E303"),
    "gz-is-plain": ("a.log.gz", GOOD, "E303"),
    "zst-cut": ("a.log.zst", zst(GOOD)[:-10], "E303"),
    "zst-second-frame": ("a.log.zst", two(zst)[:-6], "E303"),
    "zst-corrupt": ("a.log.zst", zst(GOOD)[:100] + b"\0" * 20 + zst(GOOD)[120:], "E303"),
    "zst-of-no-bytes": ("a.log.zst", b"", "E303"),
    "zst-is-plain": ("a.log.zst", GOOD, "E303"),
    "bz2-cut": ("a.log.bz2", bz2.compress(GOOD)[:-10], "E303"),
    "bz2-second-stream": ("a.log.bz2", two(bz2.compress)[:-20], "E303"),
    "bz2-garbage-behind": ("a.log.bz2", bz2.compress(GOOD) + b"garbage behind it", "E303"),
    "bz2-is-plain": ("a.log.bz2", GOOD, "E303"),
    "xz": ("a.log.xz", b"\xfd7zXZ\0", "E302"),
    "7z": ("a.7z", b"7z\xbc\xaf\x27\x1c", "E302"),
    "binary": ("a.log", bytes(range(256)) * 40, "E304"),
    "binary-without-newline": ("a.log", bytes(65) * 2000, "E304"),
    "prose": ("a.log", f"{SECRET} wrote a letter\n".encode() * 50, "E304"),
    "other-format": ("a.log", b'{"ip": "198.18.1.2", "path": "/docs"}\n' * 50, "E304"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_broken_file_stops_the_run(run: Run, tmp_path: Path, output: Path, case: tuple[str, bytes, str]) -> None:
    """Truncated, corrupt, foreign: exit 3, and the message names the file."""
    name, content, code = case
    (tmp_path / name).write_bytes(content)
    assert name in refused(run(tmp_path / name), 3, code, output)


@pytest.mark.parametrize("ending", ["gz", "zst", "bz2"])
def test_large_file_that_is_cut_late_stops_the_run(run: Run, tmp_path: Path, output: Path, ending: str) -> None:
    """The end of a file is broken, where no guess of the format looks: found while it is read."""
    text = b"".join(GOOD.replace(b"/docs", b"/docs?" + os.urandom(40).hex().encode()) for _ in range(60))
    packed = {"gz": gzip.compress, "zst": zst, "bz2": bz2.compress}[ending](text)
    (tmp_path / f"a.log.{ending}").write_bytes(packed[:-3])
    refused(run(tmp_path / f"a.log.{ending}"), 3, "E303", output)


def test_one_broken_file_stops_all(run: Run, tmp_path: Path, log: Path, output: Path) -> None:
    """A good file beside a broken one is not published alone."""
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(GOOD.replace(b"/docs", b"/other"))[:-1])
    assert "b.log.gz" in refused(run(log, tmp_path / "b.log.gz"), 3, "E303", output)


@pytest.mark.parametrize("pattern", ["none.log", "*.none", "none/", "**/*.none"])
def test_nothing_to_read_is_an_error(run: Run, tmp_path: Path, output: Path, pattern: str) -> None:
    """A file that is missing, a glob or a folder without files: exit 3."""
    assert "nothing matches" in refused(run(tmp_path / pattern), 3, "E301", output)


def test_one_missing_input_stops_all(run: Run, tmp_path: Path, log: Path, output: Path) -> None:
    """A missing file beside a good one is an error as well: it may be the one with yesterday evening."""
    refused(run(log, tmp_path / "none.log"), 3, "E301", output)


def test_empty_folder_with_the_name_of_a_log(run: Run, tmp_path: Path, output: Path) -> None:
    """A folder called x.log is a folder, and this one is empty."""
    (tmp_path / "x.log").mkdir()
    refused(run(tmp_path / "x.log"), 3, "E301", output)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file_stops_the_run(run: Run, log: Path, output: Path) -> None:
    """A file without permission: exit 3 with what the system says."""
    log.chmod(0)
    assert "Permission denied" in refused(run(log), 3, "E302", output)


def test_dangling_link_stops_the_run(run: Run, tmp_path: Path, output: Path) -> None:
    """A link to a file that is gone is as if it were not there."""
    (tmp_path / "a.log").symlink_to(tmp_path / "gone.log")
    refused(run(tmp_path / "a.log"), 3, "E301", output)


def test_pipe_stops_the_run(run: Run, tmp_path: Path, output: Path) -> None:
    """A named pipe is refused without waiting for somebody to write to it."""
    os.mkfifo(tmp_path / "a.log")
    refused(run(tmp_path / "a.log"), 3, "E302", output)


def test_file_that_breaks_while_it_is_read(run: Run, log: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is truncated behind the run's back (copytruncate): exit 3."""
    from pipeline.digests import Digests

    def cut_first(self: Any, source: Any) -> str:
        os.truncate(source.path, 100)
        return of(self, source)

    of = Digests.of
    monkeypatch.setattr(Digests, "of", cut_first)
    assert "shorter" in refused(run(log), 3, "E303", output)


def test_too_many_rejects_stop_the_run(run: Run, tmp_path: Path, output: Path) -> None:
    """More lines without format than allowed: exit 3, with both numbers."""
    bad = "\n".join(f"{SECRET} {i}" for i in range(20)).encode() + b"\n"
    (tmp_path / "a.log").write_bytes(GOOD + bad)
    line = refused(run(tmp_path / "a.log"), 3, "E305", output)
    assert "20 of 164" in line
    assert run(tmp_path / "a.log", "--max-reject-rate", "0.2", "--quiet") == (0, "")


# ---- policy, options, database --------------------------------------------------------------------------------------

POLICIES = {
    "not-toml": "k = = 5\n",
    "unknown-key": "kk = 10\n",
    "k-below-the-floor": "k = 4\n",
    "time-zone": 'timezone = "Mars/Olympus"\n',
    "preset": '[[site]]\nname = "shop"\npresets = ["none"]\n',
    "list-for-table": "ip = []\n",
    "number-for-list": '[[site]]\nname = "shop"\nhosts = 5\n',
}


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_broken_policy_stops_the_run(run: Run, tmp_path: Path, log: Path, output: Path, text: str) -> None:
    """A policy that says something else than it means: exit 2, and the message names the file."""
    (tmp_path / "broken.toml").write_text(text)
    assert "broken.toml" in refused(run(log, "--policy", tmp_path / "broken.toml"), 2, "E202", output)


USAGE = {
    "k-below-the-floor": (["--k", "4"], "E202"),
    "k-zero": (["--k", "0"], "E202"),
    "k-negative": (["--k", "-1"], "E202"),
    "k-is-a-word": (["--k", "ten"], "E201"),
    "site-name": (["--site", "../../etc"], "E202"),
    "no-policy": (["--policy", "/nonexistent/crowdlog.toml"], "E202"),
    "policy-is-a-folder": (["--policy", "/"], "E202"),
    "workers": (["--workers", "0"], "E201"),
    "reject-rate": (["--max-reject-rate", "2"], "E201"),
    "reject-rate-nan": (["--max-reject-rate", "nan"], "E201"),
    "unknown-option": (["--verbose"], "E201"),
    "abbreviated-option": (["--part"], "E201"),
    "abbreviated-with-value": (["--max-reject=0.5"], "E201"),
    "profile": (["--profile", "everybody"], "E201"),
    "partial-preview": (["--partial", "--preview"], "E201"),
    "key-ref": (["--key-ref", "env:KEY"], "E201"),
    "beams-option-before-the-dashes": (["--runner=DirectRunner"], "E201"),
    "format-without-time": (["--format", "$remote_addr $request"], "E201"),
    "format-unknown-apache": (["--format", "%h %Q %t"], "E201"),
    "format-name": (["--format", "combned"], "E201"),
    "format-ambiguous": (["--format", "$remote_addr$time_local$request"], "E201"),
    "log-date-is-a-word": (["--log-date", "yesterday"], "E201"),
    "log-date-in-the-future": (["--log-date", "2999-01-01"], "E201"),
    "geo-db-missing": (["--geo-db", "/nonexistent/x.mmdb"], "E203"),
    "geo-db-is-a-folder": (["--geo-db", "/"], "E203"),
    "geo-db-is-text": (["--geo-db", __file__], "E203"),
}


@pytest.mark.parametrize("case", USAGE.values(), ids=USAGE)
def test_wrong_usage_stops_the_run(run: Run, log: Path, output: Path, case: tuple[list[str], str]) -> None:
    """Options that are misspelt, weaken the guard or name what is not there: exit 2."""
    options, code = case
    refused(run(log, *options), 2, code, output)


BEAM = {
    "misspelt": ("--direct_num_wokers=2",),
    "abbreviated": ("--direct_num_work=2",),
    "word": ("nonsense",),
    "no-number": ("--direct_num_workers=two",),
    "no-value": ("--runner",),
    "multi-threading": ("--direct_running_mode=multi_threading",),
    "multi-threading-apart": ("--direct_running_mode", "multi_threading"),
    "unknown-mode": ("--direct_running_mode=sideways",),
    "unknown-runner": ("--runner=SidewaysRunner",),
    "unknown-runner-module": ("--runner=nowhere.to.be.found.Runner",),
    "small-chunk": ("--chunk_bytes=100",),
    "chunk-is-a-word": ("--chunk_bytes=big",),
}


@pytest.mark.parametrize("flags", BEAM.values(), ids=BEAM)
def test_wrong_beam_options_stop_the_run(run: Run, log: Path, output: Path, flags: tuple[str, ...]) -> None:
    """What Beam would ignore, or what loses data: exit 2."""
    refused(run(log, beam=flags), 2, "E201", output)


def test_no_arguments_is_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    """A command without its arguments, and no command at all: exit 2, one line."""
    for arguments in ([], ["run"], ["explain", "--output"], ["rnu"], ["run", "a.log"]):
        assert main(arguments) == 2
        assert re.fullmatch(r"crowdlog: E201: [^\n]+\n", capfd.readouterr().err)


def test_standard_input_is_no_input_of_run(run: Run, output: Path) -> None:
    """`-` has no digest and no second reading: exit 2, and the message says what to do."""
    assert "give files" in refused(run("-"), 2, "E201", output)


@pytest.mark.parametrize("place", ["file", "below-a-file", "url"])
def test_output_that_is_no_folder_stops_the_run(run: Run, tmp_path: Path, log: Path, place: str) -> None:
    """--output names a file, a folder below a file, or a URL: exit 2, and the file is as it was."""
    target = {"file": log, "below-a-file": log / "out", "url": "s3://bucket/out"}[place]
    refused(run(log, "--output", target), 2, "E201", tmp_path / "out")
    assert log.read_bytes() == GOOD


def bad_databases() -> list[Path]:
    """The corrupt databases that libmaxminddb and its sisters are tested with."""
    folder = ROOT.parent / "shared" / "data" / "mmdb" / "maxmind-test" / "bad-data"
    return sorted(folder.rglob("*.mmdb"))


@pytest.mark.parametrize("database", bad_databases(), ids=lambda file: file.stem)
def test_corrupt_database_stops_the_run(run: Run, log: Path, output: Path, database: Path) -> None:
    """Every corrupt geo database is found before a line is read: exit 2."""
    assert database.name in refused(run(log, "--geo-db", database), 2, "E203", output)


def test_corrupt_databases_are_tried(shared: Path) -> None:
    """The table above is not empty where the data are."""
    assert len(bad_databases()) > 15


@pytest.mark.parametrize("name", ["GeoLite2-ASN-Test", "GeoIP2-City-Test-Invalid-Node-Count"])
def test_database_that_is_none_of_countries_stops_the_run(
    run: Run, shared: Path, log: Path, output: Path, name: str
) -> None:
    """A database of networks' owners, and one whose header lies: exit 2."""
    refused(run(log, "--geo-db", shared / "mmdb" / "maxmind-test" / f"{name}.mmdb"), 2, "E203", output)


# ---- the output folder ----------------------------------------------------------------------------------------------


def test_folder_of_another_run_is_left_alone(run: Run, log: Path, output: Path) -> None:
    """While another run holds the folder, exit 4; afterwards it can be had."""
    (output / "internal").mkdir(parents=True)
    with (output / "internal" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(run(log), 4, "E401", output)
    assert run(log, "--quiet") == (0, "")


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a release."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def changed_entry(output: Path) -> None:
    """One number of the ledger's entry is another one."""
    (file,) = (output / "internal" / "ledger").glob("*.json")
    entry = json.loads(file.read_text())
    entry["periods"][0]["rows"] += 1
    file.write_text(json.dumps(entry, indent=1, sort_keys=True) + "\n")


def changed_release(output: Path) -> None:
    """A published file has one byte more."""
    file = next((output / "release").rglob("*.parquet"))
    file.write_bytes(file.read_bytes() + b"\0")


def missing_release(output: Path) -> None:
    """A published file is gone."""
    next((output / "release").rglob("*.parquet")).unlink()


@pytest.mark.parametrize(
    ("tamper", "code"), [(changed_entry, "E402"), (changed_release, "E405"), (missing_release, "E405")]
)
def test_tampered_folder_is_not_published_to(
    run: Run, tmp_path: Path, log: Path, output: Path, tamper: Callable[[Path], None], code: str
) -> None:
    """A ledger or a release that somebody changed: exit 4, nothing added, nothing repaired in silence."""
    assert run(log, "--quiet") == (0, "")
    tamper(output)
    before = tree(output / "release")
    (tmp_path / "more.log").write_text("\n".join(lines(range(20, 23))) + "\n")
    status, err = run(log, tmp_path / "more.log")
    assert (status, err.split(": ")[1], err.count("\n")) == (4, code, 1)
    assert tree(output / "release") == before
    assert len(list((output / "internal" / "ledger").iterdir())) == 1


def test_file_in_the_way_is_not_overwritten(run: Run, log: Path, output: Path) -> None:
    """A file that no ledger entry lists stands where one would be published: exit 4, and it stays as it is."""
    assert run(log, "--quiet") == (0, "")
    file = next((output / "release").rglob("*.parquet"))
    kept = output.with_name("kept") / file.relative_to(output)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"not ours")
    shutil.rmtree(output)
    kept.parents[len(file.relative_to(output).parts) - 1].rename(output)
    status, err = run(log)
    assert (status, err.split(": ")[1], err.count("\n")) == (4, "E405", 1)
    assert file.read_bytes() == b"not ours"
    assert not list((output / "internal").glob("ledger/*"))


# ---- odd, but fine --------------------------------------------------------------------------------------------------

FINE: dict[str, tuple[str, bytes, int, dict[str, int]]] = {
    "empty": ("a.log", b"", 0, {}),
    "blank-lines": ("a.log", b"\n\r\n  \n\n", 4, {"blank": 4}),
    "one-newline": ("a.log", b"\n", 1, {"blank": 1}),
    "gz-of-nothing": ("a.log.gz", gzip.compress(b""), 0, {}),
    "zst-of-nothing": ("a.log.zst", zst(b""), 0, {}),
    "bz2-of-nothing": ("a.log.bz2", bz2.compress(b""), 0, {}),
    "gz-of-blank-lines": ("a.log.gz", gzip.compress(b"\n\n"), 2, {"blank": 2}),
}


@pytest.mark.parametrize("case", FINE.values(), ids=FINE)
def test_nothing_in_a_file_is_no_error(
    output: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], case: tuple[str, bytes, int, dict[str, int]]
) -> None:
    """An idle server's log: exit 0, nothing to publish, every line accounted for."""
    name, content, count, skipped = case
    (tmp_path / name).write_bytes(content)
    assert main(["run", str(tmp_path / name), "--output", str(output), "--json"]) == 0
    out, err = capfd.readouterr()
    record = json.loads(out)
    assert (record["lines"], record["skipped"], record["parsed"]) == (count, skipped, 0)
    assert "nothing new to publish" in err
    assert not (output / "release").exists()


SAME = {
    "no-final-newline": ("a.log", GOOD[:-1]),
    "crlf": ("a.log", GOOD.replace(b"\n", b"\r\n")),
    "blank-lines-between": ("a.log", GOOD.replace(b"\n", b"\n\n")),
    "gz": ("a.log.gz", gzip.compress(GOOD)),
    "gz-members": ("a.log.2.gz", two(gzip.compress)),
    "gz-padded": ("a.log.gz", gzip.compress(GOOD) + bytes(512)),
    "zst-frames": ("a.log.zst", two(zst)),
    "bz2-streams": ("a.log.bz2", two(bz2.compress)),
    "rotated": ("access.log-20251121", GOOD),
}


@pytest.mark.parametrize("case", SAME.values(), ids=SAME)
def test_same_lines_give_the_same_release(
    run: Run, tmp_path: Path, log: Path, output: Path, case: tuple[str, bytes]
) -> None:
    """However lines are stored, the bytes of the release are those of the plain log."""
    name, content = case
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / name).write_bytes(content)
    assert run(log, "--quiet") == (0, "")
    assert run(tmp_path / "other" / name, "--quiet", "--output", tmp_path / "again") == (0, "")
    assert tree(tmp_path / "again" / "release") == tree(output / "release") != {}


def test_empty_log_beside_a_full_one(run: Run, tmp_path: Path, log: Path, output: Path) -> None:
    """The fresh log just behind a rotation is empty; the others are published."""
    (tmp_path / "fresh.log").touch()
    assert run(log, tmp_path / "fresh.log", "--quiet") == (0, "")
    assert (output / "release" / "manifest.json").exists()


def test_no_crowd_is_no_error(run: Run, tmp_path: Path, output: Path) -> None:
    """A log of nine visitors: exit 0, everything withheld, and it says so."""
    (tmp_path / "a.log").write_bytes(re.sub(rb"198\.18\.\d+\.", b"198.18.7.", GOOD))
    status, err = run(tmp_path / "a.log")
    assert status == 0
    assert "everything had to be withheld" in err
    assert list(output.rglob("*.parquet")) == []
