"""A3: hunt planted values, and the e-mail addresses and tokens of the raw log, in every byte that was written."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import quote

from audit.case import Case, Evidence, K, Tried
from audit.raw import Raw
from audit.windows import Hunt

ID = "A3"
TITLE = "canary hunt"
NEEDS = ("planted or raw",)

EMAIL = re.compile(r"[a-z0-9._%+-]{2,}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])[a-z0-9_]{14,64}(?![\w-])")
SHORTEST = 6  # characters of a planted value: what is shorter is found by accident
HASHES = ("md5", "sha1", "sha256")


def attack(case: Case) -> Tried:
    """Hunt each value in many encodings; `--look` adds places: captured stderr, temporary folders, the job graph."""
    values = {value for value in case.planted if len(value) >= SHORTEST}
    made_up = len(values)
    if case.raw:
        values |= set(telling(case.raw))
    needles = {needle: i for i, value in enumerate(sorted(values)) for needle in encodings(value)}
    if not needles:
        return Tried("", why_not="nothing to hunt: no value was planted, no e-mail address or token is in the logs")
    evidence, places = [], 0
    hunt = Hunt(needles)
    for where, content in case.everywhere():
        places += 1
        if found := hunt.found_in(content.lower()):
            evidence.append(Evidence(where, f"{len(found):,} of the values"))
    what = f"{made_up:,} planted values, {len(values) - made_up:,} from the raw logs, {len(needles):,} forms, {places:,} places"
    return Tried(what, tuple(evidence))


def telling(raw: Raw) -> Iterator[str]:
    """E-mail addresses, and words like tokens that fewer than k neighbourhoods have sent, in lower case."""
    seen: dict[str, set[str]] = defaultdict(set)
    for line in raw.lines:
        yield from EMAIL.findall(line.text)
        for word in TOKEN.findall(line.text):
            seen[word].add(line.neighbourhood)
    yield from (word for word, crowd in seen.items() if len(crowd) < K)


def encodings(value: str) -> set[bytes]:
    """Forms of a value, in lower case (base64 too: places are searched without regard to case)."""
    plain = value.encode()
    escaped = "".join(f"%{byte:02x}" for byte in plain).encode()
    return {
        form.lower()
        for form in [
            plain, plain[::-1], quote(value, safe="").encode(), escaped, escaped.replace(b"%", b"%25"), plain.hex().encode(),
            value.encode("utf-16-le"), value.replace(" ", "+").encode(), value.replace(" ", "-").encode(), *_base64(plain),
            *(hashlib.new(name, plain).hexdigest().encode() for name in HASHES),
            *(hashlib.new(name, plain.lower()).digest() for name in HASHES),
        ]
    }  # fmt: skip


def _base64(plain: bytes) -> Iterator[bytes]:
    """What of it is the same for each of the three alignments."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + plain)
        core = whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
        if len(core) >= 8:
            yield core
