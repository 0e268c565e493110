"""A command whose address is that of another role, or of no server of Echorator, says what is there and what to name instead."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from echorator.host.server_roles import CLUSTER_SERVICE, CONTROLLER_SERVICE, MEMORY_SERVICE, MODEL_SERVICE, Needed, mistaken, services_of
from tests.support.commands import echorator, failed
from tests.support.mesh import Mesh
from tests.support.ports import free_port
from tests.support.processes import Process


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the address of a running process of each role."""
    folder = tmp_path_factory.mktemp("roles")
    ports = {role: str(free_port()) for role in ("agent", "memory", "cluster")}
    alone = [
        Process(folder / "agent.log", "serve", "--port", ports["agent"], "--threads", "1"),
        Process(folder / "memory.log", "cognition", "--port", ports["memory"], "--memory", str(folder / "memory")),
        Process(folder / "cluster.log", "cluster", "run", "--port", ports["cluster"]),
    ]
    with Mesh(folder) as mesh:
        try:
            for process in alone:
                process.start()
            yield {"controller": mesh.address, **{role: f"127.0.0.1:{port}" for role, port in ports.items()}}
        finally:
            for process in alone:
                process.end()


A_MODEL_SERVER = "not an agent (port 50051) or a gateway (port 50052); name such a server"
CASES = [
    (
        "controller",
        ("models", "--server"),
        f"is a controller without a local cluster, {A_MODEL_SERVER}, or ask this one by `echorator mesh",
    ),
    ("controller", ("chat", "Hello!", "--server"), A_MODEL_SERVER),
    ("controller", ("chat", "Hello!", "--model", "nano", "--server"), A_MODEL_SERVER),
    ("controller", ("embed", "Hello!", "--server"), A_MODEL_SERVER),
    ("controller", ("memory", "list", "--user", "ann", "--server"), "not a memory (port 50053), or an agent or a gateway that has one"),
    ("controller", ("get", "models", "--server"), "not the controller of `echorator up` (port 50050)"),
    ("controller", ("cluster", "send", "x", "1", "--server"), "not a local cluster, of `cluster run` or `up` (port 50050)"),
    ("agent", ("status", "--server"), "is an agent or a gateway, not the controller of `echorator up` (port 50050)"),
    ("agent", ("scale", "model", "nano", "3", "--server"), "not the controller of `echorator up` (port 50050)"),
    ("agent", ("mesh", "models", "--controller"), "is an agent or a gateway, not a controller (port 50050)"),
    ("agent", ("memory", "list", "--user", "ann", "--server"), "has no memory; start it with `echorator serve --with-memory`"),
    ("agent", ("gateway", "--port", "0", "--http-port", "-1", "--join-timeout", "0.5", "--controller"), "not a controller (port 50050)"),
    ("agent", ("serve", "--port", "0", "--join-timeout", "0.5", "--controller"), "not a controller (port 50050)"),
    ("memory", ("models", "--server"), f"is a memory, {A_MODEL_SERVER}, or ask this one by `echorator memory stats --server"),
    ("memory", ("get", "all", "--server"), "is a memory, not the controller of `echorator up` (port 50050)"),
    ("cluster", ("chat", "Hello!", "--server"), f"is a local cluster without a mesh, {A_MODEL_SERVER}"),
    ("cluster", ("status", "--server"), "is a local cluster without a mesh, not the controller of `echorator up` (port 50050)"),
    ("cluster", ("status", "--wait", "60", "--server"), "is a local cluster without a mesh, not the controller of `echorator up`"),
    ("cluster", ("mesh", "agents", "--controller"), "is a local cluster without a mesh, not a controller (port 50050)"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "words", "says"), CASES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)
def test_another_role(role: str, words: tuple[str, ...], says: str, addresses: dict[str, str]) -> None:
    failed(echorator(*words, addresses[role]), 1, addresses[role], says)


@pytest.mark.slow
def test_the_services_of_each_role(addresses: dict[str, str]) -> None:
    ours = {CLUSTER_SERVICE, CONTROLLER_SERVICE, MEMORY_SERVICE, MODEL_SERVICE}
    found = {role: (asyncio.run(services_of(address)) or frozenset()) & ours for role, address in addresses.items()}
    assert found == {
        "controller": {CONTROLLER_SERVICE},
        "agent": {MODEL_SERVICE},
        "memory": {MEMORY_SERVICE},
        "cluster": {CLUSTER_SERVICE},
    }


@pytest.mark.parametrize(
    "words",
    [("models", "--server"), ("status", "--server"), ("memory", "stats", "--server"), ("mesh", "agents", "--controller")],
    ids=" ".join,
)
def test_a_server_that_does_not_speak_grpc(words: tuple[str, ...]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        failed(echorator(*words, address), 1, f"{address} does not speak gRPC, so it is no server of Echorator; name ")
        server.shutdown()


def test_a_grpc_server_of_others() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    failed(echorator("models", "--server", f"127.0.0.1:{port}"), 1, "Method not found!")
    server.stop(0)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    reflection.enable_server_reflection((reflection.SERVICE_NAME,), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    said = asyncio.run(mistaken(f"127.0.0.1:{port}", Needed.CONTROLLER))
    server.stop(0)
    assert said == f"127.0.0.1:{port} is a gRPC server, but none of Echorator, not a controller (port 50050); name such a server"
