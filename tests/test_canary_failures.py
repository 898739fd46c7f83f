"""Runs that fail over planted logs: their messages, tracebacks and leftovers tell nothing of a value."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from canaries.fields import FIREFOXES
from canaries.hooks import GRAPH, KEEPING, LOUD, RAISING, WITHOUT_CODES
from canaries.hunt import Hunt
from canaries.planted import Planted
from canaries.runs import Ran, run_apart, run_here

pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def check_failed(ran: Ran, hunt: Hunt, status: int, code: str) -> None:
    """A failed run: one line, nothing published, and no canary anywhere, not even a word."""
    assert (ran.status, ran.err.decode().split(": ")[1], ran.err.count(b"\n")) == (status, code, 1)
    assert not (ran.output / "release").exists()
    assert not list(ran.output.glob("internal/ledger/*"))
    assert [one.title for one in hunt.survivors(ran.written)] == []


def test_truncated_log_tells_nothing(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A .gz that ends too early, full of canaries: exit 3, and none of them is told."""
    packed = tmp_path / "cut.log.gz"
    packed.write_bytes(gzip.compress(small_planted.logs["wide"].read_bytes(), 1)[:-9])
    ran = run_here(tmp_path, small_planted.command(tmp_path / "out", logs=(packed,)), capfd)
    check_failed(ran, small_hunt, 3, "E303")


def test_rejected_lines_tell_nothing(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """More rejects than allowed, each with a canary: exit 3, and none of them is told."""
    command = small_planted.command(tmp_path / "out", "--max-reject-rate", "0.001")
    check_failed(run_here(tmp_path, command, capfd), small_hunt, 3, "E305")


def test_log_of_no_format_tells_nothing(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No format reads the log: exit 3, and the message has the names of formats alone."""
    bad = tmp_path / "bad.log"
    lines = small_planted.logs["wide"].read_text("utf-8").splitlines()
    bad.write_text("".join(f'{{"note": "{text}"\n' for text in lines if "zq" in text), encoding="utf-8")
    ran = run_here(tmp_path, small_planted.command(tmp_path / "out", logs=(bad,)), capfd)
    check_failed(ran, small_hunt, 3, "E304")


@pytest.mark.parametrize("treatment", ["route", "parameters", "referrer", "agent", "address", "site"])
def test_internal_error_tells_nothing(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], treatment: str,
) -> None:  # fmt: skip
    """A treatment that fails and says on which value: exit 1 with the place in the code, and no value."""

    def treat(self: Any, *values: Any, site: Any = None) -> None:
        raise ValueError(*values)

    def treat_with_site(self: Any, one: Any, other: Any, site: Any) -> None:
        raise ValueError(one, other)

    def treat_one_with_site(self: Any, one: Any, site: Any) -> None:
        raise ValueError(one)

    shaped = {"route": treat_with_site, "address": treat_with_site, "referrer": treat_one_with_site}.get(
        treatment, treat
    )
    monkeypatch.setattr(f"transforms.treatments.{treatment}.Treatment.treat", shaped)
    check_failed(run_here(tmp_path, small_planted.command(tmp_path / "out"), capfd), small_hunt, 1, "E101")


def test_internal_error_in_a_worker_tells_nothing(small_planted: Planted, small_hunt: Hunt, tmp_path: Path) -> None:
    """The same in one of two worker processes, which have a stderr of their own; its files are kept before they go."""
    ran = run_apart(tmp_path, small_planted.command(tmp_path / "out", "--workers", "2"), KEEPING, GRAPH, RAISING)
    check_failed(ran, small_hunt, 1, "E101")


def test_debugging_tells_nothing_of_values(small_planted: Planted, small_hunt: Hunt, tmp_path: Path) -> None:
    """CROWDLOG_DEBUG=1 shows tracebacks and what engines log, and still no value."""
    ran = run_apart(
        tmp_path, small_planted.command(tmp_path / "out"), KEEPING, GRAPH, LOUD, RAISING, CROWDLOG_DEBUG="1"
    )
    assert ran.status == 1
    assert b"Traceback" in ran.err
    assert [one.title for one in small_hunt.survivors(ran.written)] == []


def test_hunt_in_tracebacks_succeeds_without_codes(small_planted: Planted, tmp_path: Path) -> None:
    """Where errors leave the stage as they are, the traceback has the value: it is the codes that keep it."""
    ran = run_apart(tmp_path, small_planted.command(tmp_path / "out"), RAISING, WITHOUT_CODES, CROWDLOG_DEBUG="1")
    assert ran.status == 1
    assert any(agent.encode() in ran.written for agent in FIREFOXES)
