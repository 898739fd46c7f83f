"""The command line: quick to answer, strict, and described where people look for it."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.cli import main

QUICK = 0.3  # seconds (DESIGN.md 4.1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
REQUEST = "GET /kb/setup?mail=maxine%40customer.example&utm_source=news HTTP/1.1"
LINE = (
    f'198.51.100.7 - maxine [18/Nov/2025:10:20:30 +0000] "{REQUEST}" 404 512'
    f' "https://www.google.com/search?q=maxine" "{FIREFOX}"'
)


pytestmark = pytest.mark.usefixtures("engines_may_log_again")


def commands() -> dict[str, argparse.ArgumentParser]:
    """Each command's own parser."""
    (found,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def options_of(command: str) -> list[str]:
    """The long options of a command."""
    parser = commands()[command]
    return sorted({name for action in parser._actions for name in action.option_strings if name.startswith("--")})


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of one page, from 40 neighbourhoods."""
    file = tmp_path_factory.mktemp("cli") / "access.log"
    lines = []
    for minute in range(0, 3 * 1440, 20):
        day, hour = divmod(minute // 60, 24)
        when = f"{18 + day}/Nov/2025:{hour:02d}:{minute % 60:02d}:00 +0000"
        agent = FIREFOX.replace("145", str(143 + minute // 20 % 3))  # a crowd has several
        lines.append(f'198.18.{minute // 20 % 40}.9 - - [{when}] "GET /docs HTTP/1.1" 200 5 "-" "{agent}"')
    file.write_text("\n".join(lines) + "\n")
    return file


# ---- quick and light ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["explain", "--help"]], ids=" ".join
)
def test_help_and_version_are_quick(root: Path, arguments: list[str]) -> None:
    """The best start takes less than 0.3 s, interpreter included; ten are tried at most, for others use the machine too."""
    times = []
    while len(times) < 10 and min(times, default=QUICK) >= QUICK:
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments], cwd=root, capture_output=True, check=True, timeout=20
        )
        times.append(time.monotonic() - began)
    assert min(times) < QUICK


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["run", "--nonsense"]], ids=" ".join
)
def test_engine_is_not_imported_for_a_word(root: Path, arguments: list[str]) -> None:
    """Beam, Arrow and numba wait until a command needs them."""
    program = (
        "import sys\nfrom pipeline.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "heavy = {'apache_beam', 'pyarrow', 'numba', 'numpy', 'ua_parser'} & set(sys.modules)\nsys.exit(bool(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, timeout=20).returncode == 0


@pytest.mark.parametrize(("given", "own"), [("", True), ("sys.argv[1:]", False)], ids=["process", "library"])
def test_collector_is_relaxed_in_a_process_of_its_own(root: Path, given: str, own: bool) -> None:
    """A command that is the process looks for cycles seldom, and not at its end; one that is called leaves Python's as it is."""
    program = (
        "import gc, sys\nfrom pipeline.cli import main\nbefore = gc.get_threshold()\n"
        f"main({given})\nprint(gc.get_threshold() > before, gc.get_freeze_count() > 0)"
    )
    command = [sys.executable, "-c", program, "formats", "combined"]
    done = subprocess.run(command, cwd=root, capture_output=True, timeout=20, check=True, text=True)
    assert done.stdout.splitlines()[-1] == f"{own} {own}"


SPARED = ("pandas", "bson", "apache_beam.io.gcp.bigquery", "scipy.linalg", "cffi")


@pytest.mark.parametrize(("given", "own"), [("", True), ("sys.argv[1:]", False)], ids=["process", "library"])
def test_packages_are_spared_in_a_process_of_its_own(
    root: Path, log: Path, tmp_path: Path, given: str, own: bool
) -> None:
    """A run that is the process imports none of the packages that it does without; whoever else asks for them has them."""
    program = (
        f"import sys\nfrom pipeline.cli import main\nmain({given})\nfound = set({SPARED!r}) & set(sys.modules)\n"
        "import scipy.optimize, pandas\nprint(sorted(found))"
    )
    command = [sys.executable, "-c", program, "run", str(log), "--output", str(tmp_path), "--quiet"]
    done = subprocess.run(command, cwd=root, capture_output=True, timeout=60, check=True, text=True)
    assert done.stdout == f"{[] if own else sorted(SPARED)}\n"


@pytest.mark.parametrize("given", [None, "2"], ids=["unsaid", "said"])
def test_a_command_starts_no_threads_for_linear_algebra(
    root: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    """An empty pipe is scrubbed by one thread, unless their number is set; and without the kernels, which no line takes."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    program = (
        "import os, sys\nfrom pipeline.cli import main\nmain()\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules, 'numba' in sys.modules)"
    )
    command = [sys.executable, "-c", program, "scrub", "--quiet"]
    done = subprocess.run(
        command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True, text=True
    )
    assert done.stdout == f"{given or 1} True False\n"


# ---- described ------------------------------------------------------------------------------------------------------


def test_main_help_lists_commands_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    """--help names every command and what each exit status means."""
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert [name for name in commands() if name not in shown] == []
    assert [f"  {status}  " for status in range(6) if f"\n  {status}  " not in shown] == []


@pytest.mark.parametrize("command", sorted(commands()))
def test_help_of_each_command_explains_each_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option and argument of a command has a sentence."""
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert [name for name in options_of(command) if name not in shown] == []
    assert [action.dest for action in commands()[command]._actions if not action.help] == []


@pytest.mark.parametrize("command", sorted(commands()))
def test_readme_knows_each_command(root: Path, command: str) -> None:
    """A command that is not in the README does not exist for its readers."""
    assert f"crowdlog {command}" in (root / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", [name for name in options_of("run") if name != "--help"])
def test_readme_knows_each_option_of_run(root: Path, option: str) -> None:
    """Every option of the main job is in the README."""
    assert option in (root / "README.md").read_text(encoding="utf-8")


def test_version_is_that_of_the_project(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The number stands in two places, for the sake of a quick start; it is the same."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert f'\nversion = "{capsys.readouterr().out.split()[1]}"\n' in (root / "pyproject.toml").read_text()


# ---- what a run says ------------------------------------------------------------------------------------------------


def test_json_is_one_object_with_the_counts(log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--json prints one object, with at least the keys of DESIGN.md 4.2, and it adds up."""
    assert main(["run", str(log), "--output", str(tmp_path / "out"), "--json", "--quiet"]) == 0
    out, err = capfd.readouterr()
    record = json.loads(out)
    assert err == ""
    assert {"lines", "skipped", "parsed", "rejected", "files_skipped", "tables"} <= set(record)
    assert (
        record["lines"] == 216 == sum(record["skipped"].values()) + record["parsed"] + sum(record["rejected"].values())
    )
    fates = ("not_applicable", "published_before", "open", "partial", "eligible")
    for counts in record["tables"].values():
        assert {*fates, "published", "withheld"} <= set(counts)
        assert sum(counts[fate] for fate in fates) == record["parsed"]
        assert counts["eligible"] == counts["published"] + counts["withheld"]
    (file,) = (tmp_path / "out" / "internal" / "runs").glob("*/run.json")
    assert json.loads(file.read_text()) == record


def test_quiet_says_nothing(log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With --quiet a run that goes well has no output, and publishes."""
    assert main(["run", str(log), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "out" / "release").rglob("*.parquet"))


def test_summary_tells_what_happened_and_again_nothing_new(
    log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """People read on stderr how many lines there were and which days are published; a second run has nothing new."""
    arguments = ["run", str(log), "--output", str(tmp_path / "out")]
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert [part for part in ("216 read", "216 parsed", "3 days", "2025-11-18", "k = 10") if part not in err] == []
    assert main(arguments) == 0
    assert "nothing new to publish" in capfd.readouterr().err


# ---- explain --------------------------------------------------------------------------------------------------------


def explained(line: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, object]]:
    """What explain --json says of each field."""
    assert main(["explain", line, "--json", *options]) == 0
    return {row["field"]: row for row in json.loads(capsys.readouterr().out)["fields"]}


def test_explain_shows_each_field_and_its_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """All fields of a combined line are there, with class and treatment of fields.toml."""
    rows = explained(LINE, capsys)
    assert {name: row["rule"] for name, row in rows.items()} == {
        "client": "address", "ident": "drop", "user": "drop", "time": "when", "method": "drop", "path": "route",
        "query": "parameters", "protocol": "drop", "status": "status", "bytes": "measure",
        "referrer": "referrer", "agent": "agent",
    }  # fmt: skip
    assert rows["path"]["gives"] == {"route": "/kb/setup"}
    assert rows["referrer"]["gives"] == {"medium": "search", "domain": "google.com"}
    assert rows["agent"]["gives"]["family"] == "Firefox"  # type: ignore[index]
    assert rows["query"]["gives"] == {"source": "news", "campaign_medium": "(none)", "campaign": "(none)"}


def test_explain_never_read_what_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """The user's name and a parameter that nobody allowed are not even shown as read; no hash is shown."""
    rows = explained(LINE, capsys)
    assert rows["user"]["read"] is None
    assert rows["query"]["read"] == "utm_source=news"
    assert rows["client"]["gives"]["network"] == "(keyed hash, in flight only)"  # type: ignore[index]
    given = json.dumps([row["gives"] for row in rows.values()])
    assert [word for word in ("maxine", "customer", "198.51") if word in given] == []


def test_explain_shows_every_decoded_layer(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a URL-like field each layer is there: what was undone, and what a detector says of it."""
    rows = explained(LINE.replace("GET /kb/setup", "GET /kb/am9AZXhhbXBsZS5jb20"), capsys)
    assert rows["path"]["layers"] == [
        {"by": "path segment", "name": "", "text": "kb", "found": []},
        {"by": "path segment", "name": "kb", "text": "am9AZXhhbXBsZS5jb20", "found": ["token"]},
        {"by": "base64", "name": "kb", "text": "jo@example.com", "found": ["e-mail"]},
    ]


def test_explain_is_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json each field has its name, its class and its rule."""
    assert main(["explain", LINE]) == 0
    shown = capsys.readouterr().out
    expected = (
        "format combined",
        "path",
        "/kb/setup",
        "route (identity)",
        "user",
        "`drop` (identity)",
        "status (safe)",
    )
    assert [part for part in expected if part not in shown] == []
    assert "customer.example" not in shown


def test_explain_shows_fields_in_the_order_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields come as they stand in the line, each time."""
    ordered = [
        "client",
        "ident",
        "user",
        "time",
        "method",
        "path",
        "query",
        "protocol",
        "status",
        "bytes",
        "referrer",
        "agent",
    ]
    assert list(explained(LINE, capsys)) == ordered


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["nothing", "dash"])
def test_explain_reads_standard_input(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a line, or with -, the first line of standard input is explained, whatever its bytes are."""
    line = LINE.encode().replace(b"/kb/setup", b"/kb/\xff\xfe")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line + b"\r\nsecond line\n")))
    assert main(["explain", *arguments, "--json"]) == 0
    rows = {row["field"]: row for row in json.loads(capsys.readouterr().out)["fields"]}
    assert rows["path"]["gives"] == {"route": "/kb/{*}"}


def test_explain_reads_all_lines_of_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With - each line is explained; one that cannot be read is told on stderr, by its number and shape."""
    text = f"{LINE}\nMaxine called\n\n{LINE.replace('/kb/setup', '/docs')}\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["explain", "-", "--json"]) == 0
    captured = capsys.readouterr()
    shown = [json.loads(line) for line in captured.out.splitlines()]
    routes = [row["gives"]["route"] for one in shown for row in one["fields"] if row["field"] == "path"]
    assert routes == ["/kb/setup", "/docs"]
    assert "line 2: no_format" in captured.err
    assert "Maxine" not in captured.err


def test_explain_of_lines_that_all_are_bad(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no line can be read, it is input trouble."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Maxine called\nand again\n")))
    assert main(["explain", "-"]) == 3
    captured = capsys.readouterr()
    assert captured.out == "" and "Maxine" not in captured.err


def test_explain_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters that a visitor sent are shown, not obeyed."""
    assert main(["explain", LINE.replace(FIREFOX, r"Mozilla/5.0 \x1b]0;hacked\x07 \x9b31m")]) == 0
    shown = capsys.readouterr().out
    assert [character for character in shown if not character.isprintable() and character != "\n"] == []


@pytest.mark.parametrize("options", [[], ["--format", "combined"]], ids=["auto", "named"])
def test_explain_of_a_bad_line_gives_its_shape(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A line that no format reads exits 3 with the classes of its characters, and with none of them."""
    assert main(["explain", "Maxine called 5 times [today]", *options]) == 3
    err = capsys.readouterr().err
    assert err.startswith("crowdlog: E304: ")
    assert err.count("\n") == 1
    assert "A A N A [A]" in err
    assert "Maxine" not in err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--policy", "/nonexistent/x.toml"], "E202"),
        (["--site", "../x"], "E202"),
        (["--geo-db", "/nonexistent/x.mmdb"], "E203"),
        (["--format", "$remote_addr"], "E201"),
    ],
)
def test_explain_refuses_what_run_refuses(options: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong options are exit 2 with one line, here too."""
    assert main(["explain", LINE, *options]) == 2
    err = capsys.readouterr().err
    assert (err.startswith(f"crowdlog: {code}: "), err.count("\n")) == (True, 1)


def test_explain_and_run_agree(log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The route that explain shows for a line is the one that a run publishes for it."""
    import pyarrow.parquet as pq

    assert main(["run", str(log), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    capfd.readouterr()
    assert main(["explain", log.read_text().splitlines()[0], "--json"]) == 0
    rows = {row["field"]: row for row in json.loads(capfd.readouterr().out)["fields"]}
    pages = pq.read_table(next((tmp_path / "out" / "release" / "pages").rglob("*.parquet")), partitioning=None)
    assert pages["route"].to_pylist() == [rows["path"]["gives"]["route"]]


FIELDS = "#Fields: date time c-ip cs-method cs-uri-stem sc-status"
W3C_LINE = "2026-11-20 08:30:12 192.0.2.1 GET /kb/setup 200"


@pytest.mark.parametrize("way", ["option", "standard input", "named"])
def test_explain_of_a_line_with_header(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A W3C line is explained by its #Fields: line, given as the format or in front of it; the last one counts."""
    given = f"#Version: 1.0\n#Fields: date time\n{FIELDS}\r\n{W3C_LINE}\r\nanother\n".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    arguments = {"option": [W3C_LINE, "--format", FIELDS], "standard input": [], "named": ["-", "--format", "w3c"]}[way]
    assert main(["explain", "--json", *arguments]) == 0
    shown = json.loads(capsys.readouterr().out)
    rows = {row["field"]: row for row in shown["fields"]}
    assert shown["format"] == "w3c" and set(rows) == {"time", "client", "method", "path", "status"}
    assert rows["path"]["gives"] == {"route": "/kb/setup"}
    assert rows["time"]["gives"] == {"day": 20777, "hour": "08"}  # days since 1970 by date -d 2026-11-20 +%s / 86400


@pytest.mark.parametrize(
    "arguments", [["Maxine x", "--format", FIELDS], [W3C_LINE, "--format", "#Fields: date time"], [W3C_LINE, "--format", "w3c"]],
    ids=["other line", "too few fields", "no header"],
)  # fmt: skip
def test_explain_of_a_line_without_its_header_gives_its_shape(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 with the shape, where the header does not fit the line or there is none."""
    assert main(["explain", *arguments]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "shape" in err and "Maxine" not in err and "192" not in err
