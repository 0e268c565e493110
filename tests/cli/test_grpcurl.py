"""grpcurl, as a user would: list, describe and a streamed Chat, with no .proto file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

GRPCURL = shutil.which("grpcurl")
pytestmark = pytest.mark.needs("grpcurl")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = subprocess.Popen([sys.executable, "-m", "echorator", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    line = next(line for line in server.stdout if line.startswith("listening on "))
    yield line.removeprefix("listening on ").split(",")[0].strip()
    server.terminate()
    assert server.wait(30) == 0
    server.stdout.close()


def grpcurl(*arguments: str) -> str:
    done = subprocess.run([GRPCURL or "", "-plaintext", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_list_and_describe(address: str) -> None:
    services = grpcurl(address, "list").split()
    assert {"echorator.v1.ModelService", "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"} <= set(services)
    described = grpcurl(address, "describe", "echorator.v1.ModelService")
    assert "rpc Chat ( .echorator.v1.ChatRequest ) returns ( stream .echorator.v1.ChatResponse );" in described


def test_reflection_describes_itself(address: str) -> None:
    for version in ("v1", "v1alpha"):
        described = grpcurl(address, "describe", f"grpc.reflection.{version}.ServerReflection")
        assert f"rpc ServerReflectionInfo ( stream .grpc.reflection.{version}.ServerReflectionRequest )" in described


def test_a_streamed_chat(address: str) -> None:
    facts = "You are Echo, a helpful assistant with a memory.\nMemory:\n- My dog is called Pixel."
    messages = [{"role": "system", "content": facts}, {"role": "user", "content": "What is my dog called?"}]
    request = {"messages": messages, "sampling": {"temperature": 0}}
    text = grpcurl("-d", json.dumps(request), address, "echorator.v1.ModelService/Chat")
    decoder, replies = json.JSONDecoder(), []
    while text.strip():
        reply, end = decoder.raw_decode(text.lstrip())
        replies.append(reply)
        text = text.lstrip()[end:]
    assert "".join(r.get("text", "") for r in replies) == "Your dog's name is Pixel."
    assert replies[-1]["finish"]["reason"] == "FINISH_REASON_STOP"
    assert replies[-1]["finish"]["usage"]["completion_tokens"] == 10


def test_an_error_says_what_to_do(address: str) -> None:
    assert "NotFound" in grpcurl("-d", '{"model":"none"}', address, "echorator.v1.ModelService/GetModel")
    empty = grpcurl("-d", '{"prompt":""}', address, "echorator.v1.ModelService/Generate")
    assert "InvalidArgument" in empty
