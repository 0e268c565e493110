"""A signal, a name that nobody knows and a client that goes away are ordinary: no part prints a traceback for them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc import aio

from echorator.host.connection import channel_to
from echorator.rpc.v1 import cognition_pb2, common_pb2, model_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.mesh import Mesh
from tests.support.ports import free_port
from tests.support.waiting import eventually

NOWHERE = "no-such-host.invalid:50050"
ROLES = {
    "serve": ("serve", "--port", "0"),
    "controller": ("controller", "--port", "0"),
    "gateway": ("gateway", "--port", "0", "--http-port", "-1", "--controller", "127.0.0.1:1"),
    "gateways": ("gateway", "--processes", "2", "--port", "0", "--http-port", "-1", "--controller", "127.0.0.1:1"),
    "cognition": ("cognition", "--port", "0"),
    "up": ("up", "--port", "0", "--http-port", "0", "--controller-port", "0", "--view", "lines"),
}
UNKNOWN_NAMES = {
    "controller of a gateway": ("gateway", "--port", "0", "--http-port", "-1", "--controller", NOWHERE, "--join-timeout", "1"),
    "controller of an agent": ("serve", "--port", "0", "--controller", NOWHERE, "--join-timeout", "1"),
    "address to listen on": ("serve", "--port", "0", "--host", "no-such-host.invalid"),
}


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "XDG_DATA_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    command = (sys.executable, "-m", "echorator", *arguments)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("role", ROLES)
def test_a_signal_in_the_middle_of_the_start(tmp_path: Path, role: str, number: signal.Signals) -> None:
    for after_s in (0.5, 1.5):
        process = begun(tmp_path, *ROLES[role])
        try:
            said = process.communicate(timeout=after_s)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            said = process.communicate(timeout=60.0)[0]
        assert "Traceback" not in said, f"after {after_s} s"


@pytest.mark.parametrize("what", UNKNOWN_NAMES)
def test_a_name_that_nobody_knows(tmp_path: Path, what: str) -> None:
    process = begun(tmp_path, *UNKNOWN_NAMES[what])
    said = process.communicate(timeout=60.0)[0]
    assert process.returncode != 0
    assert "no-such-host.invalid" in said
    assert "Traceback" not in said


@pytest.mark.asyncio(loop_scope="session")
async def test_clients_that_go_away_and_a_memory_that_is_nowhere(tmp_path: Path, slow_model: Path) -> None:
    with Mesh(tmp_path) as mesh:
        agent = mesh.agent("a", "--memory-server", NOWHERE, "--grace", "0")
        mesh.apply("slow", str(slow_model), 1, "--slots", "4")
        port = free_port()
        gateway, address = mesh.gateway("--memory-server", NOWHERE, "--grace", "0", http=port)
        body = b'{"model": "slow", "prompt": "Hello", "stream": true}'
        async with channel_to(address) as channel:
            await channel.channel_ready()  # calls that wait for a connection start in any order, and the first is waited for
            stub = ModelServiceStub(channel)

            def stream() -> aio.UnaryStreamCall[model_pb2.GenerateRequest, model_pb2.GenerateResponse]:
                limits = model_pb2.Limits(ignore_eos=True)
                return stub.Generate(model_pb2.GenerateRequest(model="slow", prompt="Hello", limits=limits))

            for _ in range(3):
                calls = [stream() for _ in range(6)]  # four run, two wait
                await calls[0].read()
                for call in calls:
                    call.cancel()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                head = (
                    "POST /v1/completions HTTP/1.1",
                    "host: 127.0.0.1",
                    "content-type: application/json",
                    f"content-length: {len(body)}",
                )
                writer.write("\r\n".join((*head, "", "")).encode() + body)
                await reader.readline()
                writer.transport.abort()
            scope = common_pb2.Scope(user="ann")
            with pytest.raises(aio.AioRpcError) as caught:
                await CognitionServiceStub(channel).Recall(cognition_pb2.RecallRequest(scope=scope, query="x"), timeout=30.0)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            running = [stream() for _ in range(6)]
            await running[0].read()
            agent.signal(signal.SIGTERM)
            await eventually(lambda: agent.popen is not None and agent.popen.poll() is not None, "the agent has ended", 60.0)
            gateway.signal(signal.SIGTERM)
            gateway.signal(signal.SIGTERM)
            await eventually(lambda: gateway.popen is not None and gateway.popen.poll() is not None, "the gateway has ended", 60.0)
        for process in mesh.processes:
            said = process.log.read_text("utf-8", "replace")
            assert "Traceback" not in said, said[-3000:]
