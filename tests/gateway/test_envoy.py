"""Envoy as the gateway's data plane, configured by the controller: routes, slots, gRPC-Web, a model at zero."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from echorator.host.connection import channel_to
from echorator.host.envoy_process import EnvoyProcess
from echorator.host.exits import CommandError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.gateway.load import answer
from tests.gateway.serving import BackEnd, Gateway, gatewaying
from tests.support.http_client import http
from tests.support.mesh import Mesh
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("envoy"),
]
MESSAGES = [pb.Message(role="user", content="Hello!")]
NAMED = (("x-echorator-model", "m"),)


@asynccontextmanager
async def enveloped(folder: Path) -> AsyncIterator[tuple[Gateway, ModelServiceStub, str]]:
    """A gateway with an Envoy beside it: a client of Envoy, and its address."""
    async with gatewaying(folder, advertise=True) as gateway:
        address = f"127.0.0.1:{free_port()}"
        envoy = EnvoyProcess(gateway.controller.address, "envoy", ("127.0.0.1", int(address.rpartition(":")[2])), 1.0)
        await envoy.start()
        try:
            async with channel_to(address) as channel:
                yield gateway, ModelServiceStub(channel), address
        finally:
            await envoy.close()


async def known_to(stub: ModelServiceStub, *agents: BackEnd) -> None:
    """Until Envoy routes to all of them."""

    async def holds() -> bool:
        try:
            await answer(chat(stub))
        except grpc.aio.AioRpcError:
            return False
        return all(any("x-echorator-gateway" not in call for call in agent.metadata) for agent in agents)

    await eventually(holds, "Envoy routes to the agents")


def chat(stub: ModelServiceStub, named: bool = True) -> Any:
    return stub.Chat(pb.ChatRequest(model="m", messages=MESSAGES), metadata=NAMED if named else (), timeout=30.0)


async def test_calls_with_and_without_the_models_name_in_a_header(tmp_path: Path) -> None:
    async with enveloped(tmp_path) as (gateway, stub, address):
        back_end = await gateway.back_end("a", slots=4)
        await known_to(stub, back_end)
        seen = len(back_end.metadata)
        assert await answer(chat(stub)) == ("firstlast", 1)
        assert "x-echorator-gateway" not in back_end.metadata[seen], "straight to the agent"
        assert await answer(chat(stub, named=False)) == ("firstlast", 1)
        assert "x-echorator-gateway" in back_end.metadata[seen + 1], "by way of the gateway, which reads the message"
        back_end.failures = [(grpc.StatusCode.UNAVAILABLE, "gone", ())]
        assert await answer(chat(stub)) == ("firstlast", 1)
        body = pb.ChatRequest(model="m", messages=MESSAGES).SerializeToString()
        frame = b"\0" + len(body).to_bytes(4, "big") + body
        head = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", "x-echorator-model": "m"}
        web = await http(f"http://{address}", "POST", "/echorator.v1.ModelService/Chat", frame, head)
        assert web.status == 200
        assert b"first" in web.body
        assert b"last" in web.body
        assert b"grpc-status:0" in web.body.replace(b" ", b"")


async def test_an_agent_gets_as_many_calls_as_it_has_slots(tmp_path: Path) -> None:
    async with enveloped(tmp_path) as (gateway, stub, _):
        agents = [await gateway.back_end(name, slots=2) for name in "ab"]
        await known_to(stub, *agents)
        for agent in agents:
            agent.go.clear()
        calls = [asyncio.create_task(answer(chat(stub))) for _ in range(12)]

        async def full() -> bool:
            return [agent.now for agent in agents] == [2, 2]

        await eventually(full, "all slots taken")
        for agent in agents:
            agent.go.set()
        assert await asyncio.gather(*calls) == [("firstlast", 1)] * 12
        assert [agent.most for agent in agents] == [2, 2]


async def test_a_model_at_zero_waits_in_the_gateway(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a")
        mesh.command("apply", "m", "--source", "echo-nano", "--replicas", "0")
        address = f"127.0.0.1:{free_port()}"
        gateway, _ = mesh.gateway("--envoy", address)
        async with channel_to(address) as channel:
            stub = ModelServiceStub(channel)
            for _ in range(3):
                assert (await answer(chat(stub)))[1] == 1
        assert gateway.terminate() == 0


async def test_an_envoy_that_cannot_start(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        taken = int(gateway.address.rpartition(":")[2])
        envoy = EnvoyProcess(gateway.controller.address, "envoy", ("127.0.0.1", taken), 1.0, start_s=3.0)
        with pytest.raises(CommandError, match=f"Envoy did not listen on 127.0.0.1:{taken} within 3 s"):
            await envoy.start()
