"""Both clients against a gRPC server that fails as it is told: what is repeated, what is not, and what is cancelled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.rpc.v1 import cognition_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceServicer, add_CognitionServiceServicer_to_server
from echorator.rpc.v1.model_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from echorator_client import AsyncClient, Busy, Client, DeadlineExceeded, InvalidRequest, NotFound, Piece, Retries, Unavailable
from tests.support.waiting import until

QUICK = Retries(most=3, first_s=0.01)
Failure = tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]
DOWN: Failure = (grpc.StatusCode.UNAVAILABLE, "the server drains", ())
FULL: Failure = (grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full", (("grpc-retry-pushback-ms", "20"),))
DISK: Failure = (grpc.StatusCode.RESOURCE_EXHAUSTED, "the disk is full", ())


class Server(ModelServiceServicer, CognitionServiceServicer):
    """Fails once for each of `failures`, after `before` pieces, then answers. Beside the server's own stubs, in one process with them."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.before = 0
        self.calls = 0
        self.metadata: dict[str, str] = {}
        self.endless = False
        self.cancelled = threading.Event()

    async def _fail(self, context: Any) -> None:
        self.calls += 1
        self.metadata = dict(context.invocation_metadata())
        if self.failures and not self.before:
            code, text, trailers = self.failures.pop(0)
            await context.abort(code, text, trailers)

    async def Chat(self, request: pb.ChatRequest, context: Any) -> AsyncIterator[pb.ChatResponse]:
        await self._fail(context)
        try:
            for _ in range(self.before):
                yield pb.ChatResponse(text="piece")
            if self.failures:
                await context.abort(*self.failures.pop(0)[:2])
            while self.endless:
                yield pb.ChatResponse(text="piece")
                await asyncio.sleep(0.01)
        finally:
            self.cancelled.set()
        yield pb.ChatResponse(text=request.messages[-1].content, finish=pb.Finish(reason=pb.FINISH_REASON_STOP))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:  # noqa: ARG002
        await self._fail(context)
        return pb.ListModelsResponse(models=[pb.Model(name="m", state=pb.MODEL_STATE_READY)])

    async def Remember(self, request: cognition_pb2.RememberRequest, context: Any) -> cognition_pb2.RememberResponse:  # noqa: ARG002
        await self._fail(context)
        return cognition_pb2.RememberResponse(ids=[1])


class Served:
    """The server in a thread with its own event loop, and one call of each client that collects what it gives."""

    def __init__(self) -> None:
        self.servicer = Server()
        self.address = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        server = aio.server()
        add_ModelServiceServicer_to_server(self.servicer, server)
        add_CognitionServiceServicer_to_server(self.servicer, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        self._ready.set()
        await self._end.wait()
        await server.stop(0)

    def __enter__(self) -> Served:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()


Call = Callable[[str, str], Any]  # a method and the server's address to the call's result


def by_client(name: str, address: str, **options: Any) -> Any:
    with Client(address, retries=QUICK, token="secret") as client:
        return _calls(client, options)[name]()


def by_async_client(name: str, address: str, **options: Any) -> Any:
    async def call() -> Any:
        async with AsyncClient(address, retries=QUICK, token="secret") as client:
            return await _calls(client, options)[name]()

    return asyncio.run(call())


def _calls(client: Any, options: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    return {
        "chat": lambda: client.chat("Hello!", **options),
        "models": client.models,
        "remember": lambda: client.memory("ann").remember("x"),
        "remember by key": lambda: client.memory("ann").remember("x", key="k"),
    }


@pytest.fixture(params=[by_client, by_async_client], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize(
    ("name", "failures", "calls"),
    [("chat", [DOWN, FULL, DOWN], 4), ("models", [FULL, DOWN], 3), ("remember", [FULL], 2), ("remember by key", [DOWN], 2)],
)
def test_what_is_safe_is_repeated(call: Any, name: str, failures: list[Failure], calls: int) -> None:
    with Served() as served:
        served.servicer.failures = [*failures]
        assert call(name, served.address)
        assert served.servicer.calls == calls
        assert served.servicer.metadata["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("name", "failure", "error"),
    [
        ("remember", DOWN, Unavailable),
        ("remember", DISK, Busy),
        ("chat", (grpc.StatusCode.NOT_FOUND, "no such model", ()), NotFound),
        ("models", (grpc.StatusCode.INVALID_ARGUMENT, "max_tokens", ()), InvalidRequest),
    ],
)
def test_what_is_not_safe_or_not_worth_it_is_not(call: Any, name: str, failure: Failure, error: type[Exception]) -> None:
    with Served() as served:
        served.servicer.failures = [failure]
        with pytest.raises(error, match=failure[1]):
            call(name, served.address)
        assert served.servicer.calls == 1


def test_attempts_have_an_end_and_the_error_says_when_to_come_again(call: Any) -> None:
    with Served() as served:
        served.servicer.failures = [FULL] * 9
        with pytest.raises(Busy) as caught:
            call("chat", served.address)
        assert caught.value.retry_after_s == 0.02
        assert served.servicer.calls == 4


def test_an_answer_that_has_begun_is_not_repeated(call: Any) -> None:
    with Served() as served:
        served.servicer.failures, served.servicer.before = [DOWN], 1
        with pytest.raises(Unavailable):
            call("chat", served.address)
        assert served.servicer.calls == 1


def test_a_deadline_ends_the_call(call: Any) -> None:
    with Served() as served:
        served.servicer.endless = True
        begin_s = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="timeout=SECONDS"):
            call("chat", served.address, timeout=0.3)
        assert time.monotonic() - begin_s < 10


def test_closing_a_stream_cancels_the_call() -> None:
    with Served() as served, Client(served.address) as client:
        served.servicer.endless = True
        with client.stream("Hello!") as stream:
            assert next(stream) == Piece("piece")
        assert stream.answer.finish == ""
        until(served.servicer.cancelled.is_set, "the server sees it")


def test_closing_an_async_stream_cancels_the_call() -> None:
    async def leave(address: str) -> None:
        async with AsyncClient(address) as client, client.stream("Hello!") as stream:
            assert await anext(stream) == Piece("piece")

    with Served() as served:
        served.servicer.endless = True
        asyncio.run(leave(served.address))
        until(served.servicer.cancelled.is_set, "the server sees it")
