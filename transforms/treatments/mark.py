"""Treatment of the User-Agent as a mark: a keyed hash by which the agents of a crowd are counted, and no agent is known."""

from __future__ import annotations

from hashlib import blake2b

TAKES = ("agent", "browser", "browser_version", "os", "device", "server_os", "virtualisation")
GIVES = ("agent_mark",)

REMEMBERED = 1 << 16  # agents; they are raw, so they are bounded


class Treatment:
    """agent of an event → 64 bits of keyed BLAKE2b (RFC 7693), the same for the whole run; never the largest of all.

    Where a collector or a server says by itself what it is, that counts as its agent, or as a part of it.
    """

    def __init__(self, key: bytes) -> None:
        self._state = blake2b(digest_size=8, key=key, person=b"agent")
        self._known: dict[bytes | None, int] = {}

    def treat(self, agent: bytes | None, *described: bytes | None) -> int:
        """The mark; no agent is an agent as well."""
        if any(described):
            agent = b"\0".join(text or b"" for text in (agent, *described))
        mark = self._known.get(agent)
        if mark is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            state = self._state.copy()
            state.update(agent or b"")
            mark = self._known[agent] = int.from_bytes(state.digest(), "little") >> 1
        return mark
