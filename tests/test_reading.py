"""Reading: every layer of a text is found, in bounded time and memory, and nothing raises."""

from __future__ import annotations

import base64
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.canonical import decode
from transforms.reading import DEPTH, LAYERS, SIZE, is_plain, read, read_text

SECRET = "jo.doe@example.com"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


WRAPPED: dict[str, str] = {
    "plain": SECRET,
    "percent": "jo.doe%40example.com",
    "percent_twice": "jo.doe%2540example.com",
    "percent_three_times": "jo.doe%252540example.com",
    "all_bytes": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "entity": quote("jo.doe&#64;example.com"),
    "entity_hex": quote("jo.doe&#x40;example.com"),
    "entity_named": quote("jo.doe&commat;example.com"),
    "entity_twice": quote("jo.doe&amp;#64;example.com"),
    "json_escape": r"jo.doe\u0040example.com",
    "json_escape_brace": r"jo.doe\u{40}example.com",
    "js_escape": "jo.doe%u0040example.com",
    "hex_escape": r"jo.doe\x40example.com",
    "full_width": quote("".join(chr(ord(c) + 0xFEE0) for c in SECRET)),
    "soft_hyphen": quote("jo.\u00addoe@exam\u200bple.com"),
    "base64": _b64(SECRET.encode()),
    "base64_twice": _b64(_b64(SECRET.encode()).encode()),
    "base64_spaces_for_plus": _b64(b"jo.doe@example.com??>>").replace("+", " "),
    "base64url": _b64url(SECRET.encode()),
    "base64_in_a_name": "report-" + _b64(SECRET.encode()).rstrip("=") + ".pdf",
    "base64_of_utf16": _b64(SECRET.encode("utf-16-le")),
    "base32": base64.b32encode(SECRET.encode()).decode(),
    "base32_lower": base64.b32encode(SECRET.encode()).decode().lower().rstrip("="),
    "hex": SECRET.encode().hex(),
    "hex_upper_0x": "0x" + SECRET.encode().hex().upper(),
    "hex_dump": SECRET.encode().hex(" "),
    "quoted_printable": "jo.doe=40example.com",
    "zlib": quote(_b64(zlib.compress(SECRET.encode()))),
    "gzip": quote(_b64(gzip.compress(SECRET.encode()))),
    "saml": quote(_b64(_deflate(f'<saml:NameID xmlns="urn:x">{SECRET}</saml:NameID>'.encode()))),
    "zlib_of_zlib": quote(_b64(zlib.compress(zlib.compress(SECRET.encode())))),
    "json": quote(json.dumps({"a": [{"b": SECRET}]})),
    "json_in_base64": _b64(json.dumps({"u": SECRET}).encode()).rstrip("="),
    "json_in_json": quote(json.dumps({"a": json.dumps({"b": SECRET})})),
    "jwt": ".".join(map(_b64url, (b'{"alg":"none"}', json.dumps({"sub": SECRET}).encode(), b"x"))),
    "nested_url": quote(f"https://example.org/p?m={quote(SECRET)}", safe=""),
    "nested_url_path": quote(f"https://example.org/u/{SECRET}/x", safe=""),
    "nested_fragment": quote(f"https://example.org/#m={SECRET}", safe=""),
    "nested_target": quote(f"/login?next=/x?m={quote(SECRET)}", safe=""),
    "nested_pairs": quote(f"a=1&m={SECRET}", safe=""),
    "nested_base64_url": quote(_b64(f"https://example.org/?m={SECRET}".encode())),
    "matrix": quote(f"https://example.org/a;m={SECRET}/b", safe=""),
}  # fmt: skip


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED.keys())
def test_every_wrapping_comes_off(text: str) -> None:
    """Some layer says the address, however it was written."""
    reading = read(f"/x?v={text}".encode(), "target")
    assert any(SECRET in layer.text for layer in reading.layers)


FORMS: dict[str, tuple[bytes, str, list[tuple[str, str]]]] = {
    "path": (b"/a/b;k=v/c", "path", [("", "a"), ("a", "b"), ("", "k"), ("k", "v"), ("b", "c")]),
    "asset": (b"/search/search.js", "path", [("", "search"), ("", "search.js")]),
    "query": (b"a=1&b=x+y;c=%26", "query", [("", "a"), ("a", "1"), ("", "b"), ("b", "x y"), ("", "c"), ("c", "&")]),
    "url": (b"https://u:p@h.example:8/x?y=1#z=2", "url", [
        ("", "h.example:8"), ("userinfo", "u:p"), ("", "x"), ("", "y"), ("y", "1"), ("", "z"), ("z", "2")]),
    "target": (b"/x?y=1#z", "target", [("", "x"), ("", "y"), ("y", "1"), ("", "z")]),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "form", "expected"), FORMS.values(), ids=FORMS.keys())
def test_raw_delimiters_split(raw: bytes, form: str, expected: list[tuple[str, str]]) -> None:
    """Names and texts of the outermost layer, in order; encoded delimiters delimit nothing."""
    assert [(layer.name, layer.text) for layer in read(raw, form).layers if layer.above == -1] == expected


def test_layers_say_how_they_were_found() -> None:
    """Each layer names what was undone and the layer around it: what `explain` shows."""
    text = _b64(json.dumps({"mail": SECRET}).encode())
    layers = read(f"d={text}".encode(), "query").layers
    last = next(layer for layer in layers if layer.text == SECRET)
    assert (last.by, last.name) == ("json", "mail")
    assert layers[last.above].by == "base64"
    assert layers[layers[last.above].above].text == text


INCOMPLETE: dict[str, bytes] = {
    "too_long": b"a" * 9000,
    "not_utf8": b"%ff",
    "control": b"a%00b",
    "never_settles": b"%" + b"25" * 12 + b"41",
    "bomb": quote(_b64(zlib.compress(b"a" * 10**7))).encode(),
    "gzip_bomb": quote(_b64(gzip.compress(b"0" * 10**7))).encode(),
    "bomb_in_a_bomb": quote(_b64(zlib.compress(zlib.compress(b"a" * 10**9)))).encode(),
    "deep_json": b"[" * 4000 + b"]" * 4000,
    "wide_json": json.dumps(list(map(str, range(1500)))).encode(),
    "many_urls": b"https://a.example/%20" * 300,
    "many_words": b"Ab1cdefgh," * 800,
}


@pytest.mark.parametrize("raw", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_what_cannot_be_read_is_said(raw: bytes) -> None:
    """Beyond a cap the reading is incomplete: nobody takes it for harmless."""
    assert not read(raw).complete


def _onion(depth: int) -> bytes:
    text = SECRET.encode()
    for _ in range(depth):
        text = base64.b64encode(text)
    return text


def test_depth_is_bounded() -> None:
    """Up to DEPTH wrappings come off; with one more the reading is incomplete."""
    assert any(layer.text == SECRET for layer in read(_onion(DEPTH)).layers)
    assert not read(_onion(DEPTH + 1)).complete


HOSTILE: dict[str, Callable[[], bytes]] = {
    "percents": lambda: b"%25" * 2730,
    "entities": lambda: quote("&amp;" * 500).encode(),
    "escapes": lambda: b"\\u0041" * 1300,
    "equals": lambda: b"=" * 8000,
    "pairs": lambda: b"a=1&" * 2000,
    "slashes": lambda: b"/a;b" * 2000,
    "json": lambda: b'{"a":' * 1600,
    "base64": lambda: _b64(b"\xff" * 6000).encode(),
    "base64_words": lambda: b" ".join([_b64(b"hello world").encode()] * 15),
    "urls": lambda: b"http://" * 1100,
    "braces": lambda: b"{[" * 4000,
    "hex": lambda: b"0x" * 4000,
    "long_number": lambda: b"[" + b"9" * 8000 + b"]",
    "nfkc": lambda: "\ufdfa".encode() * 2000,
    "bomb": lambda: quote(_b64(zlib.compress(b"a" * 10**7))).encode(),
    "dots": lambda: b"eyJ." * 2000,
    "query_marks": lambda: b"?a=" * 2700,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("form", ["value", "path", "query", "target", "url"])
def test_time_and_memory_are_bounded(make: Callable[[], bytes], form: str) -> None:
    """The worst input takes a moment and a few megabytes, in every form."""
    raw = make()
    tracemalloc.start()
    begin = time.process_time()
    reading = read(raw, form)
    spent, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 2
    assert peak < 16 << 20
    assert len(reading.layers) <= LAYERS
    assert sum(len(layer.text) for layer in reading.layers) <= SIZE


@given(
    st.binary(max_size=300) | st.text('/?&=;%25+{}[]"\\u0041:AZ-_.#eyJ', max_size=120).map(str.encode),
    st.sampled_from(["value", "path", "query", "target", "url"]),
)
@settings(max_examples=300, deadline=None)
def test_total(raw: bytes, form: str) -> None:
    """No bytes raise, and every layer is canonical: decoded once more it stays what it is."""
    for layer in read(raw, form).layers:
        again = decode(layer.text.encode())
        assert again is not None
        assert again == layer.text or not layer.text.isascii()


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_plain_texts_hold_nothing(text: str) -> None:
    """What is plain has one layer, itself, also where it is looked into all the same."""
    if is_plain(text) and text:
        assert [layer.text for layer in read(text.encode()).layers] == [text]
        assert read_text(text) == read(text.encode())


@given(
    st.text(min_size=4, max_size=30), st.lists(st.sampled_from(["percent", "base64", "hex", "json", "url"]), max_size=3)
)
@settings(max_examples=200, deadline=None)
def test_any_text_in_any_wrappings_is_read(text: str, wrappings: list[str]) -> None:
    """What some wrappings were put around is among the layers, or the reading is incomplete."""
    inner = decode(f"jo@{text.encode().hex()}.example".encode())
    assert inner is not None
    wrapped = inner
    for wrapping in wrappings:
        wrapped = {
            "percent": lambda t: quote(t, safe=""),
            "base64": lambda t: _b64(t.encode()),
            "hex": lambda t: t.encode().hex(),
            "json": lambda t: json.dumps({"k": t}),
            "url": lambda t: f"https://a.example/?k={quote(t, safe='')}",
        }[wrapping](wrapped)
    reading = read(quote(wrapped, safe="").encode())
    assert not reading.complete or any(inner in layer.text for layer in reading.layers)
