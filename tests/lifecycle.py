"""What the tests of subject, forget, retention and ledger share: small logs of crowds, and the commands by a clock."""

from __future__ import annotations

import bz2
import contextlib
import datetime as dt
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline import forget, retention, subject
from pipeline.arguments import parser
from pipeline.options import Wanted
from pipeline.run import run

ROOT = Path(__file__).resolve().parents[1]
COUNTRIES = ROOT / "sample_logs" / "test-country.mmdb"
FIRST = dt.datetime(2025, 11, 18, tzinfo=dt.UTC)
DAYS = 3  # of which the middle one is covered, and the others within an hour of their edges
NOW = int(dt.datetime(2025, 11, 25, tzinfo=dt.UTC).timestamp())
ALICE = "203.0.113.77"
"""Whom it is all about: 60 of the lines are hers, and nobody else is of her neighbourhood."""

_COMMANDS = {"subject": subject.run, "forget": forget.run, "retention": retention.run}
PACK = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
UNPACK = {
    "": lambda content: content,
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".zst": lambda content: zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read(),
}


def command(now: int, *arguments: object) -> int:
    """`crowdlog ARGUMENTS` as if it were `now`, in seconds since the epoch."""
    words = [str(one) for one in arguments]
    return _COMMANDS[words[0]](parser().parse_args(words), now)


def said(capsys: Any, now: int, *arguments: object) -> dict[str, Any]:
    """The JSON that a command prints."""
    capsys.readouterr()
    assert command(now, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def lines(who: str = ALICE) -> list[str]:
    """Three days of two pages, from 40 neighbourhoods, and of one page that `who` alone has seen, each 72 minutes."""
    made = []
    for minute in range(0, DAYS * 1440, 12):
        when = (FIRST + dt.timedelta(minutes=minute)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        number = minute // 12
        agent = f"Mozilla/5.0 (X11; Linux x86_64; rv:{143 + number % 3}.0) Gecko/20100101 Firefox/{143 + number % 3}.0"
        address, path = f"198.18.{number % 40}.9", ("/docs", "/pricing")[number % 2]
        made.append(f'{address} - - [{when}] "GET {path} HTTP/1.1" 200 5 "-" "{agent}"')
        if number % 6 == 3:
            made.append(f'{who} - - [{when}] "GET /docs HTTP/1.1" 404 7 "-" "{agent}"')
    return made


def write(file: Path, content: Iterable[str]) -> Path:
    """A log of these lines, packed as its name says."""
    text = "".join(f"{line}\n" for line in content).encode()
    ending = file.suffix if file.suffix in PACK else ""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(PACK[ending](text))
    return file


def read(file: Path) -> list[str]:
    """The lines of a log."""
    ending = file.suffix if file.suffix in PACK else ""
    return UNPACK[ending](file.read_bytes()).decode().splitlines()  # type: ignore[no-any-return]


def publish(output: Path, *inputs: Path, now: int = NOW, **wanted: Any) -> dict[str, Any]:
    """Run the nightly job; returns its record."""
    asked = Wanted(tuple(map(str, inputs)), output, geo_db=COUNTRIES, quiet=True, **wanted)
    return dict(run(asked, now).record)


def released(output: Path) -> dict[str, bytes]:
    """Content by path of all that may leave the house."""
    folder = output / "release"
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def everything(folder: Path) -> dict[str, bytes]:
    """Content by path of all files below a folder but the lock, whatever they are."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != "lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


class Stopped(BaseException):
    """As if the machine had stopped there."""


@contextlib.contextmanager
def stopping(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, at: int) -> Iterator[None]:
    """A call of a function, the `at`th, never comes to an end."""
    whole, calls = getattr(module, name), []

    def stop(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise Stopped
        return whole(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stop)
        with pytest.raises(Stopped):
            yield
