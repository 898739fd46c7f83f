"""`crowdlog policy`: a policy in words, a broken one in one line."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from pipeline.cli import main
from schemas.tables import trends

POLICY = """
k = 20
[dp]
epsilon = 0.5
budget = { epsilon = 9 }
[[site]]
name = "shop"
hosts = ["shop.example"]
timezone = "Europe/Berlin"
presets = [{ name = "whmcs", at = "/billing" }]
routes = ["/kb/{slug}", { path = "/list", parameters = { sort = ["new", "old"], id = "{int}", page = "int", kind = "word" } }]
parameters = { lang = ["en", "de"] }
deny = ["/list?lang"]
tables = { pages = { grain = "week" } }
[[site]]
name = "plain"
hosts = ["plain.example"]
"""


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy file."""
    made = tmp_path / "crowdlog.toml"
    made.write_text(POLICY, encoding="utf-8")
    return made


def test_policy_in_words(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """k, sites, tables by grain, routes with their parameters and what is never shown are said, on stdout."""
    assert main(["policy", str(file)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    wanted = [
        "at least 20 neighbourhoods", "Releases: internal (k = 20)",
        "may cost epsilon 0.5, delta 1e-09, and a site for ever epsilon 9",
        "site shop (shop.example; Europe/Berlin; presets: whmcs at /billing)",
        "tables by week: pages",
        "    /kb/{slug}\n", "/list [id={int}] [kind=WORD] [page=0…999] [sort=new|old] (without lang)",
        "/billing/announcements.php [id={int}]", "[rp: a path, seen as one]", "[lang=en|de]",
        "/billing/viewticket.php?c: opens the ticket", "/list?lang: denied by the policy",
        "site plain (plain.example; UTC)", "site default, (other): default rules",
    ]  # fmt: skip
    assert [part for part in wanted if part not in out] == []


@pytest.mark.parametrize(
    ("policy", "is_told"), [("", False), ('profiles = ["internal", "dp"]', True)], ids=["no", "yes"]
)
def test_noise_is_told_where_it_is_made(
    policy: str, is_told: bool, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it may cost by default, for a policy that publishes with noise; nothing of it for one that does not."""
    file.write_text(policy, encoding="utf-8")
    assert main(["policy", str(file)]) == 0
    assert ("may cost epsilon 1, delta 1e-09, and a site" in capsys.readouterr().out) == is_told


def test_policy_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one object with the same: all tables of every site with their grain, and what each route may show."""
    assert main(["policy", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["k"], said["profiles"]) == (20, {"internal": 20})
    assert said["dp"] == {"epsilon": 0.5, "delta": 1e-9, "budget": {"epsilon": 9.0, "delta": 1e-6}}
    assert [site["name"] for site in said["sites"]] == ["shop", "plain", "default", "(other)"]
    shop = said["sites"][0]
    assert shop["tables"] == {table.name: "week" if table.name == "pages" else "day" for table in trends().tables}
    assert shop["routes"]["/list"] == {
        "currency": "0…999",
        "id": "{int}",
        "kind": "WORD",
        "page": "0…999",
        "sort": "new|old",
    } | {"language": shop["parameters"]["language"]}


@pytest.mark.parametrize("preset", ["whmcs", "wordpress"])
def test_preset_in_words(root: Path, preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--preset lists every route of the preset's file and each of its secrets with the reason."""
    assert main(["policy", "--preset", preset]) == 0
    out = capsys.readouterr().out
    data = tomllib.loads((root / "schemas" / "presets" / f"{preset}.toml").read_text(encoding="utf-8"))
    paths = [entry if isinstance(entry, str) else entry["path"] for entry in data["routes"]]
    lines = [line.strip().split(" ")[0] for line in out.splitlines()]
    assert [path for path in paths if "|" not in path and path not in lines] == []
    assert [key for key, why in data["secrets"].items() if f"{key}: {why}" not in out] == []


@pytest.mark.parametrize("sample", ["sample_logs/crowdlog.toml"])
def test_shipped_policies_are_right(root: Path, sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy of the samples passes."""
    assert main(["policy", str(root / sample)]) == 0
    assert "site shop" in capsys.readouterr().out


def test_examples_of_the_docs_are_right(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every policy that docs/policy.md shows passes."""
    blocks = re.findall(r"```toml\n(.*?)```", (root / "docs" / "policy.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        made = tmp_path / f"{number}.toml"
        made.write_text(block, encoding="utf-8")
        assert main(["policy", str(made)]) == 0, capsys.readouterr().err


BROKEN = {
    "unknown key": ("kay = 1\n", "kay"),
    "k below the floor": ("k = 2\n", "at least 5"),
    "not TOML": ("k = \n", "not TOML"),
    "free text": ('[[site]]\nname = "a"\nparameters = { q = "word" }\n', "text that people type"),
    "two texts": ('[[site]]\nname = "a"\nroutes = ["/a/{*}", "/a/{x}"]\n', "same paths"),
    "directive": ('[[format]]\nname = "mine"\ndirective = "$nothing"\n', "format 'mine'"),
    "default directive": ('format = "$remote_addr"\n', "format"),
}


@pytest.mark.parametrize(("text", "named"), BROKEN.values(), ids=BROKEN)
def test_broken_policy_is_one_line(tmp_path: Path, text: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy that a run would refuse exits 2 with one line that names the file and what is wrong; nothing on stdout."""
    file = tmp_path / "crowdlog.toml"
    file.write_text(text, encoding="utf-8")
    assert main(["policy", str(file)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"crowdlog: E202: {file}")
    assert named in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], "E201"), (["x.toml", "--preset", "whmcs"], "E201"), (["--preset", "magento"], "E202"), (["/nonexistent"], "E202"),
     (["--preset", "../trends"], "E202"), (["."], "E202"), (["x.toml", "y.toml"], "E201")],
)  # fmt: skip
def test_wrong_usage(arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither or both of FILE and --preset, or one that is not there, exit 2 with one line."""
    assert main(["policy", *arguments]) == 2
    err = capsys.readouterr().err
    assert (err.startswith(f"crowdlog: {code}: "), err.count("\n")) == (True, 1)
