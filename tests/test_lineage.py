"""Typed columns: nothing is built that would hold a network beside an identity, and the message has the lineage."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from pipeline import flow as contents
from pipeline.chosen import chosen_database, chosen_policy
from pipeline.digests import Digests
from pipeline.events import SCHEMA, WORDS
from pipeline.find import find
from pipeline.forked import ForkServer
from pipeline.job import Job
from pipeline.launcher import Launcher
from pipeline.options import Wanted, engine
from pipeline.prepare import prepare
from pipeline.run import execute
from schemas import load
from schemas.lineage import Holding, classes, holdings, lineage, refuse_link, refuse_links
from schemas.load import DeclarationError, Fields
from schemas.table import Trends
from schemas.tables import read_trends, trends
from schemas.trouble import Trouble

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_logs" / "vhost_combined" / "input.log"

# a treatment that lets the authenticated user through
WHO = ('[column.user]\ntype = "text"\nclass = "identity"\ntreatment = "drop"',
       '[treatment.who]\ntakes = ["user"]\ngives = ["login"]\n'
       '[column.user]\ntype = "text"\nclass = "identity"\ntreatment = "who"')  # fmt: skip
ROUTE_IS_LOWERED = 'class = { route = "quasi" }\n'


def changed(*changes: tuple[str, str]) -> Fields:
    """The shipped fields with some texts of fields.toml replaced by others."""
    text = (ROOT / "schemas" / "fields.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load.read_fields(tomllib.loads(text), "fields.toml")


def with_table(fields: Fields, **entry: Any) -> Trends:
    """One table alone, of the name `planted`."""
    return read_trends({"table": [{"name": "planted", "climb": [], **entry}]}, fields, "trends.toml")


def refused(fields: Fields, trends: Trends, what: str) -> str:
    """The message with which one of the holdings is refused."""
    (holding,) = (one for one in holdings(fields, trends) if one.what == what)
    with pytest.raises(DeclarationError) as error:
        refuse_link(fields, holding)
    return str(error.value)


def test_shipped_declarations_pass() -> None:
    """As shipped nothing holds both; no published column is network or identity, and each has one class."""
    fields, shipped = load.fields(), trends()
    refuse_links(fields, shipped)
    assert all(len(classes(fields, column)) == 1 for column in fields.given)
    published = {key.column for table in shipped.tables for key in table.keys} | {"bytes"}
    assert {kind for column in published for kind in classes(fields, column)} <= {"quasi", "safe"}
    assert classes(fields, "network") == {"network"}


def test_every_type_table_and_file_is_looked_at() -> None:
    """PseudonymousEvents, and the tally and the file of every table."""
    whats = [one.what for one in holdings(load.fields(), trends())]
    assert whats[0] == "the type PseudonymousEvents"
    assert len(whats) == 1 + 2 * len(trends().tables)


def test_scrubbed_events_are_looked_at_whole() -> None:
    """The columns that are checked are those of the file: `time` and `ip` stand for treated columns of other names."""
    assert set(SCHEMA.names) == {"time", "ip", "bytes", *WORDS}
    refuse_link(load.fields(), Holding("a file of scrubbed events", ("network", *WORDS, "bytes")))


def test_planted_type_is_refused_with_its_lineage() -> None:
    """A treatment that gives the user puts it beside the network in PseudonymousEvents: both lineages are told."""
    with pytest.raises(DeclarationError) as error:
        refuse_links(changed(WHO), trends())
    said = str(error.value)
    assert "the type PseudonymousEvents would hold network-derived 'network'" in said
    assert "client (network), forwarded (network), visitor (network), country (quasi) beside identity" in said
    assert "'login' (identity) from the treatment who of user (identity)" in said


@pytest.mark.parametrize(
    "entry", [{"keys": ["login"]}, {"keys": ["status"], "present": ["login"]}], ids=["key", "present"]
)
def test_planted_table_is_refused_with_its_lineage(entry: dict[str, Any]) -> None:
    """A table that tells of the user is refused where it is counted by network, and where it is published."""
    fields = changed(WHO)
    trends = with_table(fields, **entry)
    own = "'login' (identity) from the treatment who of user (identity)"
    counted = refused(fields, trends, "the tally of the table 'planted'")
    assert "network-derived 'network' (network) from the treatment address of client" in counted
    assert f"beside identity {own}" in counted
    assert f"would publish {own}" in refused(fields, trends, "the file of the table 'planted'")


def test_planted_file_of_a_part_of_an_address_is_refused() -> None:
    """What a treatment makes of an address is an address, whatever it is called: no file may hold it."""
    block = ('gives = ["network", "country"]', 'gives = ["network", "country", "block"]')
    fields = changed(block)
    said = refused(fields, with_table(fields, keys=["block"]), "the file of the table 'planted'")
    assert "would publish 'block' (network and quasi) from the treatment address of client (network)" in said


def test_column_of_both_is_refused() -> None:
    """A hash of address and agent alone is already both."""
    both = ('[treatment.mark]\ntakes = ["agent",', '[treatment.mark]\ntakes = ["client", "agent",')
    fields = changed(both, ('class = { agent_mark = "quasi" }\n', ""))
    with pytest.raises(DeclarationError, match="agent_mark' \\(network and identity and quasi\\)"):
        refuse_links(fields, trends())


def test_class_is_not_lowered_without_a_reason() -> None:
    """To call a route harmless takes a sentence that says by what it became so."""
    reason = next(
        line
        for line in (ROOT / "schemas" / "fields.toml").read_text().splitlines()
        if line.startswith('lowered = "declared')
    )
    with pytest.raises(DeclarationError, match=r"treatment\.route\.class\.route is 'quasi', expected identity"):
        refuse_links(changed((reason + "\n", "")), trends())


def test_network_is_always_network() -> None:
    """No reason makes the key that visitors are counted by anything else."""
    with pytest.raises(DeclarationError, match="'network'"):
        refuse_links(changed(('class = { network = "network"', 'class = { network = "safe"')), trends())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ROUTE_IS_LOWERED, 'class = { road = "quasi" }\n', "'road'"),
        (ROUTE_IS_LOWERED, 'class = { route = "public" }\n', "'public'"),
        (ROUTE_IS_LOWERED, 'class = "quasi"\n', "a table"),
        ('lowered = "closed vocabularies (PRIVACY.md 2.6)"', "lowered = 3", "a text"),
    ],
)
def test_wrong_classes_are_refused_when_loaded(old: str, new: str, expected: str) -> None:
    """A class of a column that is not given, or one that is none, is named."""
    with pytest.raises(DeclarationError, match=expected):
        changed((old, new))


def test_lineage_names_treatment_and_columns() -> None:
    """One line from a published column back to what is in the log."""
    assert lineage(load.fields(), "domain") == (
        "'domain' (quasi) from the treatment referrer of referrer (identity), referrer_host (identity)"
    )


# ---- while the graph is built -----------------------------------------------------------------------------------------


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    """A run over a small sample."""
    return Wanted((str(SAMPLE),), tmp_path / "out", policy=ROOT / "sample_logs" / "crowdlog.toml", quiet=True)


@pytest.fixture
def job(wanted: Wanted) -> Job:
    """Its job, with routes that nobody lowered."""
    made, _ = prepare(
        wanted, chosen_policy(wanted), chosen_database(wanted), find(wanted.inputs), 1_800_000_000, engine(wanted)
    )
    return replace(made, fields=changed((ROUTE_IS_LOWERED, "")))


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    """A launcher that is running."""
    with Launcher(lambda done, lines: None) as running:
        yield running


def test_graph_is_not_built(job: Job, launcher: Launcher) -> None:
    """flow refuses before there is any stage, with the lineage of the path."""
    pipeline = beam.Pipeline(runner="FnApiRunner")
    with pytest.raises(DeclarationError, match=r"'route' \(identity\) from the treatment route of path \(identity\)"):
        contents.flow(pipeline, job, launcher.key)
    assert pipeline.transforms_stack[0].parts == []


def test_graph_would_be_built_without_the_rule(job: Job, launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rule switched off the same declarations become a graph: nothing else stands in their way."""
    monkeypatch.setattr(contents, "refuse_links", lambda fields, trends: None)
    pipeline = beam.Pipeline(runner="FnApiRunner")
    contents.flow(pipeline, job, launcher.key)
    assert pipeline.transforms_stack[0].parts


def test_run_ends_with_two_and_writes_nothing(job: Job, wanted: Wanted) -> None:
    """A run that would link them is a wrong declaration (exit 2); nothing is published."""
    with pytest.raises(Trouble) as error:
        execute(job, engine(wanted), wanted, [], ForkServer(1), Digests())
    assert (error.value.code, error.value.exit) == ("E202", 2)
    assert not list(wanted.output.rglob("*.parquet"))
