"""Launcher: the socket on which a run hands its key to workers of this host, hears how far they are, and tells digests."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from schemas.trouble import Trouble, from_text
from transforms import keys
from transforms.keys import KeyReference

LONGEST_PLACE = 80  # bytes; a socket's path has at most 104 (sun_path of macOS; Linux has 108)

Listener = Callable[[int, int], None]  # bytes of input done, lines read; both since the last call
Digest = Callable[[int], str]  # that of an input, by its number; raises Trouble


class Launcher:
    """Context of a run: makes the key before any worker starts, and forgets it with the run.

    The key is in this process's memory only. The job graph has the socket's path; the socket is 0600 in a 0700 folder
    and answers this user's processes alone. With `key_ref` (file:PATH) workers elsewhere read the key themselves.
    """

    def __init__(self, listener: Listener, key_ref: str | None = None, digest: Digest | None = None) -> None:
        self.listener, self.digest, self._key_ref = listener, digest, key_ref

    def __enter__(self) -> Launcher:
        if self._key_ref:
            KeyReference(self._key_ref).fetch()  # refused before anything is made
        self._key = secrets.token_bytes(keys.SIZE)
        self._folder = private_folder()
        self._path = self._folder / "run"
        self.key = KeyReference(self._key_ref or f"socket:{self._path}")
        if not self._key_ref:
            keys.hold(self.key.text, self._key)
        _here[str(self._path)] = self
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self._path))
        self._path.chmod(0o600)
        self._server.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        keys.forget(self.key.text)
        _here.pop(str(self._path), None)

    @property
    def reporter(self) -> Reporter:
        return Reporter(str(self._path))

    @property
    def due(self) -> Due:
        return Due(str(self._path))

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return  # closed: the run is over
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError, ValueError):
            if _user_of(line) != os.getuid():
                return
            for message in line.makefile("rb"):
                match message.split():
                    case [b"key"]:
                        line.sendall(self._key)
                    case [b"digest", number] if self.digest:
                        line.sendall(_told(self.digest, int(number)))
                    case [done, lines]:
                        self.listener(int(done), int(lines))


def _told(digest: Digest, number: int) -> bytes:
    """A line: the digest, or what went wrong."""
    try:
        return digest(number).encode() + b"\n"
    except Trouble as trouble:
        return str(trouble).encode() + b"\n"


def private_folder() -> Path:
    """A new folder of mode 0700: in memory where the system has such a place, and short enough for a socket's path."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = os.path.isdir(runtime) and os.access(runtime, os.W_OK | os.X_OK)  # sudo hands on that of somebody else
    places = [runtime] if usable else []
    places += [tempfile.gettempdir(), "/tmp"]
    place = next((place for place in places if len(os.fsencode(place)) <= LONGEST_PLACE), "/tmp")
    return Path(tempfile.mkdtemp(prefix="crowdlog-", dir=place))


def _user_of(line: socket.socket) -> int:
    """User id of the process at the other end; the 0600 socket alone guards where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.getuid()
    _, user, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(user)


_here: dict[str, Launcher] = {}  # of this process: its own workers need no socket


class Reporter:
    """What workers call to say how far they are. Pickles as a path; never fails a run."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._line: socket.socket | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_line": None}

    def __call__(self, done: int, lines: int) -> None:
        if launcher := _here.get(self.path):
            launcher.listener(done, lines)
            return
        try:
            if self._line is None:
                self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._line.connect(self.path)
            self._line.sendall(b"%d %d\n" % (done, lines))
        except OSError:
            if self._line:
                self._line.close()
            self._line = None


@dataclass(frozen=True)
class Due:
    """What the commit calls for digests that nobody needs before: the launcher goes on hashing while lines are read."""

    path: str = ""

    def of(self, number: int) -> str:
        """The digest of an input, by its number; as soon as there is one. Raises Trouble E302, E303, E103."""
        if (launcher := _here.get(self.path)) and launcher.digest:
            return launcher.digest(number)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.connect(self.path)
                line.sendall(b"digest %d\n" % number)
                told = line.makefile("rb").readline().decode().rstrip("\n")
        except OSError:
            told = ""
        if trouble := from_text(told):
            raise trouble
        if not told:
            raise Trouble("E103", "the process of the run tells no digests")
        return told
