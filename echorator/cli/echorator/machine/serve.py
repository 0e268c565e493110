"""`echorator serve`: loads models, listens, and drains on a signal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.loading.model_defaults import defaults_of
from echorator.agent.mesh.mesh_session import MeshSettings
from echorator.agent.replies import model_of
from echorator.agent.server import AgentServer
from echorator.agent.service import NAME
from echorator.cli.options.engine import adapters_of, engine_settings
from echorator.cli.options.telemetry import telemetry
from echorator.cli.output.load_progress import loading_shown
from echorator.cli.target import image_of
from echorator.errors import InvalidRequestError
from echorator.host.addresses import host_port_of
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.hosted_memory import host_memory
from echorator.host.local_server import load_file
from echorator.host.model_store import puller_of
from echorator.host.opened_memory import without_login
from echorator.host.running_file import announced
from echorator.host.server_roles import Needed, mistaken
from echorator.model_files.puller import Image
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import SIGNALS, ServerSettings
from echorator.settings import EMBEDDED_NAME, Lora
from echorator.telemetry.agent_metrics import collect_engines
from echorator.telemetry.log_lines import LISTENING_ON, say

_log = logging.getLogger(__name__)

EXAMPLE = '{"messages":[{"role":"user","content":"Hello!"}]}'

SHOW_CURSOR = "\x1b[?25h"  # ANSI code; the progress bar hides the cursor


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal and return the exit code. Raises CommandError."""
    if len(arguments.name) > max(1, len(arguments.models)):
        raise CommandError("more --name options than models", Exit.USAGE)
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace, arguments.receive_limit_bytes)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    adapters = adapters_of(arguments)
    if adapters and (len(arguments.models) > 1 or (arguments.controller and not arguments.models)):
        raise CommandError("--lora is of one model: name that one alone, or say it in the spec of a Model", Exit.USAGE)
    found = [await image_of(source, arguments.models_folder) for source in arguments.models]
    if not found and not arguments.controller:
        found = [(Image(EMBEDDED_NAME, embedded_model()), "")]
    adapting = [replace(lora, path=(await image_of(source, arguments.models_folder))[0].path) for source, lora in adapters]
    names = [*arguments.name, *(own for _, own in found[len(arguments.name) :])]
    if arguments.extract_instructions and not arguments.extract_with:
        raise CommandError("--extract-instructions are for the model of --extract-with; name it", Exit.USAGE)
    if arguments.with_memory and arguments.memory_server:
        raise CommandError("--with-memory and --memory-server exclude each other", Exit.USAGE)
    puller = puller_of(arguments.models_folder, mounts=arguments.mount)
    agent = AgentServer(settings, engine_settings(arguments, embedded_model()), puller)
    agent.service.prefix_scope = arguments.prefix_scope
    if arguments.with_memory:
        uses = (arguments.summarise_with, arguments.extract_with, arguments.extract_instructions)
        await host_memory(agent, arguments.memory, arguments.embedder, *uses)
    elif arguments.memory_server:
        agent.memory.use(CognitionServiceStub(channel_to(arguments.memory_server)))
    await agent.start()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, _abandon, number)
    try:
        for (image, _), name in zip(found, names, strict=False):
            await _load(agent, arguments, image, name, adapting)
        if arguments.controller:
            await join(agent, arguments)
    except BaseException:
        await agent.close()
        raise
    agent.catch_signals()
    agent.serve()
    say(_greeting(agent, arguments, len(found)))
    collect_engines(agent.engines)
    alone = (
        contextlib.nullcontext() if arguments.controller else announced("", agent.address, "", arguments.with_memory, puller.store.folder)
    )
    with telemetry(arguments, "agent"), alone:
        await agent.run_until_signal()
    say("stopped", sys.stderr)
    if agent.registry.abandoned:
        os._exit(Exit.OK)  # a thread that loads or decodes would be torn out of llama.cpp at the interpreter's end
    return Exit.OK


def _abandon(number: signal.Signals) -> None:
    """End the process on a signal while models load: nothing is served yet, and llama.cpp's load cannot be interrupted."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{SHOW_CURSOR}\n")
        sys.stderr.flush()
    os._exit(128 + number)


def _greeting(agent: AgentServer, arguments: argparse.Namespace, files: int) -> str:
    if not files:
        return f"{LISTENING_ON}{agent.address}, waiting for models from {arguments.controller}"
    model = f'"model":"{agent.registry.entries()[0].name}",' if files > 1 else ""
    example = EXAMPLE.replace("{", "{" + model, 1)
    return f"{LISTENING_ON}{agent.address}, try: grpcurl -plaintext -d '{example}' {agent.address} {NAME}/Chat"


async def join(agent: AgentServer, arguments: argparse.Namespace) -> None:
    """Join the controller's mesh; return once it has said what to serve. Raises CommandError without an answer, RefusedError."""
    memory = ("", "")
    address = arguments.advertise or _reachable(agent, arguments.controller)
    if arguments.with_memory:
        memory = (address, without_login(arguments.memory) if "://" in arguments.memory else address)
    elif arguments.memory_server:
        memory = (arguments.memory_server, arguments.memory_server)
    name = arguments.agent_id or f"{socket.gethostname()}:{agent.port}"
    try:
        settings = MeshSettings(arguments.controller, name, address, arguments.zone, arguments.failover, memory, arguments.for_model)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    session = agent.join(settings)
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    session.on_refused = lambda error: None if refused.done() else refused.set_exception(error)
    joined = asyncio.ensure_future(session.joined.wait())
    done, _ = await asyncio.wait((joined, refused), timeout=arguments.join_timeout, return_when=asyncio.FIRST_COMPLETED)
    joined.cancel()
    if not done:
        if said := await mistaken(arguments.controller, Needed.CONTROLLER):
            raise CommandError(said)
        raise CommandError(
            f"the controller {arguments.controller} did not answer within {arguments.join_timeout:g} s; "
            "start it with `echorator controller`, or see --join-timeout",
            Exit.UNAVAILABLE,
        )
    if refused in done:
        refused.result()
    session.on_refused = lambda error: _log.error("%s", error)


def _reachable(agent: AgentServer, controller: str) -> str:
    """Return the address to advertise: the listening one, or that of this machine in the controller's network."""
    host = agent.settings.host
    if host in ("0.0.0.0", "::", ""):
        to, port = host_port_of(controller, "--controller")
        with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((to, port))  # UDP: finds the route without sending anything
            host = probe.getsockname()[0]
    return f"[{host}]:{agent.port}" if ":" in host else f"{host}:{agent.port}"


async def _load(agent: AgentServer, arguments: argparse.Namespace, image: Image, name: str, adapters: Sequence[Lora]) -> None:
    label = name or (EMBEDDED_NAME if image.path == embedded_model() else image.path.name)
    own = (Lora(path) for path in image.adapters)
    settings = replace(engine_settings(arguments, image.path), lora=(*own, *adapters))
    with loading_shown(label) as on_progress:
        loaded = await load_file(agent, settings, name, on_progress, defaults_of(image))
    model = model_of(agent.registry.entry(loaded), "")
    room = f"{model.slots} slots, context {model.context_tokens}, KV cache {model.kv_layout}" if model.generates else "embeddings only"
    size = f"{_count(model.parameters)} parameters, {model.quantisation}"
    adapted = f", {len(model.lora)} LoRA" if model.lora else ""
    aliases = f"; also as {', '.join(model.aliases)}" if model.aliases else ""
    say(f"loaded {model.name}: {model.architecture}, {size}{adapted}, {room}{aliases}", sys.stderr)


def _count(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
