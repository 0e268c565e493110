"""A server in a command's own process, for that command alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echorator.agent.loading.embedded import is_embedded, is_foreign, with_embedded_threads
from echorator.agent.loading.model_defaults import NO_DEFAULTS, ModelDefaults, defaults_of
from echorator.agent.loading.registry import OnProgress
from echorator.agent.requests import model_name_of
from echorator.agent.server import AgentServer
from echorator.host.model_store import puller_of
from echorator.model_files.puller import Image
from echorator.serving.server import ServerSettings
from echorator.settings import EMBEDDED_NAME, EngineSettings, Lora

SLOTS = 4  # a dialogue needs one, and embeddings of its memory may come meanwhile
CANCELLED_S = 1.0  # time for calls that the command has cancelled to end, before they are warned of


async def load_file(
    agent: AgentServer, settings: EngineSettings, name: str, on_progress: OnProgress, defaults: ModelDefaults = NO_DEFAULTS
) -> str:
    """Load a file and return its name; the embedded file is not checked as foreign files are."""
    chosen = name or (EMBEDDED_NAME if is_embedded(settings) else model_name_of("", settings.path))
    await agent.registry.load(chosen, with_embedded_threads(settings), on_progress, defaults, checked=is_foreign(settings))
    return chosen


@asynccontextmanager
async def local_server(
    image: Image, name: str = "", memory: tuple[str, str] | None = None, on_progress: OnProgress = lambda _stage, _fraction: None
) -> AsyncIterator[tuple[str, str]]:
    """Serve one model on a free loopback port while the context lasts; yield host:port and the model's name.

    `name` is "" for the file's own. `memory` is the place of a memory and the name of its embedder; None serves without one.
    """
    settings = EngineSettings(image.path, slots=SLOTS, lora=tuple(Lora(path) for path in image.adapters))
    agent = AgentServer(ServerSettings(port=0), settings, puller_of(None))
    if memory is not None:
        from echorator.host.hosted_memory import host_memory

        await host_memory(agent, *memory)
    await agent.start()
    try:
        loaded = await load_file(agent, settings, name, on_progress, defaults_of(image))
        agent.serve()
        yield agent.address, loaded
    finally:
        await agent.drain(CANCELLED_S)
        await agent.close()
