"""Treatment of what a server says of itself: operating system and virtualisation, by closed vocabularies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms import servers

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("server_os", "virtualisation")
GIVES = ("server_os", "virtualisation")

NONE = "(none)"


class Treatment:
    """Operating system and virtualisation of a server → words; all None where the event is of no server."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, server_os: bytes | None, virtualisation: bytes | None) -> tuple[str | None, str | None]:
        """(server_os, virtualisation): "(none)" for what is left out, "(other)" for what is no known word."""
        if not server_os and not virtualisation:
            return None, None
        return (
            servers.begun("os", server_os) if server_os else NONE,
            servers.named("virtualisation", virtualisation) if virtualisation else NONE,
        )
