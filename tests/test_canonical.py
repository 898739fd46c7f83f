"""The canonicaliser: total, idempotent, bounded."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.canonical import LIMIT, decode, pairs


def encode(text: str, times: int) -> bytes:
    for _ in range(times):
        text = quote(text, safe="")
    return text.encode()


DECODED = {
    "plain": (b"abc", "abc"),
    "empty": (b"", ""),
    "percent": (b"a%40b", "a@b"),
    "lower_hex": (b"%c3%a9", "é"),
    "all_bytes": (b"%61%62", "ab"),
    "stray_percent": (b"100%", "100%"),
    "not_hex": (b"%zz", "%zz"),
    "plus_stays": (b"a+b", "a+b"),
    "full_width": ("\uff41\uff20\uff42".encode(), "a@b"),
    "full_width_percent": ("\uff05\uff14\uff10".encode(), "@"),
    "composed": ("e\u0301".encode(), "é"),
    "raw_utf8": ("é".encode(), "é"),
    "space": (b"a%20b", "a b"),
    "slash": (b"a%2fb", "a/b"),
}
REFUSED = {
    "not_utf8": b"\xff",
    "not_utf8_encoded": b"%ff",
    "overlong": b"%c0%af",
    "surrogate": b"%ed%a0%80",
    "nul": b"a%00b",
    "newline": b"a%0ab",
    "delete": b"%7f",
    "c1": b"%c2%85",
    "line_separator": b"%e2%80%a8",
    "too_long": b"a" * (LIMIT + 1),
    "too_deep": encode("@", 9),
    "long_after_nfkc": ("\ufdfa" * 500).encode(),
}


@pytest.mark.parametrize(("text", "expected"), DECODED.values(), ids=DECODED.keys())
def test_decoded(text: bytes, expected: str) -> None:
    """What a piece says, whatever the way it is written."""
    assert decode(text) == expected


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: bytes) -> None:
    """What is no text, hostile or too long is not looked at."""
    assert decode(text) is None


@pytest.mark.parametrize("times", range(1, 8))
def test_nested_encodings_settle(times: int) -> None:
    """Up to seven layers of encoding come off (the eighth round sees that nothing changes)."""
    assert decode(encode("a@b", times)) == "a@b"


@given(
    st.binary(max_size=200)
    | st.text(max_size=80).map(
        str.encode,
    )
    | st.text("%0123456789abcdef\uff05\uff14", max_size=60).map(str.encode)
)
@example("\uff05\uff05\uff12\uff1541".encode())
@settings(max_examples=300, deadline=None)
def test_total_and_idempotent(text: bytes) -> None:
    """No bytes raise, and what is decoded decodes to itself."""
    found = decode(text)
    if found is not None:
        assert decode(found.encode()) == found


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="%"), max_size=40))
@settings(max_examples=100, deadline=None)
def test_every_encoding_of_a_text_is_one(text: str) -> None:
    """A text and its percent-encoded form are decoded to the same."""
    assert decode(text.encode()) == decode(encode(text, 1))


def test_time_is_bounded() -> None:
    """The longest hostile piece takes milliseconds, not seconds."""
    begin = time.perf_counter()
    for text in (b"%25" * 2730, b"%" * LIMIT, ("\u0344" * 4000).encode(), b"%2525" * 1600):
        decode(text)
    assert time.perf_counter() - begin < 1


def test_pairs_split_before_they_decode() -> None:
    """Raw delimiters separate, encoded ones do not; a plus is a space; what cannot be decoded is left out."""
    assert pairs(b"a=1&b=x+y%26c%3D2&%75tm=z&bad=%ff&novalue&=noname&a=2=3") == [
        ("a", "1"), ("b", "x y&c=2"), ("utm", "z"), ("novalue", ""), ("a", "2=3"),
    ]  # fmt: skip


def test_pairs_are_bounded() -> None:
    """A million parameters are not looked at."""
    assert len(pairs(b"a=1&" * 1_000_000)) <= 1000
