"""The server around the service: health, reflection, channelz, ports, signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc import aio
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from echorator.agent.server import AgentServer
from echorator.agent.service import NAME
from echorator.errors import InvalidRequestError, ResourceError
from echorator.host.connection import connected
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.agents import Agent, collected, exit_code, refused, serving, subprocess_serving
from tests.support.models.pulling import no_pulls

pytestmark = pytest.mark.asyncio(loop_scope="session")

PINGS_S = 2.0  # between a client's keepalive probes
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


@asynccontextmanager
async def channel_to(address: str) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(address) as channel:
        yield channel


async def test_health_of_the_server_the_service_and_each_model(agent: Agent) -> None:
    async with channel_to(agent.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", NAME, f"{NAME}/echo-nano"):
            assert (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
        await refused(stub.Check(health_pb2.HealthCheckRequest(service="nothing")), grpc.StatusCode.NOT_FOUND)


async def test_every_watcher_sees_every_change(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}) as agent, channel_to(agent.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=f"{NAME}/other")
        leaver, *watchers = [stub.Watch(request) for _ in range(3)]
        for watcher in (leaver, *watchers):
            assert (await watcher.read()).status == SERVICE_UNKNOWN
        leaver.cancel()
        async for _ in agent.stub.LoadModel(pb.LoadModelRequest(name="other", path=str(echo_nano))):
            pass
        for watcher in watchers:
            statuses = [(await watcher.read()).status, (await watcher.read()).status]
            assert statuses == [NOT_SERVING, SERVING]
        await agent.stub.UnloadModel(pb.UnloadModelRequest(model="other"))
        for watcher in watchers:
            status = (await watcher.read()).status
            assert status in (NOT_SERVING, SERVICE_UNKNOWN)
            watcher.cancel()


async def test_reflection_lists_the_services_and_describes_them(agent: Agent) -> None:
    async with channel_to(agent.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=NAME),
        ]
        listed, described = [reply async for reply in stub.ServerReflectionInfo(iter(asked))]
    assert {s.name for s in listed.list_services_response.service} >= {NAME, "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"}
    assert described.file_descriptor_response.file_descriptor_proto


async def test_reflection_of_both_versions_says_the_same(agent: Agent) -> None:
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=NAME),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.reflection.v1.ServerReflection"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Symbol"),
    ]
    said = []
    async with channel_to(agent.address) as channel:
        for version in ("v1alpha", "v1"):
            call: Any = channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            said.append([reply async for reply in call(iter(asked))])
    assert said[0] == said[1]
    listed, described, itself, unknown = said[1]
    services = {service.name for service in listed.list_services_response.service}
    assert services >= {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", NAME}
    assert described.file_descriptor_response.file_descriptor_proto
    (own,) = itself.file_descriptor_response.file_descriptor_proto
    file = descriptor_pb2.FileDescriptorProto.FromString(own)
    assert file.package == "grpc.reflection.v1"
    assert b"v1alpha" not in own
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_channelz_shows_the_server(agent: Agent) -> None:
    async with channel_to(agent.address) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        servers = (await stub.GetServers(channelz_pb2.GetServersRequest(start_server_id=0))).server
    assert any(s.data.calls_started > 0 for s in servers)


async def test_a_port_in_use_is_refused(agent: Agent, echo_nano: Path) -> None:
    second = AgentServer(ServerSettings(port=agent.server.port), EngineSettings(echo_nano), no_pulls())
    with pytest.raises(ResourceError, match=f"cannot listen on 127.0.0.1:{agent.server.port}: Address already in use"):
        await second.start()


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
async def test_an_address_that_is_not_ours_is_refused(host: str, echo_nano: Path) -> None:
    with pytest.raises(ResourceError, match="cannot listen on"):
        await AgentServer(ServerSettings(host, 0), EngineSettings(echo_nano), no_pulls()).start()


@pytest.mark.parametrize(
    ("field", "value"), [("port", -1), ("port", 65536), ("grace_s", -1.0), ("receive_limit_bytes", 10), ("keepalive_s", 0.0)]
)
async def test_settings_out_of_range(field: str, value: float) -> None:
    with pytest.raises(InvalidRequestError, match=field):
        ServerSettings(**{field: value})  # type: ignore[arg-type]


async def test_the_receive_limit_is_a_setting(echo_nano: Path) -> None:
    async with serving({"echo-nano": echo_nano}, ServerSettings(port=0, receive_limit_bytes=2048)) as agent:
        assert (await agent.stub.Tokenize(pb.TokenizeRequest(text="x" * 1000))).tokens
        await refused(agent.stub.Tokenize(pb.TokenizeRequest(text="x" * 3000)), grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")


LONG = pb.GenerateRequest(prompt="a", limits=pb.Limits(ignore_eos=True))


@asynccontextmanager
async def draining(process: asyncio.subprocess.Process, address: str) -> AsyncIterator[None]:
    """Send SIGTERM and wait until the server has taken it: a call that arrives before is still admitted."""
    async with channel_to(address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == SERVING
        process.send_signal(signal.SIGTERM)
        assert (await health.read()).status == NOT_SERVING
        yield
        health.cancel()


async def test_sigterm_lets_a_running_stream_end_and_refuses_new_calls(slow_model: Path) -> None:
    async with (
        subprocess_serving(str(slow_model), "--slots", "2", "--context-tokens", "8192") as (process, address),
        connected(address) as stub,
    ):
        limits = pb.Limits(ignore_eos=True, max_tokens=1500)
        call = stub.Generate(pb.GenerateRequest(prompt="a", limits=limits))
        await call.read()
        async with draining(process, address):
            await refused(stub.Generate(LONG), grpc.StatusCode.UNAVAILABLE, "shutting down")
            await refused(stub.ListModels(pb.ListModelsRequest()), grpc.StatusCode.UNAVAILABLE, "shutting down")
            _, finish = await collected(call)
            assert finish.usage.completion_tokens == 1500
        assert await exit_code(process, 10) == 0


async def test_after_the_grace_running_streams_are_cancelled(slow_model: Path) -> None:
    options = ("--slots", "2", "--context-tokens", "32768", "--grace", "0.3")
    async with subprocess_serving(str(slow_model), *options) as (process, address), connected(address) as stub:
        call = stub.Generate(LONG)
        await call.read()
        process.send_signal(signal.SIGTERM)
        await refused(call, grpc.StatusCode.UNAVAILABLE, "the server stopped")
        assert await exit_code(process, 10) == 0


async def test_a_second_signal_stops_at_once(slow_model: Path) -> None:
    options = ("--slots", "2", "--context-tokens", "32768", "--grace", "600")
    async with subprocess_serving(str(slow_model), *options) as (process, address), connected(address) as stub:
        call = stub.Generate(LONG)
        await call.read()
        async with draining(process, address):
            await refused(stub.Generate(LONG), grpc.StatusCode.UNAVAILABLE, "shutting down")
            process.send_signal(signal.SIGINT)
            await refused(call, grpc.StatusCode.UNAVAILABLE, "the server stopped")
        assert await exit_code(process, 10) == 0


@pytest.mark.slow
async def test_a_silent_stream_with_keepalive_is_not_broken(agent: Agent) -> None:
    options = [("grpc.keepalive_time_ms", int(PINGS_S * 1000)), ("grpc.http2.max_pings_without_data", 0)]
    async with aio.insecure_channel(agent.address, options=[*options, ("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watch.read()).status == SERVING
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4.5 * PINGS_S):  # gRPC breaks a connection at the third probe that it takes for an attack
                await watch.read()
