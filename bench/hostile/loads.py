"""Hostile models for a mesh to serve: damaged files, paths that are no file, and good files with an endless template."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import grpc

from bench.hostile.files import load_requests
from bench.hostile.templates import jinja_templates
from echorator.agent.loading.embedded import embedded_model
from echorator.rpc.v1 import controller_pb2 as mesh
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.models.random_gguf import Shape, write

AT_ONCE = 100  # files that lie there at the same time, of one folder


@dataclass(frozen=True)
class Load:
    """A model that the mesh places, chats with once and deletes."""

    request: pb.LoadModelRequest


def files(seed: int) -> Iterator[Load]:
    """Yield the requests of `files.load_requests` endlessly."""
    whole = embedded_model().read_bytes()
    for number in count(seed):
        with tempfile.TemporaryDirectory() as folder:
            for request in load_requests(Path(folder), AT_ONCE, whole, number):
                yield Load(request)


def templates(seed: int) -> Iterator[Load]:
    """Yield small models whose chat template loops or allocates endlessly."""
    for number in count(seed):
        with tempfile.TemporaryDirectory() as folder:
            for i, source in enumerate(jinja_templates(AT_ONCE, number)):
                path = write(Path(folder) / f"{i}.gguf", Shape(template=source))
                yield Load(pb.LoadModelRequest(name=f"hostile-{number}-{i}", path=str(path)))
                path.unlink()


async def send(controller: Any, gateway: Any, load: Load, timeout_s: float) -> str:
    """Apply the model, wait until it is ready or has failed, chat with it, delete it. Return how it ended."""
    request = load.request
    spec = mesh.ModelSpec(name=request.name, source=request.path, replicas=1, options=request.options)
    try:
        await controller.ApplyModel(mesh.ApplyModelRequest(spec=spec), timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        return f"refused {error.code().name}"
    try:
        async with asyncio.timeout(timeout_s):
            while not (status := (await controller.GetModel(mesh.GetMeshModelRequest(name=request.name))).status).ready:
                if status.HasField("last_error"):
                    return f"not served {mesh.ErrorClass.Name(status.last_error.kind)}"
                await asyncio.sleep(0.02)
        message = pb.Message(role="user", content="Hello!")
        chat = pb.ChatRequest(model=request.name, messages=[message], limits=pb.Limits(max_tokens=4))
        async for _ in gateway.Chat(chat, timeout=timeout_s):
            pass
    except TimeoutError:
        return f"neither served nor refused within {timeout_s:g} s"
    except grpc.aio.AioRpcError as error:
        return f"chat {error.code().name}"
    finally:
        await controller.DeleteModel(mesh.DeleteModelRequest(name=request.name), timeout=timeout_s)
    return "OK"
