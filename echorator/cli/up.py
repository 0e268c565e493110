"""`echorator up`: controller, local cluster with its agents, memory and gateway of one machine in one command; drains on Ctrl-C.

Start order: memory, controller and cluster, gateway; each needs the one before. They end the other way round, so that a running answer
still has its agent, and an agent that leaves still has its controller.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop
from grpc import aio

from echorator.cli.agent_runs import AgentPlace, Agents
from echorator.cli.client import channel_to
from echorator.cli.exits import CommandError, Exit
from echorator.cli.image_fetches import ImageFetches
from echorator.cli.manifest_files import wishes_of
from echorator.cli.memory_access import open_memory
from echorator.cli.memory_options import data_home
from echorator.cli.model_store import puller_of
from echorator.cli.running import Running, announced, hold_data
from echorator.cli.status import show
from echorator.cli.telemetry_options import telemetry
from echorator.cluster.cluster import Cluster
from echorator.cluster.documents import Wish
from echorator.cluster.journal import Journal
from echorator.cluster.manifests import parse_manifests
from echorator.cluster.models import Mesh
from echorator.cluster.role import ClusterRole
from echorator.cognition.service import CognitionRole
from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.gateway.http.api import Api
from echorator.gateway.http.server import HttpServer
from echorator.gateway.role import GatewayRole
from echorator.gateway.settings import GatewaySettings
from echorator.model.mesh_link import MeshLink
from echorator.rpc.v1 import model_pb2
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import Server, ServerSettings, on_signals
from echorator.settings import EMBEDDED_NAME

JOIN_S = 30.0
SHOW_S = 0.5
FIRST = f"""\
apiVersion: echorator.dev/v1
kind: Model
metadata: {{name: {EMBEDDED_NAME}}}
spec: {{image: {EMBEDDED_NAME}}}
"""


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return uvloop.run(_up(arguments))


async def _up(arguments: argparse.Namespace) -> int:
    wishes = wishes_of(arguments.file)
    folder: Path = (arguments.data or data_home()).absolute()
    async with AsyncExitStack() as stack:
        stack.callback(os.close, hold_data(folder, "up.lock"))
        later = _Gateway()
        memory = "" if arguments.no_memory else await _memory(arguments, folder, stack, later)
        control = await _control(arguments, folder, stack, memory, wishes, later)
        gateway, http = await _gateway(arguments, stack, control, memory)
        later.address = gateway.address
        running = stack.enter_context(announced(control.server.address, gateway.address, http, bool(memory)))
        gateway.catch_signals()
        gateway.serve()
        live = arguments.view == "live" or (arguments.view == "auto" and sys.stdout.isatty())
        if not live:
            print(_greeting(running), flush=True)
        with telemetry(arguments, "up"):
            await _serve(gateway, running, live)
        on_signals(control.cluster.hurry)
    print("stopped", file=sys.stderr)
    return Exit.OK


async def _serve(gateway: Server, running: Running, live: bool) -> None:
    """Show how it stands until a signal, then drain the gateway."""
    async with channel_to(running.controller) as channel:
        view = asyncio.create_task(_shown(channel, running, live))
        await gateway.run_until_signal()
        view.cancel()
        await asyncio.gather(view, return_exceptions=True)


async def _shown(channel: aio.Channel, running: Running, live: bool) -> None:
    while True:
        with contextlib.suppress(aio.AioRpcError):
            await show(channel, running, SHOW_S, live)
        await asyncio.sleep(SHOW_S)


def _greeting(running: Running) -> str:
    http = f", http://{running.http}/v1 (OpenAI)" if running.http else ""
    return f"listening on {running.gateway} (gRPC){http}, {running.controller} (controller, xDS)"


class _Gateway:
    """What the parts that start before the gateway need of it; its address is known later."""

    address = ""

    async def count(self, model: str, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the model's own tokenizer."""
        async with channel_to(self.address) as channel:
            stub = ModelServiceStub(channel)
            counted = await asyncio.gather(*(stub.Tokenize(model_pb2.TokenizeRequest(model=model, text=text)) for text in texts))
        return [len(reply.tokens) for reply in counted]


@dataclass(frozen=True)
class _Control:
    """The server with the controller and the cluster."""

    server: Server
    role: ControllerRole
    cluster: Cluster


def _server(arguments: argparse.Namespace, port: int, option: str = "--port") -> Server:
    try:
        return Server(ServerSettings(arguments.host, port, arguments.grace, port_option=option))
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error


async def _memory(arguments: argparse.Namespace, folder: Path, stack: AsyncExitStack, later: _Gateway) -> str:
    """CognitionService on a port of its own, for the agents and the gateway; its address."""
    api = await open_memory(arguments.memory or str(folder / "memory"), arguments.embedder, later.count)
    server = Server(ServerSettings("127.0.0.1", 0, arguments.grace))
    server.host(CognitionRole(api))
    stack.push_async_callback(server.close)
    await server.start()
    server.serve()
    return server.address


async def _control(
    arguments: argparse.Namespace, folder: Path, stack: AsyncExitStack, memory: str, wishes: Sequence[Wish], later: _Gateway
) -> _Control:
    """The controller, and the cluster that runs agents for it."""
    server = _server(arguments, arguments.controller_port, "--controller-port")
    journal = Journal(folder / "cluster")
    stack.callback(journal.close)
    fresh = journal.fresh()
    agents = Agents()
    cluster = Cluster(arguments.workers or [Path.cwd()], journal, agents)
    cluster.apply(wishes or (parse_manifests(FIRST, "") if fresh else []))
    role = await ControllerRole.open(folder / "controller", ControllerSettings(rebuild_s=0.0))  # its agents ended with the last process
    server.host(role)
    server.host(ClusterRole(cluster))
    stack.push_async_callback(server.close)
    await server.start()
    agents.use(AgentPlace(server.address, arguments.host, memory, folder / "logs", arguments.grace, arguments.models_folder))
    link = MeshLink(server.address, lambda _name: cluster.wake())
    stack.push_async_callback(asyncio.to_thread, link.close)
    stack.push_async_callback(asyncio.to_thread, cluster.close)
    images = ImageFetches(puller_of(arguments.models_folder), cluster.wake)
    cluster.start(Mesh(link, images, (lambda: True) if memory else None, lambda: later.address, arguments.grace))
    server.serve()
    return _Control(server, role, cluster)


async def _gateway(arguments: argparse.Namespace, stack: AsyncExitStack, control: _Control, memory: str) -> tuple[Server, str]:
    """For all clients; and its HTTP address, or ""."""
    role = GatewayRole(control.server.address, GatewaySettings(), memory)
    server = _server(arguments, arguments.port)
    server.host(role)
    stack.push_async_callback(server.close)
    await server.start()
    role.start(server.address)
    if not await role.ready(JOIN_S):
        raise CommandError(f"the controller did not answer within {JOIN_S:g} s", Exit.UNAVAILABLE)
    if arguments.http_port < 0:
        return server, ""

    def observe() -> None:
        role.observe()
        control.role.observe()

    http = HttpServer(Api(role.calls, server.settings.receive_limit_bytes, observe).app(), arguments.host, arguments.http_port)
    stack.push_async_callback(http.close)
    await http.start()
    return server, f"{arguments.host}:{http.port}"
