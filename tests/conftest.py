"""What all tests share."""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from canaries.hunt import Hunt
    from canaries.planted import Planted

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CROWDLOG_SHARED", ROOT.parent / "shared" / "data"))

sys.path.insert(0, str(ROOT))

# An example may wait for a kernel to compile, or for a machine with other work: what hangs takes longer.
settings.register_profile("crowdlog", deadline=dt.timedelta(seconds=10))
settings.load_profile("crowdlog")


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


@pytest.fixture(scope="session")
def small_planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Logs with canaries of every kind in every field (tests/canaries/)."""
    from canaries.planted import plant, small

    return plant(tmp_path_factory.mktemp("small"), small())


@pytest.fixture(scope="session")
def small_hunt(small_planted: Planted) -> Hunt:
    """All of them, ready to be hunted."""
    from canaries.hunt import Hunt

    return Hunt(small_planted.canaries)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of logs for runs with noise, and a policy (tests/dp_logs.py)."""
    from dp_logs import write

    return write(tmp_path_factory.mktemp("dp"))


@pytest.fixture(scope="module")
def noised_day(two_days: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run with noise over the first day, and its `folder`."""
    from dp_logs import publish

    folder = tmp_path_factory.mktemp("one") / "out"
    return {**publish(two_days, folder), "folder": folder}


@pytest.fixture
def engines_may_log_again() -> Iterator[None]:
    """A command silences logging for its whole process; here the process goes on."""
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def plainly() -> Iterator[Callable[[], None]]:
    """Calling it goes over to the plain way of all kernels, to the end of the test."""
    from ways import plain_way

    with ExitStack() as stack:
        yield lambda: stack.enter_context(plain_way())
