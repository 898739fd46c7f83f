"""The program that makes releases, started anew in a scratch folder: watched, bounded in time and memory, crashed on demand."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from audit.attacks.a03_canaries import encodings
from audit.case import RELEASES, Evidence
from audit.windows import Hunt

Thing = TypeVar("Thing")
INSIDE = Path(__file__).resolve().parent / "inside"
SECONDS = 120.0  # a run that takes longer is ended
BYTES = 4 << 30  # and one that holds more memory
LOOKS = 0.05  # seconds between two looks at its memory


@dataclass(frozen=True)
class Ran:
    """A run: exit status (negative: the signal that ended it), what it said, seconds of CPU, bytes of memory at most.

    `places` are where it read its log or changed a file, in their order: (kind, seconds). `why` says which bound it broke.
    """

    output: Path
    temporary: Path
    status: int
    said: bytes
    seconds: float
    peak: int
    places: tuple[tuple[str, float], ...]
    why: str = ""

    def published(self) -> dict[str, bytes]:
        """What may leave: every file of a release, by its name."""
        return {path.relative_to(self.output).as_posix(): path.read_bytes() for name in (*RELEASES, "preview")
                for path in sorted((self.output / name).rglob("*")) if path.is_file()}  # fmt: skip


class Program:
    """A command line (`COMMAND INPUT… --output DIR [OPTION…]`), and the folder in which it is tried: removed at the end."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self.folder = Path(tempfile.mkdtemp(prefix="crowdlog-attack-")).resolve()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self, output: str, inputs: Sequence[Path], *options: str, crash: str = "", declared: Path | None = None,
        seconds: float = SECONDS, memory: int = BYTES,
    ) -> Ran:  # fmt: skip
        """Run it to its end, or to a crash or a bound. `declared`: a folder whose packages stand in front of its own."""
        at, temporary, places = self.folder / output, self.folder / "tmp" / output, self.folder / f"{output}.places"
        temporary.mkdir(parents=True, exist_ok=True)
        places.unlink(missing_ok=True)
        path = [str(INSIDE), *([str(declared)] if declared else []), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("CROWDLOG_DEBUG", "XDG_RUNTIME_DIR")},
            "PYTHONPATH": os.pathsep.join(path), "TMPDIR": str(temporary), "AUDIT_FOLDER": f"{self.folder}{os.sep}",
            "AUDIT_LOG": str(inputs[0]), "AUDIT_PLACES": str(places), "AUDIT_CRASH": crash,
        }  # fmt: skip
        command = [*self.command, *map(str, inputs), "--output", str(at), *options]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=environment,
                                       cwd=temporary)  # fmt: skip
            bound = _Bound(process, seconds, memory)
            try:
                _, status, used = os.wait4(process.pid, 0)  # which tells of its CPU alone
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                bound.end()
                if process.returncode is None:
                    process.kill()
            said.seek(0)
            heard = said.read()
        noted = [line.split() for line in places.read_text().splitlines()] if places.exists() else []
        return Ran(at, temporary, process.returncode, heard, used.ru_utime + used.ru_stime, bound.peak,
                   tuple((kind, float(when)) for kind, when in noted), bound.why)  # fmt: skip

    @staticmethod
    def traces(hunt: Hunt, ran: Ran) -> list[str]:
        """Where a run has left a canary: in what it said, in its temporary folder, or in which part of its output."""
        found = [("what it said", ran.said)]
        for folder in (ran.output, ran.temporary):
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                where = "a temporary folder" if folder == ran.temporary else f"{ran.output.name}/{inside.parts[0]}"
                found.append((where, os.fsencode(inside) + b"\0" + content))
        return sorted({where for where, content in found if hunt.found_in(content.lower())})


def each(work: Callable[[int, Thing], Iterable[Evidence]], things: Sequence[Thing]) -> list[Evidence]:
    """What came of some runs that have nothing to do with one another, as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        done = threads.map(lambda one: list(work(*one)), enumerate(things))
    return [evidence for found in done for evidence in found]


def hunt_for(values: Sequence[str]) -> Hunt:
    """A hunt for canaries in all encodings of A3."""
    return Hunt({form: number for number, value in enumerate(values) for form in encodings(value)})


class _Bound:
    """A thread that looks at a process, and ends it when it is too long or too large."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, memory: int) -> None:
        self.process, self.seconds, self.memory, self.peak, self.why = process, seconds, memory, 0, ""
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def end(self) -> None:
        self.done.set()
        self.thread.join()

    def _look(self) -> None:
        stop = time.monotonic() + self.seconds
        while not self.done.wait(LOOKS):
            self.peak = max(self.peak, *_peak(self.process.pid))
            too_long = time.monotonic() > stop
            if too_long or self.peak > self.memory:
                self.why = f"more than {self.seconds:.0f} s" if too_long else f"more than {self.memory >> 20:,} MiB"
                self.process.kill()
                return


def _peak(pid: int) -> Iterator[int]:
    """Bytes of memory that a process has held at most, by /proc; 0 when it is gone."""
    yield 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                yield int(line.split()[1]) << 10
