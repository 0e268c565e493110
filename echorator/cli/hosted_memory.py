"""A memory beside an agent in one process: its service on the same port, its calls without a network, the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from echorator.agent.memory import cache_scope
from echorator.agent.server import AgentServer
from echorator.cli.memory_access import open_memory
from echorator.cognition.api import CognitionApi
from echorator.cognition.service import CognitionRole


async def host_memory(agent: AgentServer, where: str, embedder: str) -> CognitionApi:
    """Before the server starts. Returns the memory's calls. Raises what `open_memory` raises."""

    async def count(model: str, texts: Sequence[str]) -> list[int]:
        served = agent.registry.get(model)
        return [len(await served.tokenize(text, False, False)) for text in texts]

    api = await open_memory(where, embedder, count)
    api.cognition.on_erased.append(lambda tenant: agent.registry.forget_scope(cache_scope(tenant)))
    agent.host(CognitionRole(api))
    agent.memory.use(api)
    return api
