"""A disk that is full for a moment, at any move of a file: the run fails, and the next one ends with the same release."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from transforms.kernels import calls

pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def log(folder: Path) -> str:
    """Three days of 40 neighbourhoods."""
    when = [f"{18 + i // 100}/Nov/2025:{i % 100 * 24 // 100:02d}:00:00 +0000" for i in range(300)]
    lines = [f'198.18.{i % 40}.9 - - [{at}] "GET /docs HTTP/1.1" 200 5 "-" "curl/8"' for i, at in enumerate(when)]
    file = folder / "access.log"
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return str(file)


def release(output: Path) -> dict[str, bytes]:
    """All files that may leave, by name."""
    files = sorted(file for file in (output / "release").rglob("*") if file.is_file())
    return {str(file.relative_to(output)): file.read_bytes() for file in files}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.8, 0.99])
def test_run_that_could_not_move_a_file_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], share: float
) -> None:
    """Whichever move fails, before the commit or behind it: the next run publishes all, once."""
    calls.warm()  # else the first of these tests could count files of compiled kernels
    given, moves, replace = log(tmp_path), [0], os.replace

    def full(source: Any, target: Any) -> None:
        moves[0] += 1
        if moves[0] == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    at = 0
    monkeypatch.setattr(os, "replace", full)
    assert main(["run", given, "--output", str(tmp_path / "whole"), "--quiet"]) == 0
    at, moves[0] = 1 + int(share * moves[0]), 0
    assert main(["run", given, "--output", str(tmp_path / "out"), "--quiet"]) == 1
    assert "OSError" in capfd.readouterr().err
    at = 0
    assert main(["run", given, "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert release(tmp_path / "out") == release(tmp_path / "whole") != {}
    assert len(list((tmp_path / "out" / "internal" / "ledger").iterdir())) == 1
    assert not list(tmp_path.glob("out/internal/staging/*"))
