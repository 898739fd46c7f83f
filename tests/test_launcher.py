"""The launcher: who gets the run's key, where it is never, and what a person sees of a run that goes on."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import pickle
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest

from pipeline.launcher import Due, Launcher, Reporter
from pipeline.progress import Progress, clock, size
from schemas.trouble import Trouble
from transforms import keys
from transforms.keys import KeyReference

FETCH = "import sys; from transforms.keys import KeyReference; print(KeyReference(sys.argv[1]).fetch().hex())"
DUE = "import sys; from pipeline.launcher import Due; print(Due(sys.argv[1]).of(7))"
REPORT = "import sys; from pipeline.launcher import Reporter; r = Reporter(sys.argv[1]); r(30, 2); r(40, 3)"
DEADLINE = 20.0


def elsewhere(root: Path, program: str, *arguments: str) -> str:
    """What another process of this user prints."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=DEADLINE, check=True)
    return done.stdout.strip()


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    """A launcher that is running."""
    with Launcher(lambda done, lines: None) as running:
        yield running


def path_of(launcher: Launcher) -> Path:
    """Where its socket is."""
    return Path(launcher.key.text.removeprefix("socket:"))


def forms(key: bytes) -> list[bytes]:
    """A key as it could stand somewhere: raw, hex, base64, and as repr shows bytes."""
    return [key, key.hex().encode(), base64.b64encode(key).rstrip(b"="), repr(key)[2:-1].encode()]


# ---- the key --------------------------------------------------------------------------------------------------------


def test_socket_is_private(launcher: Launcher) -> None:
    """The socket is 0600 in a folder of 0700."""
    path = path_of(launcher)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_process_of_this_user_gets_the_key(root: Path, launcher: Launcher) -> None:
    """A worker that the run did not start fetches the very key by the reference in its graph."""
    assert bytes.fromhex(elsewhere(root, FETCH, launcher.key.text)) == launcher.key.fetch()
    assert len(launcher.key.fetch()) == 32


def test_every_run_has_a_key_of_its_own() -> None:
    """Two launchers have two keys and two sockets."""
    with Launcher(print) as one, Launcher(print) as other:
        assert one.key.fetch() != other.key.fetch()
        assert path_of(one) != path_of(other)


def test_folder_and_key_are_gone_after_the_run(root: Path) -> None:
    """After the run there is no socket, no folder, and no process gets the key by its reference, this one neither."""
    with Launcher(print) as launcher:
        folder = path_of(launcher).parent
        launcher.key.fetch()
    assert not folder.exists()
    with pytest.raises(Trouble) as failed:
        launcher.key.fetch()
    assert failed.value.code == "E102"


def test_folder_is_gone_after_a_failed_run() -> None:
    """A run that fails leaves no socket behind."""
    with pytest.raises(ZeroDivisionError), Launcher(print) as launcher:
        folder = path_of(launcher).parent
        raise ZeroDivisionError
    assert not folder.exists()


def test_key_is_in_nothing_that_travels(launcher: Launcher) -> None:
    """What goes into the job graph names the socket; the key is in neither its repr nor its pickle."""
    key = launcher.key.fetch()
    for thing in (launcher.key, launcher.reporter):
        for shown in (repr(thing).encode(), pickle.dumps(thing), cloudpickle.dumps(thing)):
            assert [form for form in forms(key) if form in shown] == []
    assert any(form in pickle.dumps(key) for form in forms(key))  # the hunt finds a key where there is one


def test_process_of_another_user_gets_nothing(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher asks the system who is at the other end, and hangs up on everybody else."""
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(DEADLINE)
        line.connect(str(path_of(launcher)))
        answer = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            line.sendall(b"key\n")
            answer = line.recv(32)
    assert answer == b""


@pytest.mark.parametrize("message", [b"", b"\n", b"x\n", b"1 x\n", b"key", b"\xff\0\n", b"1 2 3\n" * 5])
def test_nonsense_does_not_harm(root: Path, launcher: Launcher, message: bytes) -> None:
    """Whatever is sent to the socket, the next one is answered."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path_of(launcher)))
        line.sendall(message)
    keys.forget(launcher.key.text)  # so that this process asks the socket as well
    assert len(launcher.key.fetch()) == 32


@pytest.mark.parametrize("place", ["missing", "a-file", "long"])
def test_unusable_places_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A runtime folder that is gone, or a path too long for a socket, does not stop a run."""
    (tmp_path / "a-file").touch()
    folder = tmp_path / ("x" * 100 if place == "long" else place)
    if place == "long":
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    with Launcher(print) as launcher:
        assert folder not in path_of(launcher).parents
        assert path_of(launcher).is_socket()


def test_runtime_folder_is_preferred(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has a folder in memory for this user, the socket is there."""
    folder = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    with Launcher(print) as launcher:
        assert folder in path_of(launcher).parents


# ---- --key-ref ------------------------------------------------------------------------------------------------------


def test_key_file_is_read(root: Path, tmp_path: Path) -> None:
    """With file:PATH the key is the file's, here and in workers."""
    file = tmp_path / "key"
    file.write_bytes(bytes(range(32)))
    file.chmod(0o600)
    with Launcher(print, f"file:{file}") as launcher:
        assert launcher.key.fetch() == bytes(range(32))
        assert elsewhere(root, FETCH, launcher.key.text) == bytes(range(32)).hex()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610], ids=oct)
def test_key_file_that_others_could_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that another user may have is no key; the run stops before it starts."""
    file = tmp_path / "key"
    file.write_bytes(bytes(32))
    file.chmod(mode)
    with pytest.raises(Trouble, match="0600") as failed, Launcher(print, f"file:{file}"):
        pass
    assert failed.value.code == "E102"


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)], ids=len)
def test_key_of_another_length_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key has 32 bytes."""
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(Trouble, match="32"):
        KeyReference(f"file:{file}").fetch()


def test_missing_key_file_is_named_as_such(tmp_path: Path) -> None:
    """No file, no key: E102 with what the system says."""
    with pytest.raises(Trouble, match="No such file"):
        KeyReference(f"file:{tmp_path / 'none'}").fetch()


# ---- progress -------------------------------------------------------------------------------------------------------


def test_reports_of_other_processes_arrive(root: Path) -> None:
    """A worker says how far it is through the socket."""
    heard: list[tuple[int, int]] = []
    twice = threading.Event()

    def listen(done: int, lines: int) -> None:
        heard.append((done, lines))
        if len(heard) == 2:
            twice.set()

    with Launcher(listen) as launcher:
        elsewhere(root, REPORT, launcher.reporter.path)
        assert twice.wait(DEADLINE)
    assert heard == [(30, 2), (40, 3)]


def test_reports_of_this_process_need_no_socket() -> None:
    """The worker in the same process calls the listener, also after a pickle."""
    heard: list[tuple[int, int]] = []
    with Launcher(lambda done, lines: heard.append((done, lines))) as launcher:
        pickle.loads(pickle.dumps(launcher.reporter))(5, 1)
    assert heard == [(5, 1)]


def test_reporting_to_nobody_does_not_fail(tmp_path: Path) -> None:
    """A worker on another host has no socket; that is no reason to stop."""
    reporter = Reporter(str(tmp_path / "none"))
    reporter(1, 1)
    reporter(2, 2)


class Terminal(io.StringIO):
    """A text file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_says_how_far_how_fast_how_long() -> None:
    """A quarter of 2 GB and a million lines after 10 seconds: 100,000 lines/s, 30 seconds left."""
    progress = Progress(2_000_000_000, io.StringIO(), enabled=True)
    progress(500_000_000, 1_000_000)
    text = progress.text(10.0)
    assert text.startswith("█" * 6 + "░" * 18)
    assert text.split(maxsplit=1)[1].split("  ") == ["25%", "500.0 MB of 2.0 GB", "100,000 lines/s", "0:30 left"]


def test_progress_never_passes_its_total() -> None:
    """A replayed bundle counts its bytes again; the bar stays at the end."""
    progress = Progress(100, io.StringIO(), enabled=True)
    progress(80, 1)
    progress(80, 1)
    assert "100%  100 B of 100 B" in progress.text(1.0)


def test_progress_of_nothing_is_done() -> None:
    """Only empty files: no division by zero."""
    assert "100%" in Progress(0, io.StringIO(), enabled=True).text(0.0)


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (True, True), (False, False)])
def test_progress_draws_on_a_terminal_alone(terminal: bool, quiet: bool) -> None:
    """In a log of cron there is no progress; on a terminal the line is taken away at the end."""
    out = Terminal() if terminal else io.StringIO()
    progress = Progress(100, out, enabled=not quiet)
    progress(50, 1)
    progress.clear()
    assert bool(out.getvalue()) is (terminal and not quiet)
    assert out.getvalue().endswith("\r\033[K") or not out.getvalue()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_550_000, "1.6 MB"), (2e12, "2.0 TB")]
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    """Bytes in the unit that fits."""
    assert size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (62, "1:02"), (3599.6, "1:00:00"), (3723, "1:02:03")])
def test_times_are_for_people(seconds: float, text: str) -> None:
    """Seconds as a clock."""
    assert clock(seconds) == text


# ---- digests --------------------------------------------------------------------------------------------------------


def told(number: int) -> str:
    """Stands for sha256; input 8 is one that has become shorter."""
    if number == 8:
        raise Trouble("E303", "a.log became shorter while it was read")
    return f"{number:064x}"


def test_workers_ask_for_digests(root: Path) -> None:
    """In the process of the run and in another; what went wrong there goes wrong here."""
    with Launcher(lambda done, lines: None, digest=told) as launcher:
        assert launcher.due.of(7) == elsewhere(root, DUE, launcher.due.path) == f"{7:064x}"
        failing = DUE.replace("of(7)", "of(8)")
        with pytest.raises(subprocess.CalledProcessError) as other:
            elsewhere(root, failing, launcher.due.path)
        with pytest.raises(Trouble, match="shorter") as own:
            launcher.due.of(8)
    assert own.value.code == "E303" and "crowdlog[E303/3]: a.log became shorter" in other.value.stderr


def test_nobody_to_ask_is_trouble(launcher: Launcher) -> None:
    """A run without digests, or none at all: E103, and nobody waits."""
    for due in (launcher.due, Due(), Due("/nowhere/run")):
        with pytest.raises(Trouble) as failed:
            due.of(0)
        assert failed.value.code == "E103"
