"""What is known to survive, and why: words of a crowd, by design, and what the shape of words cannot tell from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from canaries.crowds import CROWDS
from canaries.kinds import KINDS, WHOLE
from canaries.planted import Canary

# fields in which a word may be published: undeclared paths, campaigns, referrers' domains, a parameter declared as a word
WORDED = frozenset([
    "path", "path-first", "path-within", "path-file", "path-number", "path-slot", "query-campaign", "query-allowed",
    "referrer-domain",
])  # fmt: skip
WORDS = frozenset(name for name, kind in KINDS.items() if kind.is_word)
SHORT_IDS = frozenset(["WHMCS ticket c", "short id", "YouTube-like id", "geohash", "PNR", "base64url id", "password"])


@dataclass(frozen=True)
class Known:
    """Kinds in fields that survive where a crowd brings them: why, and at most what share of those planted so."""

    why: str
    kinds: frozenset[str]
    fields: frozenset[str]
    most: float = 1.0

    def covers(self, canary: Canary) -> bool:
        """Whether it is this that lets the canary survive; never without k neighbourhoods and three agents."""
        return canary.kind in self.kinds and canary.field in self.fields and CROWDS[canary.crowd].is_enough


KNOWN = (
    Known("a word that nothing tells needs a crowd and no more (PRIVACY.md 4.5)", WORDS, WORDED),
    Known(
        "three words and dots: without its slashes, which part a path, nothing tells it from a file's name",
        frozenset(["what3words"]), WORDED | {"path-matrix"}, 0.25,
    ),
    Known(
        "short random text now and then looks like a word (docs/recall.md has how often, by kind)",
        SHORT_IDS, WORDED, 0.1,
    ),
    Known(
        "the label of a domain has no capitals: letters alone, or an encoded short value, may look like a word",
        frozenset([*WHOLE, "UK postcode"]), frozenset(["referrer-domain"]), 0.06,
    ),
)  # fmt: skip


def unexplained(survivors: Sequence[Canary]) -> list[Canary]:
    """Those that nothing of KNOWN covers."""
    return [one for one in survivors if not any(known.covers(one) for known in KNOWN)]
