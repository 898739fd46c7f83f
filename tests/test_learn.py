"""Learn proposes what crowds brought, and prints nothing of what they did not."""

from __future__ import annotations

import itertools
import json
import math
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.learn import learn, told
from pipeline.options import Wanted
from pipeline.proposed import Learned
from schemas.denied import denied
from schemas.policy import make_policy
from transforms import segments
from transforms.evidence import Threshold
from transforms.survey import Bounds

AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(141, 147)]
CROWD = [f"198.18.{n}.7" for n in range(12)]  # 12 neighbourhoods
BLOCK = [f"198.19.1.{n}" for n in range(1, 13)]  # 12 addresses of one /24

PLANTED = {
    "zqsolo": (["198.19.9.9"] * 100, AGENTS),
    "zqblock": (BLOCK, AGENTS),
    "zqroam": (CROWD, AGENTS[:1]),
    "zqnine": (CROWD[:9], AGENTS),
}
"""Values below the crowd: by whom, with which agents."""

FOUND = ["joan.doe@customer.example", "tok_8f3kQz91LmPq77Xs", "zqjo-at-example-dot-com"]
"""Values that detectors find, brought by a crowd."""

Write = Callable[[Iterable[tuple[str, str, str, str]]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a vhost-combined log of (host, address, target, agent)."""

    def written(requests: Iterable[tuple[str, str, str, str]]) -> Path:
        file = tmp_path / "access.log"
        with file.open("a") as out:
            for at, (host, address, target, agent) in enumerate(requests):
                when = f"18/Nov/2025:10:{at // 60 % 60:02d}:{at % 60:02d} +0000"
                out.write(f'{host}:443 {address} - - [{when}] "GET {target} HTTP/1.1" 200 5 "-" "{agent}"\n')
        return file

    return written


def by_crowd(target: str, host: str = "shop.example", times: int = 1) -> list[tuple[str, str, str, str]]:
    """Requests of 12 neighbourhoods and 6 agents."""
    agents = itertools.cycle(AGENTS)
    return [(host, address, target, next(agents)) for address in CROWD for _ in range(times)]


def planted_everywhere(word: str, addresses: list[str], agents: list[str]) -> list[tuple[str, str, str, str]]:
    """A word as segment, below a known page, as parameter, its name, and host."""
    targets = [f"/{word}", f"/docs/{word}", f"/docs/{word}/more", f"/docs?tab={word}", f"/docs?{word}=1"]
    spread = list(zip(addresses, itertools.cycle(agents), strict=False))
    inside = [("shop.example", address, target, agent) for target in targets for address, agent in spread]
    return inside + [(f"{word}.example", address, "/", agent) for address, agent in spread]


def wanted(file: Path, *, as_json: bool = False, policy: Path | None = None, k: int | None = None) -> Wanted:
    """Options of a silent scan."""
    return Wanted((str(file),), Path(), policy=policy, site=None if policy else "shop", k=k, quiet=True, json=as_json)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A policy that knows the site of the log."""
    file = tmp_path / "shop.toml"
    file.write_text('[[site]]\nname = "shop"\nhosts = ["shop.example"]\n')
    return file


def everything(learned: Learned, policy: Path) -> str:
    """All that could be printed."""
    return told(wanted(policy, policy=policy), learned) + told(wanted(policy, as_json=True, policy=policy), learned)


@pytest.fixture
def canary_log(write: Write) -> Path:
    """A log with crowds, and with planted values below them."""
    write(by_crowd("/docs", times=3) + by_crowd("/docs/zqcrowd") + by_crowd("/docs?tab=zqcrowd&zqname=3"))
    for word, (addresses, agents) in PLANTED.items():
        write(planted_everywhere(word, addresses, agents))
    for value in FOUND:
        escaped = value.replace("@", "%40")
        write(by_crowd(f"/found/{escaped}") + by_crowd(f"/{escaped}") + by_crowd(f"/docs?note={escaped}"))
        write(by_crowd(f"/docs?{escaped}=1"))
    return write(by_crowd("/", host="zqother.example"))


# ---- what must never be printed ---------------------------------------------------------------------------------------


def test_planted_values_are_never_printed(canary_log: Path, shop: Path) -> None:
    """What one network, one /24, one agent or nine neighbourhoods brought is not shown; what a crowd brought is."""
    shown = everything(learn(wanted(canary_log, policy=shop)), shop)
    assert [word for word in (*PLANTED, *FOUND, "zqjo", "joan", "tok_8f3") if word in shown] == []
    assert [word for word in ("/docs/zqcrowd", "zqname", "zqother.example") if word not in shown] == []


@pytest.mark.parametrize(
    ("off", "seen"),
    [
        pytest.param(Threshold(1, 1), [*PLANTED], id="both"),
        pytest.param(Threshold(10, 1), ["zqroam"], id="agents"),
        pytest.param(Threshold(1, 3), ["zqsolo", "zqblock", "zqnine"], id="neighbourhoods"),
    ],
)
def test_planted_values_are_printed_without_the_threshold(
    off: Threshold, seen: list[str], canary_log: Path, shop: Path
) -> None:
    """The test above can fail: each half of the threshold is what keeps its values away."""
    shown = everything(learn(wanted(canary_log, policy=shop), threshold=off), shop)
    assert [word for word in PLANTED if f"/docs/{word}" in shown] == sorted(seen, key=list(PLANTED).index)


def test_found_values_are_printed_without_detectors(canary_log: Path, shop: Path) -> None:
    """A crowd's word that a detector knows is kept away by the detector alone."""
    segments.judge.cache_clear()
    with mock.patch("transforms.segments.found_in", lambda *_: frozenset()):
        shown = everything(learn(wanted(canary_log, policy=shop)), shop)
    segments.judge.cache_clear()
    assert "zqjo-at-example-dot-com" in shown


def test_errors_and_messages_hold_no_content(canary_log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On stderr there are counts alone, also when most lines are refused."""
    assert main(["learn", str(canary_log)]) == 0
    assert "zq" not in capfd.readouterr().err
    with canary_log.open("a") as out:
        out.writelines("zqbroken line\n" for _ in range(900))
    assert main(["learn", str(canary_log), "--format", "vhost_combined"]) == 3
    captured = capfd.readouterr()
    assert (captured.out, "zq" in captured.err.replace(str(canary_log), "")) == ("", False)


def test_nothing_is_written(canary_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan leaves no file behind, neither where it runs nor where temporary files go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    assert main(["learn", str(canary_log), "--quiet"]) == 0
    assert sorted(tmp_path.rglob("*")) == before


# ---- what is proposed -------------------------------------------------------------------------------------------------


def proposed(file: Path, policy: Path | None = None) -> Any:
    """The first proposed site, as TOML says it."""
    text = told(wanted(file, policy=policy), learn(wanted(file, policy=policy)))
    data = tomllib.loads(text)
    make_policy(data, "proposed")
    return data["site"][0]


def users(template: str) -> list[tuple[str, str, str, str]]:
    """30 visitors from 30 neighbourhoods, who bring each their own value, three times."""
    names = [
        "".join(pair)
        for pair in itertools.product(("bo", "ka", "li", "mu", "no", "re"), ("ba", "do", "fi", "gu", "ne"))
    ]
    return [
        ("shop.example", f"198.18.{n}.9", template.format(name), AGENTS[n % 6])
        for n, name in enumerate(names)
        for _ in range(3)
    ]


def test_identifying_parameter_is_denied(write: Write) -> None:
    """A parameter that each visitor has a value of its own for is denied, though its values are plain words."""
    site = proposed(write(users("/docs?theme={}") + by_crowd("/docs?view=list", times=3)))
    assert "theme" in site["deny"]
    assert "theme" not in json.dumps(site["routes"])


def test_identifying_place_is_hidden(write: Write) -> None:
    """A place in paths where each visitor has a word of its own becomes {*}."""
    assert "/desk/{*}" in proposed(write(users("/desk/{}")))["routes"]


def test_scanners_do_not_hide_the_pages_of_a_site(write: Write) -> None:
    """Any number of keys at the root of paths leaves the site's own pages proposed, and the keys unseen."""
    keys = [("shop.example", CROWD[n % 12], f"/tok_8f3kQz91LmPq77X{n:03d}", AGENTS[n % 6]) for n in range(600)]
    assert proposed(write(keys + by_crowd("/about")))["routes"] == ["/about"]


def test_places_behind_a_hidden_place_are_not_listed(write: Write) -> None:
    """Where the words of a place are hidden, a word of it is not shown as the beginning of another place either."""
    log = write(users("/desk/{}/inbox") + by_crowd("/desk/zqname/inbox"))
    assert "zqname" not in told(wanted(log), learn(wanted(log)))


def test_typed_parameters(write: Write) -> None:
    """Small numbers, few words and ids get their types; ids show their slot alone."""
    log = write(
        [one for n in range(1, 6) for one in by_crowd(f"/docs?page={n}")]
        + [one for word in ("list", "grid") for one in by_crowd(f"/docs?view={word}")]
        + [
            ("shop.example", a, f"/docs?post={n * 1000 + i}", AGENTS[i % 6])
            for n in range(1, 4)
            for i, a in enumerate(CROWD)
        ]
    )
    (route,) = (one for one in proposed(log)["routes"] if isinstance(one, dict))
    assert route == {"path": "/docs", "parameters": {"page": "int", "view": ["grid", "list"], "post": "{int}"}}


def test_free_text_and_denied_names_are_never_allowed(write: Write) -> None:
    """Names of denied.toml, names that tell, and texts of several words are proposed by no kind."""
    names = ("q", "s", "gclid", "token", "email", "redirect_to", "PHPSESSID", "vorname", "suchbegriff")
    log = write(
        [one for name in names for one in by_crowd(f"/docs?{name}=abc")] + by_crowd("/docs?note=my%20own%20words")
    )
    site = proposed(log)
    allowed = json.dumps(
        [one["parameters"] for one in site["routes"] if isinstance(one, dict)] + [site.get("parameters")]
    )
    assert [name for name in (*names, "note") if f'"{name}"' in allowed] == []
    found = ["vorname"]  # no policy is kept from allowing it, but a detector knows the name
    assert sorted(site["deny"]) == sorted([*(name for name in names if denied(name) is not None), *found])


def test_typed_places(write: Write) -> None:
    """Numbers and dates in a path become typed slots; words behind words for people do not appear."""
    log = write(
        [("shop.example", a, f"/invoice/{7000 + i}", AGENTS[i % 6]) for i, a in enumerate(CROWD)]
        + [("shop.example", a, f"/news/2025-11-{10 + i}", AGENTS[i % 6]) for i, a in enumerate(CROWD)]
        + by_crowd("/user/maxine")
    )
    assert proposed(log)["routes"] == ["/invoice/{int}", "/news/{date}", "/user/{*}"]


def test_policy_given_stays(write: Write, tmp_path: Path) -> None:
    """What the operator's policy says is in the proposal, unchanged; what it has decided is not proposed anew."""
    file = tmp_path / "own.toml"
    file.write_text(
        'k = 12\ntimezone = "Europe/Berlin"\n[ip]\ntrusted_proxies = ["203.0.113.0/24"]\n'
        '[[site]]\nname = "shop"\nhosts = ["shop.example"]\n'
        'routes = ["/docs/{slug}"]\nparameters = { view = "word" }\ntables = { pages = { grain = "week" } }\ndeny = ["tab"]\n'
        '[[format]]\nname = "own"\ndirective = \'%h "%r" [%t]\'\n'
    )
    log = write(by_crowd("/docs/alpha") + by_crowd("/about?view=list&tab=one"))
    given_, found = (
        tomllib.loads(file.read_text()),
        tomllib.loads(told(wanted(log, policy=file), learn(wanted(log, policy=file)))),
    )
    site, own = found["site"][0], given_["site"][0]
    assert {key: found[key] for key in given_ if key != "site"} == {key: given_[key] for key in given_ if key != "site"}
    assert {key: site[key] for key in own if key != "routes"} == {key: own[key] for key in own if key != "routes"}
    assert site["routes"] == ["/docs/{slug}", "/about"]


def test_routes_that_are_ambiguous_with_declared_ones_are_left_out(write: Write, tmp_path: Path) -> None:
    """/{int}-b of the policy may take what /a-{int} takes: that is not proposed, and the proposal loads."""
    file = tmp_path / "own.toml"
    file.write_text('[[site]]\nname = "shop"\nhosts = ["shop.example"]\nroutes = ["/{int}-b"]\n')
    log = write(by_crowd("/a-12345") + by_crowd("/about"))
    assert proposed(log, file)["routes"] == ["/{int}-b", "/about"]


def test_evidence_by_another_route(write: Write, tmp_path: Path) -> None:
    """Distinct values, bits, constancy, neighbourhoods and agents of a parameter are those that plain Python counts."""
    requests = [
        ("shop.example", f"198.18.{n % 25}.{n % 3}", f"/docs?view={'abcdefgh'[n * n % 8]}", AGENTS[n % 6])
        for n in range(400)
    ]
    learned = learn(wanted(write(requests), k=5))
    (verdict,) = (one for proposal in learned.proposals for _, one in proposal.judged)
    pairs = Counter((address, target[-1]) for _, address, target, _ in requests)
    by_value, hits, values = Counter(v for _, v in pairs), Counter[str](), Counter[str]()
    for (address, _), count in pairs.items():
        hits[address] += count
        values[address] += 1
    returning = [address for address in hits if hits[address] > 1]
    evidence = verdict.evidence
    assert evidence.distinct == len(by_value)
    assert evidence.entropy == pytest.approx(
        -sum(n / len(pairs) * math.log2(n / len(pairs)) for n in by_value.values())
    )
    assert evidence.returning == len(returning)
    assert evidence.constant == pytest.approx(sum(values[one] == 1 for one in returning) / len(returning))
    crowd = evidence.crowd
    assert (crowd.hits, crowd.networks, crowd.neighbourhoods, crowd.agents) == (400, len(hits), 25, 6)


# ---- bounds -----------------------------------------------------------------------------------------------------------


def test_bounds_hold_and_are_told(write: Write) -> None:
    """With little room values are left out and counted, neighbourhoods are sampled, and a crowd is still a crowd."""
    log = write(
        ("shop.example", f"198.18.{n % 200}.{n % 250}", f"/page-{'abcdefghij'[n // 200 % 10]}", AGENTS[n % 6])
        for n in range(2000)
    )
    learned = learn(wanted(log), Bounds(subjects=2, values=12, pairs=1000))
    assert learned.share < 1
    assert learned.left_out["values beyond the bound"] > 0
    assert any(proposal.routes for proposal in learned.proposals)
    crowds = [crowd for proposal in learned.proposals for crowd in proposal.routes.values()]
    assert all(10 <= crowd.neighbourhoods <= 200 for crowd in crowds)


def test_order_and_chunks_do_not_matter(write: Write, tmp_path: Path) -> None:
    """The same lines in another order give the same proposal: counts are exact within the bounds."""
    log = write(users("/docs?theme={}") + [one for n in range(5) for one in by_crowd(f"/docs?page={n}")])
    other = tmp_path / "turned.log"
    other.write_text("".join(f"{line}\n" for line in reversed(log.read_text().splitlines())))
    assert told(wanted(log), learn(wanted(log))) == told(wanted(other), learn(wanted(other)))


# ---- end to end -------------------------------------------------------------------------------------------------------


def test_samples_run_with_the_proposal(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is proposed for the samples is a policy that checks, and with which a run publishes the proposed routes."""
    log, file = str(root / "sample_logs" / "combined" / "input.log"), tmp_path / "proposed.toml"
    runs_with_its_proposal(log, file, tmp_path, capfd)
    routes = {
        one["path"] if isinstance(one, dict) else one for one in tomllib.loads(file.read_text())["site"][0]["routes"]
    }
    published = pq.read_table(tmp_path / "out" / "release" / "pages", partitioning=None)["route"].to_pylist()
    assert {route.partition("?")[0] for route in published} & routes >= {"/cart.php", "/pricing.html"}


def test_real_log_runs_with_the_proposal(shared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """So does that for a real log of 10,000 lines."""
    log = str(shared / "logs" / "elastic_apache" / "access.log")
    runs_with_its_proposal(log, tmp_path / "proposed.toml", tmp_path, capfd)


def runs_with_its_proposal(log: str, file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """learn, policy, run --partial."""
    assert main(["learn", log, "--quiet"]) == 0
    file.write_text(capfd.readouterr().out)
    assert main(["policy", str(file)]) == 0
    capfd.readouterr()
    assert (
        main(["run", log, "--policy", str(file), "--output", str(tmp_path / "out"), "--partial", "--quiet", "--json"])
        == 0
    )
    assert json.loads(capfd.readouterr().out)["tables"]["pages"]["published"] > 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["/nonexistent/x.log"], 3),
        (["LOG", "--k", "2"], 2),
        (["LOG", "--policy", "/nonexistent/x.toml"], 2),
        (["LOG", "--max-reject-rate", "7"], 2),
        (["LOG", "--format", "$remote_addr"], 2),
        (["-"], 2),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_refuses_what_a_run_refuses(
    arguments: list[str], status: int, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage is exit 2, input trouble 3, in one line on stderr and nothing on stdout."""
    log = str(write(by_crowd("/")))
    assert main(["learn", *(log if one == "LOG" else one for one in arguments)]) == status
    captured = capfd.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_json_is_one_object_with_the_policy(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    """--json has the evidence as data, and the policy as it would be printed."""
    log = write(by_crowd("/docs?page=2", times=2))
    assert main(["learn", str(log), "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert main(["learn", str(log)]) == 0
    assert record["policy"] == capfd.readouterr().out
    (site,) = (one for one in record["sites"] if one["judged"])
    assert {key: site["judged"][0][key] for key in ("name", "kind", "distinct", "hidden")} == {
        "name": "page", "kind": "int", "distinct": 1, "hidden": False,
    }  # fmt: skip
