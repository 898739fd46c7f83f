"""Words that a machine made: tokens by their entropy, JWT, keys by the prefix of who issues them."""

from __future__ import annotations

import math
import re
from collections import Counter

KIND = "token"
SOURCE = "RFC 7519; prefixes as documented by GitHub, GitLab, Slack, Stripe, AWS, Google, npm, PyPI and others; Shannon entropy"
SLOTTED = False
FOUND = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-", "AKIA7JADHXXL4FHSRZJ4",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-abcdefghij0123456789", "xoxb-123456789012-abcdefABCDEF",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "AIzaSyA-1234567890abcdefghijklmnopqrstu", "ya29.a0AfH6SMBx",
    "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf", "npm_abcdefghijABCDEFGHIJ0123456789abcdef",
    "$2b$12$abcdefghijklmnopqrstuv", "Bearer abc.def", "ZAWhyQbmQ48hFVFQlegc", "3f9a0b7c2d1e4f5a6b7c",
    "123456789:AAF-abcdefghijklmnopqrstuvwxyz0123456", "-----BEGIN RSA PRIVATE KEY-----", "wc_order_Xy12Ab34Cd56E",
    "WC_ORDER_XY12AB34CD56E", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "V1StGXR8_Z5jdHi6B-myT", "?key=ZAWhyQ48hF", "?c=x7Kd92mQ",
    "$argon2id$v=19$m=65536", "AB3D-QWER-7TYU-PLMK", "cv-TZOG-HGJI-4LAW-HOCF", "?c=xyzABCde",
    "AGE-SECRET-KEY-1QQQ", "dQw4w9WgXcQ",
)  # fmt: skip
LEFT_ALONE = (
    "logstash-1.3.2-monolithic.jar", "privacy-policy", "jquery-3.6.0.min.js", "internationalization", "?key=name",
    "sha256", "?code=404", "X11",
)  # fmt: skip

_PREFIX = re.compile(
    r"(?<![A-Za-z0-9])(?:eyJ[\w-]{8,}\.[\w-]{4,}|A[KS]IA[0-9A-Z]{12,}|AIza[\w-]{30,}|gh[pousr]_\w{20,}|github_pat_\w{10,}|glpat-[\w-]{10,}|xox[abeprs]-[\w-]{8,}"
    r"|(?:sk|pk|rk)_(?:live|test)_\w{8,}|sk-(?:proj-|ant-)?[\w-]{16,}|whsec_\w{8,}|SG\.[\w-]{8,}\.[\w-]{8,}|ya29\.[\w-]{6,}|1//0[\w-]{8,}|npm_\w{20,}|pypi-[\w-]{16,}|hf_\w{16,}"
    r"|dop_v1_\w{16,}|shp(?:at|ca|pa|ss)_\w{16,}|EAA[A-Za-z0-9]{16,}|[0-9]{8,10}:A[\w-]{30,}|key-[0-9a-f]{16,}|sq0[a-z]{3}-[\w-]{10,}|rzp_\w{10,}|(?i:wc_order_)\w+"
    r"|AGE-SECRET-KEY-1|Bearer [\w.=/+-]{4,}|Basic [A-Za-z0-9+/=]{6,}|\$2[abxy]\$|\$(?:argon2|scrypt|[156y])[a-z]*\$|-----BEGIN )"
    r"|\$2[abxy]\$[0-9]{2}\$|\$argon2"
)
_WORD = re.compile(r"[A-Za-z0-9]{8,}|[A-Za-z0-9_-]{20,}")
_MIXED = re.compile(r"[0-9][A-Za-z]|[A-Za-z][0-9]")
_GROUPS = re.compile(
    r"(?<![\w-])(?:[A-Za-z0-9]{4,6}-){2,}[A-Za-z0-9]{4,6}(?![\w-])"
    r"|(?<![A-Za-z0-9])(?:[A-Z0-9]{4,6}-){2,}[A-Z0-9]{4,6}(?![\w-])"  # a word may stand before capitals: cv-AB3D-…
)
# Under the name of a key less is enough: a digit beside a letter, or a capital within a word.
_KEY = re.compile(r"[0-9][A-Za-z]|[A-Za-z][0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]")
_CHANGES = re.compile(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[a-z])(?=[A-Z])")


def detect(text: str, told: frozenset[str]) -> bool:
    if len(text) < 6:
        return False
    if _PREFIX.search(text):
        return True
    if told & {"key", "secret", "session"} and _KEY.search(text):
        return True
    return any(_is_made(word) for word in _WORD.findall(text)) or any(map(_is_mixed, _GROUPS.findall(text)))


def _is_made(word: str) -> bool:
    """Whether a word changes often between letters, digits and cases, or is long and even in its characters."""
    digits = sum(map(str.isdigit, word))
    if not digits or digits == len(word):
        return False
    if "-" in word or "_" in word:
        return sum(len(_CHANGES.findall(part)) for part in re.split(r"[-_]", word) if len(part) >= 8) >= 4
    return len(_CHANGES.findall(word)) >= 4 or (len(word) >= 20 and _entropy(word) >= 3)


def _is_mixed(groups: str) -> bool:
    """Whether groups, as those of a product key, are in capitals with digits, or have both in two of them."""
    mixed = sum(bool(_MIXED.search(group)) for group in groups.split("-"))
    return mixed >= 2 or (mixed == 1 and groups == groups.upper())


def _entropy(word: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
