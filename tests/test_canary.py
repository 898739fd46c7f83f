"""Every kind of canary in every encoding in every field, by crowds of all sizes: nothing of it is in a byte that a run writes."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import apache_beam as beam
import pytest
from canaries.crowds import CROWDS
from canaries.encodings import ENCODINGS
from canaries.fields import FIELDS, FORMATS
from canaries.hooks import GRAPH, KEEPING, LOUD
from canaries.hunt import Hunt, addresses_in
from canaries.kinds import KINDS
from canaries.known import KNOWN, WORDS, unexplained
from canaries.planted import LARGE, Canary, Planted, addresses_of, plant, whole
from canaries.runs import Ran, run_apart


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """The whole plan: a million lines."""
    return plant(tmp_path_factory.mktemp("planted"), whole())


@pytest.fixture(scope="module")
def hunt(planted: Planted) -> Hunt:
    """All its canaries, ready to be hunted."""
    return Hunt(planted.canaries)


@pytest.fixture(scope="module")
def ran(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run over the planted logs; what it deletes, its graph and its metrics are kept."""
    folder = tmp_path_factory.mktemp("ran")
    return run_apart(folder, planted.command(folder / "out", "--json"), KEEPING, GRAPH)


@pytest.fixture(scope="module")
def survivors(ran: Ran, hunt: Hunt) -> list[Canary]:
    """What of them is in any byte that the run has written."""
    return hunt.survivors(ran.written)


# ---- what is planted ------------------------------------------------------------------------------------------------


def test_enough_is_planted(planted: Planted) -> None:
    """Each triple of 80 kinds and more, 17 encodings and more, and every field; and each kind in each field by every crowd."""
    assert len(KINDS) >= 80
    assert len(ENCODINGS) >= 17
    fields = FIELDS.keys() - LARGE
    triples = {(one.kind, one.encoding, one.field) for one in planted.canaries}
    assert set(itertools.product(KINDS, ENCODINGS, fields)) <= triples
    for pairs, wanted in (
        ({(one.kind, one.field, one.crowd) for one in planted.canaries}, itertools.product(KINDS, fields, CROWDS)),
        (
            {(one.kind, one.encoding, one.crowd) for one in planted.canaries},
            itertools.product(KINDS, ENCODINGS, CROWDS),
        ),
        (
            {(one.field, one.encoding, one.crowd) for one in planted.canaries},
            itertools.product(fields, ENCODINGS, CROWDS),
        ),
    ):
        assert set(wanted) <= pairs


def test_every_canary_is_unique(planted: Planted) -> None:
    """No value and no piece of one is planted twice."""
    pieces = Counter(piece.casefold() for one in planted.canaries for piece in one.pieces)
    assert [one for one, count in pieces.items() if count > 1] == []
    assert all(one.pieces for one in planted.canaries)


def test_hunt_finds_every_canary_as_it_was_written(planted: Planted, hunt: Hunt) -> None:
    """In the texts that were written into the logs all are found, whatever kind and encoding (one in seven is tried)."""
    some = planted.canaries[::7]
    assert {(one.kind, one.encoding) for one in some} == set(itertools.product(KINDS, ENCODINGS))
    found = hunt.survivors(b"\n".join(f"/{one.text}/".encode() for one in some))
    assert {one.title for one in some} - {one.title for one in found} == set()


# ---- what is found --------------------------------------------------------------------------------------------------


def test_planted_logs_are_published(ran: Ran, planted: Planted) -> None:
    """The run is a real one: all lines were read, and rows of pages, campaigns, referrers and browsers came out of it."""
    assert ran.status == 0, ran.err
    tables = {path.name for path in (ran.output / "release").iterdir()}
    assert {"pages", "browsers", "referrers", "campaigns", "latency", "statuses"} <= tables
    record = json.loads(ran.out)
    assert record["lines"] == sum(file.read_bytes().count(b"\n") for file in planted.logs.values())
    assert record["rejected"]["too_long"] > 0
    assert record["rejected"]["no_format"] > 0
    assert record["shapes"]
    assert len(planted.logs) == len(FORMATS)


def test_no_canary_survives(survivors: list[Canary]) -> None:
    """No planted value, nor a part of one, is in any byte written anywhere, but for what is known and why."""
    assert [one.title for one in unexplained(survivors)] == []


def test_what_is_known_is_true_and_small(survivors: list[Canary], planted: Planted) -> None:
    """Each entry of what is known to survive lets something through, and no more than it says."""
    for known in KNOWN:
        let, of = (sum(map(known.covers, some)) for some in (survivors, planted.canaries))
        assert 0 < let <= known.most * of, (known.why, let, of)


def test_no_crowd_that_is_none_gets_even_a_word_through(survivors: list[Canary]) -> None:
    """From one hit, a hundred of one address, k-1 neighbourhoods, one block, or two agents, nothing of any kind survives."""
    assert {one.crowd for one in survivors} == {"k", "k+2"}
    assert any(one.kind in WORDS for one in survivors)


def test_no_client_address_survives(ran: Ran, planted: Planted) -> None:
    """No address of any visitor is in what was written: as text, as its number, or in the bytes of an IPv6 address."""
    assert addresses_in(ran.written.lower()) & addresses_of(planted) == set()


@pytest.mark.parametrize("form", ["str", "exploded", "number", "packed"])
def test_hunt_finds_addresses(planted: Planted, form: str) -> None:
    """An address is found in each of its forms."""
    wanted = addresses_of(planted)
    if form == "number":
        wanted = {one for one in wanted if one.version == 4}
    if form == "packed":
        wanted = {one for one in wanted if one.version == 6}
    forms = {"str": str, "exploded": lambda one: one.exploded, "number": lambda one: str(int(one))}
    written = [one.packed if form == "packed" else forms[form](one).encode() for one in wanted]
    assert addresses_in(b" and ".join(written)) >= wanted


# ---- everywhere -----------------------------------------------------------------------------------------------------


def test_graph_and_metrics_were_hunted_too(ran: Ran) -> None:
    """Of each run the job graph, its options and its metrics are among what was hunted."""
    assert ran.kept is not None
    sizes = {name: (ran.kept / name).stat().st_size for name in ("graph", "options", "metrics")}
    assert min(sizes.values()) > 100
    assert b"RunSteps" in (ran.kept / "graph").read_bytes()


def test_value_in_a_graph_would_be_found(small_planted: Planted, small_hunt: Hunt) -> None:
    """What a graph creates its elements from is in it, pickled and packed: the hunt finds lines of the log there."""
    pipeline = beam.Pipeline()
    lines = small_planted.logs["wide"].read_text("utf-8").splitlines()[2000:2400]
    _ = pipeline | beam.Create(lines)
    graph = pipeline.to_runner_api().SerializeToString()
    hunted = {one.title for one in small_hunt.survivors("\n".join(lines).encode())}
    assert len(hunted) > 100
    assert hunted - {one.title for one in small_hunt.survivors(graph)} == set()


def test_nothing_is_left_in_the_temporary_folder(ran: Ran) -> None:
    """A run cleans up behind itself: no socket, no spilled shuffle."""
    assert list(ran.temporary.rglob("*")) == []


def test_what_is_deleted_is_hunted(
    small_planted: Planted, small_hunt: Hunt, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A run that writes raw values to a temporary file and deletes it is caught: the file is kept for the hunt."""
    folder = tmp_path_factory.mktemp("spilling")
    spilling = """
def spill(loaded):
    real = loaded.Launcher.__exit__

    def leave(self, *arguments):
        import tempfile
        with tempfile.NamedTemporaryFile() as file:
            file.write(open(os.environ["SPILLED"], "rb").read())
            file.flush()
        return real(self, *arguments)

    loaded.Launcher.__exit__ = leave


when("pipeline.launcher", spill)
"""
    log = small_planted.logs["combined"]  # ordinary traffic
    spilled = folder / "spilled.txt"
    spilled.write_text("\n".join(one.value for one in small_planted.canaries), encoding="utf-8")
    command = small_planted.command(folder / "out", "--quiet", logs=(log,))
    ran = run_apart(folder, command, KEEPING, spilling, SPILLED=str(spilled))
    assert ran.status == 0, ran.err
    assert list(ran.temporary.rglob("*")) == []
    assert len(small_hunt.survivors(ran.written)) == len(small_planted.canaries)


def test_logging_at_debug_tells_nothing(
    small_planted: Planted, small_hunt: Hunt, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With CROWDLOG_DEBUG=1, every logger open at DEBUG and two workers, a run says much, and nothing of a value."""
    folder = tmp_path_factory.mktemp("loud")
    ran = run_apart(
        folder, small_planted.command(folder / "out", "--workers", "2"), KEEPING, GRAPH, LOUD, CROWDLOG_DEBUG="1"
    )
    assert ran.status == 0, ran.err
    assert b"DEBUG" in ran.err
    assert [one.title for one in unexplained(small_hunt.survivors(ran.written))] == []
    assert addresses_in(ran.err.lower()) & addresses_of(small_planted) == set()
