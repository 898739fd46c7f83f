"""The one rule of how much of a log may be rejected, and that run, learn and scrub keep it alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.rejects import refuse_rejects
from schemas.trouble import Trouble

LINE = b'198.51.100.7 - - [18/Nov/2026:10:20:30 +0000] "GET /kb HTTP/1.1" 200 5 "-" "-"\n'


@pytest.mark.parametrize(
    ("parsed", "rejected", "rate", "refused"),
    [
        (95, {"no_format": 5}, 0.05, False),
        (95, {"no_format": 3, "too_long": 3}, 0.05, True),
        (0, {}, 0.0, False),
        (0, {"no_format": 1}, 1.0, False),
        (1, {"no_format": 1}, 0.0, True),
    ],
)
def test_rule(parsed: int, rejected: dict[str, int], rate: float, refused: bool) -> None:
    """Exactly the rate is allowed, more is not; a log of nothing has no rate."""
    if not refused:
        assert refuse_rejects(parsed, rejected, rate) is None  # type: ignore[func-returns-value]
        return
    with pytest.raises(Trouble, match="E305"):
        refuse_rejects(parsed, rejected, rate)


@pytest.mark.parametrize("command", ["run", "learn", "scrub", "events"])
def test_commands_agree(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """3 of 23 lines that say something are 13 %: refused at 12 %, whatever stands between them in blank lines."""
    log = tmp_path / "a.log"
    log.write_bytes(LINE * 20 + b"\n" * 27 + b"maxine was here\n" * 3)
    output = ["--output", str(tmp_path / "out")] if command in ("run", "events") else []
    name = "scrub" if command == "events" else command
    assert main([name, str(log), *output, "--quiet", "--max-reject-rate", "0.12"]) == 3
    messages = capfd.readouterr().err
    assert "E305: 3 of 23 lines were rejected (13.0%)" in messages and "maxine" not in messages
