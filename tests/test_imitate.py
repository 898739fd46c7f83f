"""`crowdlog sample`: nothing of a log is in its imitation, and the imitation is a log of the same format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.sample import declared, imitated
from schemas import load
from transforms import imitate
from transforms.imitate import Imitator
from transforms.parsers.example import example
from transforms.parsers.families import readers_behind

KEY = bytes(range(32))
ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted({path.parent.name for path in (ROOT / "sample_logs").glob("*/input.log")} & set(load.formats()))
# By hand: what an access log may say that tells nothing of anybody. Escapes and zones are looked at apart.
WORDS = set(b"http https get head post put delete options patch connect trace propfind true false null 2001".split())
ESCAPES = re.compile(rb"%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[bfnrtv]")
ZONE = re.compile(rb"(0\d|1[0-4])(00|15|30|45)\Z")
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["maxine.muster", "%40", "%6d%61%78", "\\x22", "\\\\", '\\"', "/", "?", "=", "&", "+49 170 5550123", "é", "😀",
             "198.51.100.77", "2001:db8:1::7", "::ffff:192.0.2.1", "GET", "HTTP/1.1", "deadbeefcafe1234", "1e5", "007", "2024",
             "\udcff", ";", "(", "http://", "null", "request", "status", "May", "\x07"]
        ),
        st.text(st.characters(codec="utf-8", exclude_characters='\n\r"\\ '), max_size=8),
    ),
    max_size=8,
)  # fmt: skip


def runs(text: bytes, least: int = 4) -> set[bytes]:
    """Runs of letters and digits, in small letters, without those of escapes."""
    return {run.lower() for run in re.findall(rb"[A-Za-z0-9\x80-\xff]{%d,}" % least, ESCAPES.sub(b" ", text))}


def kept(name: str) -> set[bytes]:
    """Words of the declarations of the format, and of what is around it."""
    names = b" ".join(declared([load.formats()[one] for one in name.split("/")]))
    return runs(names, 1) | WORDS


def survivors(lines: list[bytes], made: list[bytes], name: str) -> set[bytes]:
    """Runs of four and more of the lines that are somewhere in what was made."""
    originals = {run for run in runs(b"\n".join(lines)) - kept(name) if not ZONE.match(run)}
    allowed = kept(name)
    plain = re.sub(
        rb"[A-Za-z0-9\x80-\xff]+",
        lambda run: b" " if run[0] in allowed else run[0],
        ESCAPES.sub(b" ", b"\n".join(line for line in made)).lower(),
    )
    return {run for run in originals if run in plain}


def made_of(lines: list[bytes], name: str) -> list[bytes]:
    return list(imitated(lines, name, load.formats(), KEY))


def filled(name: str, texts: list[str]) -> list[bytes]:
    """Lines of a format with these texts as path, agent, user and referrer."""
    path, agent, user, referrer = (text.encode("utf-8", "surrogateescape") for text in texts)
    if name == "ltsv":
        clean = [part.replace(b"\t", b" ") for part in (path, agent, user, referrer)]
        return [
            b"time:20/Nov/2026:08:30:12 +0000\thost:192.0.2.1\treq:GET /%b HTTP/1.1\tua:%b\tuser:%b\tx-%b:1"
            % tuple(clean)
        ]
    return [
        b'192.0.2.1 - %b [20/Nov/2026:08:30:12 +0100] "GET /%b HTTP/1.1" 404 1234 "%b" "%b"'
        % (user, path, referrer, agent)
    ]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["combined", "ltsv"]), st.tuples(TEXTS, TEXTS, TEXTS, TEXTS))
def test_no_run_of_letters_and_digits_survives(name: str, pieces: tuple[list[str], ...]) -> None:
    """Whatever stands in a line, no four letters or digits of a word of it are in its imitation or its shape."""
    lines = filled(name, ["".join(part) for part in pieces])
    assert survivors(lines, made_of(lines, name), name) == set()


def test_the_property_sees_a_word_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """With words left as they are the same check fails: it can."""
    monkeypatch.setattr(Imitator, "_word", lambda self, word: word)
    monkeypatch.setattr(Imitator, "is_clean", lambda self, made: True)
    lines = filled("combined", ["maxine", "muster", "jo", "x"])
    assert survivors(lines, made_of(lines, "combined"), "combined") >= {b"maxine", b"muster"}


def test_the_last_check_turns_a_word_that_stayed_into_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no other word is found the line is shown as its shape."""
    monkeypatch.setattr(imitate, "_made_up", lambda word, draw: word)
    (made,) = made_of(filled("combined", ["maxine", "muster", "jo", "x"]), "combined")
    assert made.startswith(b"(no_format) N.N.N.N - A [N/A/N")


@pytest.mark.parametrize("name", [name for name, one in load.formats().items() if not one.envelope])
def test_an_imitation_is_of_the_same_format(name: str) -> None:
    """Every shipped format's example is imitated as a line that the same reader reads, with no word of it left."""
    lines = example(load.formats()[name])
    made = made_of(lines, name)
    readers = readers_behind(load.formats()[name], lines[0])
    assert any(reader.read(made[-1]) is not None for reader in readers) and made[-1] != lines[-1]
    assert survivors(lines, made, name) == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_logs_are_imitated(name: str) -> None:
    """Of the first lines of each sample log nothing survives, and nearly all are lines of the format again."""
    lines = [
        line for line in (ROOT / "sample_logs" / name / "input.log").read_bytes().split(b"\n")[:150] if line.strip()
    ]
    if load.formats()[name].envelope:
        name += "/combined"  # what the samples have in it
    made = made_of(lines, name)
    assert survivors(lines, made, name) == set()
    assert sum(line.startswith(b"(no_format)") for line in made) <= 0.1 * len(lines)


def test_syslog_keeps_its_header_and_what_is_inside() -> None:
    """An envelope and the line in it are both imitated."""
    lines = [b"<190>Nov 20 08:30:12 web7host nginx: " + filled("combined", ["maxine", "a", "jo", "x"])[0]]
    (made,) = made_of(lines, "syslog/combined")
    assert re.fullmatch(
        rb'<\d{3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \w{8} \w{5}: 198\.\S+ - \w\w \[.* \+0100\] "GET .*', made
    )
    assert survivors(lines, [made], "syslog") == set()


def test_the_same_word_stays_the_same_word() -> None:
    """One log's words are mapped alike throughout, another key maps them otherwise."""
    line = filled("combined", ["kiwikiwi/kiwikiwi", "Kiwikiwi", "kiwikiwi", "KIWIKIWI"])
    (made,) = made_of(line, "combined")
    (other,) = imitated(line, "combined", load.formats(), bytes(32))
    words = re.findall(rb"[a-z]{8}", made.lower())
    assert len(words) == 5 and len(set(words)) == 1 and words[0] not in other.lower()


def test_times_keep_their_distance() -> None:
    """All times of an output are moved by the same days and seconds."""
    lines = [
        line.replace(b"08:30:12", clock)
        for clock in (b"08:30:12", b"09:00:00")
        for line in filled("combined", ["a"] * 4)
    ]
    reader = readers_behind(load.formats()["combined"], b"")[0]
    first, second = (reader.read(line)[1][0] for line in made_of(lines, "combined"))
    assert second - first == 1788


def test_command_prints_an_imitation(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`crowdlog sample FILE` writes lines to stdout, what it took the log for to stderr, and another text each time."""
    log = tmp_path / "a.log"
    log.write_bytes(b"\n".join(filled("combined", ["maxine", "muster", "jo", "x"]) * 3) + b"\ncut")
    assert main(["sample", str(log), "--lines", "4"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.count(b"\n") == 4 and out.endswith(b"(no_format) A\n") and b"maxine" not in out and b"combined" in err
    assert main(["sample", str(log), "--lines", "1"]) == 0
    assert capfdbinary.readouterr()[0].split()[0] != out.split()[0]


def test_an_unknown_log_is_shown_as_shapes(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """What no format reads is what bug reports are about: shapes, and exit 0."""
    log = tmp_path / "a.log"
    log.write_bytes(b"maxine 2026 | secret1\n" * 3)
    assert main(["sample", str(log)]) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"(no_format) A N | AN\n" * 3 and b"maxine" not in err


@pytest.mark.parametrize("lines", ["0", "1001", "x"])
def test_wrong_number_of_lines_is_refused(tmp_path: Path, lines: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One to a thousand lines, else exit 2."""
    assert main(["sample", str(tmp_path / "a.log"), "--lines", lines]) == 2
    assert "--lines" in capsys.readouterr().err
