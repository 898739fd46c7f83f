"""Read: every line of every file once, whatever the Ranges, blocks and chunks are."""

from __future__ import annotations

import bz2
import gzip
import io
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import stream, unpack
from pipeline.cut import cut
from pipeline.find import find
from pipeline.plan import plan
from pipeline.read import Read, head
from pipeline.stream import Stream, dealt
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


@pytest.mark.parametrize("ending", PACKERS)
@settings(deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    parts=st.integers(1, 4),
    stripe=st.integers(1, 99),
    chunk_bytes=CHUNKS,
)
def test_parts_of_a_compressed_file_give_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, ending: str, texts: list[bytes], parts: int, stripe: int, chunk_bytes: int
) -> None:
    """Each part has the lines that begin in its stripes, in order; together they report the bytes of the file once."""
    path = tmp_path_factory.getbasetemp() / f"parts.log{ending}"
    path.write_bytes(b"".join(map(PACKERS[ending], texts)))
    text, told = b"".join(texts), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "STRIPE", stripe)
        for part in range(parts):
            range_ = Range(0, str(path), 0, path.stat().st_size, "", part, parts)
            chunks = list(Read(chunk_bytes, lambda done, lines: told.append((done, lines)))(iter([range_])))
            assert lines_of(text_of(chunks)) == [line for at, line in begun(text) if at // stripe % parts == part]
    assert sum(lines for _, lines in told) == len(lines_of(text))
    assert sum(done for done, _ in told) <= path.stat().st_size  # parts without a line have no chunk to report with


def begun(text: bytes) -> list[tuple[int, bytes]]:
    """Lines with where they begin."""
    found, at = [], 0
    for line in lines_of(text):
        found.append((at, line))
        at += len(line) + 1
    return found


@given(text=TEXTS, sizes=st.lists(st.integers(1, 50), min_size=2, max_size=4), stripe=st.integers(1, 99))
def test_parts_depend_on_no_blocks(text: bytes, sizes: list[int], stripe: int) -> None:
    """Parts are read by processes that may get other blocks of the same bytes: no line is lost or had twice."""
    parts = [b"".join(dealt(iter(blocks(text, size)), i, len(sizes), stripe)) for i, size in enumerate(sizes)]
    for i, part in enumerate(parts):
        assert part == b"".join(dealt(iter([text]), i, len(sizes), stripe))
    assert sorted(b"\n".join(parts).split()) == sorted(text.split())


MEMBERS = [b"".join(b"line %d of %d\n" % (i, part) for i in range(20)) for part in (1, 2)]


def unpacked(content: bytes, ending: str) -> bytes:
    """A compressed content, read to its end."""
    return b"".join(Stream(io.BytesIO(content), Range(0, f"a{ending}", 0, len(content), ""), 64).lines())


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


def test_gzip_of_the_standard_library_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without isal .gz files are read all the same."""
    monkeypatch.setitem(sys.modules, "isal", None)
    assert type(unpack.igzip_open(io.BytesIO(b""))) is gzip.GzipFile
    assert unpacked(gzip.compress(MEMBERS[0]), ".gz") == MEMBERS[0]


def test_buffers_are_used_again_but_never_while_they_are_held(tmp_path: Path) -> None:
    """Whoever keeps a chunk keeps its bytes; of those that are let go as they come, three buffers are enough.

    One is used, one is ready, and one is let go while the next is made.
    """
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
    assert len(read._buffers) <= 3
    read.release()
    assert not read._buffers
