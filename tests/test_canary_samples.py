"""What is planted in the sample logs: a preview of each shows nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from canaries.defences import no_roaming_rule
from canaries.hunt import everything

from pipeline.cli import main

pytestmark = pytest.mark.usefixtures("engines_may_log_again")
SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
SHOP = {
    "combined": ("--site", "shop"),
    "common": ("--site", "shop"),
    "nginx_timed": ("--site", "shop", "--format", "nginx_timed"),
    "vhost_combined": (),
}


def found_in_sample(sample: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """(kind, value) of what was planted in a sample log and is in a byte that its preview writes."""
    listed = json.loads((SAMPLES / "planted.json").read_text(encoding="utf-8"))
    log = f"{sample}/input.log"
    command = ["run", str(SAMPLES / log), "--policy", str(SAMPLES / "crowdlog.toml"), "--geo-db"]
    command += [str(SAMPLES / "test-country.mmdb"), "--preview", "--json", "--output", str(tmp_path / "out")]
    assert main([*command, *SHOP[sample]]) == 0
    said = capfd.readouterr()
    written = everything(tmp_path / "out") + f"\0{said.out}\0{said.err}".lower().encode()
    assert b"part-0.parquet" in written
    values = {
        (one["kind"], text)
        for one in listed["planted"]
        if one["file"] == log
        for text in (one["value"], one["written"])
    }
    values |= {("address", text) for text in [*listed["addresses"][log], *listed["written_otherwise"][log]]}
    values |= {("address", text) for text in [*listed["proxies"], *listed["claimed"], listed["stray"]]}
    assert len(values) > 20
    return [(kind, text) for kind, text in sorted(values) if text.lower().encode() in written]


@pytest.mark.parametrize("sample", SHOP)
def test_nothing_planted_in_the_samples_survives(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], sample: str
) -> None:
    """A preview of each sample log, with its policy: no planted value and no client address is in any byte."""
    assert found_in_sample(sample, tmp_path, capfd) == []


def test_one_person_who_roams_is_published_without_the_roaming_rule(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign that names a person, followed from 14 neighbourhoods by one browser: only the count of agents keeps it."""
    no_roaming_rule(monkeypatch)
    assert [text.lower() for _, text in found_in_sample("vhost_combined", tmp_path, capfd)] == ["henriette-stiffel"]
