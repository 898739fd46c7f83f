"""Sealed tallies as bytes: the kind, then pieces that are sealed one by one, so that they can be opened one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import partial

from schemas.stages import Accounts
from transforms import accounts as accounting
from transforms.keys import Seal
from transforms.packed import Packed, pack
from transforms.partials import Partial

PARTIAL, ACCOUNTS = b"P", b"A"
_LENGTH = struct.Struct("<I")


def seal_partial(seal: Seal, part: Partial) -> bytes:
    """A tally; only how many tables it has, and how long each piece is, can be told without the key."""
    return PARTIAL + _framed([seal.close(piece) if piece else b"" for piece in pack(part)])


def seal_accounts(seal: Seal, accounts: Accounts) -> bytes:
    """The counts that travel beside the tallies."""
    return ACCOUNTS + _framed([seal.close(accounting.to_bytes(accounts))])


def open_all(seal: Seal, sealed: Iterable[bytes]) -> tuple[list[Packed], Accounts]:
    """All tallies, whose tables are opened when they are asked for, and all accounts added up."""
    tallies, total = [], Accounts()
    for content in sealed:
        pieces = _pieces(content)
        if content[:1] == PARTIAL:
            tallies.append(Packed([partial(_opened, seal, piece) for piece in pieces]))
        else:
            accounting.add(total, accounting.from_bytes(seal.open(pieces[0])))
    return tallies, total


def _opened(seal: Seal, piece: memoryview) -> bytes:
    return seal.open(piece) if len(piece) else b""


def _framed(pieces: Sequence[bytes]) -> bytes:
    return b"".join(part for piece in pieces for part in (_LENGTH.pack(len(piece)), piece))


def _pieces(content: bytes) -> list[memoryview]:
    """The pieces as views of the content."""
    found, at, whole = [], 1, memoryview(content)
    while at < len(whole):
        (length,) = _LENGTH.unpack_from(whole, at)
        at += _LENGTH.size
        found.append(whole[at : at + length])
        at += length
    return found
