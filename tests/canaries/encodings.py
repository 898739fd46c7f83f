"""Encodings of a value in a line: those that recall is measured on, and two more."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.people import ENCODINGS as MEASURED

ENCODINGS: Mapping[str, Callable[[str], str]] = {
    **MEASURED,
    "all %25": lambda text: "".join(f"%25{byte:02X}" for byte in text.encode()),
    "upper": lambda text: MEASURED["plain"](text.upper()),
}


def written(value: str, encoding: str) -> tuple[str, str]:
    """(the value as a part of a URL, the value where a log has text that is no URL)."""
    text = ENCODINGS[encoding](value)
    return text, {"plain": value, "upper": value.upper()}.get(encoding, text).replace('"', '\\"')
