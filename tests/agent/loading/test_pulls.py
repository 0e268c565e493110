"""PullModel and LoadModel with sources that are not on this machine yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.server import AgentServer
from echorator.model_files.puller import Puller
from echorator.model_files.store import Store
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.agents import refused
from tests.support.models.servers import RegistryServer, registry_server, split_gguf
from tests.support.programs import needing

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
@needing("docker-registry")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        server.ollama("ann/nano", embedded_model().read_bytes(), "q8")
        yield server


@pytest.mark.slow
async def test_a_model_is_pulled_loaded_and_asked(registry: RegistryServer, tmp_path: Path) -> None:
    puller = Puller(Store(tmp_path / "models"))
    server = AgentServer(ServerSettings(port=0), EngineSettings(embedded_model()), puller)
    await server.start()
    server.serve()
    source = f"{registry.host}/ann/nano:q8"
    try:
        async with aio.insecure_channel(server.address) as channel:
            stub = ModelServiceStub(channel)
            pulled = [reply async for reply in stub.PullModel(pb.PullModelRequest(source=source))]
            assert pulled[-1].stage == "ready"
            assert pulled[-1].path.startswith(str(tmp_path))
            assert pulled[-1].digest.startswith("sha256:")
            loaded = [reply async for reply in stub.LoadModel(pb.LoadModelRequest(path=source))]
            assert loaded[-1].model.name == "nano:q8"
            request = pb.GenerateRequest(model="nano:q8", prompt="Hello", limits=pb.Limits(max_tokens=2))
            assert [reply async for reply in stub.Generate(request)][-1].HasField("finish")
            absent = stub.PullModel(pb.PullModelRequest(source=f"{registry.host}/ann/absent"))
            await refused(absent, grpc.StatusCode.NOT_FOUND, "look at the name, the tag and the spelling")
            await refused(stub.PullModel(pb.PullModelRequest(source="a b")), grpc.StatusCode.INVALID_ARGUMENT, "no part of a model's name")
            away = stub.PullModel(pb.PullModelRequest(source="127.0.0.1:1/a/b"))
            await refused(away, grpc.StatusCode.UNAVAILABLE, "cannot be reached")
    finally:
        await server.close()


async def test_what_a_model_brings_along_is_used_where_a_request_is_silent(registry: RegistryServer, tmp_path: Path) -> None:
    model = embedded_model().read_bytes()
    system = b"You are Echo, a helpful assistant with a memory.\nMemory:\n- My dog is called Pixel."
    params = b'{"temperature": 0, "stop": ["Pixel"], "num_predict": 30, "num_ctx": 4096}'
    registry.ollama("ann/echo", model, system=system, params=params)
    registry.ollama("ann/shout", model, template=b"{{ .Prompt }}", params=b'{"temperature": 0, "num_predict": 3}')
    registry.ollama("ann/odd", model, params=b'{"temperature": 109}')
    puller = Puller(Store(tmp_path / "models"))
    server = AgentServer(ServerSettings(port=0), EngineSettings(embedded_model()), puller)
    await server.start()
    server.serve()
    try:
        async with aio.insecure_channel(server.address) as channel:
            stub = ModelServiceStub(channel)
            for name in ("echo", "shout"):
                async for _ in stub.LoadModel(pb.LoadModelRequest(path=f"{registry.host}/ann/{name}")):
                    pass
            asked = pb.ChatRequest(model="echo", messages=[pb.Message(role="user", content="What is my dog called?")])
            replies = [reply async for reply in stub.Chat(asked)]
            assert "".join(reply.text for reply in replies) == "Your dog's name is "
            asked.limits.stop.append("dog")
            assert "".join([reply.text async for reply in stub.Chat(asked)]) == "Your "
            asked = pb.ChatRequest(model="shout", messages=[pb.Message(role="user", content="Once")])
            last = [reply async for reply in stub.Chat(asked)][-1]
            generated = [r async for r in stub.Generate(pb.GenerateRequest(model="shout", prompt="Once"))][-1]
            assert last.finish.usage.prompt_tokens == generated.finish.usage.prompt_tokens, "the template is the prompt alone"
            assert last.finish.usage.completion_tokens == 3
            odd = stub.LoadModel(pb.LoadModelRequest(path=f"{registry.host}/ann/odd"))
            await refused(odd, grpc.StatusCode.INVALID_ARGUMENT, "its parameters cannot be: temperature must be 0..100")
    finally:
        await server.close()


async def test_a_split_model_answers_as_the_whole_one(registry: RegistryServer, tmp_path: Path) -> None:
    parts = split_gguf(embedded_model(), tmp_path, 10)
    assert len(parts) > 2
    layers = []
    for part in reversed(parts):
        layer = {"mediaType": "application/vnd.docker.ai.gguf.v3", **registry.blob("ann/parts", part.read_bytes())}
        layers.append({**layer, "annotations": {"org.opencontainers.image.title": part.name}})
    registry.oci("ann/parts", "v1", layers)
    server = AgentServer(ServerSettings(port=0), EngineSettings(embedded_model()), Puller(Store(tmp_path / "m")))
    await server.start()
    server.serve()
    try:
        async with aio.insecure_channel(server.address) as channel:
            stub = ModelServiceStub(channel)
            async for _ in stub.LoadModel(pb.LoadModelRequest(name="parts", path=f"oci://{registry.host}/ann/parts:v1")):
                pass
            texts = []
            for name in ("", "parts"):
                request = pb.GenerateRequest(model=name, prompt="Once upon", limits=pb.Limits(max_tokens=16))
                request.sampling.temperature = 0
                texts.append("".join([reply.text async for reply in stub.Generate(request)]))
            assert texts[0] == texts[1] != ""
    finally:
        await server.close()
