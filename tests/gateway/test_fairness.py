"""Two clients before one busy agent: whose turn it is does not depend on who asked for more, or with which priority."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.gateway.serving import BackEnd, Gateway, gatewaying
from tests.support.agents import refused
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def another_client(gateway: Gateway) -> AsyncIterator[ModelServiceStub]:
    """With a connection of its own."""
    async with aio.insecure_channel(gateway.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield ModelServiceStub(channel)


def request(text: str, priority: int = 0) -> pb.ChatRequest:
    return pb.ChatRequest(model="m", messages=[pb.Message(role="user", content=text)], limits=pb.Limits(priority=priority))


async def whole(call: Any) -> None:
    while await call.read() is not aio.EOF:
        pass


async def busy(gateway: Gateway, back_end: BackEnd) -> asyncio.Task[None]:
    """A request holds the only slot."""
    back_end.go.clear()
    running = asyncio.create_task(whole(gateway.stub.Chat(request("first"))))
    await back_end.busy(1)
    return running


def order(back_end: BackEnd) -> list[str]:
    """Who came when."""
    return [pb.ChatRequest.FromString(body).messages[0].content.partition(" ")[0] for body in back_end.bodies[1:]]


async def test_a_flood_of_one_client_costs_another_one_turn(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway, another_client(gateway) as victim:
        back_end = await gateway.back_end("a")
        running = await busy(gateway, back_end)
        flood = [asyncio.create_task(whole(gateway.stub.Chat(request(f"flood {i}")))) for i in range(40)]
        await gateway.waiting(40)
        one = asyncio.create_task(whole(victim.Chat(request("victim"))))
        await gateway.waiting(41)
        back_end.go.set()
        await asyncio.gather(running, one, *flood)
        assert order(back_end).index("victim") <= 1


async def test_a_flood_of_the_highest_priority_leaves_every_second_turn_to_what_is_overdue(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, priority_wait_s=0.0) as gateway, another_client(gateway) as victim:
        back_end = await gateway.back_end("a")
        running = await busy(gateway, back_end)
        flood = [asyncio.create_task(whole(gateway.stub.Chat(request(f"flood {i}", 100)))) for i in range(40)]
        await gateway.waiting(40)
        some = [asyncio.create_task(whole(victim.Chat(request(f"victim {i}", -100)))) for i in range(3)]
        await gateway.waiting(43)
        back_end.go.set()
        await asyncio.gather(running, *some, *flood)
        served = order(back_end)
        assert max(i for i, who in enumerate(served) if who == "victim") <= 6, served


async def test_a_body_of_many_prompts_is_many_requests(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway, another_client(gateway) as victim:
        back_end = await gateway.back_end("a")
        running = await busy(gateway, back_end)
        body = json.dumps({"model": "m", "prompt": [f"flood {i}" for i in range(30)], "max_tokens": 1}).encode()
        flood = asyncio.create_task(http(gateway.url, "POST", "/v1/completions", body))
        await eventually(lambda: gateway.role.dispatcher.waiting > 0, "its prompts wait")
        held = gateway.role.dispatcher.waiting
        one = asyncio.create_task(whole(victim.Chat(request("victim"))))
        await eventually(lambda: gateway.role.dispatcher.waiting > held, "the victim waits too")
        back_end.go.set()
        assert (await flood).status == 200
        await asyncio.gather(running, one)
        at = next(i for i, made in enumerate(back_end.bodies[1:]) if b"victim" in made)
        assert at <= 2, "not behind all prompts of the other client"


async def test_who_fills_the_buffer_leaves_a_place_for_others(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, buffer_requests=20) as gateway, another_client(gateway) as victim:
        back_end = await gateway.back_end("a")
        running = await busy(gateway, back_end)
        flood = [asyncio.create_task(whole(gateway.stub.Chat(request(f"flood {i}")))) for i in range(10)]
        await gateway.waiting(10)
        await refused(gateway.stub.Chat(request("flood")), grpc.StatusCode.RESOURCE_EXHAUSTED, "of this client wait already")
        one = asyncio.create_task(whole(victim.Chat(request("victim"))))
        await gateway.waiting(11)
        back_end.go.set()
        await asyncio.gather(running, one, *flood)
