"""Loopback: keeps the ports of Beam's local engine on this host, and lets them serve no files.

Beam 2.77 binds the ports of its worker processes to every interface, and its artifact service reads any file for whoever
asks (worker_handlers.GrpcServer). There is no option for either, so both are put right from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest.mock import patch

import grpc

EVERYWHERE, HERE = "[::]:", "127.0.0.1:"


def loopback_server(*arguments: Any, **options: Any) -> grpc.Server:
    """grpc.server, but a port on every interface becomes one on 127.0.0.1."""
    server = _server(*arguments, **options)
    add = server.add_insecure_port
    server.add_insecure_port = lambda address: add(address.replace(EVERYWHERE, HERE))
    return server


_server = grpc.server


def no_artifact(_: Any, request: Any, context: grpc.ServicerContext | None = None) -> NoReturn:
    """Refuses every artifact: workers of this host have crowdlog installed and need none."""
    raise PermissionError("no artifacts are served")


@contextmanager
def loopback_only() -> Iterator[None]:
    """While the block runs, servers that Beam starts in this process listen on 127.0.0.1 and serve no artifact."""
    from apache_beam.runners.portability.artifact_service import ArtifactRetrievalService

    with (
        patch.object(grpc, "server", loopback_server),
        patch.object(ArtifactRetrievalService, "GetArtifact", no_artifact),
    ):
        yield
