"""A8: hunt the key of a run in all that was written: raw, hex, base64, backwards, and in halves."""

from __future__ import annotations

import base64

from audit.case import Case, Evidence, Tried

ID = "A8"
TITLE = "key hunt"
NEEDS = ("key",)

PIECE = 12  # bytes: what is shorter is found by accident


def attack(case: Case) -> Tried:
    """Give the key of a test run (`--key FILE`) and, with `--look`, its job graph, options, logs and temporary folders."""
    assert case.key is not None
    pieces = {case.key, case.key[::-1], case.key[: len(case.key) // 2], case.key[len(case.key) // 2 :]}
    forms = {form for piece in pieces if len(piece) >= PIECE for form in _forms(piece)}
    evidence, places = [], 0
    for where, content in case.everywhere():
        places += 1
        low = content.lower()
        if found := sum(form in content or form.lower() in low for form in forms):
            evidence.append(Evidence(where, f"{found} forms of the key"))
    return Tried(f"{len(forms)} forms, {places:,} places", tuple(evidence))


def _forms(piece: bytes) -> set[bytes]:
    whole = {base64.b64encode(b"\0" * i + piece)[4 if i else 0 :].rstrip(b"=")[:-2] for i in range(3)}
    safe = {one.replace(b"+", b"-").replace(b"/", b"_") for one in whole}
    escaped = "".join(f"\\x{byte:02x}" for byte in piece).encode()
    return {piece, piece.hex().encode(), repr(piece)[2:-1].encode(), escaped, *whole, *safe}
