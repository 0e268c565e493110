"""`echorator serve`: load models, listen, drain on a signal."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from echorator.agent.replies import model_of
from echorator.agent.server import AgentServer
from echorator.agent.service import NAME
from echorator.cli.client import channel_to
from echorator.cli.engine_options import engine_settings
from echorator.cli.exits import CommandError, Exit
from echorator.cli.hosted_memory import host_memory
from echorator.cli.loading import loading_shown
from echorator.cli.local_server import EMBEDDED_NAME, embedded_model, load_file
from echorator.errors import InvalidRequestError
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.server import SIGNALS, ServerSettings

EXAMPLE = '{"messages":[{"role":"user","content":"Hello!"}]}'

SHOW_CURSOR = "\x1b[?25h"  # the progress bar hides it


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    if len(arguments.name) > max(1, len(arguments.models)):
        raise CommandError("more --name options than models", Exit.USAGE)
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    try:
        settings = ServerSettings(arguments.host, arguments.port, arguments.grace, arguments.receive_limit_bytes)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    files = [Path(model) for model in arguments.models] or [embedded_model()]
    names = [*arguments.name, *[""] * len(files)]
    if arguments.with_memory and arguments.memory_server:
        raise CommandError("--with-memory and --memory-server exclude each other", Exit.USAGE)
    agent = AgentServer(settings, engine_settings(arguments, files[0]))
    if arguments.with_memory:
        await host_memory(agent, arguments.memory, arguments.embedder, arguments.summarise_with)
    elif arguments.memory_server:
        agent.memory.use(CognitionServiceStub(channel_to(arguments.memory_server)))
    await agent.start()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, _abandon, number)
    try:
        for path, name in zip(files, names, strict=False):
            await _load(agent, arguments, path, name)
    except BaseException:
        await agent.close()
        raise
    agent.catch_signals()
    agent.serve()
    model = f'"model":"{agent.registry.entries()[0].name}",' if len(files) > 1 else ""
    example = EXAMPLE.replace("{", "{" + model, 1)
    print(f"listening on {agent.address}, try: grpcurl -plaintext -d '{example}' {agent.address} {NAME}/Chat", flush=True)
    await agent.run_until_signal()
    print("stopped", file=sys.stderr)
    return Exit.OK


def _abandon(number: signal.Signals) -> None:
    """A signal while models load: nothing is served yet, and llama.cpp's load cannot be waited for or interrupted."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{SHOW_CURSOR}\n")
        sys.stderr.flush()
    os._exit(128 + number)


async def _load(agent: AgentServer, arguments: argparse.Namespace, path: Path, name: str) -> None:
    label = name or (EMBEDDED_NAME if path == embedded_model() else path.name)
    with loading_shown(label) as on_progress:
        loaded = await load_file(agent, engine_settings(arguments, path), name, on_progress)
    model = model_of(agent.registry.entry(loaded), "")
    room = f"{model.slots} slots, context {model.context_tokens}, KV cache {model.kv_layout}" if model.generates else "embeddings only"
    size = f"{_count(model.parameters)} parameters, {model.quantisation}"
    print(f"loaded {model.name}: {model.architecture}, {size}, {room}", file=sys.stderr)


def _count(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
