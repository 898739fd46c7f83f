"""The same hunt with one defence taken off, and against a naive pipeline: it finds canaries, so it is a real hunt."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from canaries.crowds import CROWDS
from canaries.defences import DEFENCES, Defence, no_detectors, open_shapes
from canaries.hunt import Hunt, files_below
from canaries.kinds import KINDS
from canaries.known import unexplained
from canaries.planted import Planted, crowded, plant
from canaries.runs import run_here

from audit.naive import pipeline as naive
from transforms import segments

pytestmark = pytest.mark.usefixtures("engines_may_log_again")
WIDE = "wide"


@pytest.fixture(autouse=True)
def no_verdict_is_remembered() -> Iterator[None]:
    """What a segment was judged without a defence is forgotten with it."""
    remembered = segments.judge
    remembered.cache_clear()
    yield
    remembered.cache_clear()


def test_nothing_survives_with_all_defences_on(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The small plan, on which defences are taken off, is held by all of them together."""
    ran = run_here(tmp_path, small_planted.command(tmp_path / "out", "--json"), capfd)
    assert ran.status == 0, ran.err
    assert [one.title for one in unexplained(small_hunt.survivors(ran.written))] == []


@pytest.mark.parametrize("defence", DEFENCES.values(), ids=DEFENCES)
def test_hunt_succeeds_without_the_defence(
    small_planted: Planted, small_hunt: Hunt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], defence: Defence,
) -> None:  # fmt: skip
    """With one defence off the same hunt finds canaries that nothing explains: it is this defence that keeps them."""
    defence.off(monkeypatch)
    command = small_planted.command(tmp_path / "out", "--json", logs=(small_planted.logs[WIDE],))
    ran = run_here(tmp_path, command, capfd)
    assert ran.status == 0, ran.err
    found = {(one.field, one.crowd) for one in unexplained(small_hunt.survivors(ran.written))}
    assert defence.found - found == set()


TOLD = {"title and name", "UK postcode", "postal address"}  # kinds whose shape is that of words


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
def test_detectors_keep_what_looks_like_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], on: bool
) -> None:
    """Where a crowd brings what has the shape of words, in a path or a campaign, only detectors keep it."""
    if not on:
        no_detectors(monkeypatch)
    planted = plant(tmp_path, crowded(("path", "path-within", "path-file", "query-campaign")))
    ran = run_here(tmp_path, planted.command(tmp_path / "out", "--json", logs=(planted.logs[WIDE],)), capfd)
    found = {one.kind for one in unexplained(Hunt(planted.canaries).survivors(ran.written))}
    assert ran.status == 0, ran.err
    assert found == set() if on else found >= TOLD


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
def test_shapes_keep_what_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], on: bool
) -> None:
    """The shape of a rejected line has none of its text: were it the line, `run.json` would tell the value."""
    if not on:
        open_shapes(monkeypatch)
    kinds = list(KINDS)[::8]
    planted = plant(tmp_path, crowded(("malformed",), kinds, "once"))
    ran = run_here(tmp_path, planted.command(tmp_path / "out", "--json", logs=(planted.logs[WIDE],)), capfd)
    assert ran.status == 0, ran.err
    assert {one.kind for one in Hunt(planted.canaries).survivors(ran.written)} == (set() if on else set(kinds))


def test_naive_pipeline_lets_every_kind_out(small_planted: Planted, small_hunt: Hunt, tmp_path: Path) -> None:
    """A pipeline that counts hits and publishes what it reads shows every kind, from every crowd."""
    naive.run([small_planted.logs[WIDE]], tmp_path)
    survivors = small_hunt.survivors(b"\0".join(files_below(tmp_path)))
    assert {one.kind for one in survivors} == set(KINDS)
    assert {one.crowd for one in survivors} == set(CROWDS)
    assert {"path", "path-author", "query-value", "query-nested", "user"} <= {one.field for one in survivors}


def test_key_is_on_no_disk(
    small_planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run under a known key: neither the key nor its hex or base64 is in a file, in a name or on the terminal."""
    key, real = bytes(range(200, 232)), secrets.token_bytes
    given: list[int] = []

    def known(size: int) -> bytes:
        given.append(size)
        return key if size == len(key) else real(size)

    monkeypatch.setattr(secrets, "token_bytes", known)
    ran = run_here(tmp_path, small_planted.command(tmp_path / "out", "--json"), capfd)
    assert (ran.status, given.count(len(key))) == (0, 1)
    forms = [key, key.hex().encode(), base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key).rstrip(b"=")]
    written = ran.written.lower()
    assert [form for form in forms if form.lower() in written] == []


def test_defences_are_restored() -> None:
    """What these tests turn off is on again: the codes are no null context."""
    from transforms import fused

    assert fused.only_codes is not nullcontext
