"""The commands of a mesh as their users run them: what they print, how they refuse, what they wait for."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from echorator.host.exits import Exit
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.commands import COMMAND, echorator, failed, in_process
from tests.support.mesh import Mesh, xds_client
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until

GRPCURL = shutil.which("grpcurl")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with Mesh(tmp_path_factory.mktemp("mesh")) as running:
        running.agent("a")
        yield running


def test_apply_show_scale_drain_delete(mesh: Mesh) -> None:
    shown = mesh.command("apply", "echo", "--source", "echo-nano", "--slots", "2", "--wait", "30")
    head, row = shown.splitlines()
    assert head.split()[:4] == ["NAME", "PHASE", "READY", "SLOTS"]
    assert row.split()[:4] == ["echo", "Ready", "1/1", "0/2"]
    assert json.loads(mesh.command("models", "--output", "json"))["models"][0]["spec"]["source"] == "echo-nano"
    assert "127.0.0.1" in mesh.command("agents")
    assert mesh.command("scale", "echo", "0").splitlines()[1].split()[2] in ("0/0", "1/0")
    assert json.loads(mesh.command("drain", "a", "--output", "json"))["id"] == "a"
    mesh.command("drain", "a", "--undo")
    assert mesh.command("delete", "echo").startswith("model/echo deleted")
    assert json.loads(mesh.command("models", "--output", "json")) == {"models": []}


def test_mistakes(mesh: Mesh) -> None:
    at = ("--controller", mesh.address)
    failed(echorator("mesh", "scale", "none", "1", *at), 1, "no model 'none' was applied")
    failed(echorator("mesh", "drain", "none", *at), 1, "no agent 'none' is known; known: a")
    failed(echorator("mesh", "apply", "new", *at), 2, "say which file with --source")
    failed(echorator("mesh", "apply", "a b", "--source", "x", *at), 2, "name")
    failed(in_process(COMMAND, "mesh", "apply", "new", "--source", "x", "--replicas", "-1", *at), 2, "replicas must be 0..1000, not -1")
    failed(
        echorator("mesh", "models", "--controller", f"127.0.0.1:{free_port()}"),
        Exit.UNAVAILABLE,
        "is `echorator controller` running there?",
    )
    failed(in_process(COMMAND, "bootstrap", "--controller", "nowhere"), 2, "--controller 'nowhere' is not HOST:PORT")
    failed(in_process(COMMAND, "gateway", "--processes", "0", *at), 2, "--processes must be 1..256")
    failed(in_process(COMMAND, "gateway", "--load-factor", "0.5", *at), 2, "load_factor must be 1..1000")
    failed(in_process(COMMAND, "controller", "--lost-after", "0.1", "--port", "0"), 2, "lost_after_s must be at least twice")


def test_a_bootstrap_file() -> None:
    made = json.loads(echorator("bootstrap", "--controller", "10.0.0.1:50050", "--node", "me").stdout)
    assert made["xds_servers"][0]["server_uri"] == "10.0.0.1:50050"
    assert made["node"]["id"] == "me"
    envoy = json.loads(echorator("bootstrap", "--envoy", "0.0.0.0:80").stdout)
    assert envoy["dynamic_resources"]["ads_config"]["api_type"] == "GRPC"


def test_a_data_directory_has_one_controller(mesh: Mesh) -> None:
    state = str(mesh.folder / "state")
    failed(echorator("controller", "--port", "0", "--data", state), 1, state)
    failed(echorator("controller", "--port", str(mesh.port), "--data", str(mesh.folder / "other")), 74, "choose another --port")


@pytest.mark.slow
def test_an_agent_id_is_one_agents(mesh: Mesh) -> None:
    second = echorator("serve", "--port", "0", "--controller", mesh.address, "--agent-id", "a")
    failed(second, 1, "an agent 'a' is connected from", "give this one another --agent-id")
    assert [agent["id"] for agent in json.loads(mesh.command("agents", "--output", "json"))["agents"]] == ["a"]


@pytest.mark.slow
def test_every_role_waits_for_its_controller_and_says_so_where_none_comes(tmp_path: Path) -> None:
    absent = f"127.0.0.1:{free_port()}"
    for command in (("serve", "--port", "0"), ("gateway", "--port", "0", "--http-port", "-1")):
        ended = echorator(*command, "--controller", absent, "--join-timeout", "0.5")
        failed(ended, Exit.UNAVAILABLE, f"the controller {absent} did not answer within 0.5 s", "--join-timeout")
    mesh = Mesh(tmp_path)
    agent = Process(tmp_path / "early.log", "serve", "--port", "0", "--controller", mesh.address, "--log-level", "info")
    agent.begin()
    try:
        agent.wait_for(re.compile("no session with the controller"))
        with mesh:
            agent.wait_for(re.compile("listening on"))
            assert len(json.loads(mesh.command("agents", "--output", "json"))["agents"]) == 1
    finally:
        agent.end()


def call(address: str) -> str:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        request = pb.ChatRequest(model="echo", messages=[pb.Message(role="user", content="Hello!")])
        stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
        return "".join(reply.text for reply in stub.Chat(request, timeout=30.0, wait_for_ready=True))


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


@pytest.mark.slow
def test_gateway_processes_share_a_port(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a")
        mesh.apply("echo", "echo-nano", 1)
        http_port = free_port()
        gateway, address = mesh.gateway("--processes", "2", http=http_port)
        assert gateway.popen is not None
        pid = gateway.popen.pid
        both = children(pid)
        assert len(both) == 2
        for _ in range(20):
            assert call(address)

        def counted() -> float:
            text = urllib.request.urlopen(f"http://127.0.0.1:{http_port}/metrics", timeout=10).read().decode()
            name = 'echorator_gateway_requests_total{code="OK",method="Chat",model="echo",service="echorator.v1.ModelService"}'
            return float(next((line.split()[-1] for line in text.splitlines() if line.startswith(name)), "0"))

        assert counted() == 20.0, "whichever process is asked"
        os.kill(both.pop(), signal.SIGKILL)
        until(
            lambda: len(children(pid) - both) == 1 and gateway.log.read_text().count("starting another one") == 1,
            "another one is started",
        )
        assert "signal=SIGKILL" in gateway.log.read_text()
        for _ in range(10):
            assert call(address)
        assert gateway.terminate() == 0
        assert gateway.log.read_text().endswith("stopped\n")


@pytest.mark.slow
def test_a_gateway_process_that_a_signal_ended_is_no_success(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        gateway, _ = mesh.gateway("--processes", "2")
        assert gateway.popen is not None
        pid = gateway.popen.pid
        frozen, _ = children(pid)
        os.kill(frozen, signal.SIGSTOP)
        gateway.signal(signal.SIGTERM)
        until(lambda: len(children(pid)) == 1, "the other one has ended")
        os.kill(frozen, signal.SIGKILL)
        assert gateway.wait() == 1
        said = gateway.log.read_text()
        assert f"a gateway process ended pid={frozen} code=-9 signal=SIGKILL" in said


@pytest.mark.needs("grpcurl")
def test_grpcurl_shows_the_mesh(mesh: Mesh) -> None:
    def grpcurl(*arguments: str) -> str:
        return subprocess.run((str(GRPCURL), "-plaintext", *arguments), capture_output=True, text=True, timeout=30, check=True).stdout

    assert {
        "echorator.v1.ControllerService",
        "echorator.mesh.v1.MeshService",
        "envoy.service.status.v3.ClientStatusDiscoveryService",
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "grpc.channelz.v1.Channelz",
        "grpc.health.v1.Health",
    } <= set(grpcurl(mesh.address, "list").split())
    mesh.apply("echo", "echo-nano", 1)
    with xds_client(mesh, "xds:///echo", "--calls", "100000"):

        def synced() -> bool:
            status = json.loads(grpcurl(mesh.address, "envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus"))
            configs = status["config"][0]["generic_xds_configs"]
            assert {"echo"} == {config["name"] for config in configs}
            return {config["config_status"] for config in configs} == {"SYNCED"}

        until(synced, "the client has all of it")
    agents = json.loads(grpcurl(mesh.address, "echorator.v1.ControllerService/ListAgents"))
    assert agents["agents"][0]["id"] == "a"
    channels = json.loads(grpcurl(mesh.address, "grpc.channelz.v1.Channelz/GetServers"))
    assert int(channels["server"][0]["data"]["calls_started"]) > 0
