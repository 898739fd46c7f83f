"""Tables within pages of the docs, made by a script and checked by a test."""

from __future__ import annotations


def with_table(text: str, begin: str, table: str, end: str) -> str:
    """The text of a page with another table between its two marks."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{table}\n\n{end}{after}"
