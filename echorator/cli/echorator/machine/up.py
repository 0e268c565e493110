"""`echorator up`: runs controller, local cluster with its agents, memory and gateway on one machine; drains on Ctrl-C.

Start order: memory, controller and cluster, gateway; each needs the one before. They end in reverse order, so that a running answer
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

from echorator.cli.echorator.machine.cluster import tell_of_workers
from echorator.cli.echorator.machine.status import show
from echorator.cli.manifest_files import wishes_of
from echorator.cli.options.http import http_settings_of
from echorator.cli.options.telemetry import telemetry, telemetry_options_of
from echorator.cli.target import wish_of_source
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
from echorator.host.agent_logs import LOGS
from echorator.host.agent_runs import AgentPlace, Agents
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.folders import data_home
from echorator.host.image_fetches import ImageFetches
from echorator.host.model_store import puller_of, stores_of
from echorator.host.opened_memory import open_memory
from echorator.host.running_file import Running, announced, hold_data
from echorator.mesh_client.link import MeshLink
from echorator.rpc.v1 import model_pb2
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.calls import error_behind
from echorator.serving.server import Server, ServerSettings, on_signals
from echorator.settings import EMBEDDED_NAME
from echorator.telemetry.agent_metrics import collect_engines
from echorator.telemetry.exposition import Exposition
from echorator.telemetry.log_lines import LISTENING_ON, say

JOIN_S = 30.0
SHOW_S = 0.5
FIRST = f"""\
apiVersion: echorator.dev/v1
kind: Model
metadata: {{name: {EMBEDDED_NAME}}}
spec: {{image: {EMBEDDED_NAME}}}
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the mesh until a signal and return the exit code. Raises CommandError."""
    return uvloop.run(_up(arguments))


async def _up(arguments: argparse.Namespace) -> int:
    try:
        wishes = [*wishes_of(arguments.file), *(wish_of_source(source) for source in arguments.models)]
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    folder: Path = (arguments.data or data_home()).absolute()
    async with AsyncExitStack() as stack:
        stack.callback(os.close, hold_data(folder, "up.lock"))
        later = _Gateway()
        memory = "" if arguments.no_memory else await _memory(arguments, folder, stack, later)
        control = await _control(arguments, folder, stack, memory, wishes, later)
        gateway, http = await _gateway(arguments, stack, control, memory)
        later.address = gateway.address
        models = stores_of(arguments.models_folder)[0].folder
        running = stack.enter_context(announced(control.server.address, gateway.address, http, bool(memory), models, folder))
        gateway.catch_signals()
        gateway.serve()
        live = arguments.view == "live" or (arguments.view == "auto" and sys.stdout.isatty())
        if not live:
            say(_greeting(running))
        with telemetry(arguments, "up"):
            await _serve(gateway, running, live)
        on_signals(control.cluster.hurry)
    say("stopped", sys.stderr)
    return Exit.OK


async def _serve(gateway: Server, running: Running, live: bool) -> None:
    """Show the state of the mesh until a signal, then drain the gateway."""
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
    return f"{LISTENING_ON}{running.gateway} (gRPC){http}, {running.controller} (controller, xDS)"


class _Gateway:
    """The gateway for parts that start before it, whose address is set later."""

    address = ""

    async def count(self, model: str, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text with the model's own tokenizer."""
        async with channel_to(self.address) as channel:
            stub = ModelServiceStub(channel)
            try:
                counted = await asyncio.gather(*(stub.Tokenize(model_pb2.TokenizeRequest(model=model, text=text)) for text in texts))
            except aio.AioRpcError as error:
                raise error_behind(error) from error
        return [len(reply.tokens) for reply in counted]


@dataclass(frozen=True)
class _Control:
    """The server of the controller and the cluster, with both and the runs of the agents."""

    server: Server
    role: ControllerRole
    cluster: Cluster
    agents: Agents


def _server(arguments: argparse.Namespace, port: int, option: str = "--port") -> Server:
    try:
        return Server(ServerSettings(arguments.host, port, arguments.grace, port_option=option))
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error


async def _memory(arguments: argparse.Namespace, folder: Path, stack: AsyncExitStack, later: _Gateway) -> str:
    """Serve CognitionService on a port of its own, for agents and gateway, and return the address."""
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
    """Start the controller and the cluster that runs its agents."""
    server = _server(arguments, arguments.controller_port, "--controller-port")
    journal = Journal(folder / "cluster")
    stack.callback(journal.close)
    fresh = journal.fresh()
    agents = Agents()
    cluster = Cluster(arguments.workers, journal, agents)
    tell_of_workers(arguments.workers)
    cluster.apply(wishes or (parse_manifests(FIRST, "") if fresh else []))
    # There are no agents to wait for: those of the last process ended with it.
    role = await ControllerRole.open(folder / "controller", ControllerSettings(rebuild_s=0.0))
    server.host(role)
    server.host(ClusterRole(cluster))
    stack.push_async_callback(server.close)
    await server.start()
    options = telemetry_options_of(arguments)
    agents.use(AgentPlace(server.address, arguments.host, memory, folder / LOGS, arguments.grace, arguments.models_folder, options))
    collect_engines(agents.engines)
    link = MeshLink(server.address, lambda _name: cluster.wake())
    stack.push_async_callback(asyncio.to_thread, link.close)
    stack.push_async_callback(asyncio.to_thread, cluster.close)
    images = ImageFetches(puller_of(arguments.models_folder), cluster.wake)
    cluster.start(Mesh(link, images, (lambda: True) if memory else None, lambda: later.address, arguments.grace))
    server.serve()
    return _Control(server, role, cluster, agents)


async def _gateway(arguments: argparse.Namespace, stack: AsyncExitStack, control: _Control, memory: str) -> tuple[Server, str]:
    """Start the gateway for all clients; return its server and its HTTP address, "" for none."""
    limits = http_settings_of(arguments)
    role = GatewayRole(control.server.address, GatewaySettings(prefix_scope=arguments.prefix_scope), memory)
    server = _server(arguments, arguments.port)
    server.host(role)
    stack.push_async_callback(server.close)
    await server.start()
    role.start(server.address, server.health)
    if not await role.ready(JOIN_S):
        raise CommandError(f"the controller did not answer within {JOIN_S:g} s", Exit.UNAVAILABLE)
    if arguments.http_port < 0:
        return server, ""

    def observe() -> None:
        role.observe()
        control.role.observe()

    app = Api(role.calls, server.settings.receive_limit_bytes, Exposition(observe, control.agents.metrics), limits).app()
    http = HttpServer(app, arguments.host, arguments.http_port, settings=limits)
    stack.push_async_callback(http.close)
    await http.start()
    return server, f"{arguments.host}:{http.port}"
