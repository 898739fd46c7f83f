"""Wide loads: what they say of bytes is what Python says of them, and no place outside of an array is read or written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.kernels import compiled

pytestmark = pytest.mark.skipif(not compiled(), reason="numba is not installed, so that nothing is compiled")
SIZE = 192
U = np.uint64
texts = st.binary(min_size=SIZE, max_size=SIZE) | st.lists(st.sampled_from(b"ab"), min_size=SIZE, max_size=SIZE).map(
    bytes
)
whenever = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def wide() -> dict[str, Any]:
    """Each of the functions as one that Python can call."""
    from transforms.kernels import wide as made
    from transforms.kernels.jit import part

    return {
        "load": part(lambda words, at: made.load(words, at)),
        "store": part(lambda words, at, word: made.store(words, at, word)),
        "copy": part(lambda words, at, source, start: made.copy(words, at, source, start)),
        "unequal": part(lambda words, at, others, start: made.unequal(words, at, others, start)),
        "matches": part(lambda words, at, a, b: made.matches(words, at, a, b)),
        "matches3": part(lambda words, at, a, b, c: made.matches3(words, at, a, b, c)),
        "below": part(lambda words, at, mark: made.below(words, at, mark)),
        "first": part(lambda bits: made.first(bits)),
        "ones": part(lambda bits: made.ones(bits)),
        "hashed": part(lambda words, at, size, seed: made.hashed(words, at, size, seed)),
    }


def words(text: bytes) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.frombuffer(text, np.uint64).copy()


def each(byte: int) -> np.uint64:
    return U(int.from_bytes(bytes([byte]) * 8, "little"))


@whenever
@given(text=texts, at=st.integers(0, SIZE - 64), other=st.integers(0, SIZE - 64), a=st.sampled_from(b"a\0\x80\xff"))
def test_bytes_are_those_of_the_text(wide: dict[str, Any], text: bytes, at: int, other: int, a: int) -> None:
    """Loads, and the places of bytes that match or differ, bit by bit."""
    there, here = words(text), text[at : at + 64]
    assert wide["load"](there, at) == int.from_bytes(text[at : at + 8], "little")
    assert wide["matches"](there, at, each(a), each(98)) == sum(1 << k for k, c in enumerate(here) if c in (a, 98))
    assert wide["matches3"](there, at, each(a), each(98), each(7)) == sum(
        1 << k for k, c in enumerate(here) if c in (a, 98, 7)
    )
    assert wide["below"](there, at, each(a)) == sum(1 << k for k, c in enumerate(here) if c < a)
    differ = [k for k in range(64) if here[k] != text[other + k]]
    bits = wide["unequal"](there, at, there, other)
    assert bits == sum(1 << k for k in differ)
    assert wide["first"](U(bits)) == (differ[0] if differ else 64)
    assert wide["ones"](U(bits)) == len(differ)


@whenever
@given(text=texts, at=st.integers(0, SIZE - 64), start=st.integers(0, SIZE - 64))
def test_what_is_written_is_what_was_read(wide: dict[str, Any], text: bytes, at: int, start: int) -> None:
    """And nothing beside it."""
    into = words(bytes(SIZE))
    wide["copy"](into, at, words(text), start)
    assert into.tobytes() == bytes(at) + text[start : start + 64] + bytes(SIZE - at - 64)
    wide["store"](into, at, U(int.from_bytes(b"12345678", "little")))
    assert into.tobytes() == bytes(at) + b"12345678" + text[start + 8 : start + 64] + bytes(SIZE - at - 64)


@whenever
@given(
    text=texts,
    at=st.integers(0, 60),
    size=st.integers(1, 130),
    behind=st.binary(min_size=1, max_size=62),
    by=st.integers(),
)
def test_a_hash_is_of_these_bytes_and_this_seed(
    wide: dict[str, Any], text: bytes, at: int, size: int, behind: bytes, by: int
) -> None:
    """It does not depend on where the bytes lie or on what stands behind them; it does on each of them, and on the seed."""
    seed = U(by % 2**64)
    moved = (text[at : at + size] + behind).ljust(3 * 64 + 8, b"\0")
    found = wide["hashed"](words(text.ljust(4 * 64, b"x")), at, size, seed)
    assert wide["hashed"](words(moved), 0, size, seed) == found
    assert wide["hashed"](words(moved), 0, size, seed ^ U(1 << 40)) != found
    for k in {0, size // 2, size - 1}:
        other = bytearray(moved)
        other[k] ^= 1
        assert wide["hashed"](words(bytes(other)), 0, size, seed) != found
    assert wide["hashed"](words(moved[:size].ljust(len(moved), b"\0")), 0, size + 1, seed) != found


def test_hashes_spread(wide: dict[str, Any]) -> None:
    """No two of 200,000 alike texts have the same hash, and their lowest bits are as even as those of chance."""
    hashes = set()
    low = np.zeros(256, np.int64)
    for n in range(200_000):
        h = int(wide["hashed"](words((b"10.%d.%d.%d" % (n % 7, n // 256, n % 256)).ljust(64, b"\0")), 0, 24, U(99)))
        hashes.add(h)
        low[h & 255] += 1
    assert len(hashes) == 200_000
    expected = 200_000 / 256
    assert (
        (low - expected) ** 2 / expected
    ).sum() < 350  # chi-squared of 255 degrees: above 330 once in a thousand times


@pytest.mark.parametrize("at", [-(2**63), -64, -1, SIZE - 7, SIZE, 2**63 - 1])
@pytest.mark.parametrize(
    "name", ["load", "store", "copy", "copied", "unequal", "matches", "matches3", "below", "hashed"]
)
def test_outside_is_an_error(wide: dict[str, Any], name: str, at: int) -> None:
    """In front of an array, behind it and over its end, whichever argument says so; and nothing is written."""
    there = words(bytes(range(SIZE)))
    before = there.tobytes()
    given_ = {
        "load": (there, at), "store": (there, at, U(1)), "copy": (there, at, words(bytes(64)), 0),
        "copied": (there, 0, there, at), "unequal": (there, 0, there, at), "matches": (there, at, U(0), U(0)),
        "matches3": (there, at, U(0), U(0), U(0)), "below": (there, at, U(0)), "hashed": (there, at, 8, U(1)),
    }[name]  # fmt: skip
    with pytest.raises(IndexError, match="out of bounds"):
        wide["copy" if name == "copied" else name](*given_)
    assert there.tobytes() == before


@pytest.mark.parametrize("size", [0, 8, 56])
def test_short_arrays_have_no_sixty_four_bytes(wide: dict[str, Any], size: int) -> None:
    """The bound is that of the array, whatever the place."""
    short = np.zeros(size // 8, np.uint64)
    for at in (0, size - 8):
        with pytest.raises(IndexError):
            wide["matches"](short, at, U(0), U(0))


def test_a_hash_of_more_than_there_is_is_an_error(wide: dict[str, Any]) -> None:
    """Sizes are as little believed as places."""
    for size in (SIZE + 1, 2**40, -(2**62)):
        with pytest.raises(IndexError):
            wide["hashed"](words(bytes(SIZE)), 64, size, U(1))
