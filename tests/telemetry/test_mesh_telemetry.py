"""Real processes: one trace from a client through gateway, agent and engine; its id in logs and errors; metrics; and no prompt anywhere."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from echorator.host.connection import channel_to
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.agents import refused
from tests.support.http_client import http
from tests.support.mesh import Mesh
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "xylophone"
TRACE, SPAN = "0123456789abcdef0123456789abcdef", "0123456789abcdef"
OVER_HTTP = ("a" * 32, "b" * 32)  # a whole answer, a streamed one


class Collector:
    """Takes OTLP as JSON over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].split("\r\n")[0])
                body = await reader.readexactly(length)
                self.bodies.append(gzip.decompress(body) if "content-encoding: gzip" in head else body)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def spans(self, trace_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Of one trace, by service and name."""
        found = {}
        for body in self.bodies:
            for resource in json.loads(body)["resourceSpans"]:
                names = {a["key"]: a["value"].get("stringValue") for a in resource["resource"]["attributes"]}
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        if span["traceId"] == trace_id:
                            found[str(names["service.name"]), span["name"]] = span
        return found


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    async with server:
        yield collector, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_one_call_seen_from_everywhere(tmp_path: Path) -> None:
    async with collecting() as (collector, endpoint):
        with Mesh(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as mesh:
            metrics_port, http_port = free_port(), free_port()
            mesh.agent("a", "--log-format", "json", "--log-level", "debug", "--metrics-port", str(metrics_port))
            mesh.apply("echo", "echo-nano", 1)
            _, address = mesh.gateway("--log-format", "json", "--log-level", "debug", http=http_port)
            async with channel_to(address) as channel:
                stub = ModelServiceStub(channel)
                request = pb.ChatRequest(model="echo", messages=[pb.Message(role="user", content=f"My word is {SECRET}.")])
                metadata = (("traceparent", f"00-{TRACE}-{SPAN}-01"),)
                async for _ in stub.Chat(request, timeout=30.0, metadata=metadata):
                    pass
                bad = pb.ChatRequest(model="echo", messages=request.messages, sampling=pb.Sampling(temperature=900.0))
                other = "f" * 32
                error = await refused(
                    stub.Chat(bad, metadata=(("traceparent", f"00-{other}-{SPAN}-01"),)), grpc.StatusCode.INVALID_ARGUMENT
                )
                status = status_pb2.Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
                info = error_details_pb2.ErrorInfo()
                assert any(detail.Unpack(info) for detail in status.details)
                assert info.metadata["trace_id"] == other, "an error of the agent names the client's own trace"

            for trace, stream in zip(OVER_HTTP, (False, True), strict=True):
                body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": SECRET}], "stream": stream}).encode()
                headers = {"traceparent": f"00-{trace}-{SPAN}-01"}
                assert (await http(f"http://127.0.0.1:{http_port}", "POST", "/v1/chat/completions", body, headers)).status == 200
            for trace in OVER_HTTP:
                await eventually(lambda t=trace: len(collector.spans(t)) == 5, "five spans of the trace")  # type: ignore[misc, arg-type]
                assert collector.spans(trace)["echorator-gateway", "chat.completions"]["parentSpanId"] == SPAN
            await eventually(lambda: len(collector.spans(TRACE)) == 5, "five spans of the trace")
            spans = collector.spans(TRACE)
            gateway, agent = spans["echorator-gateway", "Chat"], spans["echorator-agent", "Chat"]
            assert gateway["parentSpanId"] == SPAN
            assert agent["parentSpanId"] == gateway["spanId"]
            for part in ("engine.queue", "engine.prefill", "engine.decode"):
                span = spans["echorator-agent", part]
                assert span["parentSpanId"] == agent["spanId"]
                assert int(agent["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) + 1_000_000
                assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])

            at_agent = (await http(f"http://127.0.0.1:{metrics_port}", "GET", "/metrics")).body.decode()
            for name in (
                'echorator_agent_completion_tokens_total{model="echo"}',
                'echorator_agent_time_to_first_token_seconds_count{model="echo"} 3.0',
                'echorator_agent_slots{model="echo"} 8.0',
                'echorator_grpc_requests_total{code="INVALID_ARGUMENT",method="Chat",service="echorator.v1.ModelService"} 1.0',
            ):
                assert name in at_agent, name
            at_gateway = (await http(f"http://127.0.0.1:{http_port}", "GET", "/metrics")).body.decode()
            for code, calls in (("OK", 3), ("INVALID_ARGUMENT", 1)):
                labels = f'code="{code}",method="Chat",model="echo",service="echorator.v1.ModelService"'
                assert f"echorator_gateway_requests_total{{{labels}}} {calls}.0" in at_gateway, code
        logs = "".join(process.log.read_text() for process in mesh.processes)
        assert SECRET not in logs
        assert not any(SECRET.encode() in body for body in collector.bodies)
        assert SECRET not in at_agent + at_gateway
        records = [json.loads(line) for line in mesh.agents["a"].log.read_text().splitlines() if line.startswith("{")]
        assert records
        assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
