"""Treatment of the affiliate whose link was followed: the operator's own id of it, never the visitor's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms import own_words

if TYPE_CHECKING:
    from schemas.policy import Policy, Site

TAKES = ("affiliate",)
GIVES = ("affiliate",)


class Treatment:
    """affiliate of an event → its id; None where the event is no such click."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, affiliate: bytes | None, site: Site) -> tuple[str | None]:
        """(id,): a number or a declared word, "(other)" for anything else."""
        return (None if affiliate is None else own_words.number(affiliate, site.words.get("affiliate", ())),)
