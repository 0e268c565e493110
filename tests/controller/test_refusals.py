"""ModelService as the controller answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.controller.xds.refusals import ServedElsewhereError, why
from echorator.errors import ModelNotFoundError
from echorator.host.connection import channel_to
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.controllers import controlling


def test_the_words() -> None:
    known = [f"m{number:02}" for number in range(25)]
    assert str(why("x", ["b", "a"])) == "no model 'x' is known to this mesh; known: a, b"
    assert str(why("", [])) == "no model of the name that was called (xds:///NAME) is known to this mesh; known: none"
    assert str(why("x", known)).endswith("m18, m19 and 5 more")
    assert isinstance(why("x", known), ModelNotFoundError)
    assert len(str(why("x" * 100_000, known))) < 1000
    assert isinstance(why("m03", known), ServedElsewhereError)
    assert str(why("m03", known)) == "the controller serves no models: call xds:///m03, or a gateway"


@pytest.mark.asyncio(loop_scope="session")
async def test_every_call_of_the_service_is_answered(tmp_path: Path) -> None:
    async with controlling(tmp_path) as controller, channel_to(controller.address) as channel:
        await controller.apply("known")
        stub: Any = ModelServiceStub(channel)
        for method in pb.DESCRIPTOR.services_by_name["ModelService"].methods:
            request: Any = getattr(pb, method.input_type.name)()
            assert await status_of(getattr(stub, method.name)(request), method.server_streaming) is grpc.StatusCode.NOT_FOUND
        assert await status_of(stub.Chat(pb.ChatRequest(model="known")), True) is grpc.StatusCode.UNAVAILABLE
        assert await status_of(stub.Tokenize(pb.TokenizeRequest(model="known")), False) is grpc.StatusCode.UNAVAILABLE


async def status_of(call: Any, streamed: bool) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as caught:
        await (call.read() if streamed else call)
    return caught.value.code()
