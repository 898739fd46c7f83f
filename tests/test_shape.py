"""The shape of a rejected line tells kinds of characters and none of the characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.shape import LONGEST, shape


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b'192.0.2.1 - - [D] "GET /a?b=X1" 200', 'N.N.N.N - - [A] "A /A?A=AN" N', id="as in PRIVACY.md 3"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"caf\xc3\xa9\xff", "A", id="bytes from 0x80 are letters"),
        pytest.param(b"a\0\x1b\x7fb", "ACA", id="control bytes"),
        pytest.param(b"-" * 500, "-" * LONGEST, id="capped"),
    ],
)
def test_shape_of_known_lines(line: bytes, expected: str) -> None:
    """Runs of digits, letters and control bytes become one letter each, the rest stays."""
    assert shape(line) == expected


@given(st.binary(max_size=300))
def test_shape_holds_no_letter_or_digit_of_the_line(line: bytes) -> None:
    """Only the three class letters and ASCII punctuation can be in a shape."""
    assert not [c for c in shape(line) if c not in "ANC" and (c.isalnum() or not 32 <= ord(c) < 127)]
