"""The sample logs give, stage by stage, what was reviewed and committed beside them (`make expected` rewrites it)."""

from __future__ import annotations

from pathlib import Path

import expected
import pytest


@pytest.mark.parametrize("name", expected.formats())
def test_every_stage_gives_what_was_expected(name: str, tmp_path: Path) -> None:
    """Events, pseudonymous events, counts and published rows of a sample are those on file."""
    for file, content in expected.stages(name, tmp_path / "out").items():
        assert content == (expected.SAMPLES / name / "expected" / file).read_text(encoding="utf-8"), f"{name}/{file}"
