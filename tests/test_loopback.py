"""Beam's local engine listens on this host alone and serves no files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import grpc
import psutil
import pytest
from apache_beam.portability.api import beam_artifact_api_pb2 as api
from apache_beam.portability.api import beam_artifact_api_pb2_grpc as api_grpc
from apache_beam.portability.api import beam_runner_api_pb2 as runner_api
from apache_beam.portability.common_urns import artifact_types
from apache_beam.runners.portability.artifact_service import ArtifactRetrievalService
from apache_beam.utils import thread_pool_executor

from pipeline.loopback import loopback_only


def read_file(path: str) -> BinaryIO:
    return Path(path).open("rb")


def served() -> tuple[grpc.Server, int]:
    """A server as Beam's GrpcServer starts it: a port on every interface, and the artifact service."""
    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    port = server.add_insecure_port("[::]:0")
    api_grpc.add_ArtifactRetrievalServiceServicer_to_server(ArtifactRetrievalService(file_reader=read_file), server)
    server.start()
    return server, port


def asked(port: int, file: Path) -> bytes:
    """What the service answers to somebody who asks for a file by its path."""
    payload = runner_api.ArtifactFilePayload(path=str(file)).SerializeToString()
    artifact = runner_api.ArtifactInformation(type_urn=artifact_types.FILE.urn, type_payload=payload)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = api_grpc.ArtifactRetrievalServiceStub(channel)
        return b"".join(part.data for part in stub.GetArtifact(api.GetArtifactRequest(artifact=artifact), timeout=10))


def listening(port: int) -> set[str]:
    """Addresses on which this process listens at a port."""
    return {
        c.laddr.ip for c in psutil.Process().net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port
    }


def test_ports_are_on_loopback(tmp_path: Path) -> None:
    """Within the block a port on every interface is one on 127.0.0.1; outside it Beam's way shows."""
    server, port = served()
    assert listening(port) <= {"::", "0.0.0.0"}
    server.stop(None).wait()
    with loopback_only():
        server, port = served()
        assert listening(port) <= {"127.0.0.1", "::ffff:127.0.0.1"} and listening(port)
        server.stop(None).wait()


def test_no_file_is_served(tmp_path: Path) -> None:
    """A file that this user can read is given to nobody; without the defence it is given to anybody."""
    file = tmp_path / "private.log"
    file.write_bytes(b"192.0.2.7 somebody")
    server, port = served()
    assert asked(port, file) == b"192.0.2.7 somebody"
    server.stop(None).wait()
    with loopback_only():
        server, port = served()
        with pytest.raises(grpc.RpcError):
            asked(port, file)
        server.stop(None).wait()
