"""Dotted quads are treated, hashed and written by the column, as numbers: to the same as one by one."""

from __future__ import annotations

import hashlib
import ipaddress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy import Ip, Policy
from transforms.addresses import NetworkKey
from transforms.kernels.block import Block
from transforms.kernels.modes import BY_NUMBER, HASHED, QUAD
from transforms.kernels.writing import Lexicon, Template
from transforms.treatments.address import Treatment

KEY = bytes(range(32))
QUADS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40)


def written(numbers: list[int], form: int, words: list[bytes | None]) -> list[bytes]:
    """A line for each number, or for the word that is there instead, between brackets."""
    lexicon, block = Lexicon(), Block()
    block.fill(np.frombuffer(b"\n", np.uint8))
    template = Template(lexicon, [b"<", b">\n"], [None], form)
    codes = np.array([[BY_NUMBER if word is None else lexicon.number(word) for word in words]], np.int32)
    none = np.zeros((1, len(numbers)), np.int32)
    lines = bytes(template.write(block, none, none, codes, np.array(numbers, np.uint64)))
    return lines.removesuffix(b"\n").split(b"\n")


@pytest.mark.parametrize("kernel", ["numba", "regex"])
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.none() | st.binary(max_size=70)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_addresses_are_written_by_their_numbers(kernel: str, rows: list[tuple[int, bytes | None]]) -> None:
    """As ipaddress writes them, among words of any length."""
    words = [None if word is None else word.replace(b"\n", b"") for _, word in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transforms.kernels.writing.compiled", lambda: kernel == "numba")
        quads = written([number & 0xFFFFFFFF for number, _ in rows], QUAD, words)
        hashed = written([number for number, _ in rows], HASHED, words)
    for (number, _), word, quad, token in zip(rows, words, quads, hashed, strict=True):
        if word is not None:
            assert quad == token == b"<" + word + b">"
            continue
        assert quad.decode() == f"<{ipaddress.IPv4Address(number & 0xFFFFFFFF)}>"
        assert ipaddress.IPv6Address(token[1:-1].decode()) == ipaddress.IPv6Address(0x20010DB8 << 96 | number)
        assert token.startswith(b"<2001:db8:0:0:")
        assert len(token) == 34


@given(QUADS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_column_of_quads_gives_the_tokens_of_each(quads: list[int], truncate: bool) -> None:
    """The treatment of a column is that of its texts; its tokens are what hashlib says."""
    policy = Policy(ip=Ip(treatment="truncate" if truncate else "hash"))
    treatment = Treatment(policy, NetworkKey(KEY), lambda packed: f"{packed[0] % 3}{len(packed)}")
    site = policy.all_sites[0]
    tokens, countries = treatment.quads(np.array(quads, np.int64), site)
    for quad, token, country in zip(quads, tokens, countries, strict=True):
        text = str(ipaddress.IPv4Address(quad)).encode()
        assert (token.tobytes(), country, None) == treatment.treat(text, None, site)
    salt = hashlib.blake2b(site.name.encode(), digest_size=16).digest()
    unit = b"4" + quads[0].to_bytes(4, "big")[: 3 if truncate else 4]
    exact = hashlib.blake2b(unit, digest_size=8, key=KEY, salt=salt, person=b"network").digest()
    assert tokens[0, 8:].tobytes() == exact
