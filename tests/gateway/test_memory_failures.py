"""A memory that fails during a chat, for real: the answer is whole and says so, or the chat is refused in the memory's own words."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.host.connection import channel_to
from echorator.rpc.v1 import cognition_pb2, common_pb2, model_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.mesh import Mesh
from tests.support.ports import free_port
from tests.support.processes import Process

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(address: str, text: str) -> tuple[str, model_pb2.Finish]:
    """The answer to a chat with a memory, and its end."""
    request = model_pb2.ChatRequest(model="echo", messages=[model_pb2.Message(role="user", content=text)])
    request.memory.scope.user = "ann"
    async with channel_to(address) as channel:
        said, finish = "", model_pb2.Finish()
        call: Any = ModelServiceStub(channel).Chat(request, timeout=60.0)
        while (reply := await call.read()) is not aio.EOF:
            said += reply.text
            finish = reply.finish if reply.HasField("finish") else finish
        return said, finish


async def test_a_full_disk_and_a_memory_that_is_gone(tmp_path: Path) -> None:
    memory = Process(tmp_path / "memory.log", "cognition", "--port", str(port := free_port()), "--memory", str(tmp_path / "memory")).start()
    try:
        with Mesh(tmp_path) as mesh:
            agent = mesh.agent("a", "--memory-server", f"127.0.0.1:{port}")
            mesh.apply("echo", "echo-nano", 1)
            _, address = mesh.gateway("--memory-server", f"127.0.0.1:{port}")
            _, finish = await told(address, "My dog is called Pixel.")
            assert finish.usage.memory.learned_ids
            assert not finish.usage.memory.error

            assert memory.popen is not None
            resource.prlimit(memory.popen.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # stands for a full disk
            said, finish = await told(address, "My cat is called Mia.")
            assert said, "the answer is whole"
            assert finish.reason
            assert "disk" in finish.usage.memory.error, "and says that it was not remembered"
            assert "a turn could not be remembered" in agent.log.read_text()
            async with channel_to(address) as channel:
                stub, scope = CognitionServiceStub(channel), common_pb2.Scope(user="ann")
                told_text = [cognition_pb2.NewMemory(text="I like tea.")]
                with pytest.raises(aio.AioRpcError) as caught:
                    await stub.Remember(cognition_pb2.RememberRequest(scope=scope, memories=told_text))
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

            memory.kill()
            with pytest.raises(aio.AioRpcError) as caught:
                await told(address, "What is my dog called?")
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "the memory did not answer" in (caught.value.details() or "")
            assert "leave `memory` out" in (caught.value.details() or "")
            assert "reason=MEMORY_UNAVAILABLE" in agent.log.read_text()
    finally:
        memory.end()


async def test_a_context_is_built_for_any_model_or_none(tmp_path: Path) -> None:
    models = "---\n".join(
        f"apiVersion: echorator.dev/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec: {{image: echo-nano}}\n" for name in ("one", "two")
    )
    (tmp_path / "models.yaml").write_text(models)
    ports = [str(free_port()) for _ in range(2)]
    options = ("--port", ports[0], "--http-port", "-1", "--controller-port", ports[1], "--view", "lines", "--data", str(tmp_path / "data"))
    up = Process(tmp_path / "up.log", "up", "-f", str(tmp_path / "models.yaml"), *options).start()
    try:
        async with channel_to(f"127.0.0.1:{ports[0]}") as channel:
            stub, scope = CognitionServiceStub(channel), common_pb2.Scope(user="ann")
            await stub.Remember(
                cognition_pb2.RememberRequest(scope=scope, memories=[cognition_pb2.NewMemory(text="My dog is called Pixel.")])
            )
            question = [model_pb2.Message(role="user", content="What is my dog called?")]
            tokens = {}
            for model in ("two", "", "three"):
                request = cognition_pb2.BuildContextRequest(scope=scope, messages=question, model=model)
                built = await stub.BuildContext(request, timeout=60.0)
                assert "Pixel" in built.block
                tokens[model] = built.block_tokens
            assert tokens[""] == tokens["three"] > 0, "both are estimated"
            assert tokens["two"] not in (0, tokens[""]), "and this is counted"
        assert "Traceback" not in up.log.read_text()
    finally:
        up.terminate()
        up.end()
