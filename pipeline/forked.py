"""Forked: has Beam's local engine fork its worker processes from one that is ready (pipeline/worker.py)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any
from unittest.mock import patch

from pipeline import apart, worker
from schemas.policy import Policy
from schemas.trouble import Trouble

PATIENCE = 20.0  # seconds that workers have to end after their run
AGAIN = 0.5  # seconds between two looks at what is waited for
DIED = Trouble("E103", "a worker process died; was memory short? The next run does what was not committed")


class ForkServer:
    """Context of a run: with several workers, the process from which they are forked."""

    def __init__(self, workers: int) -> None:
        self.workers, self.is_needed = workers, workers > 1
        self._process: BaseProcess | None = None
        self._line: Connection | None = None
        self._is_ready = False

    def start(self, policy: Policy) -> None:
        """Start it: as a fork with all that this process has imported; anew where that cannot be. It gets ready meanwhile."""
        if self.is_needed:
            if apart.can_fork():
                worker.load()
            with patch.dict(os.environ, apart.ALONE):
                method = "fork" if apart.can_fork() else "spawn"  # an import may have started a thread
                self._process, self._line = apart.begin(method, worker.serve, self.workers, policy)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._line:
            if error is not None:
                self._process.kill()  # its workers go with it
            self._line.close()  # no more workers are wanted
            self._process.join(PATIENCE)
            self._process.kill()
            self._process.join()
            self._process = self._line = None

    def wait_until_ready(self) -> None:
        """Wait for its imports and kernels. Raises Trouble E103 when it has failed."""
        try:
            if self._line and not self._is_ready:
                self._is_ready = bool(self._line.recv())
        except (EOFError, OSError):
            raise Trouble("E103", "worker processes cannot be started; --workers 1 needs none") from None

    def fork(self, environment: Mapping[str, str]) -> None:
        """Start one worker, as soon as may be. Raises Trouble E103."""
        if self._line:
            self.wait_until_ready()
            self._line.send(dict(environment))

    def has_died(self, patience: float | None = None) -> bool:
        """Whether it ends before it is told to: it does when one of its workers has died, and the others end with it.

        Waits so many seconds for that, or for as long as it takes.
        """
        return self._process is not None and bool(wait([self._process.sentinel], patience))


@contextmanager
def forked_workers(server: ForkServer) -> Iterator[None]:
    """While the block runs, Beam's worker processes are forks of the server, whatever command their environment has."""
    if not server.is_needed:
        yield
        return
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import endpoints_pb2
    from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcWorkerHandler, WorkerHandler
    from google.protobuf import json_format, text_format

    started: list[GrpcWorkerHandler] = []

    class ForkedWorkerHandler(GrpcWorkerHandler):
        """One worker, told by its environment where the engine is: as Beam's SubprocessSdkWorker, but for the logging."""

        def __init__(self, _: bytes, *told: Any) -> None:
            super().__init__(*told)

        def start_worker(self) -> None:
            control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
            options = self.provision_info.provision_info.pipeline_options
            started.append(self)
            server.fork(
                {
                    "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
                    "PIPELINE_OPTIONS": json_format.MessageToJson(options),
                    "WORKER_ID": self.worker_id,
                }
            )

        def stop_worker(self) -> None:
            """It ends by itself when its control line does; the server waits for it."""

    handlers = {python_urns.SUBPROCESS_SDK: (ForkedWorkerHandler, bytes)}
    over = threading.Event()
    threading.Thread(target=_watch, args=(server, started, over), daemon=True).start()
    with patch.dict(WorkerHandler._registered_environments, handlers), _quiet_threads():
        try:
            yield
        finally:
            over.set()


def _watch(server: ForkServer, started: list[Any], over: threading.Event) -> None:
    """Let the run fail when a worker has died: Beam would wait for its answer for ever."""
    from apache_beam.portability.api import beam_fn_api_pb2

    server.has_died()
    while not over.wait(AGAIN):
        for waiting in [one for handler in started for one in list(handler.control_conn._futures_by_id.values())]:
            waiting.set(beam_fn_api_pb2.InstructionResponse(instruction_id=waiting.instruction_id, error=str(DIED)))


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Tracebacks of Beam's threads, whose lines break when a worker dies, are shown with CROWDLOG_DEBUG=1 only."""
    with nullcontext() if os.environ.get("CROWDLOG_DEBUG") == "1" else patch.object(threading, "excepthook", _nothing):
        yield


def _nothing(_: Any) -> None:
    """Shows nothing."""
