"""What trackers, shops and installations say of an event as scrub writes it: words of the treatments, and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.policy import Policy
from schemas.site import Site
from transforms.collected import collected
from transforms.geography import UNKNOWN, country_named
from transforms.scrub.family import NOTHING
from transforms.treatments import affiliate, event, features, licence, link, parameters, server

Values = Mapping[str, bytes | None]
"""Text of each column of a line that has one, without the escapes of its format."""

_SILENT = (None, "(none)", "(not set)")
_OTHER = b"other"  # it is read as "(other)" again
_CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")


def _shown(word: str | None, other: bytes = _OTHER) -> bytes:
    return NOTHING if word in _SILENT else other if word == "(other)" else str(word).encode()


class Facts:
    """Columns that access logs do not have → words. A column without an entry in `columns` is not shown."""

    def __init__(self, policy: Policy) -> None:
        self._event, self._parameters, self._server = event.Treatment(), parameters.Treatment(), server.Treatment()
        self._affiliate, self._link, self._licence = affiliate.Treatment(), link.Treatment(), licence.Treatment()
        self._features = features.Treatment()
        self.columns: Mapping[str, Callable[[Values, Site], bytes]] = {
            "event": self._kind,
            "country": lambda values, site: _country(values.get("country")),
            **{name: self._agent(at) for at, name in enumerate(("browser", "browser_version", "os", "device"))},
            **{name: self._campaign(at) for at, name in enumerate(_CAMPAIGN)},
            "affiliate": lambda values, site: _shown(self._affiliate.treat(values.get("affiliate"), site)[0]),
            "link": lambda values, site: _shown(self._link.treat(values.get("link"), site)[0]),
            "licence_status": lambda values, site: self._licences(values, site)[0],
            "licence_source": lambda values, site: self._licences(values, site)[1],
            "server_os": lambda values, site: self._servers(values)[0],
            "virtualisation": lambda values, site: self._servers(values)[1],
            "features": lambda values, site: b",".join(map(_shown, self._features.treat(values.get("features"), site))),
        }

    def _kind(self, values: Values, site: Site) -> bytes:
        """The collector's own word for a page view, "other" for any other event."""
        text = values.get("event") or b""
        return text.strip().lower() if self._event.treat(text)[0] == event.PAGE else _OTHER

    def _agent(self, at: int) -> Callable[[Values, Site], bytes]:
        def words(values: Values, site: Site) -> bytes:
            named = (values.get(name) for name in ("browser", "browser_version", "os", "device"))
            return _shown(collected(*named)[at])

        return words

    def _campaign(self, at: int) -> Callable[[Values, Site], bytes]:
        def words(values: Values, site: Site) -> bytes:
            found = self._parameters.treat(None, *(values.get(name) for name in _CAMPAIGN))
            return _shown(found[at], NOTHING)

        return words

    def _licences(self, values: Values, site: Site) -> tuple[bytes, ...]:
        found = self._licence.treat(values.get("licence_status"), values.get("licence_source"), site)
        return tuple(map(_shown, found))

    def _servers(self, values: Values) -> tuple[bytes, ...]:
        return tuple(map(_shown, self._server.treat(values.get("server_os"), values.get("virtualisation"))))


def _country(text: bytes | None) -> bytes:
    found = country_named(text)
    return NOTHING if found == UNKNOWN else found.encode()
