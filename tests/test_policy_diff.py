"""`crowdlog policy --diff`: what a change of the policy would newly reveal or hide; checked against what runs then publish."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.changes import ALTERS, FILLED, HIDES, REVEALS, Change, changes
from pipeline.cli import main
from pipeline.options import Wanted
from pipeline.run import run
from schemas.load import parse
from schemas.policy import Geo, Policy, make_policy
from schemas.routes import SLOTS
from schemas.site import Site
from transforms.declared import slot_pattern

NOW = 1_796_083_200  # 2026-12-01
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0" for v in (143, 144, 145)]


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def policy(text: str) -> Policy:
    """The policy that a text is."""
    return make_policy(parse(text, "test"), "test")


def site(text: str = "") -> str:
    """A policy with one site."""
    return f'[[site]]\nname = "a"\nhosts = ["a.example"]\n{text}\n'


Told = tuple[str, str, str, str]  # site, key, name, effect


def told(old: Policy, new: Policy) -> set[Told]:
    """All changes, in short."""
    return {(one.site, one.key, one.name, one.effect) for one in changes(old, new)}


def both(*about: str) -> set[Told]:
    """A change that reveals something and hides something else."""
    key, name = about
    return {("a", key, name, REVEALS), ("a", key, name, HIDES)}


CASES: dict[str, tuple[str, str, set[Told]]] = {
    "for partners too": ("", 'profiles = ["internal", "partner"]', {("", "profiles", "partner", REVEALS)}),
    "for partners alone": (
        "",
        'profiles = ["partner"]',
        {("", "profiles", "partner", REVEALS), ("", "profiles", "internal", HIDES)},
    ),
    "k lowered": ("k = 20", "k = 10", {("", "k", "k", REVEALS)}),
    "addresses, not networks": ('[ip]\ntreatment = "truncate"', "", {("", "ip.treatment", "treatment", REVEALS)}),
    "dropped, not hashed": ("", '[ip]\ntreatment = "drop"', {("", "ip.treatment", "treatment", ALTERS)}),
    "proxies": ("", '[ip]\ntrusted_proxies = ["10.0.0.0/8"]', {("", "ip.trusted_proxies", "trusted_proxies", ALTERS)}),
    "format": ("", 'format = "combined"', {("", "format", "format", ALTERS)}),
    "own format": (
        "",
        '[[format]]\nname = "x"\ndirective = "%h %l %u %t \\"%r\\" %>s %b"',
        {("", "formats", "formats", ALTERS)},
    ),
    "retention": ("", "[retention]\nraw_days = 7", {("", "retention.raw_days", "raw_days", ALTERS)}),
    "privacy loss": (
        "[dp]\nepsilon = 2",
        "[dp]\nbudget = { epsilon = 400 }",
        {("", "dp.epsilon", "epsilon", HIDES), ("", "dp.budget.epsilon", "budget.epsilon", REVEALS)},
    ),
    "clock": (
        "",
        'timezone = "Europe/Berlin"',
        {(name, "timezone", "Europe/Berlin", ALTERS) for name in ("default", "(other)")},
    ),
    "clock that a site overrides": (
        site() + 'timezone = "UTC"',
        'timezone = "Europe/Berlin"\n' + site() + 'timezone = "UTC"',
        {(name, "timezone", "Europe/Berlin", ALTERS) for name in ("default", "(other)")},
    ),
    "site": ("", site(), {("a", "site", "a", REVEALS), ("a", "hosts", "a.example", REVEALS)}),
    "host from one site to another": (
        site() + '[[site]]\nname = "b"',
        site().replace("a.example", "c.example") + '[[site]]\nname = "b"\nhosts = ["a.example"]',
        {
            ("a", "hosts", "a.example", ALTERS),
            ("a", "hosts", "c.example", REVEALS),
            ("b", "hosts", "a.example", ALTERS),
        },
    ),
    "clock of a site": (site(), site('timezone = "Europe/Berlin"'), {("a", "timezone", "Europe/Berlin", ALTERS)}),
    "week": (site(), site('tables = { pages = { grain = "week" } }'), both("tables", "pages")),
    "day, said": (site(), site('tables = { pages = { grain = "day" } }'), set()),
    "route of words": (site(), site('routes = ["/user-guide"]'), {("a", "routes", "/user-guide", REVEALS)}),
    "route with a slot": (site(), site('routes = ["/kb/{slug}"]'), both("routes", "/kb/{slug}")),
    "route beside a wider one": (
        site('routes = ["/kb/{*}"]'),
        site('routes = ["/kb/{*}", "/kb/{slug}"]'),
        {("a", "routes", "/kb/{slug}", REVEALS)},
    ),
    "parameter": (site(), site('parameters = { lang = ["de", "en"] }'), {("a", "parameters", "lang", REVEALS)}),
    "more words": (
        site('parameters = { lang = ["de"] }'),
        site('parameters = { lang = ["de", "en"] }'),
        {("a", "parameters", "lang", REVEALS)},
    ),
    "other words": (
        site('parameters = { lang = ["de"] }'),
        site('parameters = { lang = ["en"] }'),
        both("parameters", "lang"),
    ),
    "any word": (
        site('parameters = { p = "int" }'),
        site('parameters = { p = "word" }'),
        {("a", "parameters", "p", REVEALS)},
    ),
    "some numbers": (
        site('parameters = { p = ["1", "2"] }'),
        site('parameters = { p = "int" }'),
        {("a", "parameters", "p", REVEALS)},
    ),
    "slot for a number": (
        site('parameters = { p = "{int}" }'),
        site('parameters = { p = "int" }'),
        both("parameters", "p"),
    ),
    "no longer denied": (
        site('parameters = { p = "int" }\ndeny = ["p"]'),
        site('parameters = { p = "int" }'),
        {("a", "parameters", "p", REVEALS)},
    ),
    "denied, not allowed anyway": (site(), site('deny = ["p"]'), set()),
    "parameter of a route": (
        site('routes = ["/x"]'),
        site('routes = [{ path = "/x", parameters = { p = "int" } }]'),
        {("a", "parameters", "p", REVEALS)},
    ),
    "affiliate": (site(), site('words = { affiliate = ["acme"] }'), {("a", "words.affiliate", "acme", REVEALS)}),
    "endpoint": (
        site(),
        site('endpoints = [{ path = "/aff.php", columns = { affiliate = "aff" } }]'),
        {("a", "endpoints", "/aff.php", REVEALS)},
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_change_is_told(old: str, new: str, expected: set[Told]) -> None:
    """Each change has its site, key and name, and whether it reveals, hides, or neither for sure; and nothing else is told."""
    assert told(policy(old), policy(new)) == expected


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_way_back_is_the_opposite(old: str, new: str, expected: set[Told]) -> None:
    """What a change reveals its undoing hides."""
    opposite = {REVEALS: HIDES, HIDES: REVEALS, ALTERS: ALTERS}
    back = {(one[0], one[1], opposite[one[3]]) for one in told(policy(new), policy(old))}
    assert back == {(one[0], one[1], one[3]) for one in expected}


@pytest.mark.parametrize(
    "text", ["", site('presets = ["whmcs"]'), site('presets = ["wordpress"]\nparameters = { p = "int" }')]
)
def test_same_policy_has_no_changes(text: str) -> None:
    """A policy beside itself."""
    assert list(changes(policy(text), policy(text))) == []


OTHER_VALUES: dict[str, Any] = {
    "k": 50, "timezone": "Europe/Berlin", "format": "combined", "ip": policy('[ip]\ntreatment = "truncate"').ip,
    "geo": Geo("continent"), "sites": (Site("x"),), "formats": policy(CASES["own format"][1]).formats,
    "retention": policy("[retention]\nraw_days = 7").retention, "profiles": ("internal", "partner"),
    "dp": policy("[dp]\nepsilon = 2").dp,
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Policy)])
def test_no_field_of_a_policy_is_forgotten(name: str) -> None:
    """Whatever differs is told, fields that come later too: they need a value here, and are told as they stand."""
    assert list(changes(Policy(), replace(Policy(), **{name: OTHER_VALUES[name]})))


def test_preset_is_told_by_what_it_brings() -> None:
    """A preset is its routes, parameters and endpoints; each of them is told."""
    found = list(changes(policy(site()), policy(site('presets = ["whmcs"]'))))
    declared = policy(site('presets = ["whmcs"]')).sites[0]
    assert {one.name for one in found if one.key == "routes"} == set(declared.routes)
    assert {one.name for one in found if one.key == "parameters"} == set(declared.parameter_names)
    assert {one.name for one in found if one.key == "endpoints"} == {one.path for one in declared.endpoints}


def test_every_kind_of_slot_can_be_filled() -> None:
    """There is a text for each kind of slot, and the slot takes it: else a route could not be tried on another policy."""
    assert set(FILLED) == set(SLOTS)
    for slot, text in FILLED.items():
        pattern = slot_pattern(f"{{{slot}}}")
        assert pattern is not None
        assert pattern.fullmatch(text)


def test_words_that_the_default_rule_hides_are_named() -> None:
    """`guide` behind `search` is hidden by default; a declared route shows it."""
    (change,) = changes(policy(site()), policy(site('routes = ["/search/guide"]')))
    assert "'guide' included, which the default rule hides" in change.said
    (change,) = changes(policy(site()), policy(site('routes = ["/about/guide"]')))
    assert "hides" not in change.said


# ---- on a release, and against what runs publish ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One day: /docs of 40 neighbourhoods in two languages, /rare/words of 12, /search/guide of 40, /kb/setup of 40."""
    file = tmp_path_factory.mktemp("log") / "access.log"
    lines = []
    for n in range(40):
        for target in (
            "/docs?lang=de",
            "/docs?lang=en",
            "/search/guide",
            "/kb/setup",
            *(["/rare/words"] if n < 12 else []),
        ):
            when = f"18/Nov/2026:{n % 24:02d}:10:00 +0000"
            lines.append(f'198.18.{n}.9 - - [{when}] "GET {target} HTTP/1.1" 200 5 "-" "{AGENTS[n % 3]}"')
    file.write_text("\n".join(lines) + "\n")
    return file


def publish(log: Path, folder: Path, text: str) -> Path:
    """The release of the log by a policy, as site a."""
    (folder / "crowdlog.toml").write_text(text)
    run(Wanted((str(log),), folder / "out", folder / "crowdlog.toml", site="a", partial=True, quiet=True), NOW)
    return folder / "out"


def pages(output: Path) -> dict[str, int]:
    """hits by route, read without our own code."""
    files = (output / "release" / "pages").rglob("*.parquet")
    return {row["route"]: row["hits"] for file in files for row in pq.ParquetFile(file).read().to_pylist()}


RUNS = {
    "k": (site(), "k = 10\n" + site(), "k = 20\n" + site(), {"/rare/words"}, set()),
    "parameter": (site(), site('parameters = { lang = ["de", "en"] }'), site(), {"/docs?lang=de", "/docs?lang=en"}, {"/docs"}),
    "route": (site(), site('routes = ["/search/guide"]'), site(), {"/search/guide"}, {"/search/{*}"}),
    "slot": (site(), site(), site('routes = ["/kb/{slug}"]'), {"/kb/setup"}, {"/kb/{slug}"}),
}  # fmt: skip


@pytest.mark.parametrize(("wider", "narrower", "shown", "instead"), [one[1:] for one in RUNS.values()], ids=RUNS)
def test_what_is_told_to_be_revealed_is_what_a_run_reveals(
    wider: str,
    narrower: str,
    shown: set[str],
    instead: set[str],
    log: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Words that only the one policy publishes are those that the difference calls revealed one way and hidden the other."""
    folders = {name: tmp_path / name for name in ("wider", "narrower")}
    for name, text in zip(folders, (wider, narrower), strict=True):
        folders[name].mkdir()
        publish(log, folders[name], text)
    one, other = (pages(folder / "out") for folder in folders.values())
    assert shown <= set(one) - set(other)
    assert instead <= set(other)
    for old, new, effect in (("narrower", "wider", REVEALS), ("wider", "narrower", HIDES)):
        said = diff(folders[old] / "crowdlog.toml", folders[new] / "crowdlog.toml", folders[old] / "out", capsys)
        assert said[effect] >= 1
        seen = [one["release"] for one in said["changes"] if one["effect"] == effect and one["release"]]
        hits = sum(pages(folders[old] / "out").get(route, 0) for route in (shown if effect == HIDES else instead))
        assert max(one["hits"] for one in seen) >= hits


def diff(old: Path, new: Path, release: Path | None, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the command prints with --json."""
    more = ["--release", str(release)] if release else []
    assert main(["policy", "--diff", str(old), str(new), *more, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return dict(json.loads(out))


def test_rows_below_a_higher_k_are_counted(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows that surely fall are those with fewer visitors than the new k, over all tables."""
    output = publish(log, tmp_path, site())
    (tmp_path / "new.toml").write_text("k = 20\n" + site())
    said = diff(tmp_path / "crowdlog.toml", tmp_path / "new.toml", output, capsys)
    tables = [pq.ParquetFile(file).read().to_pylist() for file in (output / "release").rglob("*.parquet")]
    small = [row for rows in tables for row in rows if row["visitors"] < 20]
    assert small
    (change,) = said["changes"]
    assert (change["release"]["rows"], change["release"]["hits"]) == (len(small), sum(row["hits"] for row in small))
    assert said["published"] == {"rows": sum(map(len, tables)), "by": [said["old"]], "by_old": True}


def test_other_publisher_is_told(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A release that was published by neither policy is said to be so."""
    output = publish(log, tmp_path, site())
    for name, k in (("old", 11), ("new", 12)):
        (tmp_path / f"{name}.toml").write_text(f"k = {k}\n" + site())
    assert not diff(tmp_path / "old.toml", tmp_path / "new.toml", output, capsys)["published"]["by_old"]
    assert (
        main(["policy", "--diff", str(tmp_path / "old.toml"), str(tmp_path / "new.toml"), "--release", str(output)])
        == 0
    )
    assert "last by another policy than OLD" in capsys.readouterr().out


def test_other_clock_of_a_published_site_is_told_to_be_refused(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run with the new clock would end with 4; the difference says so before."""
    output = publish(log, tmp_path, site())
    (tmp_path / "new.toml").write_text(site('timezone = "Europe/Berlin"'))
    (change,) = diff(tmp_path / "crowdlog.toml", tmp_path / "new.toml", output, capsys)["changes"]
    assert "refused (exit 4)" in change["release"]["said"]
    assert (
        main(
            [
                "run",
                str(log),
                "--output",
                str(output),
                "--policy",
                str(tmp_path / "new.toml"),
                "--site",
                "a",
                "--partial",
                "--quiet",
            ]
        )
        == 4
    )


# ---- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two policies: k from 20 to 10, and one parameter less."""
    (tmp_path / "old.toml").write_text("k = 20\n" + site('parameters = { lang = ["de"] }'))
    (tmp_path / "new.toml").write_text("k = 10\n" + site())
    return str(tmp_path / "old.toml"), str(tmp_path / "new.toml")


def test_difference_in_words(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """By site, what is revealed first; a last line that counts, and says that what is published stays."""
    assert main(["policy", "--diff", *files]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "all sites",
        "  reveals  k: a row stands for at least 10 neighbourhoods, not 20",
        "site a",
        "  hides    parameters: lang on all paths shows nothing, not de",
        "1 reveal, 1 hide, 0 alter something else. What is published already stays as it is:"
        " a change counts for periods that come after",
    ]  # fmt: skip


def test_difference_as_json(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """One object: both digests, every change with all of its values, and how many do what."""
    said = diff(Path(files[0]), Path(files[1]), None, capsys)
    assert (said["old"], said["new"]) == tuple(policy(Path(file).read_text()).digest for file in files)
    assert (said[REVEALS], said[HIDES], said[ALTERS]) == (1, 1, 0)
    names = {field.name for field in fields(Change)}
    assert all(set(one) == names | {"release"} for one in said["changes"])
    assert (said["changes"][0]["old"], said["changes"][0]["new"]) == (20, 10)


def test_long_lists_are_cut_for_people_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of hundreds of routes 20 are shown, and how many there are more."""
    (tmp_path / "old.toml").write_text(site())
    (tmp_path / "new.toml").write_text(site('presets = ["whmcs"]'))
    number = len(policy(site('presets = ["whmcs"]')).sites[0].routes)
    main(["policy", "--diff", str(tmp_path / "old.toml"), str(tmp_path / "new.toml")])
    assert f"  reveals  routes: and {number - 20:,} more; --json lists them" in capsys.readouterr().out


def test_formats_that_a_run_would_refuse_are_refused(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy whose directive cannot be read is no policy, here as in `crowdlog policy FILE`."""
    (tmp_path / "broken.toml").write_text('format = "$remote_addr"\n')
    assert main(["policy", "--diff", files[0], str(tmp_path / "broken.toml")]) == 2
    assert capsys.readouterr().err.startswith("crowdlog: E202: ")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["x.toml", "--diff", "{old}", "{new}"], 2),
        (["--preset", "whmcs", "--diff", "{old}", "{new}"], 2),
        (["{old}", "--release", "."], 2),
        (["--diff", "{old}", "/nonexistent"], 2),
        (["--diff", "{old}", "{new}", "--release", "{empty}"], 3),
        (["--diff", "{old}"], 2),
    ],
    ids=["and FILE", "and --preset", "--release alone", "no such policy", "no release", "one policy"],
)
def test_wrong_usage(
    arguments: list[str], status: int, files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that says what is wrong, and nothing on stdout."""
    (tmp_path / "empty").mkdir()
    given = [one.format(old=files[0], new=files[1], empty=tmp_path / "empty") for one in arguments]
    assert main(["policy", *given]) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
