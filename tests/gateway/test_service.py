"""The gateway over gRPC, before back ends that hold, fail and break as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from echorator.rpc.v1 import cognition_pb2, common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from tests.gateway.http.raw import CHAT as HTTP_CHAT
from tests.gateway.serving import Gateway, gatewaying
from tests.support.agents import refused
from tests.support.http_client import http
from tests.support.memories import memory_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = pb.ChatRequest(model="m", messages=[pb.Message(role="user", content="Hello!")])


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gatewaying(tmp_path, buffer_requests=8, breaker_open_s=0.2) as running:
        yield running


async def text_of(call: Any) -> str:
    return "".join([reply.text async for reply in call])


def chat(gateway: Gateway, timeout: float = 30.0, metadata: tuple[tuple[str, str], ...] = (), priority: int = 0) -> Any:
    request = pb.ChatRequest(model="m", messages=CHAT.messages, limits=pb.Limits(priority=priority))
    return gateway.stub.Chat(request, timeout=timeout, metadata=metadata)


def details_of(error: aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo]:
    status = status_pb2.Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(retry)
    return info, retry


async def test_the_clients_own_bytes_go_on_and_its_metadata_with_them(gateway: Gateway) -> None:
    back_end = await gateway.back_end("a")
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    strange = CHAT.SerializeToString() + b"\xf2\x3f\x02hi"  # a field that this version does not know
    raw: Any = gateway.channel.unary_stream("/echorator.v1.ModelService/Chat")
    headers = (("x-echorator-model", "m"), ("x-echorator-session", "s"), ("x-app", "1"), ("traceparent", trace))
    replies = [reply async for reply in raw(strange, metadata=headers)]
    assert [pb.ChatResponse.FromString(reply).text for reply in replies] == ["first", "last"]
    assert [reply async for reply in raw(b"no message at all", metadata=headers)]
    assert back_end.bodies == [strange, b"no message at all"], "headers say where it goes, so nobody reads it"
    assert back_end.metadata[0]["x-app"] == "1"
    assert back_end.metadata[0]["traceparent"].split("-")[1] == trace.split("-")[1]
    await refused(raw(b"no message at all"), grpc.StatusCode.INVALID_ARGUMENT, "not a echorator.v1.ChatRequest")


async def test_what_is_not_served_here(gateway: Gateway) -> None:
    stub = gateway.stub
    await refused(
        stub.Tokenize(pb.TokenizeRequest(model="m", text="a")), grpc.StatusCode.NOT_FOUND, "no model 'm' is served here; served: none"
    )
    await gateway.back_end("a", model="one")
    await gateway.back_end("b", model="two")
    await refused(
        stub.Tokenize(pb.TokenizeRequest(text="a")), grpc.StatusCode.NOT_FOUND, "name one of the models that are served: one, two"
    )
    for call, tool in (
        (stub.LoadModel(pb.LoadModelRequest()), "ApplyModel"),
        (stub.UnloadModel(pb.UnloadModelRequest()), "DeleteModel"),
        (stub.ListSlots(pb.ListSlotsRequest()), "mesh agents"),
        (stub.WatchStats(pb.WatchStatsRequest()), "mesh agents"),
    ):
        await refused(call, grpc.StatusCode.UNIMPLEMENTED, tool)
    nothing: Any = gateway.channel.unary_unary("/echorator.v1.ModelService/Nothing")
    await refused(nothing(b""), grpc.StatusCode.UNIMPLEMENTED)


async def test_a_status_of_an_agent_is_the_clients(gateway: Gateway) -> None:
    back_end = await gateway.back_end("a")
    back_end.failures.append((grpc.StatusCode.OUT_OF_RANGE, "too long", ()))
    error = await refused(chat(gateway), grpc.StatusCode.OUT_OF_RANGE)
    assert error.details() == "too long"
    assert len(back_end.bodies) == 1, "it was not tried again"


async def test_a_request_goes_elsewhere_where_an_agent_breaks_before_its_first_message(gateway: Gateway) -> None:
    back_ends = [await gateway.back_end(name, slots=4) for name in "abc"]
    for back_end in back_ends[:2]:
        back_end.failures = [(grpc.StatusCode.UNAVAILABLE, "gone", ())] * 3
    for _ in range(3):
        assert await text_of(chat(gateway)) == "firstlast"
    for back_end in back_ends:
        back_end.failures = [(grpc.StatusCode.UNAVAILABLE, "gone", ())] * 20
    await refused(chat(gateway, timeout=5.0), grpc.StatusCode.UNAVAILABLE, "gone")


async def test_a_secondary_agent_serves_while_no_primary_does(gateway: Gateway) -> None:
    secondary, primary = await gateway.back_end("b", slots=4, failover=1), await gateway.back_end("a")
    for _ in range(3):
        assert await text_of(chat(gateway)) == "firstlast"
    assert (len(primary.bodies), len(secondary.bodies)) == (3, 0)
    assert primary.agent is not None
    await primary.agent.leave()
    for _ in range(3):
        assert await text_of(chat(gateway)) == "firstlast"
    assert len(secondary.bodies) >= 2


async def test_after_the_first_message_nothing_is_repeated(gateway: Gateway) -> None:
    a, b = await gateway.back_end("a"), await gateway.back_end("b")
    a.breaks = b.breaks = True
    call = chat(gateway)
    assert (await call.read()).text == "first"
    await refused(call, grpc.StatusCode.UNAVAILABLE, "was lost after 1 messages")
    assert len(a.bodies) + len(b.bodies) == 1


async def test_a_full_agent_is_asked_again_later_and_not_left_out(gateway: Gateway) -> None:
    a = await gateway.back_end("a", slots=2)
    a.failures = [(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", (("grpc-retry-pushback-ms", "10"),))] * 2
    assert await text_of(chat(gateway)) == "firstlast"
    assert len(a.bodies) == 3


async def test_the_circuit_breaker_leaves_an_agent_out_and_lets_one_try(gateway: Gateway) -> None:
    a, b = await gateway.back_end("a", slots=8), await gateway.back_end("b", slots=1)
    a.failures = [(grpc.StatusCode.UNAVAILABLE, "gone", ())] * 4
    b.go.clear()
    held = chat(gateway, metadata=(("x-echorator-session", "x"),))
    await held.read()
    if not b.now:  # the session's home is a: what runs there ends at once
        held = chat(gateway)
        await held.read()
    await b.busy(1)
    running = [asyncio.create_task(text_of(chat(gateway))) for _ in range(2)]
    assert await asyncio.gather(*running) == ["firstlast"] * 2, "they waited until the breaker let one through"
    assert not a.failures
    b.go.set()
    await text_of_rest(held)


async def test_slots_are_kept_and_the_rest_waits_in_order_of_priority(gateway: Gateway) -> None:
    back_end = await gateway.back_end("a", slots=2)
    back_end.go.clear()
    running = [chat(gateway) for _ in range(2)]
    for call in running:
        await call.read()
    waiting = []
    for i, priority in enumerate((0, 0, 5)):
        waiting.append(chat(gateway, priority=priority))
        await gateway.waiting(i + 1)
    assert back_end.now == 2
    ended: list[int] = []

    async def note(i: int) -> None:
        await waiting[i].read()
        ended.append(i)

    notes = [asyncio.create_task(note(i)) for i in range(3)]
    back_end.go.set()
    await asyncio.gather(*notes)
    assert ended.index(2) < ended.index(1), "the higher priority went first"
    for call in (*running, *waiting):
        await text_of_rest(call)
    assert max(len(back_end.bodies), 5) == 5


async def text_of_rest(call: Any) -> None:
    while await call.read() is not aio.EOF:
        pass


async def test_a_full_buffer_sheds_and_says_when_to_come_back(gateway: Gateway) -> None:
    back_end = await gateway.back_end("a")
    back_end.go.clear()
    running = chat(gateway)
    await running.read()
    waiting = [asyncio.create_task(text_of(chat(gateway))) for _ in range(4)]
    await gateway.waiting(4)
    error = await refused(chat(gateway), grpc.StatusCode.RESOURCE_EXHAUSTED, "4 requests")
    assert dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"] == "1000"
    info, retry = details_of(error)
    assert info.reason == "QUEUE_FULL"
    assert len(info.metadata["trace_id"]) == 32
    assert retry.retry_delay.seconds == 1
    waiting[0].cancel()  # a client that goes away makes room
    await gateway.waiting(3)
    back_end.go.set()
    assert await asyncio.gather(*waiting[1:], text_of(chat(gateway))) == ["firstlast"] * 4
    await text_of_rest(running)


async def test_the_controller_hears_of_what_waits(gateway: Gateway) -> None:
    await gateway.controller.apply("m", 0)
    back_end = await gateway.back_end("a")
    back_end.go.clear()
    running = chat(gateway)
    await running.read()
    waiting = [asyncio.create_task(text_of(chat(gateway))) for _ in range(3)]

    async def queued(wanted: int) -> bool:
        return (await gateway.controller.model("m")).status.queued == wanted

    await eventually(lambda: queued(3), "three wait")
    back_end.go.set()
    await eventually(lambda: queued(0), "nothing waits")
    await asyncio.gather(text_of_rest(running), *waiting)


async def test_deadlines_while_waiting(gateway: Gateway) -> None:
    back_end = await gateway.back_end("a")
    back_end.go.clear()
    running = chat(gateway)
    await running.read()
    await refused(chat(gateway, timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
    await gateway.waiting(0)
    assert len(back_end.bodies) == 1
    running.cancel()

    async def cancelled() -> bool:
        return back_end.cancelled == 1

    await eventually(cancelled, "the agent hears that its client has gone")


async def test_a_model_without_agents_says_why(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, wait_s=0.5) as gateway:
        await gateway.controller.apply("m", 1)

        async def known() -> bool:
            return "m" in gateway.role.fleet.models()

        await eventually(known, "the gateway knows m")
        error = await refused(chat(gateway), grpc.StatusCode.UNAVAILABLE, "no agent serves 'm' now")
        assert "agent" in str(error.details()).partition(":")[2], "and the condition of the model"
        await refused(gateway.stub.Tokenize(pb.TokenizeRequest(model="m", text="a")), grpc.StatusCode.UNAVAILABLE)
        models = (await gateway.stub.ListModels(pb.ListModelsRequest())).models
        assert [(m.name, m.slots) for m in models] == [("m", 0)]


async def test_draining(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        back_end.go.clear()
        running = chat(gateway)
        await running.read()
        waiting = asyncio.create_task(text_of(chat(gateway)))
        await gateway.waiting(1)
        drained = asyncio.create_task(gateway.server.drain(30.0))

        async def draining() -> bool:
            return gateway.role.calls.draining.is_set()

        await eventually(draining, "it drains")
        await refused(chat(gateway), grpc.StatusCode.UNAVAILABLE)
        assert not drained.done()
        back_end.go.set()
        await text_of_rest(running)
        assert await waiting == "firstlast", "what had come before still got its agent"
        assert await drained


async def test_an_oversize_request(gateway: Gateway) -> None:
    await gateway.back_end("a")
    request = pb.GenerateRequest(model="m", prompt="x" * (5 << 20))
    await refused(gateway.stub.Generate(request), grpc.StatusCode.RESOURCE_EXHAUSTED)


async def test_a_priority_that_is_none(gateway: Gateway) -> None:
    await gateway.back_end("a")
    for priority in ("high", "101"):
        call = chat(gateway, metadata=(("x-echorator-priority", priority),))
        await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "x-echorator-priority must be -100..100")
        answer = await http(gateway.url, "POST", "/v1/chat/completions", HTTP_CHAT, {"x-echorator-priority": priority})
        assert (answer.status, b"x-echorator-priority must be -100..100" in answer.body) == (400, True)


async def test_a_priority_in_a_header_over_http(gateway: Gateway) -> None:
    """A request of a higher priority that came later goes first."""
    back_end = await gateway.back_end("a")
    back_end.go.clear()
    running = asyncio.create_task(http(gateway.url, "POST", "/v1/chat/completions", HTTP_CHAT))
    await back_end.busy(1)
    order: list[str] = []

    async def ask(priority: str) -> None:
        await http(gateway.url, "POST", "/v1/chat/completions", HTTP_CHAT, {"x-echorator-priority": priority})
        order.append(priority)

    waiting = []
    for count, priority in enumerate(("0", "5"), 1):
        waiting.append(asyncio.create_task(ask(priority)))
        await gateway.waiting(count)
    back_end.go.set()
    await asyncio.gather(running, *waiting)
    assert order == ["5", "0"]


async def test_the_memory_behind_it(tmp_path: Path) -> None:
    async with gatewaying(tmp_path / "without") as gateway:
        stub = CognitionServiceStub(gateway.channel)
        await refused(stub.ListNamespaces(cognition_pb2.ListNamespacesRequest()), grpc.StatusCode.FAILED_PRECONDITION, "--with-memory")
    ann, bob = common_pb2.Scope(user="ann"), common_pb2.Scope(user="bob")
    async with memory_server(tmp_path) as address, gatewaying(tmp_path / "with", memory_server=address) as gateway:
        stub = CognitionServiceStub(gateway.channel)
        told = [cognition_pb2.NewMemory(text="My dog is called Pixel.")]
        assert (await stub.Remember(cognition_pb2.RememberRequest(scope=ann, memories=told))).ids
        await refused(stub.Remember(cognition_pb2.RememberRequest()), grpc.StatusCode.INVALID_ARGUMENT, "user")
        lines = [chunk.lines async for chunk in stub.Export(cognition_pb2.ExportRequest(scope=ann))]

        async def upload() -> AsyncIterator[cognition_pb2.ImportChunk]:
            for i, part in enumerate(lines):
                yield cognition_pb2.ImportChunk(scope=None if i else bob, lines=part)

        assert (await stub.Import(upload())).imported == 1
        for scope in (ann, bob):
            found = await stub.Recall(cognition_pb2.RecallRequest(scope=scope, query="dog", k=1))
            assert [r.memory.text for r in found.memories] == ["My dog is called Pixel."]
