"""Requests that really end the agents that compute them, and what is left of the mesh."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.host.connection import channel_to
from echorator.rpc.v1 import controller_pb2, model_pb2
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.gateway.load import Load, answer, chat, client
from tests.gateway.poisoned_agent import KILLS, KILLS_LATER
from tests.support.http_client import http
from tests.support.mesh import Mesh, xds_client
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT = "tests.gateway.poisoned_agent"


@contextmanager
def poisonable(folder: Path, agents: str, source: str = "echo-nano") -> Iterator[Mesh]:
    with Mesh(folder) as mesh:
        for name in agents:
            mesh.agent(name, module=AGENT)
        mesh.apply("echo", source, len(agents))
        yield mesh


def alive(mesh: Mesh) -> list[str]:
    return [name for name, process in mesh.agents.items() if process.popen is not None and process.popen.poll() is None]


async def one_is_left(mesh: Mesh) -> None:
    """A connection breaks before its process has ended."""
    await eventually(lambda: len(alive(mesh)) <= 1, "the others have ended")
    assert len(alive(mesh)) == 1


async def said_of(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        await answer(call)
    except aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def poison(stub: ModelServiceStub, text: str = KILLS) -> Any:
    messages = [model_pb2.Message(role="user", content=text)]
    return stub.Chat(model_pb2.ChatRequest(model="echo", messages=messages), timeout=60.0)


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [False, True])
async def test_a_request_that_ends_its_agent_is_refused_before_it_reaches_the_third(tmp_path: Path, at_once: bool) -> None:
    with poisonable(tmp_path, "abc") as mesh:
        _, address = mesh.gateway()
        async with client(address) as stub:
            load = Load(lambda: answer(chat(stub)), 2)
            await load.more(10)
            if at_once:
                said = await asyncio.gather(*(said_of(poison(stub)) for _ in range(10)))
            else:
                said = [await said_of(poison(stub)) for _ in range(10)]
            await one_is_left(mesh)
            await load.more(20)
            await load.stop()
            assert all("was lost after" in failure for failure in load.failures), "nothing but what had begun to answer there is lost"
            refused = [words for code, words in said if code is grpc.StatusCode.INVALID_ARGUMENT and "2 agents ended" in words]
            assert len(refused) >= (1 if at_once else 9), said
            assert all(code is not grpc.StatusCode.OK for code, _ in said)
            changed = poison(stub, "Hello!")
            assert (await answer(changed))[1] == 1, "another request is served"


@pytest.mark.slow
async def test_a_request_whose_answer_ends_the_agent_after_its_first_words(tmp_path: Path, slow_model: Path) -> None:
    with poisonable(tmp_path, "abc", str(slow_model)) as mesh:
        _, address = mesh.gateway()

        async def send() -> tuple[grpc.StatusCode, str]:
            request = model_pb2.GenerateRequest(model="echo", prompt=KILLS_LATER, limits=model_pb2.Limits(ignore_eos=True))
            return await said_of(stub.Generate(request, timeout=60.0))

        async with client(address) as stub:
            said = [await send() for _ in range(10)]
            assert "was lost after" in said[0][1]
            assert [code for code, _ in said[1:]] == [grpc.StatusCode.INVALID_ARGUMENT] * 9
            await one_is_left(mesh)


@pytest.mark.slow
async def test_of_two_agents_one_is_left_and_of_one_nobody_is_asked_twice(tmp_path: Path) -> None:
    with poisonable(tmp_path, "ab") as mesh:
        _, address = mesh.gateway("--last-agent-wait", "1")
        async with client(address) as stub:
            for _ in range(3):
                code, words = await said_of(poison(stub))
                assert code is grpc.StatusCode.UNAVAILABLE
                assert "the last one is not tried with it" in words
            await one_is_left(mesh)
            assert (await answer(chat(stub)))[1] == 1


@pytest.mark.slow
async def test_what_one_gateway_found_all_of_them_refuse(tmp_path: Path) -> None:
    with poisonable(tmp_path, "abc") as mesh:
        (_, first), (second, address) = mesh.gateway(), mesh.gateway()
        async with client(first) as one, client(address) as other:
            assert (await said_of(poison(one)))[0] is grpc.StatusCode.INVALID_ARGUMENT
            await asyncio.to_thread(second.wait_for, re.compile("another gateway found that a request ends agents"))
            assert (await said_of(poison(other)))[0] is grpc.StatusCode.INVALID_ARGUMENT
            await one_is_left(mesh)
            _, third = mesh.gateway()
            async with client(third) as late:
                assert (await said_of(poison(late)))[0] is grpc.StatusCode.INVALID_ARGUMENT, "one that starts later too"
            assert (await answer(chat(other)))[1] == 1


@pytest.mark.slow
async def test_over_http_the_refusal_is_a_400_in_words(tmp_path: Path) -> None:
    with poisonable(tmp_path, "abc") as mesh:
        port = free_port()
        mesh.gateway(http=port)
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": KILLS}]}).encode()
        answers = [await http(f"http://127.0.0.1:{port}", "POST", "/v1/chat/completions", body) for _ in range(3)]
        assert [a.status for a in answers] == [400] * 3
        assert "2 agents ended while they computed this very request" in json.loads(answers[-1].body)["error"]["message"]
        await one_is_left(mesh)


@pytest.mark.slow
async def test_twenty_honest_requests_survive_the_end_of_their_agent(tmp_path: Path, slow_model: Path) -> None:
    """None of them was ever answered before; the one among them that did it is found."""
    with Mesh(tmp_path) as mesh:
        for name in "abc":
            mesh.agent(name, module=AGENT)
        mesh.apply("echo", str(slow_model), 3, "--slots", "8")
        _, address = mesh.gateway()
        async with client(address) as stub:

            async def honest(i: int) -> tuple[grpc.StatusCode, str]:
                request = model_pb2.GenerateRequest(
                    model="echo",
                    tokens=model_pb2.TokenIds(ids=[5 + i] * 300),
                    limits=model_pb2.Limits(max_tokens=60, ignore_eos=True),
                )
                return await said_of(stub.Generate(request, timeout=120.0))

            work = [asyncio.create_task(honest(i)) for i in range(20)]
            async with channel_to(mesh.address) as channel:

                async def busy() -> bool:
                    agents = (await ControllerServiceStub(channel).ListAgents(controller_pb2.ListAgentsRequest())).agents
                    return sum(model.busy for agent in agents for model in agent.models) >= 10

                await eventually(busy, "they are computed")
            bad = await said_of(poison(stub))
            ends = await asyncio.gather(*work)
            lost = [end for end in ends if end[0] is not grpc.StatusCode.OK]
            assert all("was lost after" in words for _, words in lost), "only what had begun to answer is lost"
            assert bad[0] is grpc.StatusCode.INVALID_ARGUMENT
            await one_is_left(mesh)
            answered = [i for i, end in enumerate(ends) if end not in lost][:3]
            again = [await honest(i) for i in answered]
            assert [code for code, _ in again] == [grpc.StatusCode.OK] * 3, "none of them is banned"


@pytest.mark.slow
async def test_an_xds_client_carries_a_request_to_one_more_agent_at_most(tmp_path: Path) -> None:
    with poisonable(tmp_path, "abc") as mesh, xds_client(mesh, "xds:///echo", "--message", KILLS, "--calls", "1") as caller:
        await asyncio.to_thread(caller.communicate, "")
        await eventually(lambda: len(alive(mesh)) <= 2, "an agent has ended")
        assert len(alive(mesh)) >= 1
