"""What a canonical text can be wrapped in: each function takes one wrapping off, or finds that there is none."""

from __future__ import annotations

import base64
import binascii
import json
import quopri
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

CANDIDATES = 16
"""Encoded words of one text that are looked into."""

INFLATED = 8192
"""Bytes that one compressed value may become."""

NODES = 256
"""Strings and numbers of one JSON document that are looked at."""


ENCODED = frozenset(["base64", "base32", "hex", "jwt", "quoted-printable"])
"""What `by` begins with where the wrapping is an encoding of bytes."""


class Inner(NamedTuple):
    """A raw text found inside another; `form` says how it is to be split (transforms/reading.py)."""

    text: bytes
    by: str
    name: str = ""
    form: str = "value"


class TooMuch(Exception):
    """A wrapping holds more than the caps allow: what is in it stays unread."""


# ---- bytes that may be text -----------------------------------------------------------------------------------------


def _inflated(data: bytes) -> Iterator[bytes]:
    """What zlib (RFC 1950), gzip (RFC 1952) or bare deflate (RFC 1951, as in SAML) make of bytes. Raises TooMuch."""
    head = data[:2]
    if head == b"\x1f\x8b":
        kinds = [31]
    elif len(head) == 2 and head[0] & 15 == 8 and int.from_bytes(head, "big") % 31 == 0:
        kinds = [15]
    else:
        kinds = [-15] if len(data) >= 16 else []
    for bits in kinds:
        inflater = zlib.decompressobj(bits)
        try:
            text = inflater.decompress(data, INFLATED)
        except zlib.error:
            continue
        if inflater.unconsumed_tail or (not inflater.eof and len(text) >= INFLATED):
            raise TooMuch
        if text and (inflater.eof or bits > 0):
            yield text


def _text_of(data: bytes) -> bytes | None:
    """Bytes as one line of UTF-8, or None where they are no text."""
    if b"\0" in data and len(data) % 2 == 0:  # UTF-16 of ASCII has a NUL in every second place
        for half, order in ((1, "utf-16-le"), (0, "utf-16-be")):
            if not any(data[half::2]):
                return data.decode(order, "replace").encode()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = " ".join(text.split())
    return text.encode() if text and text.isprintable() else None


def _texts(data: bytes, by: str, inflate: int = 3) -> Iterator[Inner]:
    text = _text_of(data)
    if text is not None:
        yield Inner(text, by)
    elif inflate:
        for inner in _inflated(data):
            yield from _texts(inner, f"{by}+deflate", inflate - 1)


# ---- encodings of bytes ---------------------------------------------------------------------------------------------

_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{8,}={0,2}")
_BASE32 = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z2-7]{8,}|[a-z2-7]{16,})={0,6}(?![A-Za-z0-9])")
_HEX = re.compile(r"(?:0x|\\x)?((?:[0-9a-fA-F]{2}){5,})")
_HEX_DUMP = re.compile(r"[0-9a-fA-F]{2}(?:[-:, ]+[0-9a-fA-F]{2}){4,}")
_QUOTED = re.compile(r"=[0-9A-F]{2}")
_JWT = re.compile(r"(eyJ[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]*)?")


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for count, match in enumerate(pattern.finditer(text)):
        if count == CANDIDATES:
            raise TooMuch
        yield match


def _base64(word: str) -> bytes:
    word = word.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def from_base64(text: str) -> Iterator[Inner]:
    """RFC 4648 sections 4 and 5, padded or not; a space may have been a "+"."""
    words = {match.group() for pattern in (_BASE64, _BASE64URL) for match in _found(pattern, text)}
    if " " in text and _BASE64.fullmatch(joined := text.strip().replace(" ", "+")):
        words.add(joined)
    for word in sorted(words):
        # Small letters alone, or digits alone, are what encoders do not make.
        if not word.islower() or any(map(str.isdigit, word)):
            yield from _texts(_base64(word), "base64")


def from_base32(text: str) -> Iterator[Inner]:
    """RFC 4648 section 6, in either case."""
    for match in _found(_BASE32, text):
        word = match.group().rstrip("=").upper()
        try:
            data = base64.b32decode(word + "=" * (-len(word) % 8))
        except (binascii.Error, ValueError):
            continue
        yield from _texts(data, "base32")


def from_hex(text: str) -> Iterator[Inner]:
    """RFC 4648 section 8, also as a dump of bytes with separators."""
    for match in _found(_HEX, text):
        yield from _texts(bytes.fromhex(match[1]), "hex")
    for match in _found(_HEX_DUMP, text):
        yield from _texts(bytes.fromhex("".join(re.findall(r"[0-9a-fA-F]{2}", match.group()))), "hex")


def from_quoted_printable(text: str) -> Iterator[Inner]:
    """RFC 2045 section 6.7: `jo=40example.com`."""
    if _QUOTED.search(text):
        yield from _texts(quopri.decodestring(text.encode()), "quoted-printable")


def from_jwt(text: str) -> Iterator[Inner]:
    """RFC 7519: header and claims."""
    for match in _found(_JWT, text):
        for part in match.groups():
            yield from _texts(_base64(part), "jwt")


# ---- structures -----------------------------------------------------------------------------------------------------

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:[/\\]{2}[^\s\"'<>]+|(?<![:/\w])//[\w.-]+\.[a-z]{2,}[^\s\"'<>]*")
_PAIRS = re.compile(r"[^&;=?\s]{1,64}=[^&;=]")
_TARGET = re.compile(r"/?[^?\s]*\?[^=&]+=.*")


def from_url(text: str) -> Iterator[Inner]:
    """URLs anywhere in a text, a target with a query, and pairs without one (RFC 3986, cookies)."""
    has_url = False
    for match in _found(_URL, text):
        has_url = True
        yield Inner(match.group().replace("\\", "/").encode(), "url", form="url")
    if has_url:
        return
    if _TARGET.fullmatch(text):
        yield Inner(text.encode(), "target", form="target")
    elif _PAIRS.match(text):
        yield Inner(text.encode(), "pairs", form="query")


def from_json(text: str) -> Iterator[Inner]:
    """RFC 8259: every string and number of a document, under its key."""
    start = text.lstrip()[:1]
    if start not in ("{", "[", '"'):
        return
    try:
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return
    except RecursionError:
        raise TooMuch from None
    yield from _leaves(document)


def _leaves(document: Any) -> Iterator[Inner]:
    stack, seen = [("", document)], 0
    while stack:
        name, value = stack.pop()
        seen += 1
        if seen > NODES:
            raise TooMuch
        if isinstance(value, dict):
            stack += list(value.items())
        elif isinstance(value, list):
            stack += [(name, one) for one in value]
        elif isinstance(value, str):
            yield Inner(value.encode("utf-8", "replace"), "json", name[:64])


WRAPPINGS: tuple[Callable[[str], Iterator[Inner]], ...] = (
    from_url, from_json, from_jwt, from_base64, from_base32, from_hex, from_quoted_printable,
)  # fmt: skip
