"""How much of a log may be rejected: the one rule that run, learn and scrub share."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.trouble import Trouble


def refuse_rejects(parsed: int, rejected: Mapping[str, int], rate: float, behind: str = "") -> None:
    """Raise Trouble E305 where more than `rate` of the lines that say something were rejected.

    Blank lines, header lines and remarks are none of them. `behind` follows on what `--max-reject-rate` allows.
    """
    refused = sum(rejected.values())
    read = parsed + refused
    if read and refused / read > rate:
        raise Trouble(
            "E305",
            f"{refused:,} of {read:,} lines were rejected ({refused / read:.1%}), more than --max-reject-rate"
            f" {rate:g} allows{behind}. Is --format right?",
        )
