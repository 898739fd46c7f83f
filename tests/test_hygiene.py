"""End to end: no planted value of any kind, in any encoding, reaches a file; and without the defence a crowd's would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench.people import ENCODINGS, KINDS, OTHERS, WORDS, values
from pipeline.cli import main
from transforms import segments
from transforms.treatments import parameters

K = 10
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
)
EVERY = {**KINDS, **OTHERS, **WORDS}
# places of a value: in a parameter under its own name, in a path, in a campaign, in what a referrer says
PLACES = {
    "parameter": ("/x?{name}={text}", "-"),
    "path": ("/docs/{text}/end", "-"),
    "campaign": ("/docs?utm_source=x&utm_campaign={text}", "-"),
    "referrer": ("/docs", "https://{text}@blog.example.com/{text}?q={text}#{text}"),
}
# kinds that detectors or the shape of words always know; the others look like words now and then (docs/recall.md)
KNOWN = [kind for kind in KINDS if kind not in ("WHMCS ticket c", "WordPress reset key", "postal address")]


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def line(number: int, client: str, target: str, referrer: str = "-") -> str:
    minute = number % 1440
    when = f"20/Nov/2025:{minute // 60:02}:{minute % 60:02}:00 +0000"
    return f'{client} - - [{when}] "GET {target} HTTP/1.1" 200 512 "{referrer}" "{AGENTS[number % len(AGENTS)]}"\n'


def ordinary() -> Iterator[str]:
    """Traffic of 60 neighbourhoods, so that there is something to publish."""
    for number in range(600):
        target = ("/", "/docs", "/pricing?utm_source=news&utm_campaign=spring-sale")[number % 3]
        yield line(number, f"198.18.{number % 60}.1", target)


def planted() -> Iterator[tuple[str, str, str]]:
    """(kind, value, its text) of all kinds and encodings; each value is used once."""
    for kind in EVERY:
        for (_, encode), value in zip(ENCODINGS.items(), values(kind, len(ENCODINGS)), strict=True):
            yield kind, value, encode(value)


def filled(place: str, kind: str, text: str) -> tuple[str, str]:
    target, referrer = PLACES[place]
    return target.format(name=EVERY[kind][0], text=text), referrer.format(text=text)


def written_by(folder: Path, log: list[str]) -> tuple[bytes, str]:
    """(all bytes below the output folder, all strings of its Parquet files) of a run over a log, in lower case."""
    (folder / "access.log").write_text("".join(log))
    assert (
        main(
            ["run", str(folder / "access.log"), "--output", str(folder / "out"), "--partial", "--quiet", "--k", str(K)]
        )
        == 0
    )
    files = [file for file in (folder / "out").rglob("*") if file.is_file()]
    words = {
        str(value)
        for file in files
        if file.suffix == ".parquet"
        for column in pq.read_table(file).columns
        for value in column.to_pylist()
    }
    assert {"/docs", "/pricing"} <= words
    return b"\0".join(file.read_bytes() for file in files).lower(), "\0".join(sorted(words)).lower()


def survivors(written: tuple[bytes, str], hunted: list[tuple[str, str, str]]) -> list[str]:
    """Kinds of which a value or its text is in what was written; in raw bytes only what cannot be there by chance."""
    content, words = written
    found = []
    for kind, *texts in hunted:
        needles = {text.lower() for text in texts}
        if any((len(one) >= 6 and one in words) or (len(one) >= 8 and one.encode() in content) for one in needles):
            found.append(kind)
    return found


def test_no_value_of_one_visitor_or_one_block_survives(tmp_path: Path) -> None:
    """From one hit to k + 2 addresses of one /24, in every place: nothing of any kind in any encoding is in any file."""
    log, hunted = list(ordinary()), list(planted())
    for number, (kind, _, text) in enumerate(hunted):
        for place in PLACES:
            log.append(line(number, "198.19.0.1", *filled(place, kind, text)))
        place = list(PLACES)[number % len(PLACES)]
        log.extend(line(number + n, f"198.19.1.{n + 1}", *filled(place, kind, text)) for n in range(K + 2))
    assert survivors(written_by(tmp_path, log), hunted) == []


def _of_a_crowd() -> tuple[list[str], list[tuple[str, str, str]]]:
    """A log in which 14 neighbourhoods with four agents have each value of the known kinds, and the values."""
    log, hunted = list(ordinary()), [one for one in planted() if one[0] in KNOWN]
    for number, (kind, _, text) in enumerate(hunted):
        for n in range(K + 4):
            log.append(line(number + n, f"198.19.{n}.7", *filled(("path", "campaign")[number % 2], kind, text)))
    return log, hunted


def test_what_is_known_survives_no_crowd(tmp_path: Path) -> None:
    """A value that fourteen neighbourhoods saw, as in a newsletter's link, is no word either."""
    log, hunted = _of_a_crowd()
    assert survivors(written_by(tmp_path, log), hunted) == []


def test_without_the_defence_a_crowd_publishes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack is a real one: with templates and detectors off, k alone lets many of the values through."""
    monkeypatch.setattr(segments, "judge", lambda segment: (segment, frozenset()))
    monkeypatch.setattr(parameters, "campaign_word", lambda value: value)
    log, hunted = _of_a_crowd()
    assert len(set(survivors(written_by(tmp_path, log), hunted))) > len(KNOWN) / 2


def test_detector_hits_are_counted_by_kind(tmp_path: Path) -> None:
    """run.json counts events by the kind of what was found in them, and holds nothing of it."""
    log = [
        *ordinary(),
        line(0, "198.19.0.1", "/docs/jo-at-example-dot-com"),
        line(1, "198.19.0.2", "/docs?utm_source=Dr.+Mueller"),
    ]
    log += [line(2, f"198.19.0.{n}", "/00-1a-2b-3c-4d-5e/jo%40example.com") for n in range(3)]
    written_by(tmp_path, log)
    (record,) = (tmp_path / "out" / "internal" / "runs").glob("*/run.json")
    assert json.loads(record.read_text())["noted"] == {
        "detected e-mail": 4,
        "detected mac address": 3,
        "detected person": 1,
    }


def test_without_detectors_some_would_be_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shape of words alone does not do it: what is spelled out in letters needs the detectors."""
    log = list(ordinary())
    for n in range(K + 4):
        log.append(line(n, f"198.19.{n}.7", "/docs/jo-at-example-dot-com/end"))
        log.append(line(n, f"198.19.{n}.7", "/docs/QQ 12 34 56 C/end".replace(" ", "%20")))
    hunted = [("e-mail", "jo-at-example-dot-com", "-" * 99)]
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    segments.judge.cache_clear()
    assert survivors(written_by(tmp_path / "on", log), hunted) == []
    monkeypatch.setattr(segments, "found_in", lambda text: frozenset())
    segments.judge.cache_clear()
    assert survivors(written_by(tmp_path / "off", log), hunted) == ["e-mail"]
    segments.judge.cache_clear()
