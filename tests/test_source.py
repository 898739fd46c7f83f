"""Find, Plan and Read: every line of every file once, whatever the Ranges, blocks and chunks are."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import unpack
from pipeline.source import Bounded, Input, Read, cut, digest, find, head, plan
from schemas.stages import Chunk, Range
from schemas.trouble import Trouble

LONG = 64 << 10  # a longer line is left out (DESIGN.md 2)

# few distinct bytes, so that newlines, blank lines and CRLF are everywhere
TEXTS = st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r\n", b"\0", b"\xff", b"d" * 40]), max_size=60).map(b"".join)
CHUNKS = st.integers(1, 200)


def lines_of(text: bytes) -> list[bytes]:
    """What DESIGN.md 4.2 calls lines: what ends in a newline, or the last bytes of a file without one."""
    pieces = text.split(b"\n")
    return pieces[:-1] if pieces[-1] == b"" else pieces


def read(ranges: Iterable[Range], chunk_bytes: int) -> list[Chunk]:
    """All chunks of some Ranges."""
    return list(Read(chunk_bytes)(iter(ranges)))


def text_of(chunks: Iterable[Chunk]) -> bytes:
    """The lines of some chunks."""
    return b"".join(chunk.buffer[: chunk.size].tobytes() for chunk in chunks)


def zst(text: bytes) -> bytes:
    """One frame of Zstandard."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zst}


# ---- Read: plain files ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 2000), max_size=8), chunk_bytes=CHUNKS)
def test_ranges_give_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, cuts: list[int], chunk_bytes: int
) -> None:
    """Whatever a file holds and wherever it is cut into Ranges, together they give its lines, each once, in order."""
    path = tmp_path_factory.getbasetemp() / "ranges.log"
    path.write_bytes(text)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    ranges = [Range(0, str(path), start, stop, "") for start, stop in pairwise(edges)]
    assert lines_of(text_of(read(ranges, chunk_bytes))) == lines_of(text)


@settings(deadline=None)
@given(text=TEXTS, at=st.integers(0, 2000), chunk_bytes=CHUNKS)
def test_line_belongs_to_the_range_of_its_first_byte(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, at: int, chunk_bytes: int
) -> None:
    """The first of two Ranges has exactly the lines that begin before its end."""
    path = tmp_path_factory.getbasetemp() / "first.log"
    path.write_bytes(text)
    at %= len(text) + 1
    first = text_of(read([Range(0, str(path), 0, at, "")], chunk_bytes)) if at else b""
    begins = [0, *(i + 1 for i, byte in enumerate(text) if byte == 10)]
    assert len(lines_of(first)) == sum(begin < at for begin in begins if begin < len(text))


def test_every_chunk_ends_with_a_newline_and_has_padding(tmp_path: Path) -> None:
    """Kernels read past the end: 64 bytes behind the lines are there and are zero."""
    (tmp_path / "a.log").write_bytes(b"one\ntwo\nthree")
    chunks = read([Range(7, str(tmp_path / "a.log"), 0, 13, "combined")], 5)
    assert len(chunks) > 1
    for chunk in chunks:
        assert (chunk.file, chunk.format) == (7, "combined")
        assert chunk.buffer[chunk.size - 1] == 10
        assert chunk.buffer[chunk.size : chunk.size + 64].tolist() == [0] * 64


def blocks(text: bytes, size: int) -> Iterable[bytes]:
    """A text in blocks."""
    return (text[i : i + size] for i in range(0, len(text), size))


LENGTHS = st.lists(st.sampled_from([0, 1, 7, LONG - 1, LONG, LONG + 1, 2 * LONG, 3 * LONG + 5]), max_size=7)


@settings(deadline=None)
@given(lengths=LENGTHS, ended=st.booleans(), block=st.integers(1_000, 150_000), chunk_bytes=st.integers(LONG, 300_000))
def test_long_lines_are_bounded_and_counted_once(lengths: list[int], ended: bool, block: int, chunk_bytes: int) -> None:
    """A line is in a chunk or counted as too long, never both; only one of more than 64 KiB may be left out."""
    lines = [b"%d" % (i % 10) * length for i, length in enumerate(lengths)]
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    given_lines, overlong = [], 0
    for buffer, size, left_out in cut(iter(blocks(text, block)), chunk_bytes):
        assert size <= chunk_bytes + block + 1
        given_lines += lines_of(buffer[:size].tobytes())
        overlong += left_out
    expected = lines_of(text)
    assert len(given_lines) + overlong == len(expected)
    assert [line for line in given_lines if len(line) <= LONG] == [line for line in expected if len(line) <= LONG]


def test_line_of_many_megabytes_is_never_held(tmp_path: Path) -> None:
    """A 20 MB line costs one count, in the accounts of the chunk behind it, and no chunk."""
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n" + b"x" * 20_000_000 + b"\nlast\n")
    chunks = read([Range(0, str(path), 0, path.stat().st_size, "")], 1 << 20)
    assert text_of(chunks) == b"first\nlast\n"
    accounts = [chunk.accounts for chunk in chunks]
    assert (sum(a.lines for a in accounts), sum(a.rejected["too_long"] for a in accounts)) == (1, 1)


# ---- Read: compressed files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKERS)
@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), chunk_bytes=CHUNKS)
def test_all_members_of_a_compressed_file_are_read(
    tmp_path_factory: pytest.TempPathFactory, ending: str, texts: list[bytes], chunk_bytes: int
) -> None:
    """Members behind each other are one text, also where a line goes over from one to the next."""
    path = tmp_path_factory.getbasetemp() / f"members.log{ending}"
    path.write_bytes(b"".join(map(PACKERS[ending], texts)))
    ranges = plan(find([str(path)]), [""], 1)
    assert [(one.start, one.stop) for one in ranges] == [(0, path.stat().st_size)]
    assert lines_of(text_of(read(ranges, chunk_bytes))) == lines_of(b"".join(texts))


MEMBERS = [b"".join(b"line %d of %d\n" % (i, part) for i in range(20)) for part in (1, 2)]


def unpacked(content: bytes, ending: str) -> bytes:
    """A compressed content, read to its end."""
    return b"".join(Bounded(io.BytesIO(content), Range(0, f"a{ending}", 0, len(content), ""), 64).lines())


@pytest.mark.parametrize("ending", PACKERS)
def test_truncation_is_found_at_every_byte(ending: str) -> None:
    """Cut anywhere but between two members, a compressed file is an error, never a shorter log."""
    first, second = map(PACKERS[ending], MEMBERS)
    silent = []
    for at in range(1, len(first + second)):
        try:
            unpacked((first + second)[:at], ending)
            silent.append(at)
        except Trouble as trouble:
            assert trouble.code == "E303"
    assert silent == [len(first)]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "something-else-behind": lambda member: b"this is no member at all",
    "wrong-magic": lambda member: bytes([member[0] ^ 0xFF]) + member[1:],
    "flipped-in-the-middle": lambda member: (
        member[: len(member) // 2] + bytes([member[len(member) // 2] ^ 0x55]) + member[len(member) // 2 + 1 :]
    ),
    "flipped-checksum": lambda member: member[:-8] + bytes([member[-8] ^ 0x10]) + member[-7:],
}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_second_member_is_found(ending: str, damage: str) -> None:
    """What stands behind a good member is a good one too, or an error: it is not left out in silence."""
    first, second = map(PACKERS[ending], MEMBERS)
    with pytest.raises(Trouble) as found:
        unpacked(first + DAMAGE[damage](second), ending)
    assert found.value.code == "E303"
    assert "line 1" not in found.value.message


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_progress_adds_up_to_the_file(tmp_path: Path, ending: str) -> None:
    """Bytes done are those of the file as it is stored, lines those that were read."""
    text = b"some line\n" * 1000
    path = tmp_path / f"a.log{ending}"
    path.write_bytes(PACKERS[ending](text) if ending else text)
    told: list[tuple[int, int]] = []
    list(Read(1000, lambda done, lines: told.append((done, lines)))(iter(plan(find([str(path)]), [""], 3000))))
    assert (sum(done for done, _ in told), sum(lines for _, lines in told)) == (path.stat().st_size, 1000)


# ---- Find -----------------------------------------------------------------------------------------------------------


def touch(folder: Path, *names: str) -> list[str]:
    """Files of one byte."""
    for name in names:
        (folder / name).write_bytes(b"\n")
    return [str(folder / name) for name in names]


ROTATED = [
    "access.log", "access.log.1", "access.log.14", "access.log-20261120", "access.log.2026-11-20", "access.log.2.gz",
    "access_log", "access_log-20261120", "access.log-20261120-1764633600", "access.log-20261120.gz", "ACCESS.LOG",
    "shop.example.log.3.bz2", "a.zst", "20261120",
]  # fmt: skip


@pytest.mark.parametrize("name", ROTATED)
def test_names_of_logs_are_known(tmp_path: Path, name: str) -> None:
    """What servers and logrotate call their logs can be read; a compressed one by its last ending."""
    (path,) = touch(tmp_path, name)
    assert [(one.path, one.packed) for one in find([path])] == [(path, name.endswith((".gz", ".bz2", ".zst")))]


@pytest.mark.parametrize("name", ["a.log.xz", "a.7z", "a.log.lz4", "a.zip", "a.tar", "a.log.old", "a.bin", "a.exe.1"])
def test_unknown_endings_are_refused(tmp_path: Path, name: str) -> None:
    """An ending that nobody declared is not read as text."""
    with pytest.raises(Trouble, match=r"unknown ending") as found:
        find(touch(tmp_path, name))
    assert found.value.code == "E302"


def test_inputs_are_found_once_and_sorted(tmp_path: Path) -> None:
    """File, folder and glob that mean the same file give it once, sorted by path; hidden files of a folder are left."""
    paths = touch(tmp_path, "b.log", "a.log", "c.log.gz")
    touch(tmp_path, ".hidden.xz")
    os.mkdir(tmp_path / "sub")
    found = find([str(tmp_path / "*.log"), paths[2], str(tmp_path), paths[0]])
    assert [one.path for one in found] == sorted(paths)


@pytest.mark.parametrize("pattern", ["none-*.log", "none.log", "empty", "**/none"])
def test_what_matches_nothing_is_an_error(tmp_path: Path, pattern: str) -> None:
    """A glob, a name or a folder without a file is named, with exit 3."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(Trouble, match="nothing matches") as found:
        find([str(tmp_path / pattern)])
    assert (found.value.code, found.value.exit) == ("E301", 3)


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    """A named pipe could be read once, and a run reads twice; it is refused before it is opened."""
    os.mkfifo(tmp_path / "a.log")
    with pytest.raises(Trouble, match="pipe") as found:
        find([str(tmp_path / "a.log")])
    assert found.value.code == "E302"


def test_only_the_bytes_of_the_beginning_count(tmp_path: Path) -> None:
    """A log that grows during the run keeps its digest: that of the bytes it had; one that shrinks is an error."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    (known,) = find([str(path)])
    before = digest(known)
    path.write_bytes(b"one\ntwo\n")
    assert digest(known) == before
    path.write_bytes(b"on")
    with pytest.raises(Trouble, match="shorter"):
        digest(known)


def test_grown_log_gives_no_line_that_began_later(tmp_path: Path) -> None:
    """Lines that were written after the run began are left to the next one."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\n")
    ranges = plan(find([str(path)]), [""], 100)
    path.write_bytes(b"one\ntwo\nthree\n")
    assert text_of(read(ranges, 100)) == b"one\ntwo\n"


def test_head_gives_whole_lines(tmp_path: Path) -> None:
    """What formats are guessed from are whole lines; those that are too long to be read are passed over."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\nthree")
    assert head(find([str(path)])[0]) == [b"one", b"two", b"three"]
    path.write_bytes(bytes(2_000_000) + b"\none\n")
    assert head(find([str(path)])[0]) == [b"one"]


# ---- Plan -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(sizes=st.lists(st.tuples(st.integers(0, 5000), st.booleans()), max_size=6), target=st.integers(1, 3000))
def test_ranges_cover_each_file_once_largest_first(sizes: list[tuple[int, bool]], target: int) -> None:
    """Ranges of a file follow each other from 0 to its size; a packed file is one; the largest come first."""
    inputs = [Input(f"{i}", size, packed) for i, (size, packed) in enumerate(sizes)]
    ranges = plan(inputs, ["f"] * len(inputs), target)
    for number, one in enumerate(inputs):
        mine = sorted((r.start, r.stop) for r in ranges if r.file == number)
        assert [b for _, b in mine[:-1]] == [a for a, _ in mine[1:]]
        assert mine == [] if one.size == 0 else (mine[0][0], mine[-1][1]) == (0, one.size)
        assert not one.packed or len(mine) <= 1
    lengths = [r.stop - r.start for r in ranges]
    assert lengths == sorted(lengths, reverse=True)
    assert ranges == plan(inputs, ["f"] * len(inputs), target)


def test_gzip_of_the_standard_library_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without isal .gz files are read all the same."""
    monkeypatch.setitem(sys.modules, "isal", None)
    assert type(unpack.igzip_open(io.BytesIO(b""))) is gzip.GzipFile
    assert unpacked(gzip.compress(MEMBERS[0]), ".gz") == MEMBERS[0]


def test_buffers_are_used_again_but_never_while_they_are_held(tmp_path: Path) -> None:
    """Whoever keeps a chunk keeps its bytes; of those that are let go as they come, two buffers are enough."""
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"line %06d of a log\n" % n for n in range(300_000)))
    whole = Range(0, str(path), 0, path.stat().st_size, "x")
    kept = list(Read(1 << 18)(iter([whole, whole])))
    assert len(kept) > 20
    assert b"".join(chunk.buffer[: chunk.size].tobytes() for chunk in kept) == 2 * path.read_bytes()
    read, found = Read(1 << 18), []
    for chunk in read(iter([whole, whole])):
        found.append(chunk.buffer[: chunk.size].tobytes())
    assert b"".join(found) == 2 * path.read_bytes()
    assert len(read._buffers) == 2
    read.release()
    assert not read._buffers
