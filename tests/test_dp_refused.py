"""What a profile with noise refuses: looks before, a missing library, wrong policies and bounds."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dp_logs import ROOT, command

from pipeline.cli import main
from schemas.load import DeclarationError
from schemas.policy import make_policy
from schemas.profiles import read_profiles
from schemas.tables import trends
from transforms.guard import noise


@pytest.mark.usefixtures("engines_may_log_again")
@pytest.mark.parametrize(
    ("more", "said"), [(["--preview"], "--preview draws noise anew"), ([], r"needs OpenDP: pip install 'crowdlog\[dp\]'")],
    ids=["preview", "not installed"],
)  # fmt: skip
def test_refused_with_one_line(
    more: list[str],
    said: str,
    two_days: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2, and nothing is made."""
    if not more:
        monkeypatch.setitem(sys.modules, "opendp.prelude", None)
        noise.library.cache_clear()
    asked = [one for one in command(two_days, tmp_path / "out", 18, *more) if not more or one != "--partial"]
    assert main(asked) == 2
    noise.library.cache_clear()
    assert re.fullmatch(rf"crowdlog: E201: [^\n]*{said}[^\n]*\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_library_is_imported_by_who_asks_for_it() -> None:
    """Everything that a run of another profile imports leaves OpenDP alone."""
    code = "import sys, pipeline.cli, pipeline.run, pipeline.flow; sys.exit('opendp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, check=False).returncode == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"epsilon": 0}, "dp: epsilon is 0"),
        ({"epsilon": True}, "dp: epsilon is True"),
        ({"epsilon": "1"}, "dp: epsilon is '1'"),
        ({"epsilon": float("nan")}, "dp: epsilon is nan"),
        ({"delta": 0.1}, "dp: delta is 0.1"),
        ({"budget": {"epsilon": -1}}, r"dp\.budget: epsilon is -1"),
        ({"budget": {"eps": 1}}, "unknown key 'eps'"),
        ({"seed": 1}, "unknown key 'seed'"),
    ],
    ids=["zero", "bool", "text", "nan", "large delta", "negative budget", "unknown in budget", "a seed"],
)
def test_wrong_policy_is_refused(entry: dict[str, Any], said: str) -> None:
    """The message names file, key and value."""
    with pytest.raises(DeclarationError, match=rf"x\.toml: {said}|x\.toml: dp.*{said}"):
        make_policy({"dp": entry}, "x.toml")


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ({"pages": {"cells": 1, "hits": 1, "weight": 1}}, "noise is 'pages', expected a table without free keys"),
        ({"people": {"cells": 1, "hits": 1, "weight": 1}}, "tables is 'people'"),
        ({"sites": {"cells": 0, "hits": 1, "weight": 1}}, "cells is 0"),
        ({"sites": {"cells": 1, "hits": 1.5, "weight": 1}}, "hits is 1.5"),
        ({"sites": {"cells": 1, "hits": 1}}, "weight is None"),
        ({"sites": {"cells": 1, "hits": 1, "weight": 1, "epsilon": 9}}, "unknown key 'epsilon'"),
    ],
    ids=["free words", "no table", "no cells", "half a hit", "no weight", "unknown"],
)  # fmt: skip
def test_wrong_bounds_are_refused(noise: dict[str, Any], said: str) -> None:
    """The message names the profile and the table."""
    data = {"internal": {"k": 5, "rounded": 1}, "partner": {"k": 50, "rounded": 10, "tables": ["sites"]}}
    with pytest.raises(DeclarationError, match=re.escape(said)):
        read_profiles({"profile": {**data, "dp": {"k": 10, "rounded": 1, "noise": noise}}}, trends(), "x.toml")


def test_noise_of_another_profile_is_refused() -> None:
    """Two profiles with noise would each have the whole budget of a site."""
    noisy = {"k": 10, "rounded": 1, "noise": {"sites": {"cells": 1, "hits": 1, "weight": 1}}}
    with pytest.raises(DeclarationError, match="a site has one budget"):
        read_profiles(
            {"profile": {"internal": {"k": 5, "rounded": 1}, "partner": noisy, "dp": noisy}}, trends(), "x.toml"
        )


def test_sensitive_key_is_refused() -> None:
    """Bounded cells are not merged until a sensitive key has two values: a table that needs it has no noise."""
    tables = (replace(one, sensitive=("country",)) if one.name == "countries" else one for one in trends().tables)
    known = replace(trends(), tables=tuple(tables))
    with pytest.raises(DeclarationError, match=r"noise is 'countries', expected a table without .* sensitive keys"):
        read_profiles(tomllib.loads((ROOT / "schemas" / "profiles.toml").read_text()), known, "x.toml")
