"""Treatment of a licence check: what became of it, by a closed vocabulary, and where the licence came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms import own_words, servers

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("licence_status", "licence_source")
GIVES = ("licence_status", "licence_source")

NONE = "(none)"


class Treatment:
    """Status and source of a licence → words; all None where the event is no licence check."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(
        self, licence_status: bytes | None, licence_source: bytes | None, site: Site
    ) -> tuple[str | None, str | None]:
        """(licence_status, licence_source): "(none)" for what is left out, "(other)" for what is no known word."""
        if licence_status is None and licence_source is None:
            return None, None
        return (
            servers.named("status", licence_status) if licence_status else NONE,
            own_words.word(licence_source, site.words.get("licence_source", ())) if licence_source else NONE,
        )
