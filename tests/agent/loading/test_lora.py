"""Adapters by gRPC: of the request, and of the image that has one; as files and as sources that are pulled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write
from tests.support.models.servers import RegistryServer, registry_server
from tests.support.programs import needing

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("lora") / "base.gguf", Shape())


@pytest.fixture(scope="module")
def lora(base: Path) -> Path:
    return write_lora(base.with_name("adapter.gguf"), base)


@pytest.fixture(scope="module")
@needing("docker-registry")
def registry(base: Path, lora: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        server.ollama("ann/base", base.read_bytes())
        server.ollama("ann/tuned", base.read_bytes(), adapter=lora.read_bytes())
        layer = {"mediaType": "application/vnd.docker.ai.gguf.v3", **server.blob("ann/adapter", lora.read_bytes())}
        server.oci("ann/adapter", "v1", [layer])
        yield server


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[ModelServiceStub]:
    settings = EngineSettings(embedded_model(), threads=1)
    server = AgentServer(ServerSettings(port=0), settings, Puller(Store(folder)))
    await server.start()
    server.serve()
    try:
        async with aio.insecure_channel(server.address) as channel:
            yield ModelServiceStub(channel)
    finally:
        await server.close()


async def load(stub: ModelServiceStub, name: str, path: str, *adapters: pb.Lora) -> pb.Model:
    request = pb.LoadModelRequest(name=name, path=path, options=pb.EngineOptions(lora=adapters))
    return [reply async for reply in stub.LoadModel(request)][-1].model


async def text(stub: ModelServiceStub, model: str) -> str:
    request = pb.GenerateRequest(model=model, prompt="Once upon", limits=pb.Limits(max_tokens=12, ignore_eos=True))
    request.sampling.temperature = 0
    return "".join([reply.text async for reply in stub.Generate(request)])


async def test_all_ways_to_an_adapter_lead_to_the_same_answers(base: Path, lora: Path, registry: RegistryServer, tmp_path: Path) -> None:
    merged = merge_lora(tmp_path / "merged.gguf", base, lora)
    async with agent(tmp_path / "models") as stub:
        await load(stub, "base", str(base))
        await load(stub, "merged", str(merged))
        expected = await text(stub, "merged")
        assert await text(stub, "base") != expected
        by_file = await load(stub, "by-file", str(base), pb.Lora(source=str(lora)))
        await load(stub, "by-source", f"{registry.host}/ann/base", pb.Lora(source=f"oci://{registry.host}/ann/adapter:v1", scale=1))
        with_own = await load(stub, "with-own", f"{registry.host}/ann/tuned")
        for name in ("by-file", "by-source", "with-own"):
            assert await text(stub, name) == expected, name
        assert [(lora.source, lora.scale) for lora in by_file.lora] == [(str(lora), 1.0)]
        assert len(with_own.lora) == 1
        half = await load(stub, "half", str(base), pb.Lora(source=str(lora), scale=0.5), pb.Lora(source=str(lora), scale=0.5))
        assert await text(stub, "half") == expected
        assert [lora.scale for lora in (await stub.GetModel(pb.GetModelRequest(model="half"))).lora] == [0.5, 0.5]
        assert len(half.lora) == 2


async def test_what_cannot_be_is_said(base: Path, lora: Path, tmp_path: Path) -> None:
    wide = write(tmp_path / "wide.gguf", Shape(dim=128, heads=8))
    async with agent(tmp_path / "models") as stub:

        async def says(text: str, path: Path, *adapters: pb.Lora) -> None:
            request = pb.LoadModelRequest(name="m", path=str(path), options=pb.EngineOptions(lora=adapters))
            await refused(stub.LoadModel(request), INVALID, text)

        await says("lora[1].source is empty", base, pb.Lora(source=str(lora)), pb.Lora())
        await says("lora[0].source has a NUL", base, pb.Lora(source="a\0b"))
        await says("lora: a scale must be -100..100, not 101", base, pb.Lora(source=str(lora), scale=101))
        await says("options.lora must be at most 16 at once, not 17", base, *[pb.Lora(source=str(lora))] * 17)
        await says("absent.gguf: No such file", base, pb.Lora(source=str(tmp_path / "absent.gguf")))
        await says("is no LoRA adapter of this model", wide, pb.Lora(source=str(lora)))
        await says("is no LoRA adapter of this model", embedded_model(), pb.Lora(source=str(lora)))
        await says("is no LoRA adapter of this model", base, pb.Lora(source=str(base)))
        await says("is a LoRA adapter", lora)
        assert not (await stub.ListModels(pb.ListModelsRequest())).models
