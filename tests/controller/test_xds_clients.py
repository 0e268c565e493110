"""gRPC's own xDS clients, each a process of its own, with nothing but a bootstrap file."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_client import http
from tests.support.mesh import Mesh, bootstrap_of, xds_client
from tests.support.ports import free_port
from tests.support.waiting import eventually

GRPCURL = shutil.which("grpcurl")
pytestmark = pytest.mark.asyncio(loop_scope="session")


def told(caller: subprocess.Popen[str]) -> Any:
    """What it has to say after its last call."""
    assert caller.stdout is not None
    return json.loads(caller.stdout.readline())


async def chats(port: int) -> int:
    """Generations that an agent has done."""
    text = (await http(f"http://127.0.0.1:{port}", "GET", "/metrics")).body.decode()
    found = [line for line in text.splitlines() if line.startswith("echorator_agent_engine_requests_total")]
    return int(float(found[0].split()[-1])) if found else 0


def agents(mesh: Mesh, *names: str, **options: tuple[str, ...]) -> dict[str, int]:
    """Started; the ports of their metrics."""
    ports = {name: free_port() for name in names}
    for name in names:
        mesh.agent(name, "--metrics-port", str(ports[name]), *options.get(name, ()))
    return ports


@pytest.mark.slow
async def test_calls_are_spread(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        ports = agents(mesh, "a", "b", "c")
        mesh.apply("spread", "echo-nano", 3)
        with xds_client(mesh, "xds:///spread") as caller:

            async def spread() -> bool:
                return min([await chats(port) for port in ports.values()]) >= 5

            await eventually(spread, "each has five calls", 60)
            assert caller.stdin is not None
            caller.stdin.close()
            assert told(caller)["failures"] == []


@pytest.mark.slow
async def test_a_session_stays_with_one_agent(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        ports = agents(mesh, "a", "b", "c")
        mesh.apply("stays", "echo-nano", 3, "--by-session")
        homes = set()
        for session in range(40):  # by their ports, which are random, one agent may be the home of several
            before = [await chats(port) for port in ports.values()]
            with xds_client(mesh, "xds:///stays", "--calls", "10", "--session", str(session)) as caller:
                assert told(caller)["failures"] == []
            grown = [await chats(port) - was for port, was in zip(ports.values(), before, strict=True)]
            assert sorted(grown) == [0, 0, 10], "one session is at one agent"
            homes.add(grown.index(10))
            if session >= 5 and len(homes) > 1:
                break
        assert len(homes) > 1, "sessions are spread"


@pytest.mark.slow
async def test_an_unknown_model_is_refused_at_once(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.controller.end()
        mesh.controller.arguments = (*mesh.controller.arguments, "--rebuild", "0")
        mesh.controller.start()
        with xds_client(mesh, "xds:///nothing", "--calls", "1") as caller:
            said = told(caller)
        assert said["slowest_s"] < 5.0
        assert said["failures"] == ["NOT_FOUND: no model 'nothing' is known to this mesh; known: none"]


@pytest.mark.slow
async def test_a_client_that_does_not_say_how_it_reaches_the_controller(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.controller.end()
        mesh.controller.arguments = (*mesh.controller.arguments, "--rebuild", "0")
        mesh.controller.start()
        bootstrap = json.loads(bootstrap_of(mesh))
        del bootstrap["node"]["metadata"]
        with xds_client(mesh, "xds:///nothing", "--calls", "1", bootstrap=json.dumps(bootstrap)) as caller:
            said = told(caller)
        assert said["slowest_s"] < 5.0
        assert said["failures"] == ["NOT_FOUND: Fault injected"], "the words are gRPC's own"


@pytest.mark.slow
@pytest.mark.needs("grpcurl")
async def test_grpcurl_connects_before_it_calls(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.controller.end()
        mesh.controller.arguments = (*mesh.controller.arguments, "--rebuild", "0")
        mesh.controller.start()
        (tmp_path / "xds.json").write_text(bootstrap_of(mesh), "utf-8")
        env = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(tmp_path / "xds.json")}
        protos = ("-import-path", str(Path(__file__).parents[2] / "protos"), "-proto", "echorator/v1/model.proto")
        command = (str(GRPCURL), "-plaintext", *protos, "-d", '{"model": "nothing"}', "xds:///nothing", "echorator.v1.ModelService/Chat")
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, env=env, check=False)
        assert "Code: NotFound" in done.stderr
        assert "no model 'nothing' is known to this mesh" in done.stderr


@pytest.mark.slow
async def test_the_controllers_metrics(tmp_path: Path) -> None:
    mesh = Mesh(tmp_path)
    port = free_port()
    mesh.controller.arguments = (*mesh.controller.arguments, "--metrics-port", str(port))
    with mesh:
        agents(mesh, "a")
        mesh.apply("echo", "echo-nano", 1)
        with xds_client(mesh, "xds:///echo", "--calls", "1") as caller:
            assert told(caller)["failures"] == []
            text = (await http(f"http://127.0.0.1:{port}", "GET", "/metrics")).body.decode()
        for line in (
            'echorator_controller_agents{state="ready"} 1.0',
            'echorator_controller_model_ready_replicas{model="echo"} 1.0',
            "echorator_controller_xds_pushes_total{",
            "echorator_controller_reconcile_duration_seconds_bucket{",
            "echorator_controller_agent_reports_total ",
        ):
            assert line in text, line


@pytest.mark.slow
async def test_a_secondary_agent_serves_where_no_primary_is_left(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        ports = agents(mesh, "first", "second", second=("--failover", "1"))
        mesh.apply("echo", "echo-nano", 2)
        with xds_client(mesh, "xds:///echo", "--calls", "20") as caller:
            assert told(caller)["failures"] == []
        assert (await chats(ports["first"]), await chats(ports["second"])) == (20, 0)
        assert mesh.agents["first"].terminate() == 0
        with xds_client(mesh, "xds:///echo", "--calls", "20") as caller:
            assert told(caller)["failures"] == []
        assert await chats(ports["second"]) == 20


@pytest.mark.slow
async def test_a_model_at_zero_is_woken_through_a_gateway(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        ports = agents(mesh, "a")
        port = free_port()
        mesh.gateway("--advertise", f"127.0.0.1:{port}", port=port)
        mesh.command("apply", "echo", "--source", "echo-nano", "--replicas", "0")
        with xds_client(mesh, "xds:///echo", "--calls", "5") as caller:
            said = told(caller)
        assert said["failures"] == []
        assert await chats(ports["a"]) == 5
