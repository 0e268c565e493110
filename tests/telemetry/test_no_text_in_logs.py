"""No text of a client is in any log at any level, whether its call succeeds or is refused; what llama.cpp itself logs included."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from echorator.agent.loading.embedded import embedded_model
from echorator.allowance import Allowance
from echorator.engine.llama_log import printable
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import cluster_pb2, cognition_pb2, controller_pb2, model_pb2
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until

MARK = "Xyzzy-my-card-is-4000-1234"
NAMES = {"model", "name", "id", "kind", "tenant", "agent", "user", "session", "namespace", "path", "source", "role", "container", "service"}
VARIANTS = 6
OFFLINE = {"ECHORATOR_OFFLINE": "1"}
# These last, or end what others need.
LEFT_OUT = {"AgentSession", "GatewaySession", "DrainAgent", "UnloadModel", "DeleteModel", "Delete"}


def marked(of: Descriptor, rng: random.Random, depth: int = 0) -> Message:
    """A message with the mark in its texts, and something in some of its other fields."""
    message: Any = message_factory.GetMessageClass(of)()
    if of.full_name.startswith("google.protobuf."):
        return message  # type: ignore[no-any-return]
    for field in of.fields:
        if depth and rng.random() < 0.3:
            continue
        repeated = field.is_repeated
        if field.message_type is not None:
            if depth < 4 and not field.message_type.GetOptions().map_entry:
                value = marked(field.message_type, rng, depth + 1)
                if repeated:
                    getattr(message, field.name).append(value)
                else:
                    getattr(message, field.name).CopyFrom(value)
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            text: Any = "echo-nano" if field.name == "model" else "m" if field.name in NAMES else _text(field.name, rng)
        elif field.type == FieldDescriptor.TYPE_BYTES:
            text = MARK.encode()
        elif rng.random() < 0.7 or field.type == FieldDescriptor.TYPE_ENUM:
            continue
        else:
            text = rng.choice((0, 1, 5))
        if repeated:
            getattr(message, field.name).append(text)
        else:
            setattr(message, field.name, text)
    return message  # type: ignore[no-any-return]


def _text(name: str, rng: random.Random) -> str:
    if name.endswith("_json") or name == "json_schema":
        return rng.choice((json.dumps({MARK: MARK}), json.dumps({"type": MARK}), f"{{{MARK}", "{}"))
    return MARK


def called(channel: grpc.Channel, service: ServiceDescriptor, rng: random.Random) -> tuple[int, int]:
    """Call every method some times with such messages; how many calls were answered, and how many refused."""
    answered = refused = 0
    for method in service.methods:
        if method.name in LEFT_OUT:
            continue
        for variant in range(VARIANTS):
            request = marked(method.input_type, rng)
            if method.name in ("Generate", "Chat"):
                _short(request, variant)
            path = f"/{service.full_name}/{method.name}"
            reply = message_factory.GetMessageClass(method.output_type).FromString
            try:
                if method.client_streaming:
                    channel.stream_unary(path, _serialized, reply)(iter([request] * 2), timeout=20)
                elif method.server_streaming:
                    replies = channel.unary_stream(path, _serialized, reply)(request, timeout=3)
                    for _, _ in zip(range(20), replies, strict=False):
                        pass
                    replies.cancel()
                else:
                    channel.unary_unary(path, _serialized, reply)(request, timeout=20)
                answered += 1
            except grpc.RpcError:
                refused += 1
    return answered, refused


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _short(request: Any, variant: int) -> None:
    """Half of them can be answered; of the others some field is wrong. Grammars have a test of their own."""
    request.sampling.ClearField("shape") if "shape" in request.sampling.DESCRIPTOR.oneofs_by_name else None
    if variant % 2 == 0:
        request.sampling.Clear()
        request.limits.Clear()
        request.limits.max_tokens = 3
        if hasattr(request, "messages"):
            del request.messages[:]
            request.messages.add(role="user", content=MARK)
            request.template_arguments_json = ""
            request.memory.Clear()
            request.memory.scope.user = "ann"
            request.memory.scope.session = "s"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, str]]:
    folder, port = tmp_path_factory.mktemp("agent"), free_port()
    options = ("--with-memory", "--memory", str(folder / "memory"), "--log-level", "debug")
    process = Process(folder / "log", "serve", "--port", str(port), *options, env=OFFLINE)
    process.start()
    yield process, f"127.0.0.1:{port}"
    process.end()


@pytest.mark.slow
def test_calls_of_an_agent_and_its_memory(agent: tuple[Process, str]) -> None:
    process, address = agent
    rng = random.Random(7)
    with grpc.insecure_channel(address) as channel:
        for file, name in ((model_pb2, "ModelService"), (cognition_pb2, "CognitionService")):
            answered, refused = called(channel, file.DESCRIPTOR.services_by_name[name], rng)
            assert answered >= 15, (name, answered, refused)
            assert refused >= 10, (name, answered, refused)
    said = process.log.read_text("utf-8", "replace")
    assert "DEBUG echorator" in said, "it is the log of all levels"
    assert " echorator.llama: " in said, "llama.cpp's lines are in it"
    assert MARK not in said, said[max(0, said.index(MARK) - 2000) : said.index(MARK) + 200]


GRAMMARS = (f'root ::= "{MARK}" (', f"root ::= {MARK}", MARK, f'root ::= root "{MARK}"')


def test_grammars_that_are_refused(agent: tuple[Process, str]) -> None:
    process, address = agent
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(
            "/echorator.v1.ModelService/Generate", model_pb2.GenerateRequest.SerializeToString, model_pb2.GenerateResponse.FromString
        )
        for grammar in GRAMMARS:
            request = model_pb2.GenerateRequest(model="echo-nano", prompt="a", sampling=model_pb2.Sampling(grammar=grammar))
            with pytest.raises(grpc.RpcError):
                list(call(request, timeout=20))
    said = process.log.read_text("utf-8", "replace")
    assert MARK not in said, said[max(0, said.index(MARK) - 500) : said.index(MARK) + 200]


@pytest.mark.slow
def test_calls_of_a_whole_machine(tmp_path: Path) -> None:
    """Gateway, controller, local cluster, HTTP, and the logs of the agent."""
    ports = [free_port() for _ in range(3)]
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "m.py").write_text("def m(value):\n    raise ValueError('no')\n")
    options = ("--port", str(ports[0]), "--http-port", str(ports[1]), "--controller-port", str(ports[2]), "--log-level", "debug")
    process = Process(
        tmp_path / "up.log", "up", "--data", str(tmp_path / "data"), "--workers", str(tmp_path / "workers"), *options, env=OFFLINE
    )
    process.start()
    try:
        rng = random.Random(8)
        with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel, grpc.insecure_channel(f"127.0.0.1:{ports[2]}") as control:
            until(lambda: "model echo-nano: Ready" in process.log.read_text(), "it serves")
            called(channel, model_pb2.DESCRIPTOR.services_by_name["ModelService"], rng)
            called(channel, cognition_pb2.DESCRIPTOR.services_by_name["CognitionService"], rng)
            called(control, cluster_pb2.DESCRIPTOR.services_by_name["ClusterService"], rng)
            called(control, controller_pb2.DESCRIPTOR.services_by_name["ControllerService"], rng)
            called(control, mesh_pb2.DESCRIPTOR.services_by_name["MeshService"], rng)
        for path in ("chat/completions", "completions", "embeddings", MARK, f"models?{MARK}"):
            for body in (
                {"model": "echo-nano", "messages": [{"role": "user", "content": MARK}], "prompt": MARK, "input": MARK, "max_tokens": 2},
                {"model": "echo-nano", "messages": [{"role": MARK, "content": [MARK]}], "prompt": {MARK: 1}, "input": [MARK, 1]},
                [MARK],
                MARK,
            ):
                _posted(f"http://127.0.0.1:{ports[1]}/v1/{path}", json.dumps(body).encode())
            _posted(f"http://127.0.0.1:{ports[1]}/v1/{path}", f'{{"{MARK}'.encode())
        logs = [tmp_path / "up.log", *(tmp_path / "data" / "logs").glob("*/*")]
        assert len(logs) > 1
        for log in logs:
            said = log.read_text("utf-8", "replace")
            assert MARK not in said, said[max(0, said.index(MARK) - 2000) : said.index(MARK) + 200]
    finally:
        process.end()


def _posted(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
    except urllib.error.HTTPError as error:
        error.close()


# llama.cpp's own lines


LOADS = """
import json, logging, sys, time
from pathlib import Path
from echorator._native import engine
from echorator.engine.llama_log import forward_log
from echorator.settings import EngineSettings

class Kept(logging.Handler):
    def emit(self, record):
        lines.append((record.name, record.levelname, record.getMessage()))

lines = []
logging.getLogger("echorator.llama").setLevel(logging.DEBUG)
logging.getLogger("echorator.llama").addHandler(Kept())
forward_log()
engine.Model(EngineSettings(Path(sys.argv[1])))
end_s = time.monotonic() + 60
while not any("load_tensors" in text for _, _, text in lines) and time.monotonic() < end_s:
    time.sleep(0.01)
print(json.dumps(lines))
"""


def test_levels_lines_and_nothing_on_stderr() -> None:
    """In a process of its own: in this one other loads may have used up what may be written."""
    done = subprocess.run((sys.executable, "-c", LOADS, str(embedded_model())), capture_output=True, text=True, check=True, timeout=120)
    lines = json.loads(done.stdout)
    assert any("load_tensors" in text for _, _, text in lines)
    assert {level for _, level, _ in lines} <= {"DEBUG", "INFO", "WARNING"}
    assert all("\n" not in text and text.strip(" .") for _, _, text in lines)
    assert done.stderr == ""


def test_a_flood_is_bounded_and_counted() -> None:
    allowance = Allowance(per_s=20.0, burst=100.0)
    written = sum(allowance.take(1000.0 + i / 1000.0) for i in range(10_000))  # ten seconds
    assert 100 + 195 <= written <= 100 + 201
    assert allowance.take(1020.0)


def test_control_characters_of_a_model_file_make_no_second_line() -> None:
    assert printable("name\r\nERROR echorator: forged\x1b[31m") == "name  ERROR echorator: forged [31m"
