"""A whole `up`: a failing call of each kind is found in its log by the client's trace id, once, and in the metrics; nothing else is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from echorator.host.connection import channel_to
from echorator.rpc.v1 import cluster_pb2, cognition_pb2, controller_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.cli.up import Up
from tests.support.agents import refused
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

SECRET = "xylophone"
SPAN = "0123456789abcdef"
MODELS, MEMORY = "echorator.v1.ModelService", "echorator.v1.CognitionService"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    made = Up(tmp_path_factory.mktemp("up"), "--log-level", "debug", "--log-format", "json").start().ready()
    yield made
    made.process.end()


def records(up: Up, trace: str) -> list[dict[str, Any]]:
    """The lines of `up` about the end of the call."""
    read = [json.loads(line) for line in up.process.log.read_text().splitlines() if line.startswith("{")]
    return [record for record in read if record["logger"] == "echorator.calls" and record["trace_id"] == trace]


async def the_line(up: Up, trace: str) -> dict[str, Any]:
    await eventually(lambda: bool(records(up, trace)), f"a line about {trace}")
    (line,) = records(up, trace)
    return line


async def samples(up: Up) -> dict[str, list[tuple[dict[str, str], float]]]:
    text = (await http(f"http://127.0.0.1:{up.http}", "GET", "/metrics")).body.decode()
    read: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            read.setdefault(sample.name, []).append((sample.labels, sample.value))
    return read


async def value(up: Up, name: str, **labels: str) -> float:
    return sum(
        n for have, n in (await samples(up)).get(name, ()) if labels.items() <= have.items() and ("agent" in labels or "agent" not in have)
    )


def parent(trace: str) -> str:
    return f"00-{trace}-{SPAN}-01"


async def posted(up: Up, path: str, body: bytes, trace: str, headers: dict[str, str] | None = None) -> int:
    answer = await http(f"http://127.0.0.1:{up.http}", "POST", path, body, {"traceparent": parent(trace)} | (headers or {}))
    return answer.status


CHAT = {"model": "nano", "messages": [{"role": "user", "content": SECRET}]}
HTTP_FAILURES = {
    "no JSON": ("/v1/chat/completions", f'{{"{SECRET}'.encode(), "/v1/chat/completions", 400, "INVALID_ARGUMENT"),
    "a bad field": (
        "/v1/chat/completions",
        json.dumps(CHAT | {"temperature": SECRET}).encode(),
        "/v1/chat/completions",
        400,
        "INVALID_ARGUMENT",
    ),
    "refused by the agent": (
        "/v1/completions",
        json.dumps({"model": "nano", "prompt": SECRET * 2000}).encode(),
        "/v1/completions",
        400,
        "INVALID_ARGUMENT",
    ),
    "no model": ("/v1/chat/completions", json.dumps(CHAT | {"model": "made-up"}).encode(), "/v1/chat/completions", 404, "NOT_FOUND"),
    "no path": (f"/v1/{SECRET}", b"{}", "(none)", 404, "NOT_FOUND"),
    "no method": ("/v1/models", b"{}", "(none)", 405, "UNIMPLEMENTED"),
    "no memory": (
        "/v1/memories/recall",
        json.dumps({"scope": {"user": "a", "tenant": "acme"}}).encode(),
        "/v1/memories/recall",
        400,
        "INVALID_ARGUMENT",
    ),
    "another's API": ("/api/chat", json.dumps({"model": "made-up", "messages": []}).encode(), "/api/chat", 404, "NOT_FOUND"),
}


@pytest.mark.parametrize("name", HTTP_FAILURES)
async def test_over_http(name: str, up: Up) -> None:
    path, body, route, status, code = HTTP_FAILURES[name]
    trace = f"{list(HTTP_FAILURES).index(name) + 1:032x}"
    before = await value(up, "echorator_http_requests_total", method="POST", route=route, status=str(status))
    assert await posted(up, path, body, trace) == status
    line = await the_line(up, trace)
    assert (line["level"], line["message"], line["method"], line["route"]) == ("info", "call failed", "POST", route)
    assert (line["status"], line["code"]) == (status, code)
    assert "error" not in line
    assert line.get("model", "") in {"", "nano", "made-up"}
    assert (line.get("tenant") == "acme") == (name == "no memory")
    assert await value(up, "echorator_http_requests_total", method="POST", route=route, status=str(status)) == before + 1


async def test_a_page_of_another_site(up: Up) -> None:
    before = await value(up, "echorator_http_requests_total", route="(none)", status="403")
    answer = await http(f"http://127.0.0.1:{up.http}", "GET", "/v1/models", b"", {"origin": "https://evil.example"})
    line = await the_line(up, answer.headers["x-request-id"])
    assert (answer.status, line["code"]) == (403, "PERMISSION_DENIED")
    assert await value(up, "echorator_http_requests_total", route="(none)", status="403") == before + 1


async def test_what_is_no_http(up: Up) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", up.http)
    writer.write(f"GET /{SECRET} HTTP/1.1\r\n{SECRET} {SECRET}\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    found = re.search(r"x-request-id: (\w+)", answer)
    assert found
    assert (await the_line(up, found[1]))["status"] == 400


async def test_over_grpc(up: Up) -> None:
    def trace(number: int) -> str:
        return f"{number + 0xA0:032x}"

    def metadata(number: int) -> Any:
        return (("traceparent", parent(trace(number))),)

    bad = pb.ChatRequest(model="nano", messages=[pb.Message(role="user", content=SECRET)], sampling=pb.Sampling(temperature=900.0))
    async with channel_to(f"127.0.0.1:{up.port}") as gateway, channel_to(f"127.0.0.1:{up.controller}") as control:
        models, memory = ModelServiceStub(gateway), CognitionServiceStub(gateway)
        before = await value(up, "echorator_grpc_requests_total", service=MODELS, method="Chat", code="INVALID_ARGUMENT")
        at_agent = await value(up, "echorator_grpc_requests_total", service=MODELS, method="Chat", code="INVALID_ARGUMENT", agent="nano-0")
        await refused(models.Chat(bad, metadata=metadata(1)), grpc.StatusCode.INVALID_ARGUMENT)
        await refused(models.GetModel(pb.GetModelRequest(model="made-up"), metadata=metadata(2)), grpc.StatusCode.NOT_FOUND)
        await refused(memory.Recall(cognition_pb2.RecallRequest(query=SECRET), metadata=metadata(3)), grpc.StatusCode.INVALID_ARGUMENT)
        wrong = controller_pb2.GetMeshModelRequest(name="none")
        await refused(ControllerServiceStub(control).GetModel(wrong, metadata=metadata(4)), grpc.StatusCode.NOT_FOUND)
        lost = cluster_pb2.GetResourceRequest(kind="Model", name="none")
        await refused(ClusterServiceStub(control).Get(lost, metadata=metadata(5)), grpc.StatusCode.NOT_FOUND)
        call = ClusterServiceStub(control).Watch(cluster_pb2.WatchResourcesRequest(), metadata=metadata(6))  # which has no end of its own
        assert await call.read()
        call.cancel()
    lines = [await the_line(up, trace(number)) for number in range(1, 7)]
    assert [line["method"] for line in lines] == [
        f"{MODELS}/Chat",
        f"{MODELS}/GetModel",
        f"{MEMORY}/Recall",
        "echorator.v1.ControllerService/GetModel",
        "echorator.v1.ClusterService/Get",
        "echorator.v1.ClusterService/Watch",
    ]
    assert [line["level"] for line in lines] == ["info"] * 5 + ["debug"]
    assert [line.get("model", "") for line in lines] == ["nano", "made-up", "", "", "", ""]
    assert lines[5]["code"] == "CANCELLED"
    assert await value(up, "echorator_grpc_requests_total", service=MODELS, method="Chat", code="INVALID_ARGUMENT") == before + 1
    again = await value(up, "echorator_grpc_requests_total", service=MODELS, method="Chat", code="INVALID_ARGUMENT", agent="nano-0")
    assert again == at_agent + 1
    agents_log = (up.data / "logs" / "nano" / "nano-0.log").read_text()
    at_the_agent = [json.loads(line) for line in agents_log.splitlines() if trace(1) in line and "call failed" in line]
    assert [(line["model"], line["code"]) for line in at_the_agent] == [("nano", "INVALID_ARGUMENT")], "one in each process"


async def test_tokens_and_times_by_model(up: Up) -> None:
    before = {n: await value(up, f"echorator_gateway_{n}_tokens_total", model="nano") for n in ("prompt", "completion")}
    agents = {n: await value(up, f"echorator_agent_{n}_tokens_total", model="nano", agent="nano-0") for n in ("prompt", "completion")}
    assert await posted(up, "/v1/chat/completions", json.dumps(CHAT | {"max_tokens": 4}).encode(), "c" * 32) == 200
    streamed = {"messages": CHAT["messages"], "stream": True, "max_tokens": 4, "memory": {"user": "ann"}}
    assert await posted(up, "/v1/chat/completions", json.dumps(streamed).encode(), "d" * 32) == 200
    await asyncio.to_thread(up.chat, SECRET)
    for name in before:
        counted = await value(up, f"echorator_gateway_{name}_tokens_total", model="nano") - before[name]
        computed = await value(up, f"echorator_agent_{name}_tokens_total", model="nano", agent="nano-0") - agents[name]
        assert counted == computed > 0
    read = await samples(up)
    assert ({"le": "600.0", "method": "Chat", "model": "nano"}, 3.0) in [
        (labels, min(n, 3.0)) for labels, n in read["echorator_gateway_request_duration_seconds_bucket"]
    ]
    assert {labels["method"] for labels, _ in read["echorator_grpc_request_duration_seconds_count"]} >= {"BuildContext", "RecordExperience"}
    operations = {labels["operation"]: n for labels, n in read["echorator_agent_memory_seconds_count"] if labels.get("agent") == "nano-0"}
    assert operations == {"recall": 1.0, "record": 1.0}
    assert {labels["role"] for labels, _ in read["echorator_build_info"]} == {"up", "agent"}


async def test_what_clients_make_up_becomes_no_label(up: Up) -> None:
    for i in range(20):
        await posted(up, "/v1/completions", json.dumps({"model": f"model-{i}", "prompt": SECRET}).encode(), f"{i + 0xE00:032x}")
        await posted(up, f"/v1/path-{i}", b"{}", f"{i + 0xF00:032x}")
        await http(f"http://127.0.0.1:{up.http}", f"VERB{i}", "/v1/models")
    read = await samples(up)
    labels = {(key, text) for found in read.values() for have, _ in found for key, text in have.items()}
    assert {text for key, text in labels if key == "model"} == {"nano", "(none)"}
    assert {text for key, text in labels if key == "method" and text.isupper()} <= {"GET", "POST", "HEAD", "OTHER"}
    assert not any(re.search(r"model-\d|path-\d|VERB", text) for _, text in labels)
    assert not any(name.endswith("_created") for name in read)
    assert not any(SECRET in text for _, text in labels)


async def test_one_series_alone(up: Up) -> None:
    text = (await http(f"http://127.0.0.1:{up.http}", "GET", "/metrics?name[]=echorator_gateway_buffer_requests")).body.decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["echorator_gateway_buffer_requests 0.0"]


async def test_no_text_in_any_log(up: Up) -> None:
    for log in (up.process.log, *(up.data / "logs").glob("*/*")):
        assert SECRET not in log.read_text()
