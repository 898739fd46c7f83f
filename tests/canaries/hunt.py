"""The hunt: all bytes that were written, unpacked, and which planted values are in them, in one pass."""

from __future__ import annotations

import base64
import bz2
import contextlib
import gzip
import hashlib
import html
import ipaddress
import os
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pyarrow.parquet as pq

from audit import parquet
from audit.windows import SIZE, numbers_of, places_of
from canaries.planted import Canary

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONG = 20  # of pieces above a part is enough
END = 14
LEAST = 6  # what is shorter is found by accident
SURE = 15  # bytes: what is not longer may be found in a digest by accident
# digests of files, names of runs, and what is packed (it is unpacked too): some characters of them are found by accident
NOISE = re.compile(
    rb"(?<![0-9a-z])(?:[0-9a-f]{64}|[0-9]{8}t[0-9]{6}z-[0-9a-f]{8})(?![0-9a-z])|[0-9a-z+/_-]{400,}", re.IGNORECASE
)
COUNT = re.compile(rb"(['\"]: ?|(?:sum|count|min|max|attempted|committed)=)[0-9][0-9.,]*")
URL_SAFE = bytes.maketrans(b"-_", b"+/")
PACKERS = {b"\x78": zlib.decompress, b"BZh": bz2.decompress, b"\x1f\x8b": gzip.decompress}
HASHES = ("md5", "sha1", "sha256")

# ---- what was written -----------------------------------------------------------------------------------------------


def files_below(*folders: Path) -> Iterator[bytes]:
    """All names and bytes below some folders; of Parquet files the pages too, unpacked, and what readers make of them."""
    for path in sorted(file for folder in folders for file in [folder, *folder.rglob("*")]):
        yield os.fsencode(path)
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield from (page for column in parquet.read(path).columns for page in column.pages)
                yield decoded(path)


def everything(*folders: Path) -> bytes:
    """The same as one, in lower case."""
    return b"\0".join(files_below(*folders)).lower()


def decoded(path: Path) -> bytes:
    """Values, dictionaries, statistics and metadata of a Parquet file."""
    metadata = pq.read_metadata(path)
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    table = pq.read_table(path, partitioning=None, read_dictionary=names)
    columns = [chunk for column in table.columns for chunk in column.chunks]
    dictionaries = [chunk.dictionary.to_pylist() for chunk in columns if hasattr(chunk, "dictionary")]
    return "\0".join(map(str, [table.to_pylist(), dictionaries, metadata.to_dict(), metadata.metadata])).encode()


def unpacked(content: bytes) -> Iterator[bytes]:
    """A text of bytes, and what is in it in base64, in hex, percent-encoded, as UTF-16, or compressed and then base64, as
    Beam pickles.
    """
    yield content
    if b"%" in content:
        yield unquote_to_bytes(content)
    yield content.replace(b"\0", b"")
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), content.decode("utf-8", "ignore"))
    yield unicodedata.normalize("NFKC", html.unescape(text)).encode("utf-8", "ignore")
    for digits in set(re.findall(rb"(?:[0-9a-fA-F]{2}){8,}", content)):
        yield bytes.fromhex(digits.decode())
    for packed in set(re.findall(rb"[A-Za-z0-9+/_-]{12,}", content)):
        for start in range(4):  # it may begin within what else has such letters
            text = packed[start:].translate(URL_SAFE)
            text = text[: len(text) // 4 * 4] if len(text) % 4 == 1 else text + b"=" * (-len(text) % 4)
            plain = base64.b64decode(text)
            yield plain
            for sign, decompress in PACKERS.items():
                if plain.startswith(sign):
                    with contextlib.suppress(zlib.error, OSError, ValueError):
                        yield decompress(plain)


# ---- what is hunted -------------------------------------------------------------------------------------------------


def forms(canary: Canary) -> Iterator[bytes]:
    """What gives a canary away, in lower case: its pieces with and without their separators, the ends of long ones, its
    text as it was written, pieces backwards, and its hashes.
    """
    plain = [*canary.pieces, canary.text]
    plain += [squeezed for piece in canary.pieces if len(squeezed := re.sub(r"[\W_]", "", piece)) >= SIZE]
    plain += [end for piece in canary.pieces if len(piece) >= LONG for end in (piece[:END], piece[-END:])]
    for text in plain:
        yield text.casefold().encode()
    for piece in canary.pieces:
        if len(piece) >= SIZE:
            yield piece.casefold().encode()[::-1]
    for name in HASHES:
        for value in {canary.value, canary.value.lower()}:
            digest = hashlib.new(name, value.encode())
            yield digest.hexdigest().encode()
            yield digest.digest()


class Hunt:
    """Canaries, ready to be hunted in any number of places."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        owners: dict[bytes, int] = {}
        shared: set[bytes] = (
            set()
        )  # what two have is no nonce: the head of every JWT, the letters that a maker begins with
        for number, canary in enumerate(canaries):
            for form in set(forms(canary)):
                if owners.setdefault(form, number) != number:
                    shared.add(form)
        self._canaries = canaries
        self._needles = {form: number for form, number in owners.items() if len(form) >= LEAST and form not in shared}
        # encoded texts begin alike by the thousand: under a head the lengths of its needles, of which few differ
        self._by_head: dict[bytes, set[int]] = defaultdict(set)
        for form in self._needles:
            if len(form) >= SIZE:
                self._by_head[form[:SIZE]].add(len(form))
        self._heads = numbers_of(self._by_head)
        self._tiny = {form for form in self._needles if len(form) < SIZE}
        self._numbers = {form for form in self._tiny if form.isdigit()}

    def __len__(self) -> int:
        return len(self._needles)

    def survivors(self, content: bytes) -> list[Canary]:
        """All canaries of which something is in there, as it is or wrapped; the short ones only in text as it is."""
        whole = b"\0".join(unpacked(content)).lower()
        outside = NOISE.sub(lambda found: b" " * len(found[0]), whole)
        found = set()
        for position in places_of(whole, self._heads)[0].tolist():
            for size in self._by_head[whole[position : position + SIZE]]:
                form = (whole if size > SURE else outside)[position : position + size]
                if form in self._needles:
                    found.add(self._needles[form])
        return [self._canaries[number] for number in sorted(found | self._tiny_in(content.lower()))]

    def _tiny_in(self, content: bytes) -> set[int]:
        """Numbers are found as wholes, other text within words."""
        text = COUNT.sub(rb"\1#", NOISE.sub(b" ", content))
        seen = set(re.findall(rb"[0-9]+", text))
        for word in set(re.findall(rb"[ -~]{6,}", text)):
            seen |= {
                word[at : at + size] for size in range(LEAST, SIZE) for at in range(len(word) - size + 1)
            } - self._numbers
        return {self._needles[form] for form in self._tiny & seen}


# ---- addresses ------------------------------------------------------------------------------------------------------


def addresses_in(content: bytes) -> set[Address]:
    """All addresses in some bytes: dotted, with colons, as whole numbers, and the 16 bytes of one of 2001:db8::/32."""
    texts = re.findall(rb"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f:]{6,39}", content)
    wholes = [int(digits) for digits in re.findall(rb"(?<![0-9])[0-9]{9,10}(?![0-9])", content)]
    found: set[Address] = {ipaddress.ip_address(whole) for whole in wholes if whole < 1 << 32}
    found |= {
        ipaddress.ip_address(match[1]) for match in re.finditer(rb"(?=(\x20\x01\x0d\xb8.{12}))", content, re.DOTALL)
    }
    for text in texts:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.ip_address(text.decode()))
    return found
