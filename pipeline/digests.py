"""Digests of the inputs, made beside the imports of a run: they take as long, and need another core."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType

from blake3 import blake3

from pipeline import apart
from pipeline.find import REMOTE, Input, find, open_bytes
from schemas.trouble import Trouble

DIGESTED = 1 << 20  # bytes at once
KIND = "blake3:"  # in front of the hexadecimal digits: who looks a file up by its digest has to know how it was made


def digest(source: Input) -> str:
    """BLAKE3 of the bytes that will be read, after its KIND. Raises Trouble E302, E303."""
    state, left = blake3(), source.size
    block = memoryview(bytearray(min(left, DIGESTED)))
    with open_bytes(source.path) as file:
        while left and (size := file.readinto(block[:left])):  # type: ignore[attr-defined]
            state.update(block[:size])
            left -= size
    if left:
        raise Trouble("E303", f"{source.path} became shorter while it was read")
    return KIND + state.hexdigest()


class Digests:
    """Context of a run: digests of its inputs, from a fork that begins with it, or made when they are asked for.

    What goes wrong in the fork is met again by whoever asks. Inputs that are not on this machine are left to him.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [] if any(pattern.startswith(REMOTE) for pattern in patterns) else list(patterns)
        self._made: dict[Input, str] = {}
        self._process: BaseProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> Digests:
        if self._patterns and apart.can_fork():
            self._process, self._line = apart.begin("fork", send, self._patterns)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()  # nobody asks for the rest any more
            self._process.join()

    def of(self, source: Input) -> str:
        """The digest of the first `size` bytes of an input. Raises Trouble E302, E303."""
        while self._line and source not in self._made:
            try:
                self._made.update([self._line.recv()])
            except (EOFError, OSError):
                self._line = None
        return self._made.get(source) or digest(source)


def send(line: Connection, patterns: Sequence[str]) -> None:
    """Send (input, its digest), one after the other, as far as it goes."""
    with suppress(Trouble, OSError):
        for source in find(patterns):
            line.send((source, digest(source)))
