"""Treatment of the kind of an event: a page view or something else, for only page views count as pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.policy import Policy

TAKES = ("event",)
GIVES = ("event",)

PAGE, OTHER = "page", "other"

# GA4 page_view; Snowplow page_view, short pv; Plausible and Matomo pageview; Segment page; Umami event_type 1
_PAGES = frozenset([b"page", b"page_view", b"page view", b"pageview", b"$pageview", b"pv", b"1"])


class Treatment:
    """event → "page" or "other". What says nothing is a page view: access logs hold nothing else."""

    def __init__(self, policy: Policy | None = None) -> None:
        pass

    def treat(self, event: bytes | None) -> tuple[str]:
        """(kind,)"""
        return (PAGE if event is None or event.strip().lower() in _PAGES else OTHER,)
