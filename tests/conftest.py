"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CROWDLOG_SHARED", ROOT.parent / "shared" / "data"))

sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real logs and vectors made by others, which are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real logs (../shared/data) is not beside this checkout")
    return SHARED
