"""The parameters treatment: campaign words, and nothing else of a query."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.load import fields
from transforms.treatments import parameters

NOTHING = (None, None, None)


def treated(query: str | bytes | None) -> tuple[str | None, str | None, str | None]:
    return parameters.Treatment().treat(query.encode() if isinstance(query, str) else query)


def test_columns_are_those_declared() -> None:
    """TAKES and GIVES are those of fields.toml."""
    declared = fields().treatments["parameters"]
    assert (declared.takes, declared.gives) == (parameters.TAKES, parameters.GIVES)


QUERIES = {
    "all": ("utm_source=news&utm_medium=email&utm_campaign=spring_2024", ("news", "email", "spring_2024")),
    "only_source": ("utm_source=news", ("news", "(none)", "(none)")),
    "no_source": ("utm_medium=email&utm_campaign=x", NOTHING),
    "empty_source": ("utm_source=&utm_medium=email", NOTHING),
    "absent": (None, NOTHING),
    "empty": ("", NOTHING),
    "others": ("gclid=abc&q=jo+doe&s=jo", NOTHING),
    "upper": ("utm_source=News", ("news", "(none)", "(none)")),
    "plus": ("utm_source=spring+sale", ("spring sale", "(none)", "(none)")),
    "encoded": ("utm%5Fsource=ne%77s", ("news", "(none)", "(none)")),
    "first_counts": ("utm_source=a&utm_source=b", ("a", "(none)", "(none)")),
    "month": ("utm_source=sale-2024-11", ("sale-2024-11", "(none)", "(none)")),
}


@pytest.mark.parametrize(("query", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_campaigns(query: str | None, expected: tuple[str | None, ...]) -> None:
    """The three words of a campaign, where a source is named."""
    assert treated(query) == expected


REFUSED = {
    "e_mail": "jo%40example.com",
    "e_mail_twice": "jo%2540example.com",
    "phone": "4930123456",
    "phone_groups": "030-123-4567",
    "address": "192.0.2.1",
    "birthday": "1984-01-31",
    "hash": "b1e931578edb71b26fcc13d9166cb918",
    "short_token": "x7kd92mq",
    "token": "zawhyqbmq48hfvfqlegcxyz",
    "base64": "am9obkBleGFtcGxlLmNvbQ",
    "umlaut": "j%C3%BCrgen",
    "six_signs": "K7XQ2M",
    "capitals_within": "aBxYzQw",
    "spelled_e_mail": "jo_at_example.com",
    "base64_of_a_name": "bXVlbGxlcg",
    "title_and_name": "Dr.+Mueller",
    "plate": "B-MW+1234",
    "hex_of_a_name": "6d75656c6c6572",
    "markup": "%3Cscript%3E",
    "long": "a-" * 40,
    "symbol": "-x",
    "fake": "(none)",
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("name", ["utm_source", "utm_medium", "utm_campaign"])
def test_what_is_no_campaign_word_is_other(name: str, value: str) -> None:
    """A value that could name a person or a click is "(other)", in each of the three."""
    start = "" if name == "utm_source" else "utm_source=news&"
    found = treated(f"{start}{name}={value}")
    assert found[("utm_source", "utm_medium", "utm_campaign").index(name)] == "(other)"


def test_names_are_the_ones_read() -> None:
    """NAMES are the parameters that the treatment needs: without any of them there is nothing."""
    query = b"&".join(name + b"=x" for name in sorted(parameters.NAMES))
    assert treated(query) == ("x", "x", "x")


@given(
    st.binary(max_size=80) | st.text("utm_source=&%40abc123.@+", max_size=60).map(lambda t: b"utm_source=" + t.encode())
)
@settings(max_examples=200, deadline=None)
def test_total_and_closed(query: bytes) -> None:
    """No bytes raise; a word has only the signs of a campaign word, or is one of two fixed ones."""
    for word in treated(query):
        assert word is None or word in ("(none)", "(other)") or re.fullmatch(r"[a-z0-9][a-z0-9 _.-]{0,63}", word)


def test_hostile_queries_are_bounded() -> None:
    """A query beyond the limit is not looked at."""
    assert treated(b"utm_source=a&" * 1_000_000) == NOTHING
