"""The same requests give the same release, byte for byte, however they are cut, packed, ordered or worked on."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.find import find
from pipeline.options import Wanted
from pipeline.plan import plan
from pipeline.run import run
from pipeline.stream import STRIPE

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_logs"

NOW = 1_800_000_000  # all periods of all logs are closed

Release = dict[str, bytes]


def released(output: Path) -> Release:
    """All files of a release, manifest.json too, by path; behind them the counts of run.json."""
    folder = output / "release"
    files = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    (file,) = output.glob("internal/runs/*/run.json")
    record = json.loads(file.read_text())
    counts = {name: record[name] for name in ("lines", "skipped", "parsed", "rejected", "tables")}
    return {**files, "counts": json.dumps(counts, sort_keys=True).encode()}


def published(output: Path, *inputs: Path, **options: Any) -> Release:
    """What `crowdlog run` publishes of the inputs; options are those of Wanted."""
    run(Wanted(tuple(map(str, inputs)), output, partial=True, quiet=True, **options), now=NOW)
    return released(output)


@pytest.fixture(scope="session")
def log(shared: Path) -> Path:
    """10,000 lines of one real small site, four days of May 2015."""
    return shared / "logs" / "elastic_apache" / "access.log"


@pytest.fixture(scope="session")
def lines(log: Path) -> list[bytes]:
    return log.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="session")
def expected(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release of the log as it is, by one worker with default options."""
    release = published(tmp_path_factory.mktemp("same_bytes"), log)
    assert len(release) > 30
    return release


# ---- how it is cut and worked on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64 << 10, 1 << 20, 32 << 20], ids=["64KiB", "1MiB", "32MiB"])
def test_chunk_size(tmp_path: Path, log: Path, expected: Release, size: int) -> None:
    """The log is one chunk, three, or some sixty in half as many Ranges."""
    assert published(tmp_path, log, beam=(f"--chunk_bytes={size}",)) == expected


def test_two_workers(tmp_path: Path, log: Path, expected: Release) -> None:
    """Two processes share some thirty Ranges in an order that nobody decides."""
    assert published(tmp_path, log, workers=2, beam=("--chunk_bytes=65536",)) == expected


def test_replayed_bundles(tmp_path: Path, log: Path, expected: Release) -> None:
    """Every bundle is done twice, as an engine does after a failure: nothing is counted or published twice."""
    assert published(tmp_path, log, beam=("--direct_runner_bundle_repeat=1", "--chunk_bytes=262144")) == expected


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b"k"], ids=["zeros", "ones", "letters"])
def test_key(tmp_path: Path, log: Path, expected: Release, byte: bytes) -> None:
    """The key changes every hash in flight, and so the order of all networks, but nothing that is published."""
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_bytes(byte * 32)
    assert published(tmp_path / "X", log, key_ref=f"file:{key}") == expected


@pytest.mark.parametrize(
    ("zone", "seed"), [("Pacific/Kiritimati", "1"), ("America/St_Johns", "4242")], ids=["east", "west"]
)
def test_surroundings(tmp_path: Path, log: Path, expected: Release, zone: str, seed: str) -> None:
    """Neither the zone of the process (14 hours before UTC, 2:30 behind) nor the seed of Python's hash matters."""
    surroundings = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": "C"}
    command = [sys.executable, "-m", "pipeline", "run", str(log), "--partial", "--output", str(tmp_path), "--quiet"]
    subprocess.run(command, cwd=ROOT, env=surroundings, timeout=120, check=True)
    assert released(tmp_path) == expected


# ---- how it is written ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["abc", "bca", "cba"])
def test_files_in_any_order(tmp_path: Path, lines: list[bytes], expected: Release, names: str) -> None:
    """Three files hold the log; their names, by which they are sorted, have another order than their times."""
    for part, name in enumerate(names):
        (tmp_path / f"{name}.log").write_bytes(b"".join(lines[part * 3_500 : (part + 1) * 3_500]))
    assert published(tmp_path / "X", *tmp_path.glob("*.log")) == expected


def test_lines_in_any_order(tmp_path: Path, lines: list[bytes], expected: Release) -> None:
    """The lines are shuffled."""
    shuffled = random.Random(4).sample(lines, len(lines))
    (tmp_path / "shuffled.log").write_bytes(b"".join(shuffled))
    assert published(tmp_path / "X", tmp_path / "shuffled.log", beam=("--chunk_bytes=262144",)) == expected


def members(lines: list[bytes]) -> bytes:
    """gzip with a member every 3,001 lines and one that is empty, as rotated logs have that were put together."""
    packed = [gzip.compress(b"".join(lines[start : start + 3_001])) for start in range(0, len(lines), 3_001)]
    return b"".join([packed[0], gzip.compress(b""), *packed[1:]])


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        pytest.param("gz", members, id="gz-members"),
        pytest.param("zst", lambda lines: zstandard.compress(b"".join(lines)), id="zst"),
        pytest.param("bz2", lambda lines: bz2.compress(b"".join(lines)), id="bz2"),
    ],
)
def test_packed(
    tmp_path: Path, lines: list[bytes], expected: Release, ending: str, pack: Callable[[list[bytes]], bytes]
) -> None:
    """The log is compressed, and read in chunks that end anywhere."""
    packed = tmp_path / f"access.log.{ending}"
    packed.write_bytes(pack(lines))
    assert published(tmp_path / "X", packed, beam=("--chunk_bytes=65536",)) == expected


def test_parts_of_one_packed_log(tmp_path: Path, log: Path) -> None:
    """Two workers unpack the same log, and each parses every second stripe of it: 36 MB, three stripes."""
    text = log.read_bytes() * 15
    (tmp_path / "plain.log").write_bytes(text)
    packed = tmp_path / "packed.log.gz"
    packed.write_bytes(gzip.compress(text, compresslevel=1))
    (source,) = find([str(packed)])
    assert len(plan([source], ["combined"], len(text), workers=2)) == 2 < len(text) / STRIPE
    assert published(tmp_path / "X", packed, workers=2) == published(tmp_path / "Y", tmp_path / "plain.log")


# ---- several sites --------------------------------------------------------------------------------------------------


def test_several_sites(tmp_path: Path) -> None:
    """The samples are of several sites with their own zones and grains: shuffled, in small chunks, by two workers."""
    log = SAMPLES / "vhost_combined" / "input.log"
    shop = {"policy": SAMPLES / "crowdlog.toml", "geo_db": SAMPLES / "test-country.mmdb"}
    whole = published(tmp_path / "whole", log, **shop)
    lines = log.read_bytes().splitlines(keepends=True)
    for name, part in (("b", lines[::2]), ("a", lines[1::2])):
        (tmp_path / f"{name}.log").write_bytes(b"".join(random.Random(5).sample(part, len(part))))
    halves = published(tmp_path / "X", *tmp_path.glob("*.log"), workers=2, beam=("--chunk_bytes=65536",), **shop)
    assert len({path.split("/")[1] for path in whole if "/" in path}) > 1
    assert halves == whole
