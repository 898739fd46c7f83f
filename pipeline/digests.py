"""Digests of the inputs, made beside the imports of a run: they take as long, and need another core."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from pipeline.source import REMOTE, Input, digest, find
from schemas.trouble import Trouble


class Digests:
    """Context of a run: sha256 of its inputs, from a thread that begins with it, or made when they are asked for.

    What goes wrong in the thread is met again by whoever asks. Inputs that are not on this machine are left to him.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [] if any(pattern.startswith(REMOTE) for pattern in patterns) else list(patterns)
        self._made: dict[Input, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)

    def __enter__(self) -> Digests:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _make(self) -> None:
        with suppress(Trouble, OSError):
            for source in find(self._patterns):
                self._made[source] = digest(source, self._over.is_set)

    def of(self, source: Input) -> str:
        """sha256 of the first `size` bytes of an input. Raises Trouble E302, E303."""
        if self._thread.is_alive():
            self._thread.join()
        return self._made.get(source) or digest(source)
