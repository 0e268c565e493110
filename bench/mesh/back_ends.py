"""Back ends of the mesh's benches: they answer at once, so that the mesh itself is measured.

python -m bench.mesh.back_ends echo PORT [--delay SECONDS]       a bare grpc.aio server; prints its most calls at a time at the end
python -m bench.mesh.back_ends proxy PORT BACK_END               a bare grpc.aio pass-through of unary calls
python -m bench.mesh.back_ends agents CONTROLLER COUNT ...       agents that are nothing but their stream to the controller
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc import aio

from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.mesh.v1.mesh_pb2_grpc import MeshServiceStub
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1 import model_pb2

STREAMED = 16  # messages of a streamed answer
OPTIONS = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]


class Echo(grpc.GenericRpcHandler):
    """A bare back end: unary methods answer with the request's bytes, Generate and Chat with some words."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.most = 0
        self.now = 0
        self._delay_s = delay_s
        self._word = model_pb2.GenerateResponse(text=" word").SerializeToString()
        self._unary: Any = grpc.unary_unary_rpc_method_handler(self._answer)
        self._stream: Any = grpc.unary_stream_rpc_method_handler(self._answers)

    def service(self, details: Any) -> Any:
        return self._stream if details.method.endswith(("/Generate", "/Chat")) else self._unary

    async def _answer(self, body: bytes, _context: Any) -> bytes:
        if self._delay_s:
            await self._hold()
        return body

    async def _answers(self, _body: bytes, context: Any) -> None:
        if self._delay_s:
            await self._hold()
        for _ in range(STREAMED):
            await context.write(self._word)

    async def _hold(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self._delay_s)
        finally:
            self.now -= 1


class Proxy(grpc.GenericRpcHandler):
    """The least work that a proxy can do: it passes the bytes of unary calls on."""

    def __init__(self, back_end: str) -> None:
        self._channel = aio.insecure_channel(back_end)
        self._handlers: dict[str, Any] = {}

    def service(self, details: Any) -> Any:
        handler = self._handlers.get(details.method)
        if handler is None:
            call: Any = self._channel.unary_unary(details.method)

            async def answer(body: bytes, _context: Any) -> bytes:
                reply: bytes = await call(body)
                return reply

            handler = self._handlers[details.method] = grpc.unary_unary_rpc_method_handler(answer)
        return handler


async def serve(handler: grpc.GenericRpcHandler, port: int) -> aio.Server:
    """Start a server with `handler` on a loopback port and return it."""
    server = aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server


class SimulatedAgent:
    """A simulated agent, as controller and gateway see it: a registration, and reports of a model that is ready."""

    def __init__(self, name: str, address: str, slots: int, model: str = "m") -> None:
        self.name = name
        self._address = address
        self._model = pb.AgentModel(name=model, generation=1, state=pb.AGENT_MODEL_STATE_READY, slots=slots, generates=True)
        self._reports = asyncio.Event()
        self.call: Any = None

    async def run(self, stub: MeshServiceStub, interval_s: float, changing: bool) -> None:
        """Report every `interval_s`; with another load each time if `changing`."""
        self.call = stub.AgentSession(self._messages(interval_s, changing))
        try:
            while await self.call.read() is not aio.EOF:
                pass
        finally:
            self.call.cancel()

    async def _messages(self, interval_s: float, changing: bool) -> AsyncIterator[mesh_pb2.AgentMessage]:
        instance = uuid.uuid4().hex
        yield mesh_pb2.AgentMessage(register=mesh_pb2.Register(protocol=1, id=self.name, instance=instance, address=self._address))
        model = self._model
        while True:
            if changing:
                model.busy = random.randrange(model.slots + 1)
            yield mesh_pb2.AgentMessage(report=mesh_pb2.Report(models=[model]))
            await asyncio.sleep(interval_s * random.uniform(0.9, 1.1))


async def _agents(arguments: argparse.Namespace) -> None:
    async with aio.insecure_channel(arguments.controller) as channel:
        stub = MeshServiceStub(channel)
        ends = []
        for i in range(arguments.count):
            back_ends = arguments.back_ends or [f"127.1.{i // 250}.{1 + i % 250}:1"]
            back_end = back_ends[i % len(back_ends)]
            agent = SimulatedAgent(f"{arguments.prefix}{i}", back_end, arguments.slots)
            ends.append(asyncio.create_task(agent.run(stub, arguments.interval, arguments.changing)))
            if i % 20 == 19:
                await asyncio.sleep(0.02)
        print("listening on nothing", flush=True)
        await asyncio.gather(*ends)


async def _serve(arguments: argparse.Namespace) -> None:
    handler = Echo(arguments.delay) if arguments.kind == "echo" else Proxy(arguments.back_end)
    server = await serve(handler, arguments.port)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    print(f"listening on 127.0.0.1:{arguments.port}", flush=True)
    await end.wait()
    await server.stop(None)
    if isinstance(handler, Echo):
        print(handler.most, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name in ("echo", "proxy"):
        server = kinds.add_parser(name)
        server.add_argument("port", type=int)
        server.add_argument("--delay", type=float, default=0.0)
    server.add_argument("back_end")
    agents = kinds.add_parser("agents")
    agents.add_argument("controller")
    agents.add_argument("count", type=int)
    agents.add_argument("back_ends", nargs="*", help="addresses, in turns [of each agent one where nobody listens]")
    agents.add_argument("--slots", type=int, default=10)
    agents.add_argument("--interval", type=float, default=0.3)
    agents.add_argument("--changing", action="store_true")
    agents.add_argument("--prefix", default="s")
    arguments = parser.parse_args()
    asyncio.run(_agents(arguments) if arguments.kind == "agents" else _serve(arguments))


if __name__ == "__main__":
    main()
