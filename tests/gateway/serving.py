"""A real gateway beside a real controller, on free loopback ports; and back ends that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from echorator.gateway.http.api import Api
from echorator.gateway.http.server import HttpServer
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.host.connection import channel_to
from echorator.rpc.v1 import controller_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import Server, ServerSettings
from echorator.telemetry.exposition import Exposition
from tests.support.controllers import Controller, StreamAgent, controlling
from tests.support.waiting import eventually

HTTP_LIMIT_BYTES = 1 << 20


@dataclass
class Gateway:
    """A running gateway, its controller, and a client of it."""

    controller: Controller
    server: Server
    role: GatewayRole
    channel: aio.Channel
    stub: ModelServiceStub
    http: HttpServer
    back_ends: list[BackEnd] = field(default_factory=list)  # end with it

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.port}"

    async def back_end(self, name: str, slots: int = 1, model: str = "m", failover: int = 0) -> BackEnd:
        """One more, which the gateway knows when this returns."""
        made = await BackEnd().start()
        self.back_ends.append(made)
        agent = StreamAgent(self.controller, name, made.address, priority=failover)
        agent.own = [pb_model(model, slots)]
        await agent.join()
        made.agent = agent

        async def known() -> bool:
            return model in self.role.fleet.models() and name in self.role.fleet.find(model).places

        await eventually(known, f"the gateway knows {name}")
        return made

    async def waiting(self, requests: int) -> None:
        """Until so many wait in the buffer."""

        async def holds() -> bool:
            return self.role.dispatcher.waiting == requests

        await eventually(holds, f"{requests} waiting requests")


def pb_model(name: str, slots: int) -> Any:
    """As an agent reports one of its own."""
    return controller_pb2.AgentModel(name=name, slots=slots, state=controller_pb2.AGENT_MODEL_STATE_READY, generates=True)


class BackEnd(grpc.GenericRpcHandler):
    """A gRPC server whose streaming calls send one message, wait for `go`, send another and end; a queue of failures comes first."""

    def __init__(self) -> None:
        self.address = ""
        self.agent: StreamAgent | None = None
        self.bodies: list[bytes] = []
        self.metadata: list[dict[str, str]] = []
        self.now = 0
        self.most = 0  # of `now`, so far
        self.cancelled = 0
        self.go = asyncio.Event()
        self.go.set()
        self.first = True  # whether the first message comes before `go`
        self.failures: list[tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]] = []  # one a call, before its first message
        self.garbage = b""  # sent after the first message
        self.breaks = False  # after the first message
        self.told: list[pb.ChatResponse] = []  # in place of both messages
        self.endless = b""  # a text that is sent again and again after the first message
        self._server = aio.server(options=[("grpc.so_reuseport", 0)])

    def service(self, details: Any) -> Any:
        streams = details.method.endswith(("/Chat", "/Generate"))
        return grpc.unary_stream_rpc_method_handler(self._stream) if streams else grpc.unary_unary_rpc_method_handler(self._unary)

    async def start(self) -> BackEnd:
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def _begin(self, body: bytes, context: Any) -> None:
        self.bodies.append(body)
        self.metadata.append({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})
        if self.failures:
            code, message, trailers = self.failures.pop(0)
            await context.abort(code, message, trailers)

    async def _stream(self, body: bytes, context: Any) -> None:
        await self._begin(body, context)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for message in self.told:
                await context.write(message.SerializeToString())
            if self.told:
                return
            if self.first:
                await context.write(pb.ChatResponse(text="first").SerializeToString())
            if self.garbage:
                await context.write(self.garbage)
            if self.breaks:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            while self.endless:
                await context.write(pb.ChatResponse(text=self.endless.decode()).SerializeToString())
            await self.go.wait()
            await context.write(pb.ChatResponse(text="last", finish=pb.Finish(reason=pb.FINISH_REASON_STOP)).SerializeToString())
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1

    async def _unary(self, body: bytes, context: Any) -> bytes:
        await self._begin(body, context)
        return body

    async def busy(self, calls: int) -> None:
        """Until so many run here."""

        async def holds() -> bool:
            return self.now == calls

        await eventually(holds, f"{calls} calls at a back end")

    async def close(self) -> None:
        await self._server.stop(None)


@asynccontextmanager
async def gatewaying(
    folder: Path, memory_server: str = "", advertise: bool = False, http_limits: HttpSettings | None = None, **limits: Any
) -> AsyncIterator[Gateway]:
    """`advertise`: others are sent to it."""
    http_limits = http_limits or HttpSettings()
    async with controlling(folder) as controller:
        role = GatewayRole(controller.address, GatewaySettings(**limits), memory_server)
        server = Server(ServerSettings(port=0))
        server.host(role)
        await server.start()
        role.start(server.address if advertise else "", server.health)
        assert await role.ready(30.0)
        server.serve()
        app = Api(role.calls, HTTP_LIMIT_BYTES, Exposition(role.observe), http_limits).app()
        http = HttpServer(app, "127.0.0.1", 0, settings=http_limits)
        await http.start()
        async with channel_to(server.address) as channel:
            gateway = Gateway(controller, server, role, channel, ModelServiceStub(channel), http)
            try:
                yield gateway
            finally:
                for back_end in gateway.back_ends:
                    back_end.go.set()
                await http.close()
                await server.close()
                for back_end in gateway.back_ends:
                    await back_end.close()
