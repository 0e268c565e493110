"""A call that crashes and one that is cancelled end alike in trace, counter and reply: over gRPC, passed through as bytes, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceServicer, ModelServiceStub, add_ModelServiceServicer_to_server
from echorator.serving.calls import Calls, Context, rpc
from echorator.telemetry import tracing
from echorator.telemetry.gateway_metrics import NO_MODEL
from tests.gateway.http.raw import CHAT, post, raw_connection
from tests.gateway.serving import gatewaying
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
REQUEST = pb.ChatRequest(model="m", messages=[pb.Message(role="user", content="hi")])
STREAMED = CHAT[:-1] + b',"stream":true}'


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a collector would be sent."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("tests"))
    yield exporter
    provider.shutdown()


async def traced(spans: InMemorySpanExporter, name: str) -> str:
    """The status of the one call of that name, once it has ended; OK where it has none."""

    async def ended() -> bool:
        return any(span.name == name for span in spans.get_finished_spans())

    await eventually(ended, f"a span {name}")
    (span,) = (span for span in spans.get_finished_spans() if span.name == name)
    return span.status.description or "OK"


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


SERVICE = pb.DESCRIPTOR.services_by_name["ModelService"].full_name


class Broken(Calls, ModelServiceServicer):
    """An agent whose GetModel crashes, and whose Tokenize takes for ever."""

    services = (SERVICE,)

    @rpc
    async def GetModel(self, _request: pb.GetModelRequest, _context: Context) -> pb.Model:
        raise RuntimeError("a fault of this program")

    @rpc
    async def Tokenize(self, _request: pb.TokenizeRequest, _context: Context) -> pb.TokenizeResponse:
        await asyncio.Event().wait()
        raise AssertionError


async def test_over_grpc(spans: InMemorySpanExporter) -> None:
    service, server = Broken(), grpc.aio.server()
    add_ModelServiceServicer_to_server(service, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    before = {name: counted("echorator_grpc_requests_total", service=SERVICE, method=name, code=code) for name, code in ENDS.items()}
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = ModelServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as crashed:
            await stub.GetModel(pb.GetModelRequest())
        assert crashed.value.code() is grpc.StatusCode.UNKNOWN
        call = stub.Tokenize(pb.TokenizeRequest())
        reading = asyncio.ensure_future(call.code())
        await eventually(lambda: _is(not service.idle.is_set()), "the call runs")
        call.cancel()
        assert await reading is grpc.StatusCode.CANCELLED
        for name, code in ENDS.items():
            assert await traced(spans, name) == code
            assert counted("echorator_grpc_requests_total", service=SERVICE, method=name, code=code) == before[name] + 1
        await eventually(lambda: _is(service.idle.is_set()), "no call runs")
    await server.stop(None)


ENDS = {"GetModel": "UNKNOWN", "Tokenize": "CANCELLED"}


async def _is(holds: bool) -> bool:
    return holds


async def crashing(_call: Any) -> AsyncGenerator[bytes, None]:
    raise RuntimeError("a fault of this program")
    yield b""


def of_gateway(code: str, model: str = "m") -> float:
    return counted("echorator_gateway_requests_total", service=SERVICE, method="Chat", model=model, code=code)


async def test_passed_through_as_bytes(tmp_path: Path, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        cancelled, unknown = of_gateway("CANCELLED"), of_gateway("UNKNOWN", NO_MODEL)
        back_end.go.clear()
        call = gateway.stub.Chat(REQUEST)
        first: Any = await call.read()
        assert first.text == "first"
        call.cancel()
        assert await traced(spans, "Chat") == "CANCELLED"
        assert of_gateway("CANCELLED") == cancelled + 1
        spans.clear()
        monkeypatch.setattr(gateway.role.forwarding, "stream", crashing)
        with pytest.raises(grpc.aio.AioRpcError) as crashed:
            await gateway.stub.Chat(REQUEST).read()
        assert crashed.value.code() is grpc.StatusCode.UNKNOWN
        assert await traced(spans, "Chat") == "UNKNOWN"
        assert of_gateway("UNKNOWN", NO_MODEL) == unknown + 1, "it crashed before a model was found"
        await eventually(lambda: _is(gateway.role.calls.idle.is_set()), "no call runs")


@pytest.mark.parametrize("body", [CHAT, STREAMED], ids=["whole", "streamed"])
async def test_over_http(body: bytes, tmp_path: Path, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        cancelled, unknown = of_gateway("CANCELLED"), of_gateway("UNKNOWN", NO_MODEL)
        back_end.go.clear()
        async with raw_connection(gateway.url) as raw:
            await raw.write(post("/v1/chat/completions", body))
            await back_end.busy(1)
        assert await traced(spans, "chat.completions") == "CANCELLED"
        assert of_gateway("CANCELLED") == cancelled + 1
        spans.clear()
        monkeypatch.setattr(gateway.role.forwarding, "stream", crashing)
        answer = await http(gateway.url, "POST", "/v1/chat/completions", body)
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (500, "internal")
        assert await traced(spans, "chat.completions") == "UNKNOWN"
        assert of_gateway("UNKNOWN", NO_MODEL) == unknown + 1, "it crashed before a model was found"
        await eventually(lambda: _is(gateway.role.calls.idle.is_set()), "no call runs")


async def test_a_stream_that_crashes_when_its_status_is_sent(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    """The agent sends what is no message after the first one."""
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        unknown = of_gateway("UNKNOWN")
        back_end.garbage = b"\xff\xff"
        answer = await http(gateway.url, "POST", "/v1/chat/completions", STREAMED)
        events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: {")]
        assert (answer.status, events[-1]["error"]["code"]) == (200, "internal")
        assert await traced(spans, "chat.completions") == "UNKNOWN"
        assert of_gateway("UNKNOWN") == unknown + 1
