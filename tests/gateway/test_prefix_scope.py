"""What callers learn of each other's prompts through the prefix cache: all of it by default, nothing where a setting parts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from grpc import aio

from echorator.errors import InvalidRequestError
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.prefix_scope import scope_of
from tests.support.http_client import http
from tests.support.mesh import Mesh
from tests.support.ports import free_port

SECRET = "The secret number of the customer is 271828, and nobody else may know it. " * 4


async def cached(address: str, session: str = "", prompt: str = SECRET) -> int:
    """What a new connection is told of its prompt's cached tokens."""
    async with aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        request = pb.GenerateRequest(model="echo", prompt=prompt, limits=pb.Limits(max_tokens=1))
        metadata = (("x-echorator-session", session),) if session else ()
        call: Any = ModelServiceStub(channel).Generate(request, metadata=metadata, timeout=60.0)
        while (reply := await call.read()) is not aio.EOF:
            if reply.HasField("finish"):
                return int(reply.finish.usage.cached_tokens)
    raise AssertionError("no finish came")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_second_caller_learns_of_the_firsts_prompt_only_where_prefixes_are_shared(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a", "--kv-layout", "unified")
        mesh.apply("echo", "echo-nano", 1)
        _, shared = mesh.gateway()
        assert await cached(shared) == 0
        assert await cached(shared) > 30
        _, by_connection = mesh.gateway("--prefix-scope", "connection")
        assert await cached(by_connection) == 0, "not even what came through the other gateway"
        assert await cached(by_connection) == 0
        port = free_port()
        _, by_session = mesh.gateway("--prefix-scope", "session", http=port)
        assert await cached(by_session, "ann") == 0
        assert await cached(by_session, "bob") == 0
        assert await cached(by_session, "ann") > 30

        async def over_http(session: str) -> int:
            body = json.dumps({"model": "echo", "prompt": SECRET, "max_tokens": 1, "session": session}).encode()
            answer = json.loads((await http(f"http://127.0.0.1:{port}", "POST", "/v1/completions", body)).body)
            return int(answer["usage"]["prompt_tokens_details"]["cached_tokens"])

        assert await over_http("ann") > 30, "a session is one, over gRPC and over HTTP"
        assert await over_http("eve") == 0


@pytest.mark.asyncio(loop_scope="session")
async def test_an_agent_parts_those_who_call_it_directly(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a", "--kv-layout", "unified", "--prefix-scope", "session")
        mesh.apply("echo", "echo-nano", 1)
        agents = json.loads(mesh.command("agents", "--output", "json"))["agents"]
        address = agents[0]["address"]
        assert await cached(address, "ann") == 0
        assert await cached(address, "bob") == 0
        assert await cached(address, "ann") > 30


def test_what_a_setting_parts() -> None:
    ann, bob, far = ("192.0.2.1", "192.0.2.1:1"), ("192.0.2.1", "192.0.2.1:2"), ("192.0.2.9", "192.0.2.9:1")
    assert {scope_of("shared", who, "s") for who in (ann, bob, far)} == {""}
    assert scope_of("address", ann, "") == scope_of("address", bob, "") != scope_of("address", far, "")
    assert len({scope_of("connection", who, "s") for who in (ann, bob, far)}) == 3
    assert scope_of("session", ann, "s") == scope_of("session", far, "s") != scope_of("session", ann, "t")
    assert scope_of("session", ann, "") != scope_of("session", bob, ""), "without a name it is the connection"
    with pytest.raises(InvalidRequestError, match="prefix_scope must be one of shared, address, connection, session"):
        GatewaySettings(prefix_scope="peer")
